// The result beside the mask's editor. Run by Gradio with `element`. Copies the row of all results whenever #results says
// "drawn"; says "choose" there, with the model that was pressed.

const find = (selector) => element.querySelector(selector);
const results = () => document.getElementById("results");
const nameOf = (tile) => tile.querySelector("input").value;
const titleOf = (tile) => tile.querySelector("b").textContent;

function draw() {
  if (!find(".beside")) return;
  const tiles = [...results().querySelectorAll(".strip .tile")];
  const large = tiles.find((tile) => tile.querySelector("input").checked) ?? tiles[0];
  find(".beside").classList.toggle("shown", large !== undefined);
  find(".now .crop")?.remove();
  find(".name").textContent = large ? titleOf(large) : "";
  const focused = document.activeElement?.closest(".others button")?.dataset.model;
  find(".others").replaceChildren(...tiles.filter((tile) => nameOf(tile) !== "disagreement").map((tile) => {
    const button = Object.assign(document.createElement("button"), { type: "button", title: titleOf(tile) });
    button.dataset.model = nameOf(tile);
    button.setAttribute("aria-label", titleOf(tile));
    button.setAttribute("aria-pressed", tile === large);
    button.append(tile.querySelector(".crop").cloneNode(true));
    return button;
  }));
  if (focused) find(`.others [data-model="${focused}"]`)?.focus({ preventScroll: true });
  if (!large) return;
  const crop = large.querySelector(".crop").cloneNode(true);
  crop.classList.toggle("waits", large.matches(".waits"));
  find(".now").append(crop);
}

element.addEventListener("click", (event) => {
  const { model, act } = event.target.closest("button")?.dataset ?? {};
  if (model) results().dispatchEvent(new CustomEvent("choose", { detail: model }));
  if (act === "large") results().scrollIntoView({ block: "start" });
});

function follow() {
  if (!results()?.querySelector(".cards")) return void setTimeout(follow, 100);
  results().addEventListener("drawn", draw);
  draw();
}

follow();
