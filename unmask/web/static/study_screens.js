// The rating page's screen for the scores of one picture or several.

import { clock, isReady, picture, reveal } from "./study_pictures.js";
import { asWritten, button, make, paragraph, save, show, state, tr } from "./study_state.js";

const PRACTICE = 3;            // shown before the first score that counts

export const isDone = (step) => step.questions.every((question) => question.answer !== null);

// One question's buttons, from 1 to the end of its scale. name: of the picture, for who hears the page.
function drawScale(asked, name, headed, onscore) {
  const { text: written, scale_max: most, scale_labels } = state.about.questions[asked.ask];
  const text = asWritten(written);
  const labels = Object.fromEntries(Object.entries(scale_labels).map(([score, label]) => [score, asWritten(label)]));
  const scores = Array.from({ length: most }, (_, index) => {
    const score = index + 1;
    const element = button(String(score), () => onscore(score));
    const of = tr("{part} of {all}", { part: score, all: most });
    element.setAttribute("aria-label", labels[score] ? `${of}, ${labels[score]}` : of);
    return element;
  });
  const scale = make("div", { className: most > 5 ? "scale long" : "scale", role: "group" }, ...scores);
  scale.setAttribute("aria-label", `${text} ${name}`);
  const ends = [1, most].map((score) => make("span", {}, labels[score] ? `${score} = ${labels[score]}` : ""));
  const heading = headed ? make("p", { className: "asked", ariaHidden: "true" }, text) : null;
  return make("div", { className: "row" }, heading, scale, make("div", { className: "ends", ariaHidden: "true" }, ...ends));
}

// All that is asked of one picture, or of all pictures of a photo.
export function showRatings(step, flow) {
  const images = [...new Set(step.questions.map((question) => question.image))];
  const many = images.length > 1;
  const several = step.questions.length > images.length;  // questions of a picture
  const alone = step.questions.length === 1;  // then a score goes on by itself
  let current = Math.max(0, step.questions.findIndex((question) => question.answer === null));
  const section = make("section", { className: `${many ? "many" : "one"}${several ? " several" : ""}` });
  const forward = button(tr("Next"), flow.next, "primary");
  forward.hidden = alone && !isDone(step);

  const nameOf = (image) => many
    ? tr("Picture {number} of {all}", { number: images.indexOf(image) + 1, all: images.length }) : tr("The picture to rate");
  const rows = step.questions.map((question, place) =>
    drawScale(question, nameOf(question.image), several, (score) => rate(place, score)));
  const cards = images.map((image) => make("div", { className: "card" }, picture(image, nameOf(image)),
    make("div", { className: "rows" }, ...rows.filter((_, place) => step.questions[place].image === image))));

  function mark() {
    cards.forEach((card) => card.classList.toggle("current", many && card.contains(rows[current])));
    rows.forEach((row, place) => {
      row.classList.toggle("current", several && place === current);
      row.querySelectorAll(".scale button").forEach((element, index) => {
        element.setAttribute("aria-pressed", String(step.questions[place].answer === String(index + 1)));
      });
    });
    forward.disabled = !isDone(step);
    flow.updateProgress();
  }

  async function rate(place, score) {
    if (!isReady(section)) return;
    const question = step.questions[place];
    rows[place].querySelectorAll(".scale button")[score - 1].setAttribute("aria-pressed", "true");
    if (step.kind === "practice") question.answer = String(score);
    else if (!(await save(question, score, clock.read()))) return mark();
    if (alone) return flow.next();
    const open = step.questions.findIndex((other) => other.answer === null);
    current = open === -1 ? place : open;
    clock.start();
    mark();
    (open === -1 ? forward : several ? rows[current] : cards[current]).scrollIntoView({ block: "nearest", behavior: "smooth" });
  }

  const number = state.steps.slice(0, state.at + 1).filter((other) => other.kind === step.kind).length;
  const lead = step.kind === "practice"
    ? [paragraph(tr("Practice {number} of {all}: this score does not count.", { number, all: PRACTICE }), "practice")] : [];
  // With several questions each stands over its own scale.
  const heading = several ? make("h1", { className: "unseen" }, tr("What do you think of it?")) : make("h1", {}, asWritten(state.about.questions[0].text));
  section.append(heading, ...lead, make("div", { className: "cards" }, ...cards));
  show(section, flow.toolbar(forward));
  mark();
  state.keys = (key) => {
    const score = key === "0" ? 10 : Number(key);
    if (/^[0-9]$/.test(key) && score <= state.about.questions[step.questions[current].ask].scale_max) rate(current, score);
    else if (key === "Enter" && isDone(step) && !state.saving) flow.next();
    else return flow.backOrPause(key);
    return true;
  };
  reveal(section, flow.render);
}
