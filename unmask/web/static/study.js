// The rating page: consent, practice, ratings, pairs, thanks. It knows pictures by opaque ids and nothing else.

const PRACTICE = 3;            // shown before the first score that counts
const PRELOAD = 4;             // screens whose pictures are fetched ahead
const SECONDS_PER_ITEM = 8;    // for the estimate on the first page
const RETRY_AFTER = [1, 2, 4, 8];  // seconds between attempts to save

const main = document.getElementById("main");
const status = document.getElementById("status");

let studyId, about, rater;
let steps = [];                // {kind: "practice" | "rate" | "pair", questions: [...]}, in order
let at = 0;                    // the step on the screen
let keys = () => false;        // what the screen does with a key; true: it was meant for the screen
let saving = false;

// ---------------------------------------------------------------- small helpers

// The page's words in the rater's language; the study's own are as its researcher wrote them.
const LANGUAGES = ["de", "es", "fr", "hi", "ja", "ko", "zh"];
let words = {};

async function learnWords() {
  const language = navigator.language.toLowerCase().split("-")[0];
  if (!LANGUAGES.includes(language)) return;
  try {
    words = await (await fetch(`static/${language}.json`)).json();
    document.documentElement.lang = language;
  } catch { /* then it is English */ }
}

function tr(text, values = {}) {
  return (words[text] ?? text).replace(/{(\w+)}/g, (_, name) => values[name]);
}

function make(tag, props = {}, ...children) {
  const { role, ...rest } = props;
  const element = Object.assign(document.createElement(tag), rest);
  if (role) element.setAttribute("role", role);
  element.append(...children.filter((child) => child !== null));
  return element;
}

function button(label, onclick, className = "") {
  return make("button", { type: "button", onclick, className }, label);
}

function show(...elements) {
  keys = () => false;
  main.replaceChildren(...elements);
  main.focus({ preventScroll: true });
  window.scrollTo(0, 0);
}

function sheet(title, ...children) {
  return make("section", { className: "sheet" }, make("h1", {}, title), ...children);
}

function paragraph(text, className = "") {
  return make("p", { className }, text);
}

function say(text, tone = "") {
  status.textContent = text;
  status.className = tone;
}

// Behind the #, which no browser sends or logs by itself.
const invitation = location.hash.slice(1);
// Prolific and MTurk say so who comes; the server keeps no more of it than a hash.
const query = new URLSearchParams(location.search);
const participant = query.get("PROLIFIC_PID") || query.get("workerId");
const previewing = invitation.startsWith("preview.");  // for whoever plans the study: nothing is saved

// Some browsers forbid storage inside a frame: the study then works, but cannot be resumed. A panel's participants may
// share a computer: what one tab remembers of them, no other sees.
const memory = {
  key: () => `unmask-study-${studyId}${location.hash}`,  // two people may open their invitations on one computer
  store: () => (participant ? sessionStorage : localStorage),
  read() { try { return this.store().getItem(this.key()); } catch { return null; } },
  write(token) { try { this.store().setItem(this.key(), token); } catch { /* as above */ } },
  clear() { try { this.store().removeItem(this.key()); } catch { /* as above */ } },
};

// ---------------------------------------------------------------- the server

async function call(path, method = "GET", body = undefined) {
  const headers = { "Content-Type": "application/json" };
  if (rater) headers.Authorization = `Bearer ${rater.token}`;
  let response;
  try {
    response = await fetch(`api/${path}`, { method, headers, body: body && JSON.stringify(body) });
  } catch {
    throw Object.assign(new Error(tr("There is no connection to the server.")), { status: 0 });
  }
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) {
    throw Object.assign(new Error(answer.error ? tr(answer.error) : tr("The server has a fault.")), { status: response.status });
  }
  return answer;
}

const wait = (seconds) => new Promise((done) => setTimeout(done, 1000 * seconds));

// Saves an answer, again and again while the server cannot. "Saved" is said when the server says so, and not before.
async function save(question, answer, seconds) {
  if (previewing) {
    question.answer = String(answer);
    return true;
  }
  saving = true;
  main.classList.add("saving");
  try {
    for (let attempt = 0; ; attempt++) {
      try {
        await call(`${studyId}/answers`, "POST", { token: question.token, answer, seconds });
        question.answer = String(answer);
        say(tr("Saved"), "done");
        return true;
      } catch (error) {
        if (error.status >= 400 && error.status < 500) {
          say(error.message, "warn");
          return false;
        }
        say(tr("Not saved yet. {reason} Trying again …", { reason: error.message }), "warn");
        await wait(RETRY_AFTER[Math.min(attempt, RETRY_AFTER.length - 1)]);
      }
    }
  } finally {
    saving = false;
    main.classList.remove("saving");
  }
}

