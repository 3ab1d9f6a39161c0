// The rating page: consent, practice, ratings, pairs, rankings, thanks. It knows pictures by opaque ids and nothing else.

import { clock, preload } from "./study_pictures.js";
import { showPair } from "./study_pairs.js";
import { showRanking } from "./study_ranking.js";
import { isDone, showRatings } from "./study_screens.js";
import {
  asWritten, button, call, handed, invitation, learnWords, make, memory, paragraph, participant, previewing, say, sheet, show, state, tr,
} from "./study_state.js";

const SECONDS_PER_ITEM = 8;    // for the estimate on the first page

// ---------------------------------------------------------------- where we are

function updateProgress() {
  const bar = document.getElementById("progress");
  const counted = state.steps.filter((step) => step.kind !== "practice");
  const done = counted.filter(isDone).length;
  bar.hidden = !state.rater || state.steps[state.at]?.kind === "practice";
  bar.querySelector("progress").max = counted.length;
  bar.querySelector("progress").value = done;
  bar.querySelector("span").textContent = tr("{part} of {all}", { part: done, all: counted.length });
}

function go(to) {
  state.at = to;
  render();
}

function next() {
  const from = state.steps[state.at].kind;
  const to = state.steps[state.at + 1]?.kind;
  state.at += 1;
  if (to === undefined) showThanks();
  else if (from === "practice" && to !== "practice") showReady();
  else if (from !== to && to === "pair") showPairsIntro();
  else if (from !== to && to === "rank") showRankingIntro();
  else render();
}

// Back is by one step, but never from a score that counts into the practice.
const canGoBack = () => state.at > 0 && (state.steps[state.at - 1].kind === "practice") === (state.steps[state.at].kind === "practice");

function render() {
  updateProgress();
  const step = state.steps[state.at];
  if (step.kind === "pair") showPair(step, flow);
  else if (step.kind === "rank") showRanking(step, flow);
  else showRatings(step, flow);
}

// A study without scores begins by saying what is compared.
function renderFirst() {
  const { kind } = state.steps[state.at];
  if (kind === "pair") showPairsIntro();
  else if (kind === "rank") showRankingIntro();
  else render();
}

function toolbar(forward) {
  const back = button(tr("Back"), () => backOrPause("Backspace"));
  back.disabled = !canGoBack();
  const pause = button(tr("Pause"), () => backOrPause("Escape"));
  return make("nav", { className: "toolbar", ariaLabel: tr("This study") }, back, pause, forward);
}

function backOrPause(key) {
  if (state.saving) return false;
  if (key === "Backspace" && canGoBack()) go(state.at - 1);
  else if (key === "Escape") showPause();
  else return false;
  say("");
  return true;
}

// What a screen needs of the way from one to the next.
const flow = { next, render, updateProgress, toolbar, backOrPause };

function confirmWith(onEnter) {
  state.keys = (key) => key === "Enter" && (onEnter(), true);
}

// ---------------------------------------------------------------- text pages

function showConsent() {
  const items = state.about.answers;
  const minutes = Math.max(1, Math.round((items * SECONDS_PER_ITEM) / 60));
  const agree = make("input", { type: "checkbox", id: "agree" });
  const begin = button(tr("Begin"), join, "primary");
  begin.disabled = true;
  agree.onchange = () => { begin.disabled = !agree.checked; };
  const effort = state.about.screens === 0 ? tr("{items} questions, about {minutes} min.", { items, minutes })
    : state.about.questions.some((question) => question.scale_max === 10)
    ? tr("{items} questions, about {minutes} min. With a keyboard: 1-9 and 0 for 10, Backspace to go back.", { items, minutes })
    : tr("{items} questions, about {minutes} min. With a keyboard: 1-9, Backspace to go back.", { items, minutes });
  show(sheet(asWritten(state.about.title),
    ...state.about.consent.map((text) => paragraph(asWritten(text))),
    paragraph(effort, "quiet"),
    make("label", { className: "agree" }, agree, tr("I am 18 or older, have read this, and agree to take part.")),
    begin));

  async function join() {
    begin.disabled = true;
    try {
      const body = { consent: agree.checked, invitation: invitation || null, participant };
      const begun = enter(await (previewing ? call(`${state.studyId}/preview`) : call(`${state.studyId}/raters`, "POST", body)));
      if (!previewing) memory.write(state.rater.token);
      say("");
      if (state.at === -1) showThanks();
      else if (begun) showWelcomeBack();  // by the same invitation, elsewhere
      else renderFirst();
    } catch (error) {
      say(error.message, "warn");
      begin.disabled = false;
    }
  }
}

