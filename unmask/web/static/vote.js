// The blind vote. Run by Gradio with `element`, its place, and `trigger`. The style sheet hides the results while a
// question stands here, or is on its way.

let answered = false;

element.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  const token = button?.closest("[data-token]")?.dataset.token;
  if (!button || (!token && button.dataset.act !== "skip")) return;
  answered = true;
  if (button.dataset.act === "skip") trigger("skip");
  else trigger("vote", { token, answer: button.dataset.answer });
});

// The question comes into view, and after it what it asked about; the focus goes along.
new MutationObserver(() => {
  const question = element.querySelector("#vote-question");
  if (!question && !answered) return;
  const gentle = matchMedia("(prefers-reduced-motion: reduce)").matches ? "instant" : "smooth";
  if (question) {
    answered = false;
    if (document.activeElement?.closest("#examples")) question.focus({ preventScroll: true });
    question.closest(".vote").scrollIntoView({ behavior: gentle, block: "nearest" });
    return;
  }
  if (element.querySelector(".blind")) return;
  answered = false;
  element.querySelector("[tabindex]")?.focus({ preventScroll: true });
  (element.querySelector(".vote") ?? document.querySelector("#results")).scrollIntoView({ behavior: gentle, block: "start" });
}).observe(element, { childList: true, subtree: true });
