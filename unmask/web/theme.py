"""How the page looks: palette, fonts, style sheet, header, footer. Nothing comes from other servers."""

import html

import gradio as gr
from gradio.themes.utils import sizes
from gradio.themes.utils.colors import Color

from unmask.web.texts import tr

# System fonts only: a web font would be a request to another server, and to nobody when offline.
FONTS = ("Inter", "Segoe UI", "Helvetica Neue", "Noto Sans", "Liberation Sans", "Arial", "sans-serif")
MONO_FONTS = ("SF Mono", "Cascadia Code", "Consolas", "Liberation Mono", "monospace")

TEAL = Color(
    name="teal",
    c50="#effaf8",
    c100="#d5f2ec",
    c200="#ade4da",
    c300="#7bcfc3",
    c400="#47b3a6",
    c500="#22978b",
    c600="#0f7a71",
    c700="#11625c",
    c800="#134e4a",
    c900="#12413e",
    c950="#052726",
)
SLATE = Color(
    name="slate",
    c50="#f7f9fa",
    c100="#eef2f4",
    c200="#dfe6ea",
    c300="#c5d0d7",
    c400="#94a4af",
    c500="#667884",
    c600="#4c5c68",
    c700="#374551",
    c800="#202b34",
    c900="#151d24",
    c950="#0d1318",
)


def build_theme() -> gr.themes.Base:
    """Calm teal on slate, in light and dark; the mask's pink is the only loud colour."""
    return gr.themes.Base(
        primary_hue=TEAL,
        secondary_hue=TEAL,
        neutral_hue=SLATE,
        radius_size=sizes.radius_lg,
        font=FONTS,
        font_mono=MONO_FONTS,
    ).set(
        body_background_fill="*neutral_50",
        body_background_fill_dark="*neutral_950",
        body_text_color="*neutral_800",
        body_text_color_dark="*neutral_100",
        body_text_color_subdued="*neutral_500",
        body_text_color_subdued_dark="*neutral_400",
        background_fill_primary="white",
        background_fill_primary_dark="*neutral_900",
        background_fill_secondary="*neutral_50",
        background_fill_secondary_dark="*neutral_800",
        border_color_primary="*neutral_200",
        border_color_primary_dark="*neutral_700",
        block_background_fill="white",
        block_background_fill_dark="*neutral_900",
        block_border_width="1px",
        block_border_color="*neutral_200",
        block_border_color_dark="*neutral_800",
        block_shadow="none",
        block_shadow_dark="none",
        block_label_background_fill="white",
        block_label_background_fill_dark="*neutral_900",
        block_label_text_color="*neutral_600",
        block_label_text_color_dark="*neutral_300",
        block_title_text_color="*neutral_700",
        block_title_text_color_dark="*neutral_200",
        block_title_text_weight="600",
        input_background_fill="*neutral_50",
        input_background_fill_dark="*neutral_800",
        button_primary_background_fill="*primary_600",
        button_primary_background_fill_hover="*primary_700",
        button_primary_background_fill_dark="*primary_500",
        button_primary_background_fill_hover_dark="*primary_400",
        button_primary_text_color="white",
        button_primary_text_color_dark="*neutral_950",
        button_secondary_background_fill="white",
        button_secondary_background_fill_hover="*neutral_100",
        button_secondary_background_fill_dark="*neutral_800",
        button_secondary_background_fill_hover_dark="*neutral_700",
        button_secondary_border_color="*neutral_300",
        button_secondary_border_color_dark="*neutral_700",
        button_secondary_text_color="*neutral_700",
        button_secondary_text_color_dark="*neutral_100",
        button_large_text_weight="600",
        button_border_width="1px",
        button_border_width_dark="1px",
        checkbox_label_background_fill="white",
        checkbox_label_background_fill_dark="*neutral_800",
        checkbox_background_color_selected="*primary_600",
        checkbox_background_color_selected_dark="*primary_500",
        slider_color="*primary_600",
        slider_color_dark="*primary_400",
    )


# A camera's preview is mirrored, as people know themselves; that of a phone's rear camera is not.
HEAD = """
<meta name="color-scheme" content="light dark"><meta name="referrer" content="no-referrer">
<script>
  document.addEventListener("playing", ({target}) => {
    const track = target.srcObject?.getVideoTracks?.()[0];
    if (track) target.dataset.mirrored = track.getSettings().facingMode !== "environment";
  }, true);
</script>"""

