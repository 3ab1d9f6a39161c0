// Two pictures, one over the other, and the line between them. Run by Gradio with `element` and `watch`.

const figure = () => element.querySelector(".before-after");

function move() {
  figure()?.style.setProperty("--at", figure().querySelector("input").value);
}

element.addEventListener("input", move);
element.addEventListener("click", (event) => {
  if (!event.target.closest(".full")) return;
  if (document.fullscreenElement) document.exitFullscreen();
  else figure().requestFullscreen?.();
});
watch("value", move);
