"""Where the checkout and its example pictures are, for tests that run anywhere."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = ROOT / "examples"
