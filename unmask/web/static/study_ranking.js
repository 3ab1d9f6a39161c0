// The rating page's screen on which several pictures are put in order: by dragging, by arrows, or with the keyboard.

import { clock, isReady, picture, reveal } from "./study_pictures.js";
import { asWritten, button, make, save, say, show, state, tr } from "./study_state.js";

const ARROWS = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 };

// An answer names the pictures by the places where they were first shown, the best first: "312".
export function showRanking(step, flow) {
  const question = step.questions[0];
  const all = question.images.length;
  let order = question.answer ? [...question.answer].map((digit) => Number(digit) - 1) : question.images.map((_, shown) => shown);
  const section = make("section", { className: "ranking" });
  const forward = button(tr("This is my order"), keep, "primary");

  const cards = question.images.map((image, shown) => {
    const badge = make("span", { className: "place", ariaHidden: "true" });
    const better = button("←", () => shift(shown, -1));
    const worse = button("→", () => shift(shown, 1));
    const moves = make("div", { className: "moves" }, better, badge, worse);
    const face = picture(image, "");
    const card = make("div", { className: "card", role: "listitem", tabIndex: 0 }, face, moves);
    face.addEventListener("pointerdown", (event) => drag(event, shown));
    card.addEventListener("keydown", (event) => {
      if (event.target !== card || !(event.key in ARROWS) || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      shift(shown, ARROWS[event.key]);
    });
    return { card, badge, better, worse };
  });
  const list = make("div", { className: "cards", role: "list" }, ...cards.map(({ card }) => card));
  list.setAttribute("aria-label", asWritten(state.about.rank_question));
  list.style.setProperty("--pictures", all);

  // Where each picture stands, in words as in looks. Letters tell the pictures apart for those who hear the page.
  function draw() {
    order.forEach((shown, place) => {
      const { card, badge, better, worse } = cards[shown];
      const name = tr("Picture {name}", { name: String.fromCharCode(65 + shown) });
      card.style.order = place;
      badge.textContent = String(place + 1);
      card.setAttribute("aria-label", `${name}: ${tr("place {number} of {all}", { number: place + 1, all })}`);
      better.setAttribute("aria-label", `${name}: ${tr("one place better")}`);
      worse.setAttribute("aria-label", `${name}: ${tr("one place worse")}`);
      better.disabled = place === 0;
      worse.disabled = place === all - 1;
    });
  }

  function move(shown, place) {
    order = order.filter((other) => other !== shown);
    order.splice(place, 0, shown);
    draw();
  }

  // The document's order is that on the screen, for the Tab key and for who hears the page; what has the focus keeps it.
  function settle(shown) {
    const focused = document.activeElement;
    list.append(...order.map((other) => cards[other].card));
    if (list.contains(focused)) (focused.disabled ? cards[shown].card : focused).focus({ preventScroll: true });
    say(cards[shown].card.getAttribute("aria-label"));
  }

  function shift(shown, by) {
    const place = order.indexOf(shown) + by;
    if (!isReady(section) || place < 0 || place >= all) return;
    move(shown, place);
    settle(shown);
  }

  // The picture goes wherever the finger or the mouse is; the others make room.
  function drag(event, shown) {
    if (!isReady(section) || event.button !== 0) return;
    event.preventDefault();
    const { card } = cards[shown];
    card.classList.add("held");
    card.setPointerCapture(event.pointerId);
    const follow = ({ clientX: x, clientY: y }) => {
      const place = order.findIndex((other) => {
        const box = cards[other].card.getBoundingClientRect();
        return x >= box.left && x <= box.right && y >= box.top && y <= box.bottom;
      });
      if (place !== -1 && order[place] !== shown) move(shown, place);
    };
    const drop = () => {
      card.removeEventListener("pointermove", follow);
      card.removeEventListener("pointerup", drop);
      card.removeEventListener("pointercancel", drop);
      card.classList.remove("held");
      settle(shown);
    };
    card.addEventListener("pointermove", follow);
    card.addEventListener("pointerup", drop);
    card.addEventListener("pointercancel", drop);
  }

  async function keep() {
    if (!isReady(section)) return;
    if (await save(question, order.map((shown) => shown + 1).join(""), clock.read())) flow.next();
  }

  section.append(make("h1", {}, asWritten(state.about.rank_question)), list);
  show(section, flow.toolbar(forward));
  draw();
  list.append(...order.map((shown) => cards[shown].card));
  state.keys = (key) => {
    if (key !== "Enter") return flow.backOrPause(key);
    keep();
    return true;
  };
  reveal(section, flow.render);
}
