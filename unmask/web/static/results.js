// All results side by side, cropped to the face, and the one that is chosen large above them. Run by Gradio with
// `element`, this row, and `trigger`. The small pictures are those of the cards, so the server sends none for them.

const FIRST = "ganmasker";
let chosen = FIRST;
let at = null;  // %: where the line between two pictures was dragged to; it stays when another result is chosen
let soon = 0;

const cards = () => document.querySelector("#results .cards");
const nameOf = (card) => [...card.classList].find((each) => each.startsWith("model-")).slice("model-".length);
const titleOf = (card) => card.querySelector("h3").textContent;

function tileOf(card) {
  const picture = card.querySelector("img.after") ?? card.querySelector("figure img");
  const tile = document.createElement("label");
  tile.className = "tile";
  tile.classList.toggle("waits", card.querySelector(".waiting") !== null);
  const input = Object.assign(document.createElement("input"), {
    type: "radio", name: "result", value: nameOf(card), checked: card.hasAttribute("data-current"),
  });
  const crop = Object.assign(document.createElement("span"), { className: "crop" });
  if (picture) {
    const [x, y, width, height] = picture.closest("figure").dataset.face.split(" ");
    const image = Object.assign(document.createElement("img"), { src: picture.src, alt: "", draggable: false });
    image.style.cssText = `--x: ${x}; --y: ${y}; --width: ${width}; --height: ${height}`;
    crop.append(image);
  }
  const name = Object.assign(document.createElement("b"), { textContent: titleOf(card) });
  const note = Object.assign(document.createElement("small"), {
    textContent: card.querySelector(".time, .waiting, .failed")?.textContent ?? "",
  });
  tile.append(input, crop, name, note);
  return tile;
}

function more(hidden) {
  const others = Object.assign(document.createElement("div"), { className: "more" });
  others.append(Object.assign(document.createElement("p"), { textContent: element.querySelector(".strip").dataset.more }));
  for (const card of hidden) {
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: titleOf(card) });
    button.dataset.model = nameOf(card);
    others.append(button);
  }
  return others;
}

function draw() {
  soon = 0;
  const strip = element.querySelector(".strip");
  if (!strip) return;
  const all = [...document.querySelectorAll("#results .card")];
  const shown = all.filter((card) => card.querySelector(".card-note"));
  const current = shown.find((card) => nameOf(card) === chosen) ?? shown[0];
  for (const card of all) card.toggleAttribute("data-current", card === current);
  const focused = strip.contains(document.activeElement) ? document.activeElement.value : null;
  strip.replaceChildren(...shown.map(tileOf));
  if (focused) strip.querySelector(`[value="${focused}"]`)?.focus({ preventScroll: true });
  const hidden = all.filter((card) => !shown.includes(card) && !card.matches(".disagreement"));
  element.querySelector(".more")?.remove();
  if (shown.length && hidden.length) strip.after(more(hidden));
  if (at !== null) moveLines();
}

function moveLines() {
  for (const figure of document.querySelectorAll("#results .before-after")) {
    figure.style.setProperty("--at", at);
    figure.querySelector("input").value = at;
  }
}

element.addEventListener("change", (event) => {
  if (!event.target.matches("[name=result]")) return;
  chosen = event.target.value;
  draw();
  cards().scrollIntoView({ block: "nearest" });
});

element.addEventListener("click", (event) => {
  const model = event.target.closest(".more button")?.dataset.model;
  if (!model) return;
  chosen = model;
  trigger("more", { model });
});

function follow() {
  if (!cards()) return void setTimeout(follow, 100);
  cards().addEventListener("input", (event) => {
    if (!event.target.matches(".before-after input")) return;
    at = event.target.value;
    moveLines();
  });
  new MutationObserver(() => { soon ||= requestAnimationFrame(draw); }).observe(cards(), {
    childList: true, subtree: true, characterData: true, attributeFilter: ["src", "class", "data-face"],
  });
  draw();
}

follow();
