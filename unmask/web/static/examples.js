// The examples to click. Run by Gradio with `element` and `trigger`.

element.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button) trigger("choose", { example: Number(button.dataset.example) });
});
