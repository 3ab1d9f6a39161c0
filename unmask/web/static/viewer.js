// How the results are looked at: every one is drawn on the same canvas, the photo, and a few numbers on #results say
// which part of it all their frames show. So another result comes up as the last one was looked at, and those side by
// side move as one. Run by Gradio with `element`, the bar. Listens to "drawn" on #results, says "page" there.

const NEAREST = 8;      // times: the closest zoom
const STEP = 1.5;       // times: a press of + or -
const TWICE = 2.5;      // times: a double click
const MOVE_STEP = 0.1;  // share of what is seen by which an arrow key moves
const WAY = 5;          // px of the screen: a shorter one is a press, not a drag
const PRESS = 150;      // ms: a shorter press shows no original
const SETTLED = 300;    // ms after which a wheel that turned the page may zoom

let photo = "";    // the pages, as the frames have them
let pages = [];    // { place, face, number }: boxes in shares of the photo
let ratio = 1;     // of the photo, width : height
let page = 0;      // which face
let whole = false; // the whole photo, not a face
let zoom = 1;
let [x, y] = [0, 0];  // of the upper left corner of what is seen, in shares of the page
let at = null;     // %: where the line between two pictures was dragged to
let lastScroll = 0;

const results = () => document.getElementById("results");
const find = (selector) => element.querySelector(selector);
const clamp = (value, least, most) => Math.min(Math.max(value, least), most);
const narrow = matchMedia("(max-width: 640px)");

// What is seen without zoom. On a narrow screen a face has less beside it, and so is larger.
function home() {
  if (whole) return [0, 0, 1, 1];
  const [left, top, width, height] = pages[page].place;
  const square = height / ratio;
  if (!narrow.matches || square > width) return [left, top, width, height];
  const middle = pages[page].face[0] + pages[page].face[2] / 2;
  return [clamp(middle - square / 2, left, left + width - square), top, square, height];
}

function show() {
  if (!pages.length) return;
  const [left, top, width, height] = home();
  [x, y] = [clamp(x, 0, 1 - 1 / zoom), clamp(y, 0, 1 - 1 / zoom)];
  const numbers = {
    "--ratio": ratio * width / height, "--scene-w": zoom / width, "--scene-h": zoom / height,
    "--scene-x": -(left / width + x) * zoom, "--scene-y": -(top / height + y) * zoom,
  };
  for (const [name, value] of Object.entries(numbers)) results().style.setProperty(name, value);
  results().classList.toggle("zoomed", zoom > 1);
  if (find("output")) {
    find("output").textContent = `${Math.round(100 * zoom)}%`;
    find("[data-act=out]").disabled = find("[data-act=reset]").disabled = zoom === 1;
    find("[data-act=in]").disabled = zoom === NEAREST;
  }
}

// The point that is at (u, v) of the frame stays there.
function zoomTo(value, u = 0.5, v = 0.5) {
  const next = clamp(value, 1, NEAREST);
  [x, y] = [x + u / zoom - u / next, y + v / zoom - v / next];
  zoom = next;
  show();
}

function move(u, v) {
  [x, y] = [x + u / zoom, y + v / zoom];
  show();
}

function reset() {
  zoom = 1;
  show();
}

function open(number) {
  whole = number === "whole";
  if (!whole) page = Number(number);
  zoom = 1;
  show();
  drawPages();
  results().dataset.page = page;
  results().dispatchEvent(new Event("page"));
}

function drawPages() {
  const texts = find(".viewer").dataset;
  const numbers = pages.map(({ number }, index) => texts.numbered.replace("#number", number ?? index + 1));
  const buttons = (pages.length > 1 ? numbers : [texts.face]).map((text, index) => [text, index]);
  const all = pages.length === 1 && pages[0].place.every((share, index) => Math.abs(share - (index > 1)) < 0.01);
  buttons.push([texts.whole, "whole"]);
  const focused = document.activeElement?.closest(".pages button")?.dataset.page;
  find(".pages").replaceChildren(...(all ? [] : buttons).map(([textContent, number]) => {
    const button = Object.assign(document.createElement("button"), { type: "button", textContent });
    button.dataset.page = number;
    button.setAttribute("aria-pressed", whole ? number === "whole" : number === page);
    return button;
  }));
  if (focused !== undefined) find(`.pages [data-page="${focused}"]`)?.focus({ preventScroll: true });
}

