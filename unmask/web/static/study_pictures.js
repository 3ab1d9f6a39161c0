// The rating page's pictures, which come ahead of their screen and show together, and how long they are looked at.

import { button, make, paragraph, state, tr } from "./study_state.js";

const PRELOAD = 4;             // screens whose pictures are fetched ahead

const imageUrl = (id) => `api/${state.studyId}/images/${id}.png`;
const fetched = new Map();     // id -> Image, so that the next screen's pictures are there before it is

// A pair that is chosen only when it is asked for has none yet.
const picturesOf = (step) => step.questions.flatMap((question) => question.images ?? (question.image ? [question.image] : []));

export function preload(from) {
  for (const step of state.steps.slice(from, from + PRELOAD)) {
    for (const id of picturesOf(step)) {
      if (!fetched.has(id)) fetched.set(id, Object.assign(new Image(), { src: imageUrl(id) }));
    }
  }
}

export function picture(id, alt) {
  const image = make("img", { alt, src: imageUrl(id), width: state.about.size, height: state.about.size, draggable: false });
  return make("figure", { className: "picture" }, image);
}

// How long a screen has been looked at, in seconds: the time during which the tab was hidden does not count.
export const clock = {
  start() { this.since = performance.now(); this.before = 0; },
  stop() { if (this.since !== null) this.before += performance.now() - this.since; this.since = null; },
  go() { if (this.since === null) this.since = performance.now(); },
  read() { return (this.before + (this.since === null ? 0 : performance.now() - this.since)) / 1000; },
};
document.addEventListener("visibilitychange", () => (document.hidden ? clock.stop() : clock.go()));

// Shows a screen's pictures together, when all are there; the clock starts then.
export async function reveal(section, again) {
  clock.start();
  const images = [...section.querySelectorAll("img")];
  try {
    await Promise.all(images.map((image) => image.decode()));
  } catch {
    section.replaceChildren(paragraph(tr("A picture could not be loaded.")), button(tr("Load it again"), again));
    return;
  }
  if (!section.isConnected) return;  // the rater has gone on meanwhile
  section.classList.add("ready");
  clock.start();
  preload(state.at + 1);
}

export const isReady = (section) => section.classList.contains("ready") && !state.saving;
