// The controls of landmark-guided inpainting. Run by Gradio with `element` and `trigger`.

const PATIENCE = 300;  // ms: a held arrow key, or one slider after the other, is one change
let soon = null;

function tell() {
  clearTimeout(soon);
  soon = setTimeout(() => {
    const values = [...new FormData(element.querySelector("form"))];
    trigger("guide", Object.fromEntries(values.map(([name, value]) => [name, Number(value)])));
  }, PATIENCE);
}

// A range says "change" when it is released, and at every arrow key.
element.addEventListener("change", (event) => event.target.closest("form") && tell());
element.addEventListener("reset", tell, true);
element.addEventListener("submit", (event) => event.preventDefault());
