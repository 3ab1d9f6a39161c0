// Opens the mask's editor, and ends and resumes editing with a finger. Run by Gradio with `element`, the button's place, and
// `trigger`. The workbench is "opening" until the editor has loaded its pictures, then "open"; "editing": strokes count.

const bench = element.closest(".workbench");
const begin = element.querySelector("button").textContent;
const editor = () => bench.querySelector("#editor");

// Gradio draws first an empty layer of the name that it was given, then the mask as another one.
const isLoaded = () => /\S/.test(editor()?.querySelector(".layer-title-button")?.firstChild?.textContent.replace("Mask", "") ?? "");

function put(state) {
  for (const name of ["opening", "open", "editing"]) bench.classList.toggle(name, state.includes(name));
  const button = element.querySelector("button");
  const { opening, end } = button.dataset;
  button.textContent = state.includes("opening") ? opening : state.includes("editing") ? end : begin;
  button.setAttribute("aria-busy", state.includes("opening"));
}

function wait() {
  if (!bench.matches(".opening")) return;
  if (!isLoaded()) return void requestAnimationFrame(wait);
  const focused = element.contains(document.activeElement) || document.activeElement === document.body;
  put(["open", "editing"]);
  if (focused) editor().querySelector(".toolbar-wrap button").focus({ preventScroll: true });
  element.scrollIntoView({ block: "start" });  // a button that is hidden by now moves nothing
}

element.addEventListener("click", ({ target }) => {
  if (!target.closest("button") || bench.matches(".opening")) return;
  if (bench.matches(".open")) {
    const on = !bench.matches(".editing");
    put(on ? ["open", "editing"] : ["open"]);
    if (on) element.scrollIntoView({ block: "start" });
    return;
  }
  put(["opening"]);
  trigger("open", {});
  wait();
});

element.addEventListener("failed", () => put([]));

// Another photo: the editor is gone.
new MutationObserver(() => { if (bench.matches(".open") && !editor()) put([]); }).observe(bench, { childList: true });
