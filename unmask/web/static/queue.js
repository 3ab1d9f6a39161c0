// Who has to wait is told the place in the queue, in words of ours. Gradio writes it into the status line's block, in
// English, as "queue: 2/5 | 3.1/12.4s": place, how many wait, and the seconds gone and expected, where it can tell.
// Run by Gradio with `element`.

const PATIENCE = 600;  // ms: who waits no longer than this sees nothing flash by
const line = element.querySelector(".queue");

let since = null;  // when the wait began

function tell() {
  const block = document.getElementById(line.dataset.of);
  const told = block?.querySelector(".progress-text")?.textContent ?? "";
  const [, place, size, gone, all] = told.match(/queue: (\d+)\/(\d+) \|\s*([\d.]+)(?:\/([\d.]+))?s/) ?? [];
  since = place ? since ?? performance.now() : null;
  if (!place) line.textContent = "";
  else if (performance.now() - since > PATIENCE) {
    const text = all ? line.dataset.timed : line.dataset.plain;
    const seconds = Math.max(Math.ceil(all - gone), 1);
    const sentence = text.replace("#place", place).replace("#size", size).replace("#seconds", seconds);
    if (line.textContent !== sentence) line.textContent = sentence;
  }
}

// The seconds in Gradio's text run on by themselves, so that this also looks at what is only late.
new MutationObserver(tell).observe(document.getElementById(line.dataset.of), {
  childList: true, characterData: true, subtree: true
});
