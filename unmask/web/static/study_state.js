// What the rating page's parts share: where it is, its small helpers, and how it talks to the server.

const RETRY_AFTER = [1, 2, 4, 8];  // seconds between attempts to save

const main = document.getElementById("main");
const status = document.getElementById("status");

export const state = {
  studyId: "",
  about: null,        // the study's words
  rater: null,        // what the server said of this rater
  steps: [],          // {kind: "practice" | "rate" | "pair" | "rank", questions: [...]}, in order
  at: 0,              // the step on the screen
  keys: () => false,  // what the screen does with a key; true: it was meant for the screen
  saving: false,
};

// ---------------------------------------------------------------- small helpers

// The page's words in the rater's language, and what a study asks in words of ours; a researcher's own stay.
const LANGUAGES = ["de", "es", "fr", "hi", "ja", "ko", "zh"];
let words = {};

export async function learnWords() {
  const language = navigator.language.toLowerCase().split("-")[0];
  if (!LANGUAGES.includes(language)) return;
  try {
    words = await (await fetch(`static/${language}.json`)).json();
    document.documentElement.lang = language;
  } catch { /* then it is English */ }
}

export function tr(text, values = {}) {
  return (words[text] ?? text).replace(/{(\w+)}/g, (_, name) => values[name]);
}

// A study's text: ours in the rater's language, the researcher's as it was written, whatever is in it.
export const asWritten = (text) => words[text] ?? text;

export function make(tag, props = {}, ...children) {
  const { role, ...rest } = props;
  const element = Object.assign(document.createElement(tag), rest);
  if (role) element.setAttribute("role", role);
  element.append(...children.filter((child) => child !== null));
  return element;
}

export function button(label, onclick, className = "") {
  return make("button", { type: "button", onclick, className }, label);
}

export function show(...elements) {
  state.keys = () => false;
  main.replaceChildren(...elements);
  main.focus({ preventScroll: true });
  window.scrollTo(0, 0);
}

export function sheet(title, ...children) {
  return make("section", { className: "sheet" }, make("h1", {}, title), ...children);
}

export function paragraph(text, className = "") {
  return make("p", { className }, text);
}

export function say(text, tone = "") {
  status.textContent = text;
  status.className = tone;
}

// Behind the #, which no browser sends or logs by itself.
const behind = location.hash.slice(1);
export const handed = behind.startsWith("go-on.") ? behind.slice("go-on.".length) : "";  // from another device
export const invitation = handed ? "" : behind;
// Prolific and MTurk say so who comes; the server keeps no more of it than a hash.
const query = new URLSearchParams(location.search);
export const participant = query.get("PROLIFIC_PID") || query.get("workerId");
export const previewing = invitation.startsWith("preview.");  // for whoever plans the study: nothing is saved

// Some browsers forbid storage inside a frame: the study then works, but cannot be resumed. A panel's participants may
// share a computer: what one tab remembers of them, no other sees.
export const memory = {
  key: () => `unmask-study-${state.studyId}${location.hash}`,  // two people may open their invitations on one computer
  store: () => (participant ? sessionStorage : localStorage),
  read() { try { return this.store().getItem(this.key()); } catch { return null; } },
  write(token) { try { this.store().setItem(this.key(), token); } catch { /* as above */ } },
  clear() { try { this.store().removeItem(this.key()); } catch { /* as above */ } },
};

// ---------------------------------------------------------------- the server

export async function call(path, method = "GET", body = undefined) {
  const headers = { "Content-Type": "application/json" };
  if (state.rater) headers.Authorization = `Bearer ${state.rater.token}`;
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
export async function save(question, answer, seconds) {
  if (previewing) {
    question.answer = String(answer);
    return true;
  }
  state.saving = true;
  main.classList.add("saving");
  try {
    for (let attempt = 0; ; attempt++) {
      try {
        await call(`${state.studyId}/answers`, "POST", { token: question.token, answer, seconds });
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
    state.saving = false;
    main.classList.remove("saving");
  }
}
