// All results side by side, cropped to the face, and the one that is chosen large above them, or two to four of them.
// Run by Gradio with `element`, this row, and `trigger`. The small pictures are those of the cards, so the server sends
// none for them. Says "drawn" on #results; listens to "page", another face, "compare", and "choose", a model, there.

const FIRST = "ganmasker";
const MOST = 4;  // large ones at a time
let chosen = FIRST;
let comparing = false;
let together = [];  // the names of those that are compared, the last one chosen last
let soon = 0;

const results = () => document.getElementById("results");
const cards = () => document.querySelector("#results .cards");
const nameOf = (card) => [...card.classList].find((each) => each.startsWith("model-")).slice("model-".length);
const titleOf = (card) => card.querySelector("h3").textContent;
const make = (tag, values) => Object.assign(document.createElement(tag), values);

function cropOf(card) {
  const crop = make("span", { className: "crop" });
  const { pages } = JSON.parse(card.querySelector(".frame")?.dataset.pages ?? '{"pages": []}');
  const page = Math.min(results().dataset.page ?? 0, pages.length - 1);
  const picture = card.querySelectorAll(".after img")[page];
  if (picture) {
    const [left, top, across, down] = pages[page].place;
    const [x, y, width, height] = pages[page].face;
    const image = make("img", { src: picture.src, alt: "", draggable: false });
    image.style.cssText = `--x: ${(x - left) / across}; --y: ${(y - top) / down}; ` +
      `--width: ${width / across}; --height: ${height / down}`;
    crop.append(image);
  }
  return crop;
}

function tileOf(card) {
  const tile = make("label", { className: "tile" });
  tile.classList.toggle("waits", card.querySelector(".waiting") !== null);
  const input = make("input", {
    type: comparing ? "checkbox" : "radio", name: "result", value: nameOf(card), checked: card.hasAttribute("data-current"),
  });
  const name = make("b", { textContent: titleOf(card) });
  const note = make("small", { textContent: card.querySelector(".time, .waiting, .failed")?.textContent ?? "" });
  tile.append(input, cropOf(card), name, note);
  return tile;
}

function more(hidden) {
  const others = make("div", { className: "more" });
  others.append(make("p", { textContent: element.querySelector(".strip").dataset.more }));
  for (const card of hidden) {
    const button = make("button", { type: "button", textContent: titleOf(card) });
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
  const models = shown.filter((card) => !card.matches(".disagreement")).map(nameOf);
  together = together.filter((name) => shown.some((card) => nameOf(card) === name));
  if (models.length < 2) comparing = false;
  if (comparing && together.length < 2) together = models.slice(0, MOST);
  const large = comparing ? shown.filter((card) => together.includes(nameOf(card))) : [current];
  for (const card of all) card.toggleAttribute("data-current", large.includes(card));
  results().classList.toggle("comparing", comparing);
  results().style.setProperty("--large", large.length);
  const button = document.querySelector("#viewer [data-act=compare]");
  button?.setAttribute("aria-pressed", comparing);
  if (button) button.disabled = models.length < 2;
  const focused = strip.contains(document.activeElement) ? document.activeElement.value : null;
  strip.setAttribute("role", comparing ? "group" : "radiogroup");
  strip.replaceChildren(...shown.map(tileOf));
  if (focused) strip.querySelector(`[value="${focused}"]`)?.focus({ preventScroll: true });
  const hidden = all.filter((card) => !shown.includes(card) && !card.matches(".disagreement"));
  element.querySelector(".more")?.remove();
  if (shown.length && hidden.length) strip.after(more(hidden));
  results().dispatchEvent(new Event("drawn"));
}

element.addEventListener("change", (event) => {
  const { value, checked, name } = event.target;
  if (name !== "result") return;
  if (!comparing) {
    chosen = value;
    draw();
    cards().scrollIntoView({ block: "nearest" });
    return;
  }
  const others = together.filter((each) => each !== value);
  if (checked) together = [...others, value].slice(-MOST);
  else if (others.length > 1) together = others;  // two at least: one is no comparison
  draw();
});

element.addEventListener("click", (event) => {
  const model = event.target.closest(".more button")?.dataset.model;
  if (!model) return;
  chosen = model;
  if (comparing) together = [...together, model].slice(-MOST);
  trigger("more", { model });
});

function follow() {
  if (!cards()) return void setTimeout(follow, 100);
  results().addEventListener("page", draw);
  results().addEventListener("choose", ({ detail }) => {
    [chosen, comparing] = [detail, false];
    draw();
  });
  results().addEventListener("compare", () => {
    comparing = !comparing;
    draw();
    cards().scrollIntoView({ block: "nearest" });
  });
  new MutationObserver(() => { soon ||= requestAnimationFrame(draw); }).observe(cards(), {
    childList: true, subtree: true, characterData: true, attributeFilter: ["src", "class", "data-pages"],
  });
  draw();
}

follow();
