// Two pictures, one over the other, the line between them, and the full screen. Run by Gradio with `element` and
// `watch`.

const figure = () => element.querySelector(".before-after");

function move() {
  figure()?.style.setProperty("--at", figure().querySelector("input").value);
}

// Where the browser has no full screen for a picture (a phone's), it fills the window.
function fill(on) {
  figure().classList.toggle("fills", on);
  document.body.classList.toggle("filled", on);
}

element.addEventListener("input", move);
element.addEventListener("click", (event) => {
  if (!event.target.closest(".full")) return;
  if (document.fullscreenElement) document.exitFullscreen();
  else if (figure().requestFullscreen) figure().requestFullscreen();
  else fill(!figure().matches(".fills"));
});
element.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && figure()?.matches(".fills")) fill(false);
});
watch("value", () => {
  document.body.classList.toggle("filled", document.querySelector(".fills") !== null);
  move();
});