// Whose mask is edited is shown.
document.addEventListener("click", ({ target }) => {
  const face = target.closest("#faces [data-act=edit]")?.dataset.face;
  const number = pages.findIndex((each) => each.number !== null && each.number === Number(face) + 1);
  if (face !== undefined && number >= 0) open(number);
});

function hold(on) {
  results().classList.toggle("held", on);
  find("[data-act=hold]").setAttribute("aria-pressed", on);
}

function moveLine(value) {
  at = clamp(value, 0, 100);
  for (const figure of results().querySelectorAll(".before-after")) {
    figure.style.setProperty("--at", at);
    figure.querySelector("input").value = at;
  }
}

function drawn() {
  if (!find(".viewer")) return;
  const data = results().querySelector(".card[data-current] .frame")?.dataset.pages;
  if (data && data !== photo) {
    const next = JSON.parse(data);
    const other = next.ratio !== ratio || next.pages.length !== pages.length;
    [photo, pages, ratio] = [data, next.pages, next.ratio];
    page = Math.min(page, pages.length - 1);
    if (other) [page, whole, zoom] = [0, false, 1];
    results().dataset.page = page;
    drawPages();
    show();
    if (other) results().dispatchEvent(new Event("page"));
  }
  if (at !== null) moveLine(at);
}

// ---------------------------------------------------------------- the bar

element.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if (button.dataset.page !== undefined) open(button.dataset.page);
  const act = button.dataset.act;
  if (act === "in") zoomTo(zoom * STEP);
  if (act === "out") zoomTo(zoom / STEP);
  if (act === "reset") reset();
  if (act === "compare") results().dispatchEvent(new Event("compare"));
});

// Held with a pointer or a key. A screen reader clicks: then it stays until the next click.
let pressed = false;
element.addEventListener("pointerdown", (event) => {
  if (!event.target.closest("[data-act=hold]")) return;
  pressed = true;
  hold(true);
});
element.addEventListener("keydown", (event) => {
  if (!event.target.matches("[data-act=hold]") || ![" ", "Enter"].includes(event.key)) return;
  pressed = true;
  hold(true);
});
for (const end of ["pointerup", "pointercancel", "keyup", "blur"]) {
  addEventListener(end, () => pressed && hold(false));
}
element.addEventListener("focusout", () => pressed && hold(false));
element.addEventListener("click", (event) => {
  if (!event.target.closest("[data-act=hold]")) return;
  if (!pressed) hold(!results().classList.contains("held"));
  pressed = false;
});
element.addEventListener("contextmenu", (event) => event.target.closest("[data-act=hold]") && event.preventDefault());

// ---------------------------------------------------------------- the pictures

const fingers = new Map();  // pointer id -> { x, y }
let gesture = null;         // { kind: "press" | "move" | "line" | "pinch", ... }

// Where a point of the screen is in a frame, in shares of it.
function within(frame, point) {
  const box = frame.getBoundingClientRect();
  return [(point.x - box.left) / box.width, (point.y - box.top) / box.height];
}

function pinch(frame) {
  const [a, b] = [...fingers.values()];
  return {
    kind: "pinch", frame, apart: Math.hypot(a.x - b.x, a.y - b.y), middle: { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 },
  };
}

function end() {
  clearTimeout(gesture?.timer);
  if (gesture?.kind === "press") hold(false);
  gesture = null;
}

