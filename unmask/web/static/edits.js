// Strokes on the mask, and buttons that change it: results follow by themselves. Run by Gradio with `element`, the line
// that says so, `trigger` and `watch`. Every stroke tells a server that paints to stop; when no other comes, one
// event sends the mask, and no second one before that is over. Listens to "changed": the server has changed the mask.

const PAUSE = 1000;  // ms without a stroke after which the mask is sent

let edits = 0;       // strokes so far, with those undone and done again
let sent = 0;        // how many of them the last event was sent after
let answered = 0;    // of how many the server has spoken
let running = false; // an event of ours is not over
let failed = false;
let drawing = false;
let changing = 0;    // buttons pressed whose change the server has not made yet
let timer = 0;

const line = () => element.querySelector(".edit-line");

function show() {
  element.classList.toggle("unheard", answered < edits);
  element.classList.toggle("stuck", failed);
  element.classList.toggle("at-work", running || drawing || changing > 0 || timer !== 0);
}

function send() {
  timer = 0;
  if (!running && !drawing && !changing) {
    [sent, running, failed] = [edits, true, false];
    trigger("pause", { number: sent });
  }
  show();
}

function wait() {
  clearTimeout(timer);
  timer = setTimeout(send, PAUSE);
}

function count() {
  edits += 1;
  failed = false;
  if (running || document.querySelector("#run-status .busy")) trigger("stroke", {});
}

function edited() {
  count();
  changing = 0;  // should an answer have been lost, strokes go on
  const status = document.querySelector("#mask-status .status");
  if (status) [status.textContent, status.className] = [line().dataset.edited, "status busy"];
  wait();
  show();
}

// Undo and redo stand after the line in Gradio's bar of symbols; their names depend on the language.
const isHistory = (target) => target.closest("#editor .icon-button-wrapper .separator ~ button:not(:disabled)");
// Where the hand tool is chosen, a drag moves the picture.
const draws = (target) => target.closest("#editor .pixi-target") && !document.querySelector("#editor .icon-button-wrapper .highlight");

document.addEventListener("pointerdown", (event) => {
  if (!event.isPrimary || event.button !== 0 || !draws(event.target)) return;
  drawing = true;
  show();
}, true);

for (const end of ["pointerup", "pointercancel"]) {
  addEventListener(end, (event) => {
    if (!drawing || !event.isPrimary) return;
    drawing = false;
    edited();
  });
}

document.addEventListener("click", (event) => {
  if (isHistory(event.target)) edited();
  if (event.target.closest(".changes-mask")) {
    count();
    changing += 1;
    clearTimeout(timer);
    timer = 0;
    show();
  }
  if (event.target.closest("#run")) {  // takes the mask as it is
    clearTimeout(timer);
    timer = 0;
    sent = edits;
    show();
  }
}, true);

element.addEventListener("changed", () => {
  if (changing) changing -= 1;
  else if (document.querySelector("#run-status .outdated")) count();  // by a file, a face, or a tool of its own
  else return;
  wait();
  show();
});

element.addEventListener("failed", () => { failed = answered < sent; });
element.addEventListener("over", () => {
  running = false;
  if (!timer && !drawing && !changing && sent < edits) send();
  show();
});

watch("value", () => {
  const { answered: number } = line().dataset;
  if (number !== "all") answered = Number(number);
  else if (!timer && !drawing && !changing) answered = edits;
  show();
});
