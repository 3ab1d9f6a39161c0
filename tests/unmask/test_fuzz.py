"""The short form of scripts/fuzz.py: some hundred damaged files and every bomb, in seconds."""

from pathlib import Path

import numpy as np
import pytest

from unmask import read_photo

PATH = Path(__file__).resolve().parents[2] / "scripts" / "fuzz.py"

pytestmark = pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="only Linux tells memory so")


def test_mutations_give_a_picture_or_a_photo_error_in_time(script):
    report = script.fuzz(300, seed=1)
    assert not report["faults"]
    assert report["files"] == 300 and report["accepted"] > 30 and report["refused"] > 100, "both ways were taken"
    assert report["peak"]["MB"] < 300


def test_every_way_of_damage_is_taken_and_repeats_itself(script):
    import damaged_files  # where it lies is known once the script is loaded

    files = script.real_files()
    starts = {file[4:8] if damaged_files.is_boxed(file) else file[:2] for file in files}
    assert starts == {b"\xff\xd8", b"\x89P", b"RI", b"GI", b"BM", b"II", b"ftyp"}
    for file in files:
        parts = damaged_files.split(file)
        assert b"".join(parts) == file
        assert np.array_equal(read_photo(damaged_files.mended(parts)), read_photo(file))
    first = [script.mutation(3, index, files) for index in range(100)]
    assert first == [script.mutation(3, index, files) for index in range(100)]
    assert sum(mutated in files for mutated in first) < 20


def test_bombs(script):
    # Smaller than an upload may be, and still far too large for a reader that follows them.
    for name, outcome in script.explode(size=3_000_000, megapixels=4):
        assert script.fault(outcome, seconds=2) is None, name
        assert outcome["MB"] < 400, name


def test_a_fault_is_found(script, monkeypatch):
    """Another exception, a crash, a wait and too much memory: none may pass for a picture or a refusal."""
    for harm, sign in (
        ("raise KeyError('a fault')", "KeyError"),
        ("import os; os.abort()", "status -6"),
        ("sum(range(60_000_000))", " ms"),
        ("bytearray(3_000_000_000)", "MemoryError"),
    ):
        monkeypatch.setattr(script, "read_photo", lambda data: exec(harm) or np.zeros((4, 4, 3), np.uint8))  # noqa: B023
        ((_, outcome),) = script.run_child(lambda: iter([("it", b"")]))
        assert sign in script.fault(outcome, seconds=0.3)
