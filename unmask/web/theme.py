"""How the page looks: palette, fonts, style sheet, header, footer. Nothing comes from other servers."""

import gradio as gr
from gradio.themes.utils import sizes
from gradio.themes.utils.colors import Color

from unmask.web.i18n import tr
from unmask.web.pictures import STATIC
from unmask.web.templates import render

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
HEAD += f"<script>{(STATIC / 'photo_formats.js').read_text()}</script>"

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
    return render("header", logo=LOGO, what=text)


def draw_footer() -> str:
    """The way to the studies, and what everybody should know."""
    private = tr(
        "Uploads and results lie on this server's disk for at most ten minutes, then they are deleted; "
        "nothing is logged."
    )
    invention = tr(
        "A result is an invention. It does not show who somebody is, and must not be used to identify anyone."
    )
    return render("footer", studies=tr("Take part in a rating study"), private=private, invention=invention)


# In this order: where two rules weigh the same, the later one counts.
STYLE_SHEETS = ("page", "faces", "live", "editor", "results", "viewer", "scores", "small_screens")
CSS = "\n".join((STATIC / f"{name}.css").read_text() for name in STYLE_SHEETS)
