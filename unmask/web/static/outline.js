// The tool "Outline by click": while it is on, the photo lies over the editor, and each click on it goes to the server.
// Run by Gradio with `element`, the tool, which stays when the server exchanges what is in it, `trigger` and `watch`.

const KEY_STEP = 0.02;  // share of the picture by which an arrow key moves the cross

let on = false;
let adds = true;
let cross = [0.5, 0.6];  // x and y in shares of the picture: where most masks are
let looked = "";         // the picture that the server was asked to look at

const find = (selector) => element.querySelector(selector);
const clamp = (value) => Math.min(Math.max(value, 0), 1);

function draw() {
  if (!find(".view")) on = false;
  element.classList.toggle("on", on);
  for (const below of document.querySelectorAll("#editor, #still, #edit-switch")) below.inert = on;
  const note = document.getElementById("outline-note");
  if (note) note.style.visibility = on ? "" : "hidden";
  find("[data-act=switch]")?.setAttribute("aria-pressed", on);
  for (const mode of element.querySelectorAll("[data-act=mode]")) {
    mode.setAttribute("aria-pressed", (mode.dataset.adds === "true") === adds);
  }
  if (find(".cross")) find(".cross").style.cssText = `left: ${100 * cross[0]}%; top: ${100 * cross[1]}%`;
  if (on && find(".photo").src !== looked) {  // switched on, or another face or photo
    looked = find(".photo").src;
    trigger("look", {});
  }
}

element.addEventListener("click", (event) => {
  const button = event.target.closest("[data-act]");
  if (!button) return;
  const act = button.dataset.act;
  if (act === "switch") { on = !on; looked = ""; }
  if (act === "mode") adds = button.dataset.adds === "true";
  if (act === "undo") trigger("undo", {});
  if (act === "mark") {
    if (event.detail !== 0) {  // not by a key, which marks where the cross is
      const frame = button.getBoundingClientRect();
      cross = [clamp((event.clientX - frame.left) / frame.width), clamp((event.clientY - frame.top) / frame.height)];
    }
    trigger("mark", { x: cross[0], y: cross[1], adds, face: JSON.parse(button.dataset.face) });
  }
  draw();
});

element.addEventListener("keydown", (event) => {
  if (!event.target.matches(".view")) return;
  const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
  if (!step) return;
  event.preventDefault();
  cross = cross.map((value, i) => clamp(value + KEY_STEP * step[i]));
  draw();
});

watch("value", draw);