// ---------------------------------------------------------------- pictures and time

const imageUrl = (id) => `api/${studyId}/images/${id}.png`;
const fetched = new Map();     // id -> Image, so that the next screen's pictures are there before it is

const picturesOf = (step) => step.questions.flatMap((question) => question.images ?? [question.image]);

function preload(from) {
  for (const step of steps.slice(from, from + PRELOAD)) {
    for (const id of picturesOf(step)) {
      if (!fetched.has(id)) fetched.set(id, Object.assign(new Image(), { src: imageUrl(id) }));
    }
  }
}

function picture(id, alt) {
  const image = make("img", { alt, src: imageUrl(id), width: about.size, height: about.size, draggable: false });
  return make("figure", { className: "picture" }, image);
}

// How long a screen has been looked at, in seconds: the time during which the tab was hidden does not count.
const clock = {
  start() { this.since = performance.now(); this.before = 0; },
  stop() { if (this.since !== null) this.before += performance.now() - this.since; this.since = null; },
  go() { if (this.since === null) this.since = performance.now(); },
  read() { return (this.before + (this.since === null ? 0 : performance.now() - this.since)) / 1000; },
};
document.addEventListener("visibilitychange", () => (document.hidden ? clock.stop() : clock.go()));

// Shows a screen's pictures together, when all are there; the clock starts then.
async function reveal(section) {
  clock.start();
  const images = [...section.querySelectorAll("img")];
  try {
    await Promise.all(images.map((image) => image.decode()));
  } catch {
    const again = button(tr("Load it again"), () => render());
    section.replaceChildren(paragraph(tr("A picture could not be loaded.")), again);
    return;
  }
  if (!section.isConnected) return;  // the rater has gone on meanwhile
  section.classList.add("ready");
  clock.start();
  preload(at + 1);
}

const isReady = (section) => section.classList.contains("ready") && !saving;

// ---------------------------------------------------------------- where we are

const isDone = (step) => step.questions.every((question) => question.answer !== null);

function updateProgress() {
  const bar = document.getElementById("progress");
  const counted = steps.filter((step) => step.kind !== "practice");
  const done = counted.filter(isDone).length;
  bar.hidden = !rater || steps[at]?.kind === "practice";
  bar.querySelector("progress").max = counted.length;
  bar.querySelector("progress").value = done;
  bar.querySelector("span").textContent = tr("{part} of {all}", { part: done, all: counted.length });
}

function go(to) {
  at = to;
  render();
}

function next() {
  const from = steps[at].kind;
  const to = steps[at + 1]?.kind;
  at += 1;
  if (to === undefined) showThanks();
  else if (from === "practice" && to !== "practice") showReady();
  else if (from === "rate" && to === "pair") showPairsIntro();
  else render();
}

// Back is by one step, but never from a score that counts into the practice.
const canGoBack = () => at > 0 && (steps[at - 1].kind === "practice") === (steps[at].kind === "practice");

function render() {
  updateProgress();
  const step = steps[at];
  if (step.kind === "pair") showPair(step);
  else showRatings(step);
}

// ---------------------------------------------------------------- screens

