"""Tab 2: a bare face gets a synthetic mask, which the models take off again; the truth is known, so they are scored."""
import gradio as gr


def build(unmasker) -> None:
    gr.HTML("soon")