function showStep(title, text, label) {
  const begin = () => render();
  updateProgress();
  show(sheet(title, paragraph(text), button(label, begin, "primary")));
  confirmWith(begin);
}

function showReady() {
  showStep(tr("That was the practice"),
    tr("From now on your scores count. They are saved one by one; you may go back and change them."), tr("Start"));
}

function showPairsIntro() {
  showStep(state.at === 0 ? tr("Two at a time") : tr("Almost done: now two at a time"),
    tr("Choose a picture with ← or → or a click; ↓ when you cannot tell."), tr("Go on"));
}

function showRankingIntro() {
  showStep(state.at === 0 ? tr("Several at a time") : tr("Almost done: now several at a time"),
    tr("Put them in order, the best first: drag a picture to its place, or use the arrows below it."), tr("Go on"));
}

function showPause() {
  const goOn = () => { say(""); render(); };
  clock.stop();
  show(sheet(tr("Paused"),
    paragraph(tr("Your answers are saved. Go on now, or close this page and come back to it later in the same browser.")),
    button(tr("Go on"), goOn, "primary"), ...elsewhere(), ...withdrawal()));
  confirmWith(goOn);
}

function showWelcomeBack() {
  show(sheet(tr("Welcome back"),
    paragraph(tr("Your answers are all here. You go on where you stopped.")),
    button(tr("Go on"), render, "primary"), ...elsewhere(), ...withdrawal()));
  confirmWith(render);
}

function showThanks() {
  updateProgress();
  say("");
  const completion = make("div", { className: "completion" });
  if (!previewing) showCompletion(completion);
  show(sheet(tr("Thank you!"),
    paragraph(tr("All your answers are saved. You may close this page.")),
    paragraph(tr("Should you want your answers deleted later, tell the researchers this code:"), "quiet"),
    make("p", { className: "code" }, state.rater.code),
    completion,
    button(tr("Look through my answers"), () => go(state.steps.findIndex((step) => step.kind !== "practice"))),
    ...withdrawal()));
}

// The panel's code or address, which the server tells only to those who have finished.
async function showCompletion(box) {
  const { completion } = await call(`${state.studyId}/rater`).catch(() => ({}));
  if (!completion) return;
  if (!completion.startsWith("https://")) {
    return box.append(paragraph(tr("Your completion code:")), paragraph(completion, "code"));
  }
  box.append(make("a", { href: completion, className: "primary" }, tr("Go back to where you came from, which counts you in")));
}

function showMessage(text) {
  show(sheet(state.about ? asWritten(state.about.title) : tr("Rating study"), paragraph(text)));
}

// A link and its QR code, for going on on another device. Whoever has the link is this rater.
function elsewhere() {
  if (previewing) return [];
  const box = make("div", { className: "elsewhere" }, button(tr("Use another device"), draw));
  return [box];

  async function draw() {
    try {
      const address = location.href.split("#")[0];
      const { link, code } = await call(`${state.studyId}/rater/elsewhere`, "POST", { address });
      const copy = button(tr("Copy the link"), () => navigator.clipboard.writeText(link).then(() => say(tr("Copied"), "done"), () => {}));
      box.replaceChildren(
        paragraph(tr("Open this link there, or point its camera at the code. Keep it to yourself: whoever has it answers for you.")),
        make("img", { src: code, alt: tr("The link as a QR code"), className: "qr" }), paragraph(link, "code"), copy);
    } catch (error) {
      say(error.message, "warn");
    }
  }
}

