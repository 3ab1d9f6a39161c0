// The panel of faces: what was clicked goes to the server, and a box is drawn by hand. Run by Gradio with
// `element`, the panel, which stays when the server exchanges what is in it, `trigger` and `watch`.

const NEAR = 8;       // px of the screen: a shorter way is a tap, not a drag
const KEY_STEP = 0.02;  // share of the photo by which an arrow key moves or resizes a box

let drawing = false;
let before = "";      // the hint that a box's gives way to
let first = null;     // the corner that is set: x and y in shares of the photo
let keyBox = null;    // x0, y0, x1, y1 while the box is moved with the keyboard
let focusAgain = null;  // what was pressed, should it be replaced by one that looks the same

const find = (selector) => element.querySelector(selector);
const clamp = (value) => Math.min(Math.max(value, 0), 1);
const say = (text) => { if (find(".hint")) find(".hint").textContent = text; };

const hint = (name) => JSON.parse(find(".faces").dataset.hints)[name];

function place(event) {
  const frame = find(".picture").getBoundingClientRect();
  return [clamp((event.clientX - frame.left) / frame.width), clamp((event.clientY - frame.top) / frame.height)];
}

function draw(box) {
  const [x0, x1] = [box[0], box[2]].sort((a, b) => a - b);
  const [y0, y1] = [box[1], box[3]].sort((a, b) => a - b);
  const rubber = find(".rubber");
  rubber.style.cssText = `display: block; left: ${100 * x0}%; top: ${100 * y0}%;` +
    `width: ${100 * (x1 - x0)}%; height: ${100 * (y1 - y0)}%`;
}

function start(byKeyboard) {
  drawing = true;
  before = find(".hint").textContent;
  first = null;
  element.classList.add("drawing");
  say(hint(byKeyboard ? "keys" : "draw"));
  const picture = find(".picture");
  picture.tabIndex = 0;
  picture.focus({ preventScroll: true });
  picture.scrollIntoView({ block: "nearest" });
  keyBox = byKeyboard ? [0.4, 0.3, 0.6, 0.6] : null;
  if (keyBox) draw(keyBox);
}

function stop() {
  drawing = false;
  first = keyBox = null;
  element.classList.remove("drawing");
  find(".picture")?.removeAttribute("tabindex");
  find(".rubber")?.removeAttribute("style");
  say(before);
}

function finish(box) {
  const { width, height, smallest } = find(".picture").dataset;
  if (Math.abs(box[2] - box[0]) * width < smallest || Math.abs(box[3] - box[1]) * height < smallest) {
    say(hint("small"));
    first = null;
    find(".rubber").removeAttribute("style");
    return;
  }
  stop();
  focusAgain = "[data-act=add]";
  find(focusAgain).focus({ preventScroll: true });
  trigger("box", { corners: box });
}

element.addEventListener("click", (event) => {
  const button = event.target.closest("[data-act]");
  if (!button || (drawing && button.matches(".box"))) return;
  const act = button.dataset.act;
  if (act === "add") start(event.detail === 0);  // no click of a pointer's, but a key
  else if (act === "cancel") { stop(); find("[data-act=add]").focus({ preventScroll: true }); }
  else {
    if (drawing) stop();
    focusAgain = `[data-act=${act}][data-face="${button.dataset.face}"]`;
    const data = { face: JSON.parse(button.dataset.face) };
    if (act === "choose") trigger("choose", data);
    if (act === "edit") trigger("edit", data);
    if (act === "drop") trigger("drop", data);
  }
});

element.addEventListener("pointerdown", (event) => {
  if (!drawing || !event.isPrimary || !event.target.closest(".picture")) return;
  event.preventDefault();
  find(".picture").setPointerCapture(event.pointerId);
  keyBox = null;
  first ??= { at: place(event), x: event.clientX, y: event.clientY };
  draw([...first.at, ...place(event)]);
});

element.addEventListener("pointermove", (event) => {
  if (drawing && first && event.isPrimary) draw([...first.at, ...place(event)]);
});

element.addEventListener("pointerup", (event) => {
  if (!drawing || !first || !event.isPrimary) return;
  if (Math.hypot(event.clientX - first.x, event.clientY - first.y) < NEAR) say(hint("opposite"));
  else finish([...first.at, ...place(event)]);
});

// The browser has taken the touch for a gesture of its own.
element.addEventListener("pointercancel", () => { first = null; find(".rubber")?.removeAttribute("style"); });

element.addEventListener("keydown", (event) => {
  if (!drawing) return;
  if (event.key === "Escape") { stop(); find("[data-act=add]").focus({ preventScroll: true }); return; }
  if (!event.target.matches(".picture")) return;
  const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
  if (step) {
    event.preventDefault();
    const [x, y] = step.map((way) => KEY_STEP * way);
    const [x0, y0, x1, y1] = keyBox ?? [0.4, 0.3, 0.6, 0.6];
    const moved = event.shiftKey ? [x0, y0, x1 + x, y1 + y] : [x0 + x, y0 + y, x1 + x, y1 + y];
    if (moved.every((value) => value >= -1e-6 && value <= 1 + 1e-6) && moved[2] > moved[0] && moved[3] > moved[1]) {
      keyBox = moved.map(clamp);
    }
    draw(keyBox ?? moved);
  } else if (event.key === "Enter" && keyBox) {
    event.preventDefault();
    finish(keyBox);
  }
});

watch("value", () => {
  if (drawing) stop();
  if (focusAgain && document.activeElement === document.body) find(focusAgain)?.focus({ preventScroll: true });
});
