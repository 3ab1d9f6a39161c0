// Keys and wheel for the mask's editor. They press Gradio's own buttons and move its own slider, so that what it knows of
// tool, size and history stays true. Run by Gradio with `element`, the line that names them.

const PER_NOTCH = 1.1;   // times, by which a notch of the wheel changes the size
const NOTCH = 100;       // px of the wheel that are one
const LINE = 33;         // px, where a browser counts in lines
const SETTLED = 300;     // ms after which a wheel that turned the page may change the size
const PATIENCE = 1000;   // ms that the size stays shown

const isMac = /Mac|iPhone|iPad/.test(navigator.platform);
let editing = false;     // the last press was in the editor
let lastScroll = 0;
let factor = 1;          // of a turn of the wheel that is still to be done
let closing = 0;

// By their places: Gradio's names depend on the language.
const editor = () => document.getElementById("editor");
const history = () => editor().querySelectorAll(".icon-button-wrapper .separator ~ button");
const tools = () => editor().querySelectorAll(".toolbar-wrap > .half-container:first-child > button");
const sizeButton = () => editor().querySelector(".toolbar-wrap > .half-container.right > button:last-of-type");
const slider = () => editor().querySelector(".toolbar-wrap input[type=range]");
const isThere = () => editor()?.checkVisibility() && editor().querySelector("canvas") && !editor().inert;
const isMoving = () => editor().querySelector(".icon-button-wrapper .highlight");  // the hand tool
const isText = (target) => target.closest("textarea, select, [contenteditable=true], input:not([type=range], [type=radio], [type=checkbox])");

document.addEventListener("pointerdown", (event) => { editing = event.target.closest("#editor") !== null; }, true);
document.addEventListener("focusin", (event) => { editing &&= event.target.closest("#editor") !== null; });

document.addEventListener("keydown", (event) => {
  if (!isThere() || isText(event.target) || event.altKey) return;
  const key = event.key.toLowerCase();
  if (isMac ? event.metaKey : event.ctrlKey) {
    const [undo, redo] = history();
    if (key === "z") (event.shiftKey ? redo : undo).click();
    else if (key === "y" && !isMac) redo.click();
    else return;
  } else if (key === "x" && editing && !event.ctrlKey && !event.metaKey) {
    const [brush, eraser] = tools();
    (brush.matches(".highlight") ? eraser : brush).click();
  } else return;
  event.preventDefault();
});

function resize() {
  const range = slider();
  if (!range) return;
  const size = Math.min(Math.max(Math.round(range.value * factor), range.min), range.max);
  if (size === Number(range.value)) {
    if (size === Number(range.min) || size === Number(range.max)) factor = 1;
    return;
  }
  factor = 1;
  range.value = size;
  range.dispatchEvent(new Event("input", { bubbles: true }));
}

function close() {
  // As a press beside it does.
  if (slider()) document.body.dispatchEvent(new MouseEvent("mousedown", { bubbles: true }));
}

element.closest(".workbench").addEventListener("wheel", (event) => {
  if (!event.target.closest("#editor :is(.pixi-target, .size_picker)") || event.altKey || event.metaKey || event.ctrlKey) return;
  if (!editing || performance.now() - lastScroll < SETTLED) return void event.stopPropagation();  // the page is turned
  if (isMoving()) return;
  event.preventDefault();
  event.stopPropagation();
  factor *= PER_NOTCH ** (-event.deltaY * (event.deltaMode === 1 ? LINE : 1) / NOTCH);
  if (!slider()) sizeButton().click();
  requestAnimationFrame(resize);
  clearTimeout(closing);
  closing = setTimeout(close, PATIENCE);
}, { capture: true, passive: false });

addEventListener("scroll", () => { lastScroll = performance.now(); }, { passive: true });

if (isMac) element.querySelector("p").textContent = element.querySelector("p").textContent.replace(/(Ctrl|Strg)\+/g, "⌘ ");
