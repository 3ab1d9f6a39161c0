"""Gradio is imported with the page, without its work on files for editors."""

import inspect
import subprocess
import sys
import textwrap

import gradio as gr
import pytest
from gradio.component_meta import ComponentMeta

from unmask.web.quick_import import without_interface_files


def test_components_are_the_same_and_no_source_is_parsed():
    """In a fresh process, as the page starts."""
    script = """
        import ast, inspect, sys
        parsed, parse = [], ast.parse
        ast.parse = lambda source, *args, **options: parsed.append(str(source)) or parse(source, *args, **options)
        import unmask.web
        import gradio
        assert gradio.Image.__module__ == "gradio.components.image" and callable(gradio.Image.upload)
        assert inspect.getfile(gradio.Image).endswith("image.py")
        print(sum("class Image(" in each for each in parsed))
    """
    command = [sys.executable, "-c", textwrap.dedent(script)]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.split() == ["0"]


def test_only_components_hide_their_file():
    with without_interface_files():
        assert inspect.getfile(subprocess.Popen).endswith("subprocess.py")
        assert type(gr.Image) is ComponentMeta
        with pytest.raises(OSError, match="interface"):
            inspect.getfile(gr.Image)
    assert inspect.getfile(gr.Image).endswith("image.py")
    with pytest.raises(ZeroDivisionError), without_interface_files():
        raise ZeroDivisionError
    assert inspect.getfile(gr.Image).endswith("image.py")
