// The rating page's screen for the choice between two pictures.

import { clock, isReady, picture, reveal } from "./study_pictures.js";
import { isDone } from "./study_screens.js";
import { asWritten, button, call, make, paragraph, save, show, state, tr } from "./study_state.js";

// Where each next pair is chosen by what everybody has answered, the server names it only now.
async function askForPair(step, flow) {
  const waiting = make("section", { className: "pair" }, paragraph(tr("The next pair is being chosen …")));
  show(waiting, flow.toolbar(null));
  state.keys = flow.backOrPause;
  try {
    const { pairs } = await call(`${state.studyId}/rater/pair`, "POST");
    const steps = state.steps.filter((other) => other.kind === "pair");
    pairs.forEach((question, place) => { steps[place].questions = [{ ...question, answer: question.answer ?? null }]; });
  } catch (error) {
    waiting.replaceChildren(paragraph(error.message), button(tr("Load it again"), flow.render));
    return;
  }
  // Not so where the rater has gone on meanwhile.
  if (waiting.isConnected && step.questions[0].images) flow.render();
}

export function showPair(step, flow) {
  const question = step.questions[0];
  if (!question.images) {
    askForPair(step, flow);
    return;
  }
  const section = make("section", { className: "pair" });
  const choices = [["left", tr("Left"), "←"], ["tie", tr("I cannot tell"), "↓"], ["right", tr("Right"), "→"]];
  const buttons = choices.map(([choice, label, arrow]) => {
    const element = button(label, () => choose(choice));
    element.append(make("kbd", {}, arrow));
    element.setAttribute("aria-pressed", String(question.answer === choice));
    return element;
  });

  async function choose(choice) {
    if (!isReady(section)) return;
    buttons[choices.findIndex(([name]) => name === choice)].setAttribute("aria-pressed", "true");
    if (await save(question, choice, clock.read())) flow.next();
  }

  const [left, right] = question.images.map((id, side) => picture(id, side ? tr("The right picture") : tr("The left picture")));
  left.onclick = () => choose("left");
  right.onclick = () => choose("right");
  section.append(
    make("h1", {}, asWritten(state.about.pair_question)),
    make("div", { className: "cards" }, left, right),
    make("div", { className: "choices", role: "group", ariaLabel: asWritten(state.about.pair_question) }, ...buttons),
  );
  const forward = button(tr("Next"), flow.next, "primary");
  forward.hidden = !isDone(step);
  show(section, flow.toolbar(forward));
  state.keys = (key) => {
    const choice = { ArrowLeft: "left", ArrowDown: "tie", ArrowRight: "right" }[key];
    if (choice) choose(choice);
    else if (key === "Enter" && isDone(step) && !state.saving) flow.next();
    else return flow.backOrPause(key);
    return true;
  };
  reveal(section, flow.render);
}
