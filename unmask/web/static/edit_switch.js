// Begins and ends editing with a finger. Run by Gradio with `element`, the button's place.

const bench = element.closest(".workbench");
const begin = element.querySelector("button").textContent;

element.addEventListener("click", ({ target }) => {
  const button = target.closest("button");
  if (!button) return;
  const on = bench.classList.toggle("editing");
  button.textContent = on ? button.dataset.end : begin;
  if (on) element.scrollIntoView({ block: "start" });
});