function showRatings(step) {
  const many = step.questions.length > 1;
  let current = Math.max(0, step.questions.findIndex((question) => question.answer === null));
  const section = make("section", { className: many ? "many" : "one" });
  const forward = button(tr("Next"), next, "primary");
  forward.hidden = !many && !isDone(step);  // a single picture's score goes on by itself

  const cards = step.questions.map((question, place) => {
    const name = many ? tr("Picture {number} of {all}", { number: place + 1, all: step.questions.length }) : tr("The picture to rate");
    const scores = Array.from({ length: about.scale_max }, (_, index) => {
      const score = index + 1;
      const label = about.scale_labels[score];
      const element = button(String(score), () => rate(place, score));
      const of = tr("{part} of {all}", { part: score, all: about.scale_max });
      element.setAttribute("aria-label", label ? `${of}, ${label}` : of);
      return element;
    });
    const scale = make("div", { className: "scale", role: "group" }, ...scores);
    scale.setAttribute("aria-label", `${about.question} ${name}`);
    const ends = [1, about.scale_max].map((score) => make("span", {},
      about.scale_labels[score] ? `${score} = ${about.scale_labels[score]}` : ""));
    return make("div", { className: "card" }, picture(question.image, name), make("div", {}, scale, make("div", { className: "ends", ariaHidden: "true" }, ...ends)));
  });

  function mark() {
    cards.forEach((card, place) => {
      card.classList.toggle("current", many && place === current);
      card.querySelectorAll(".scale button").forEach((element, index) => {
        element.setAttribute("aria-pressed", String(step.questions[place].answer === String(index + 1)));
      });
    });
    forward.disabled = !isDone(step);
    updateProgress();
  }

  async function rate(place, score) {
    if (!isReady(section)) return;
    const question = step.questions[place];
    cards[place].querySelectorAll(".scale button")[score - 1].setAttribute("aria-pressed", "true");
    if (step.kind === "practice") question.answer = String(score);
    else if (!(await save(question, score, clock.read()))) return mark();
    if (!many) return next();
    const open = step.questions.findIndex((other) => other.answer === null);
    current = open === -1 ? place : open;
    clock.start();
    mark();
    (open === -1 ? forward : cards[current]).scrollIntoView({ block: "nearest", behavior: "smooth" });
  }

  const number = steps.slice(0, at + 1).filter((other) => other.kind === step.kind).length;
  const lead = step.kind === "practice"
    ? paragraph(tr("Practice {number} of {all}: this score does not count.", { number, all: PRACTICE }), "practice") : null;
  section.append(make("h1", {}, about.question), ...(lead ? [lead] : []), make("div", { className: "cards" }, ...cards));
  show(section, toolbar(forward));
  mark();
  keys = (key) => {
    const score = key === "0" ? 10 : Number(key);
    if (/^[0-9]$/.test(key) && score <= about.scale_max) rate(current, score);
    else if (key === "Enter" && isDone(step) && !saving) next();
    else return backOrPause(key);
    return true;
  };
  reveal(section);
}

function showPair(step) {
  const question = step.questions[0];
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
    if (await save(question, choice, clock.read())) next();
  }

  const [left, right] = question.images.map((id, side) => picture(id, side ? tr("The right picture") : tr("The left picture")));
  left.onclick = () => choose("left");
  right.onclick = () => choose("right");
  section.append(
    make("h1", {}, about.pair_question),
    make("div", { className: "cards" }, left, right),
    make("div", { className: "choices", role: "group", ariaLabel: about.pair_question }, ...buttons),
  );
  const forward = button(tr("Next"), next, "primary");
  forward.hidden = !isDone(step);
  show(section, toolbar(forward));
  keys = (key) => {
    const choice = { ArrowLeft: "left", ArrowDown: "tie", ArrowRight: "right" }[key];
    if (choice) choose(choice);
    else if (key === "Enter" && isDone(step) && !saving) next();
    else return backOrPause(key);
    return true;
  };
  reveal(section);
}

function toolbar(forward) {
  const back = button(tr("Back"), () => backOrPause("Backspace"));
  back.disabled = !canGoBack();
  const pause = button(tr("Pause"), () => backOrPause("Escape"));
  return make("nav", { className: "toolbar", ariaLabel: tr("This study") }, back, pause, forward);
}

function backOrPause(key) {
  if (saving) return false;
  if (key === "Backspace" && canGoBack()) go(at - 1);
  else if (key === "Escape") showPause();
  else return false;
  say("");
  return true;
}

function confirmWith(onEnter) {
  keys = (key) => key === "Enter" && (onEnter(), true);
}

function showConsent() {
  const items = about.items + about.pairs;
  const minutes = Math.max(1, Math.round((items * SECONDS_PER_ITEM) / 60));
  const agree = make("input", { type: "checkbox", id: "agree" });
  const begin = button(tr("Begin"), join, "primary");
  begin.disabled = true;
  agree.onchange = () => { begin.disabled = !agree.checked; };
  const effort = about.scale_max === 10
    ? "{items} questions, about {minutes} min. With a keyboard: 1-9 and 0 for 10, Backspace to go back."
    : "{items} questions, about {minutes} min. With a keyboard: 1-9, Backspace to go back.";
  show(sheet(about.title,
    ...about.consent.map((text) => paragraph(text)),
    paragraph(tr(effort, { items, minutes }), "quiet"),
    make("label", { className: "agree" }, agree, tr("I am 18 or older, have read this, and agree to take part.")),
    begin));

  async function join() {
    begin.disabled = true;
    try {
      const body = { consent: agree.checked, invitation: invitation || null, participant };
      const begun = enter(await (previewing ? call(`${studyId}/preview`) : call(`${studyId}/raters`, "POST", body)));
      if (!previewing) memory.write(rater.token);
      say("");
      if (at === -1) showThanks();
      else if (begun) showWelcomeBack();  // by the same invitation, elsewhere
      else render();
    } catch (error) {
      say(error.message, "warn");
      begin.disabled = false;
    }
  }
}