function onDown(event) {
  const frame = event.target.closest(".frame");
  if (!frame || event.target.closest("input, button") || event.button !== 0) return;
  fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
  end();
  if (fingers.size === 2) gesture = pinch(frame);
  else if (fingers.size === 1) {
    gesture = { kind: "press", frame, x: event.clientX, y: event.clientY, timer: setTimeout(() => hold(true), PRESS) };
  }
}

function onMove(event) {
  if (!gesture || !fingers.has(event.pointerId)) return;
  const last = fingers.get(event.pointerId);
  const now = { x: event.clientX, y: event.clientY };
  fingers.set(event.pointerId, now);
  const { frame } = gesture;
  const { width, height } = frame.getBoundingClientRect();
  if (gesture.kind === "press") {
    if (Math.hypot(now.x - gesture.x, now.y - gesture.y) < WAY) return;
    end();
    gesture = { kind: zoom > 1 ? "move" : "line", frame };
  }
  if (gesture.kind === "move") move((last.x - now.x) / width, (last.y - now.y) / height);
  if (gesture.kind === "line") moveLine(100 * within(frame, now)[0]);
  if (gesture.kind === "pinch") {
    const next = pinch(frame);
    zoomTo(zoom * next.apart / gesture.apart, ...within(frame, gesture.middle));
    move((gesture.middle.x - next.middle.x) / width, (gesture.middle.y - next.middle.y) / height);
    gesture = next;
  }
}

function onUp(event) {
  if (!fingers.delete(event.pointerId)) return;
  end();
}

function onWheel(event) {
  const frame = event.target.closest(".frame");
  if (!frame) return;
  const before = zoom;
  if (!event.ctrlKey && performance.now() - lastScroll < SETTLED) return;  // the page is being turned
  zoomTo(zoom * Math.exp(-event.deltaY * (event.deltaMode === 1 ? 0.05 : 0.002)), ...within(frame, { x: event.clientX, y: event.clientY }));
  if (zoom !== before || event.ctrlKey) event.preventDefault();
}

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const field = event.target.closest("textarea, [contenteditable=true], input:not([type=range], [type=radio], [type=checkbox])");
  if (field || !pages.length) return;
  const arrow = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
  if (event.key === "+" || event.key === "=") zoomTo(zoom * STEP);
  else if (event.key === "-") zoomTo(zoom / STEP);
  else if (event.key === "0") reset();
  else if (event.key.toLowerCase() === "h") hold(true);
  else if (arrow && event.shiftKey && zoom > 1) move(...arrow.map((way) => way * MOVE_STEP));
  else return;
  event.preventDefault();
}

function follow() {
  const all = results();
  if (!all?.querySelector(".cards")) return void setTimeout(follow, 100);
  all.addEventListener("drawn", drawn);
  all.addEventListener("input", (event) => event.target.matches(".before-after input") && moveLine(event.target.value));
  all.addEventListener("pointerdown", onDown);
  addEventListener("pointermove", onMove);
  addEventListener("pointerup", onUp);
  addEventListener("pointercancel", onUp);
  all.addEventListener("wheel", onWheel, { passive: false });
  all.addEventListener("dblclick", (event) => {
    const frame = event.target.closest(".frame");
    if (!frame || event.target.closest("button")) return;
    if (zoom > 1) reset();
    else zoomTo(TWICE, ...within(frame, { x: event.clientX, y: event.clientY }));
  });
  // Two fingers, or one on what is zoomed, are for the picture and not for the page.
  all.addEventListener("touchmove", (event) => {
    if (event.cancelable && event.target.closest(".frame") && (event.touches.length > 1 || zoom > 1)) event.preventDefault();
  }, { passive: false });
  all.addEventListener("contextmenu", (event) => gesture && event.target.closest(".frame") && event.preventDefault());
  all.addEventListener("keydown", onKey);
  narrow.addEventListener("change", show);
  all.addEventListener("keyup", (event) => event.key.toLowerCase() === "h" && hold(false));
  addEventListener("scroll", () => { lastScroll = performance.now(); }, { passive: true });
  drawn();
}

follow();