// Two clicks, because it cannot be undone. Frames may not open the browser's own question.
function withdrawal() {
  if (previewing) return [];
  const box = make("div", { className: "withdraw" });
  const ask = button(tr("Withdraw from the study"), () => box.replaceChildren(
    paragraph(tr("Delete all that you have answered? This cannot be undone.")),
    button(tr("Delete my answers"), withdraw, "danger"), button(tr("Keep them"), () => box.replaceChildren(ask))), "link");
  box.append(ask);
  return [box];

  async function withdraw() {
    try {
      await call(`${state.studyId}/rater`, "DELETE");
    } catch (error) {
      return say(error.message, "warn");
    }
    memory.clear();
    state.rater = null;
    state.steps = [];
    updateProgress();
    say("");
    showMessage(tr("You have withdrawn, and all your answers are deleted. Thank you for your time."));
  }
}

// ---------------------------------------------------------------- start

function enter(description) {
  state.rater = description;
  const answer = (question) => ({ ...question, answer: question.answer ?? null });
  const asked = (image) => state.about.questions.map((_, ask) => ({ image, ask, answer: null }));
  const practice = state.about.training.map((image) => ({ kind: "practice", questions: asked(image) }));
  const rate = state.rater.screens.map((questions) => ({ kind: "rate", questions: questions.map(answer) }));
  // Pairs that are chosen one by one have no pictures yet.
  const known = state.rater.pairs.map(answer);
  const pairs = Array.from({ length: state.about.pairs }, (_, place) => ({ kind: "pair", questions: [known[place] ?? { answer: null }] }));
  const rankings = state.rater.rankings.map((question) => ({ kind: "rank", questions: [answer(question)] }));
  const counted = [...rate, ...pairs, ...rankings];
  const begun = counted.some((step) => step.questions.some((question) => question.answer !== null));
  state.steps = [...(begun ? [] : practice), ...counted];
  state.at = state.steps.findIndex((step) => !isDone(step));
  preload(Math.max(state.at, 0));
  return begun;
}

async function open(id) {
  state.studyId = id;
  state.about = await call(state.studyId);
  document.title = asWritten(state.about.title);
  document.getElementById("title").textContent = asWritten(state.about.title);
  if (previewing) {
    state.rater = { token: invitation };
    const note = document.getElementById("preview");
    note.textContent = tr("Preview: nothing is saved.");
    note.hidden = false;
    return showConsent();
  }
  const token = handed || memory.read();
  if (token) {
    state.rater = { token };
    try {
      const begun = enter(await call(`${state.studyId}/rater`));
      updateProgress();
      if (state.at === -1) return showThanks();
      if (!state.about.ended) return begun ? showWelcomeBack() : renderFirst();
    } catch (error) {
      if (error.status === 0 || error.status >= 500) throw error;  // the token may still be good
      memory.clear();
      state.rater = null;
    }
  }
  if (state.about.draft) showMessage(tr("This study has not begun yet: please come back later."));
  else if (state.about.ended) showMessage(tr("This study has ended. Thank you for coming!"));
  else if (state.about.by_invitation && !invitation) showMessage(tr("This study is by invitation: open it by the link that you were sent."));
  else showConsent();
}

function choose(studies) {
  if (studies.length === 0) return showMessage(tr("There is no study to take part in at the moment."));
  if (studies.length === 1) return open(studies[0].id);
  const links = studies.map((study) => make("li", {}, make("a", { href: study.id }, asWritten(study.title))));
  show(sheet(tr("Choose a study"), make("ul", {}, ...links)));
}

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest?.("input, a, .sheet button");
  if (event.repeat || event.ctrlKey || event.metaKey || event.altKey || typing) return;
  if (event.key === "Enter" && event.target.closest?.("button")) return;  // the button's own
  if (state.keys(event.key)) event.preventDefault();
});

await learnWords();
document.getElementById("title").textContent = tr("Rating study");
document.querySelector("progress").setAttribute("aria-label", tr("Progress"));

const id = location.pathname.split("/").pop();
try {
  if (id && id !== "study") await open(id);
  else await choose(await call("studies"));
} catch (error) {
  showMessage(error.message);
}