LOGO = """
<svg viewBox="0 0 48 48" width="44" height="44" aria-hidden="true">
  <rect width="48" height="48" rx="13" fill="var(--logo-ground)"/>
  <path d="M13 18c0-7 5-11 11-11s11 4 11 11v6c0 9-5 16-11 16S13 33 13 24z" fill="var(--logo-face)"/>
  <circle cx="19.5" cy="20" r="1.9" fill="var(--logo-ground)"/>
  <circle cx="28.5" cy="20" r="1.9" fill="var(--logo-ground)"/>
  <path d="M24 25.5c4 0 8 1 11.4 2.6C34.2 35 29.5 40 24 40z" fill="#ff3366"/>
  <path d="M20 32c1.2 1.3 2.5 1.9 4 1.9" fill="none" stroke="var(--logo-ground)" stroke-width="1.8"
        stroke-linecap="round"/>
</svg>"""


def draw_header() -> str:
    """The logo, the name, and what this is."""
    text = tr("Takes the face mask off a photograph, and shows what several networks imagine beneath it.")
    return f"""
<header class="masthead">
  {LOGO}
  <div>
    <h1>Unmask</h1>
    <p>{html.escape(text)}</p>
  </div>
</header>"""


def draw_footer() -> str:
    """The way to the studies, and what everybody should know."""
    private = tr("Photos are processed in memory and deleted within ten minutes; nothing is logged.")
    invention = tr(
        "A result is an invention. It does not show who somebody is, and must not be used to identify anyone."
    )
    return f"""
<footer class="colophon">
  <p><a href="study/">{html.escape(tr("Take part in a rating study"))}</a></p>
  <p>{html.escape(private)}</p>
  <p>{html.escape(invention)}</p>
</footer>"""


