// Faces to choose from, for landmark-guided inpainting: a click sets the sliders below. Run by Gradio with `element`.

element.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  const form = element.closest(".guide").querySelector("form");
  for (const [name, value] of Object.entries(button.dataset)) form.elements[name].value = value;
  form.elements.smile.dispatchEvent(new Event("change", { bubbles: true }));
});
