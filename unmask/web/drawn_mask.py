"""What mask was drawn, in words. Each part of the sentence is translated as a whole: genders and cases differ."""

from unmask.synth import MaskedFace
from unmask.web.i18n import tr

KINDS = {
    "surgical": "a surgical mask",
    "kn95": "a KN95 mask",
    "n95": "an N95 mask",
    "cloth": "a cloth mask",
    "neoprene": "a neoprene mask",
    "bandana": "a bandana",
}
PATTERNS = {
    "plain": "of one colour",
    "stripes": "with stripes",
    "checks": "with checks",
    "dots": "with dots",
    "floral": "with flowers",
    "camouflage": "in camouflage",
    "print": "with a print",
    "leopard": "in leopard print",
    "motifs": "with small motifs",
    "chevron": "with zigzags",
    "scales": "with a scale pattern",
    "triangles": "with triangles",
    "houndstooth": "in houndstooth",
    "paisley": "in paisley",
    "tie-dye": "in tie-dye",
    "heather": "in a mottled colour",
}
# The choices, as they are called in a list; a value that is "any" is drawn at random.
LABELS = {
    "any": "Any",
    "surgical": "Surgical mask",
    "kn95": "KN95",
    "n95": "N95",
    "cloth": "Cloth mask",
    "neoprene": "Neoprene mask",
    "bandana": "Bandana",
    "well": "As it should be",
    "under-nose": "Below the nose",
    "askew": "Askew",
    "plain": "One colour",
    "stripes": "Stripes",
    "checks": "Checks",
    "dots": "Dots",
    "floral": "Flowers",
    "camouflage": "Camouflage",
    "print": "Print",
    "leopard": "Leopard print",
    "motifs": "Small motifs",
    "chevron": "Zigzags",
    "scales": "Scales",
    "triangles": "Triangles",
    "houndstooth": "Houndstooth",
    "paisley": "Paisley",
    "tie-dye": "Tie-dye",
    "heather": "Mottled",
}
WEARS = {"well": "worn as it should be", "under-nose": "worn below the nose", "askew": "worn askew"}


def describe(masked: MaskedFace) -> str:
    """One sentence, in the visitor's language."""
    return tr(
        "What was drawn is {kind} {pattern}, {worn}.",
        kind=tr(KINDS[masked.kind]),
        pattern=tr(PATTERNS[masked.pattern]),
        worn=tr(WEARS[masked.wear]),
    )