CSS = """
:root {
  --font: system-ui, -apple-system, "Segoe UI", "Noto Sans", "Liberation Sans", Arial, sans-serif;
  --mask: #ff3366; --logo-ground: #0f5f59; --logo-face: #d5f2ec;
  --panel: #ffffff; --line: #dfe6ea; --soft: #4c5c68; --accent: #0f7a71;
  --warn-ground: #fff3dc; --warn-text: #7a4a05; --best-ground: #d5f2ec; --best-text: #0b5a53;
}
:root.dark, :root .dark {
  --logo-ground: #134e4a;
  --panel: #151d24; --line: #2a3742; --soft: #a9b7c1; --accent: #47b3a6;
  --warn-ground: #3a2a10; --warn-text: #ffd699; --best-ground: #12413e; --best-text: #9be7da;
}

/* The frame */
.gradio-container { max-width: 1320px !important; margin: 0 auto !important; padding: 0 !important; }
.gradio-container .app { padding: clamp(12px, 2vw, 20px) clamp(12px, 2.2vw, 28px) 12px !important; }
.gradio-container main { width: 100%; }
.html-container { padding: 0 !important; }
.prose { color: inherit; }
.masthead { display: flex; align-items: center; gap: 16px; }
.masthead svg { flex: none; }
.masthead h1 { font-size: 1.75rem; line-height: 1.15; font-weight: 750; letter-spacing: -0.02em; margin: 0; }
.masthead p { margin: 2px 0 0; color: var(--soft); font-size: 1rem; }
.colophon { border-top: 1px solid var(--line); margin-top: 20px; padding: 14px 0 2px; text-align: center; }
.colophon p { margin: 2px 0; font-size: 0.875rem; color: var(--soft); }
.tabitem { padding: 4px 0 0 !important; }
footer .divider { display: none; }
.tab-container button { font-size: 1rem; font-weight: 600; }
.tab-container button.selected { color: var(--accent) !important; }
footer .show-api, footer .built-with, footer .settings { color: var(--soft) !important; }
.toast-title { display: none !important; }  /* "Warning", in English only; the sentence says it all */
:is(a, button, input, select, textarea, summary, [tabindex]):focus-visible {
  outline: 3px solid var(--accent) !important; outline-offset: 2px;
}

/* The three steps */
.steps { gap: 20px !important; align-items: stretch !important; }
.step {
  background: var(--panel); border: 1px solid var(--line); border-radius: 16px; padding: 16px !important;
  gap: 12px !important;
}
.step-title {
  display: flex; align-items: center; gap: 10px; font-size: 1.0625rem !important; margin: 0 !important;
}
.step-title span {
  display: inline-grid; place-items: center; width: 26px; height: 26px; border-radius: 50%;
  background: var(--accent); color: var(--panel); font-size: 0.875rem; font-weight: 700;
}
.status { margin: 0 !important; color: var(--soft); font-size: 0.9375rem; line-height: 1.4; }
.status.warn, .card-note.invention, .card-note.failed {
  background: var(--warn-ground); color: var(--warn-text); border-radius: 8px; padding: 8px 12px;
}
.status.done::before { content: "✓ "; color: var(--accent); font-weight: 700; }
.status.busy::before {
  content: ""; display: inline-block; width: 0.8em; height: 0.8em; margin-right: 8px; border-radius: 50%;
  border: 2px solid var(--accent); border-right-color: transparent; animation: turn 0.8s linear infinite;
  vertical-align: -0.05em;
}
@keyframes turn { to { transform: rotate(1turn); } }
@media (prefers-reduced-motion: reduce) {
  *, ::before, ::after {
    animation-duration: 1ms !important; animation-iteration-count: 1 !important; transition: none !important;
    scroll-behavior: auto !important;
  }
}
/* The queue: our own line takes the place of the status line; Gradio's words, in English, are not seen */
.block:has(> .html-container .status) > .wrap { visibility: hidden; border: 0; animation: none !important; }
.queue-line:not(:has(.queue:not(:empty))), .block:has(+ .queue-line .queue:not(:empty)) { display: none !important; }
.how-to { color: var(--soft); font-size: 0.875rem !important; line-height: 1.5; margin: 0 !important; }
.empty-bench {
  display: grid; place-items: center; align-content: center; gap: 14px; min-height: 440px; text-align: center;
  border: 1px dashed var(--line); border-radius: 12px; color: var(--soft); padding: 16px;
}
.empty-bench p { margin: 0; max-width: 30ch; font-size: 0.9375rem; }
.step p:has(+ .examples) { margin: 0 0 8px; color: var(--soft); font-size: 0.875rem; }
.examples { display: grid; grid-template-columns: repeat(auto-fill, minmax(56px, 1fr)); gap: 8px; }
.examples button { padding: 0; border: 0; border-radius: 8px; overflow: hidden; background: none; line-height: 0; }
.examples img { width: 100%; height: auto; aspect-ratio: 1; object-fit: cover; }
.examples button:hover img { filter: brightness(1.08); }
[data-mirrored="true"] { transform: scaleX(-1); }
.models .wrap { flex-direction: column; gap: 6px !important; }
.models label { width: 100%; }

/* What has nothing to show yet is hidden. The editor keeps its width, to which it fits its picture */
.step { position: relative; }
.step:has(.empty-bench) .workbench {
  position: absolute !important; visibility: hidden; pointer-events: none;
}
.step .block:has(.prose:empty), #faces:not(:has(.faces)), .pictures:not(:has(img)), #masked-preview:not(:has(img)),
.card:not(:has(.card-note)) {
  display: none !important;
}

/* The faces of a photo. Outlines are dark beside bright, to be seen on any picture */
.faces, .faces .overview { display: grid; gap: 10px; }
.faces .overview { display: none; }
.faces.several .overview, .drawing .overview { display: grid; }
.faces .picture { position: relative; justify-self: center; max-width: 100%; border-radius: 8px; }
.faces .picture img { display: block; max-width: 100%; max-height: 320px; border-radius: 8px; }
.drawing .picture { cursor: crosshair; touch-action: none; user-select: none; }
.drawing .picture img { max-height: 60vh; }
.faces .box, .faces .rubber {
  position: absolute; border: 2px solid #fff; border-radius: 6px; background: none; padding: 0;
  box-shadow: 0 0 0 1.5px #0d1318cc, inset 0 0 0 1.5px #0d1318cc;
}
.faces .box::after { content: ""; position: absolute; inset: -8px; }  /* a finger is wider than a small face */
.faces .box.out { border-style: dashed; opacity: 0.75; }
.faces .box.current { border-color: var(--mask); z-index: 1; }
.faces .box:hover { background: #ffffff33; }
.drawing .box { pointer-events: none; opacity: 0.6; }
.faces .rubber { display: none; border-color: var(--mask); pointer-events: none; z-index: 2; }
.faces .number {
  position: absolute; left: -3px; bottom: 100%; min-width: 20px; height: 20px; padding: 0 4px;
  border-radius: 6px; background: #0d1318; color: #fff; font: 700 0.75rem/20px var(--font);
  text-align: center;
}
.faces .in .number { background: #0f7a71; }
.faces .hint { margin: 0; color: var(--soft); font-size: 0.875rem; line-height: 1.4; }
.faces .hint:empty { display: none; }
.faces .tiles, .faces .views { display: flex; flex-wrap: wrap; gap: 8px; padding: 3px; }
.faces .tiles { max-height: 360px; overflow: auto; }
.faces .tiles:empty { display: none; }
.faces .tile { position: relative; display: grid; grid-template-columns: 60px; gap: 4px; }
.faces .thumb {
  position: relative; width: 60px; height: 60px; padding: 0; border-radius: 8px; overflow: hidden;
  border: 2px solid var(--accent); background: none;
}
.faces .thumb img { display: block; width: 100%; height: 100%; object-fit: cover; }
.faces .out .thumb { border: 2px dashed var(--line); }
.faces .out .thumb img { opacity: 0.35; filter: grayscale(1); }
.faces .thumb .number { left: 0; top: 0; bottom: auto; border-radius: 6px 0 6px 0; }
.faces .bare {
  position: absolute; inset: auto 0 0; background: #0d1318bb; color: #fff; font: 600 0.6875rem/16px var(--font);
}
.faces .plain {
  min-height: 36px; padding: 0 10px; border: 1px solid var(--line); border-radius: 8px; background: none;
  color: inherit; font: 500 0.8125rem/1.2 var(--font);
}
.faces .tile .plain { padding: 0; }
.faces .plain[aria-pressed="true"] {
  background: var(--best-ground); color: var(--best-text); border-color: var(--accent);
}
.faces .plain:hover { border-color: var(--accent); }
.faces .drop {
  position: absolute; top: -3px; right: -3px; width: 28px; height: 28px; border-radius: 50%; padding: 0;
  border: 1px solid var(--line); background: var(--panel); color: inherit; font: 700 1rem/1 var(--font);
}
.faces .drop::after { content: ""; position: absolute; inset: -8px; }
.faces .cancel, .drawing .add { display: none; }
.drawing .faces .cancel { display: block; }

/* Live */
.live { display: grid; gap: 12px; }
.live-pictures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 300px), 1fr)); gap: 16px; }
.live figure { margin: 0; display: grid; gap: 6px; justify-items: center; }
.live :is(video, canvas) {
  width: 100%; max-height: 62vh; object-fit: contain; border-radius: 12px; background: #0d1318;
}
.live figcaption, .live-figures { color: var(--soft); font-size: 0.875rem; line-height: 1.4; }
.live-bar { display: flex; flex-wrap: wrap; gap: 12px; align-items: center; }
.live-bar > div { flex: 1 1 240px; min-height: 3em; align-content: center; }
.live-bar button {
  min-height: 44px; padding: 0 18px; border-radius: 10px; font: 600 1rem/1.2 var(--font); color: inherit;
  border: 1px solid var(--button-secondary-border-color); background: var(--button-secondary-background-fill);
}
.live-bar .live-start {
  background: var(--button-primary-background-fill); color: var(--button-primary-text-color); border-color: #0000;
}
.live-figures { margin: 2px 0 0; font-variant-numeric: tabular-nums; }
.live-bar [hidden], .live:not(.on) :is(.live-pictures, [data-act=stop], [data-act=other], .invention),
.live.on :is(.empty-bench, .live-start) {
  display: none;
}

/* The editor: our own buttons do what these would do to the picture as well as to the mask */
#editor [aria-label="Clear canvas"], #editor [aria-label="Color"], #editor .toolbar-wrap-wrap {
  display: none;
}
#editor { border-color: var(--line); }
.toolbar {
  display: grid !important; grid-template-columns: repeat(auto-fit, minmax(128px, 1fr)); gap: 8px !important;
}
.toolbar button { width: 100%; white-space: normal !important; line-height: 1.25; }
.toolbar .hidden { display: none; }

/* Results */
#results { margin-top: 4px; scroll-margin: 12px; }
.cards {
  display: grid !important; gap: 20px !important;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 280px), 1fr));
}
/* A card's four rows (text, pictures, note, button) share their heights with the neighbours' */
.card {
  display: grid !important; grid-row: span 4; grid-template-rows: subgrid; row-gap: 12px !important;
  background: var(--panel); border: 1px solid var(--line); border-radius: 16px; padding: 16px !important;
  max-width: 560px; min-width: 0 !important;
}
.card > .wrap { display: none !important; }
.card-head h3 { margin: 0 0 4px !important; font-size: 1.125rem !important; }
.card-head p { margin: 0 0 4px !important; font-size: 0.9375rem; line-height: 1.4; }
.card-head .paper { font-size: 0.8125rem; color: var(--soft); margin: 0 !important; }
.card-note { margin: 0 !important; font-size: 0.8125rem; line-height: 1.4; color: var(--soft); }
.card-note.invention, .card-note.failed { font-weight: 600; }
.card-note.time { margin-top: 8px !important; font-variant-numeric: tabular-nums; }
.card:has(.waiting) .before-after { opacity: 0.55; }

/* Before and after. The slider is as wide as its thumb more than the pictures: the thumb's middle is on the line */
.before-after {
  position: relative; margin: 0 auto; width: min(100%, 440px * var(--ratio)); aspect-ratio: var(--ratio);
  overflow: hidden; border-radius: 8px;
}
.before-after img { position: absolute; inset: 0; width: 100%; height: 100%; object-fit: contain; margin: 0; }
.before-after .after { clip-path: inset(0 0 0 calc(var(--at) * 1%)); }
.before-after::after {
  content: ""; position: absolute; inset: 0 auto 0 calc(var(--at) * 1% - 1px); width: 2px; background: #fff;
  box-shadow: 0 0 0 1px #0d131899; pointer-events: none;
}
.before-after input {
  position: absolute; inset: 0 auto 0 -22px; width: calc(100% + 44px) !important; height: 100%; margin: 0; z-index: 1;
  appearance: none; background: none !important; cursor: ew-resize; touch-action: pan-y; outline: none !important;
}
.before-after input::-webkit-slider-runnable-track { background: none; }
.before-after input::-moz-range-track { background: none; }
.before-after input::-webkit-slider-thumb { appearance: none; THUMB }
.before-after input::-moz-range-thumb { THUMB }
.before-after input:focus-visible::-webkit-slider-thumb { outline: 3px solid var(--accent); outline-offset: 2px; }
.before-after input:focus-visible::-moz-range-thumb { outline: 3px solid var(--accent); outline-offset: 2px; }
.before-after .full {
  position: absolute; top: 8px; right: 8px; z-index: 2; width: 36px; height: 36px; padding: 0; border: 0;
  border-radius: 8px; background: #0d1318cc; color: #fff; display: grid; place-items: center;
}
.before-after:fullscreen { width: 100%; aspect-ratio: auto; background: #0d1318; }
.card:has(.waiting) button.sm, .card:has(.failed) button.sm, .truth-results button.sm { visibility: hidden; }
.cards:has(.opinion) .card, .cards:has(.guide) .card { grid-row: span 5; }
.cards:has(.guide):has(.opinion) .card { grid-row: span 6; }
.card .opinion { gap: 8px !important; }
.card:has(.waiting, .failed) .opinion, .card:has(.waiting) .guide { display: none; }
.disagreement > :last-child { grid-row: 2 / -1; }
.disagreement figure { margin: 0 auto 12px; width: min(100%, 440px * var(--ratio)); }
.disagreement img { display: block; width: 100%; aspect-ratio: var(--ratio); border-radius: 8px; }
.disagreement figcaption {
  display: flex; align-items: center; gap: 8px; margin-top: 8px; color: var(--soft); font-size: 0.8125rem;
}
.disagreement figcaption i { flex: 1; height: 10px; border-radius: 5px; border: 1px solid var(--line); }

/* What landmark-guided inpainting is told */
.guide { gap: 8px !important; }
.guide summary { padding: 8px 0; font-weight: 600; font-size: 0.9375rem; cursor: pointer; }
.guide form { display: grid; gap: 10px; grid-template-columns: repeat(auto-fit, minmax(min(100%, 200px), 1fr)); }
.guide form > label { display: grid; gap: 2px; font-size: 0.875rem; }
.guide input[type=range] { width: 100%; height: 28px; margin: 0; accent-color: var(--accent); cursor: pointer; }
.guide fieldset {
  display: flex; flex-wrap: wrap; gap: 4px 16px; margin: 0; padding: 0; border: 0; grid-column: 1 / -1;
}
.guide legend { padding: 0; font-size: 0.875rem; }
.guide fieldset label { display: flex; align-items: center; gap: 8px; min-height: 28px; font-size: 0.875rem; }
.guide input[type=radio] {
  appearance: auto !important; width: 20px; height: 20px; margin: 0; accent-color: var(--accent);
}
.guide form button {
  grid-column: 1 / -1; min-height: 36px; border: 1px solid var(--button-secondary-border-color); border-radius: 8px;
  background: var(--button-secondary-background-fill); color: inherit; font: 500 0.875rem/1.2 var(--font);
}
.guide:not(:has(details[open])) .guess, .guide .guess:not(:has(p)) { display: none !important; }
@media (min-width: 641px) {
  /* Open, it lies over what is below: in its place it would make every neighbour as tall */
  .guide:has(details[open]) { height: 36px; position: relative; z-index: 5; gap: 0 !important; }
  .guide:has(details[open]) > * {
    flex-shrink: 0; width: auto !important; margin: 0 -17px !important; padding: 0 16px !important;
    background: var(--panel); border: solid var(--line); border-width: 0 1px;
  }
  .guide:has(details[open]) > :last-child, .guide:has(details[open]):not(:has(.guess p)) > * {
    padding-bottom: 16px !important; border-bottom-width: 1px; border-radius: 0 0 16px 16px;
  }
}
.truth-results .card { grid-row: span 3; }
.truth-results button.sm { display: none; }

/* Scores */
.bench { gap: 14px !important; }
#masked-preview { border: 0; }
#masked-preview img { width: 100%; border-radius: 12px; }
.scores { background: var(--panel); border: 1px solid var(--line); border-radius: 16px; padding: 6px 8px; }
.scores table, .scores thead, .scores tr { border: 0 !important; }
.scores table {
  width: 100%; border-collapse: separate; border-spacing: 0; margin: 0;
  font-variant-numeric: tabular-nums;
}
.scores th, .scores td { padding: 8px 12px; text-align: right; border: 0; border-top: 1px solid var(--line); }
.scores thead th { border-top: 0; color: var(--soft); font-size: 0.875rem; font-weight: 600; }
.scores th:first-child { text-align: left; }
.scores tbody tr:last-child { color: var(--soft); }
.scores .best {
  background: var(--best-ground); color: var(--best-text); font-weight: 700; border-radius: 8px;
}
#scores .how-to { margin-top: 10px !important; }

@media (max-width: 640px) {
  /* The camera's own picture is small, in the corner of the other: both and the buttons are on one screen */
  .live-pictures { position: relative; display: block; }
  .live figure:first-child { position: absolute; top: 8px; left: 8px; width: 30%; z-index: 1; }
  .live figure:first-child video { border: 2px solid #fff; border-radius: 8px; }
  .live figure:first-child figcaption { display: none; }
  .masthead { gap: 12px; align-items: flex-start; }
  .masthead p { font-size: 0.9375rem; line-height: 1.4; }
  .tab-container button { font-size: 0.875rem; padding: 0 8px; }
  .step, .card { padding: 12px !important; }
  .empty-bench { min-height: 150px; }
  #editor { height: 380px !important; }
  .faces .picture img { max-height: 260px; }
  .faces .plain, .toolbar button, .card button.sm, .guide form button, .guide fieldset label { min-height: 44px; }
  .guide input[type=range] { height: 44px; }
  .before-after .full { width: 44px; height: 44px; }
  .toolbar { grid-template-columns: repeat(2, minmax(0, 1fr)) !important; }
  .scores thead { display: none; }
  .scores tr { display: grid; grid-template-columns: 1fr 1fr; gap: 2px 8px; padding: 10px 4px; }
  .scores tr + tr { border-top: 1px solid var(--line) !important; }
  .scores th, .scores td { border: 0 !important; padding: 4px 8px; }
  .scores tbody th { grid-column: 1 / -1; }
  .scores td { display: flex; justify-content: space-between; gap: 8px; }
  .scores td::before { content: attr(data-label); color: var(--soft); font-weight: 400; }
}
""".replace(
    "THUMB",
    """width: 44px; height: 44px; border: 0; border-radius: 50%; box-shadow: 0 1px 4px #0d131899; background: #fff
    url("data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 44 44' fill='none' \
stroke='%23374551' stroke-width='3' stroke-linecap='round' stroke-linejoin='round'%3E%3Cpath \
d='M17 15l-7 7 7 7M27 15l7 7-7 7'/%3E%3C/svg%3E");""",
)