function showReady() {
  const begin = () => render();
  updateProgress();
  show(sheet(tr("That was the practice"),
    paragraph(tr("From now on your scores count. They are saved one by one; you may go back and change them.")),
    button(tr("Start"), begin, "primary")));
  confirmWith(begin);
}

function showPairsIntro() {
  const begin = () => render();
  updateProgress();
  show(sheet(tr("Almost done: now two at a time"),
    paragraph(tr("Choose a picture with ← or → or a click; ↓ when you cannot tell.")),
    button(tr("Go on"), begin, "primary")));
  confirmWith(begin);
}

function showPause() {
  const goOn = () => { say(""); render(); };
  clock.stop();
  show(sheet(tr("Paused"),
    paragraph(tr("Your answers are saved. Go on now, or close this page and come back to it later in the same browser.")),
    button(tr("Go on"), goOn, "primary"), ...withdrawal()));
  confirmWith(goOn);
}

function showWelcomeBack() {
  show(sheet(tr("Welcome back"),
    paragraph(tr("Your answers are all here. You go on where you stopped.")),
    button(tr("Go on"), render, "primary"), ...withdrawal()));
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
    make("p", { className: "code" }, rater.code),
    completion,
    button(tr("Look through my answers"), () => go(steps.findIndex((step) => step.kind !== "practice"))),
    ...withdrawal()));
}

// The panel's code or address, which the server tells only to those who have finished.
async function showCompletion(box) {
  const { completion } = await call(`${studyId}/rater`).catch(() => ({}));
  if (!completion) return;
  if (!completion.startsWith("https://")) {
    return box.append(paragraph(tr("Your completion code:")), paragraph(completion, "code"));
  }
  box.append(make("a", { href: completion, className: "primary" }, tr("Go back to where you came from, which counts you in")));
}

function showMessage(text) {
  show(sheet(about?.title ?? tr("Rating study"), paragraph(text)));
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
      await call(`${studyId}/rater`, "DELETE");
    } catch (error) {
      return say(error.message, "warn");
    }
    memory.clear();
    rater = null;
    steps = [];
    updateProgress();
    say("");
    showMessage(tr("You have withdrawn, and all your answers are deleted. Thank you for your time."));
  }
}

// ---------------------------------------------------------------- start

function enter(description) {
  rater = description;
  const answer = (question) => ({ ...question, answer: question.answer ?? null });
  const practice = about.training.map((image) => ({ kind: "practice", questions: [{ image, answer: null }] }));
  const rate = rater.screens.map((questions) => ({ kind: "rate", questions: questions.map(answer) }));
  const pairs = rater.pairs.map((question) => ({ kind: "pair", questions: [answer(question)] }));
  const counted = [...rate, ...pairs];
  const begun = counted.some((step) => step.questions.some((question) => question.answer !== null));
  steps = [...(begun ? [] : practice), ...counted];
  at = steps.findIndex((step) => !isDone(step));
  preload(Math.max(at, 0));
  return begun;
}

async function open(id) {
  studyId = id;
  about = await call(studyId);
  document.title = about.title;
  document.getElementById("title").textContent = about.title;
  if (previewing) {
    rater = { token: invitation };
    const note = document.getElementById("preview");
    note.textContent = tr("Preview: nothing is saved.");
    note.hidden = false;
    return showConsent();
  }
  const token = memory.read();
  if (token) {
    rater = { token };
    try {
      const begun = enter(await call(`${studyId}/rater`));
      updateProgress();
      if (at === -1) return showThanks();
      if (!about.ended) return begun ? showWelcomeBack() : render();
    } catch (error) {
      if (error.status === 0 || error.status >= 500) throw error;  // the token may still be good
      memory.clear();
      rater = null;
    }
  }
  if (about.draft) showMessage(tr("This study has not begun yet: please come back later."));
  else if (about.ended) showMessage(tr("This study has ended. Thank you for coming!"));
  else if (about.by_invitation && !invitation) showMessage(tr("This study is by invitation: open it by the link that you were sent."));
  else showConsent();
}

function choose(studies) {
  if (studies.length === 0) return showMessage(tr("There is no study to take part in at the moment."));
  if (studies.length === 1) return open(studies[0].id);
  const links = studies.map((study) => make("li", {}, make("a", { href: study.id }, study.title)));
  show(sheet(tr("Choose a study"), make("ul", {}, ...links)));
}

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest?.("input, a, .sheet button");
  if (event.repeat || event.ctrlKey || event.metaKey || event.altKey || typing) return;
  if (event.key === "Enter" && event.target.closest?.("button")) return;  // the button's own
  if (keys(event.key)) event.preventDefault();
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
