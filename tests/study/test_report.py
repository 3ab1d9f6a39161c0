"""The report: right numbers, nothing from outside, simulated data marked and apart, everything exported."""

import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from unmask.study import report
from unmask.study.statistics import simulate
from unmask.study.statistics.data import StudyData

RESULTS = ["models", "questions", "weighed", "comparisons", "weighed_comparisons", "preferences", "placings"]
RESULTS += ["stopping", "agreement", "effects"]
TABLES = ["stimuli", "ratings", "statements", "pairs", "rankings", "raters", "weighed_raters", *RESULTS]
MODELS = ("ganmasker", "pix2pix", "glcic <i>&$x$")


def opaque(label: str) -> str:
    return hashlib.sha256(label.encode()).hexdigest()[:16]


@pytest.fixture(scope="module")
def stimuli() -> pd.DataFrame:
    rows = []
    for i in range(6):
        rows += [(opaque(f"{m}{i}"), m, f"picture {i}", "test", None, None, None) for m in MODELS]
        rows += [(opaque(f"r{i}"), "reference", f"picture {i}", "reference", None, None, None)]
    rows += [(opaque(f"a{i}"), "anchor", f"picture {i}", "anchor", None, None, None) for i in range(2)]
    for i in range(2):
        first = opaque(f"{MODELS[0]}{i}")
        rows += [(opaque(f"q{i}"), MODELS[0], f"picture {i}", "repeat", first, None, None)]
    rows += [(opaque("ask"), "attention", "ask", "attention", None, 4, 4)]
    columns = ["item_id", "model", "picture", "role", "repeat_of", "expected_low", "expected_high"]
    return pd.DataFrame(rows, columns=columns)


@pytest.fixture(scope="module")
def drawn(stimuli) -> StudyData:
    ratings = simulate.simulate_ratings(stimuli, 20, careless=0.25)
    pairs = simulate.simulate_pairs(stimuli, 20, careless=0.25)
    said = simulate.simulate_ratings(stimuli, 20, seed=1, scale_max=5).assign(question="Eerie & odd?", scale_max=5)
    more = {"rankings": simulate.simulate_rankings(stimuli, 20, 3, careless=0.25), "statements": said}
    return StudyData(stimuli, ratings, pairs, title="Faces <script>alert(1)</script>", **more)


def as_real(data: StudyData) -> StudyData:
    tables = (
        table.assign(simulated=False, rater_id=table["rater_id"].str.replace("simulated", "r"))
        for table in (data.ratings, data.pairs, data.rankings, data.statements)
    )
    ratings, pairs, rankings, statements = tables
    return StudyData(data.stimuli, ratings, pairs, title=data.title, rankings=rankings, statements=statements)


@pytest.fixture(scope="module")
def summary(drawn) -> dict[str, pd.DataFrame]:
    return report.summarise(drawn)


@pytest.fixture(scope="module")
def written(drawn, tmp_path_factory) -> Path:
    return report.write_report(as_real(drawn), tmp_path_factory.mktemp("out") / "new")


class Reader(HTMLParser):
    """Everything that an element could load or run, and the text."""

    def __init__(self, page: str):
        super().__init__()
        self.tags, self.references, self.words = set(), [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        loading = ("src", "srcset", "href", "xlink:href", "data", "action")
        self.references += [value for name, value in attrs if name in loading]

    def handle_data(self, data):
        self.words.append(data)


def test_page_needs_nothing_from_outside_and_runs_nothing(written):
    page = written.read_text(encoding="utf-8")
    reader = Reader(page)
    assert not reader.tags & {"script", "link", "iframe", "object", "embed", "base", "form", "i"}
    assert all(re.match(r"#|data:image/png;base64,", reference) for reference in reader.references)
    assert not re.search(r"https?:|@import|url\((?!#)", page)
    assert "default-src 'none'" in page
    text = "".join(reader.words)
    assert "Faces <script>alert(1)</script>" in text and MODELS[2] in text  # as text, whole
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert {reference[1:] for reference in reader.references if reference[0] == "#"} <= set(ids)


def test_page_is_read_on_light_and_dark(written):
    page = written.read_text(encoding="utf-8")
    assert 'content="light dark"' in page and "currentColor" in page
    assert report.INK not in page and not re.search(r"(fill|stroke): ?(#000000|#ffffff|black|white)", page)


def test_page_has_charts_tables_and_methods(written):
    page = written.read_text(encoding="utf-8")
    assert page.count("<svg") == 6 and page.count('role="img"') == 6
    for word in (
        "like index",
        "BT.500",
        "Krippendorff",
        "ICC(2,k)",
        "Holm",
        "Bradley-Terry",
        "Plackett-Luce",
        "confidence sequence",
        "ZREC",
        "jackknife",
        "DMOS",
    ):
        assert word in page


def test_page_shows_the_number_worked_by_hand(stimuli, drawn):
    """46 raters whose mean is 9.55."""
    items = stimuli.loc[stimuli["model"].eq("pix2pix"), "item_id"]
    wanted = np.repeat([10, 9], [46 * 6 - 124, 124])  # 2636 / 276 = 9.5507
    rows = [(f"r{k // 6}", items.iloc[k % 6], score, k % 6, 3.0, False) for k, score in enumerate(wanted)]
    columns = ["rater_id", "item_id", "score", "position", "seconds", "simulated"]
    data = StudyData(stimuli, pd.DataFrame(rows, columns=columns), drawn.pairs.iloc[:0])
    summary = report.summarise(data)
    assert summary["models"]["like"][0] == pytest.approx(100 * 2636 / 2760)
    assert "95.51 [" in report.render(data, summary)


def test_every_result_is_given_before_and_after_screening(drawn, summary):
    kept = set(summary["raters"].query("kept")["rater_id"])
    assert len(kept) == 15 and not any(rater.endswith("careless") for rater in kept)
    for name in RESULTS:
        counts = summary[name]["screening"].value_counts()
        assert counts["before"] == counts["after"] > 0
    models = summary["models"].set_index(["screening", "model"])
    raw = drawn.ratings.merge(drawn.stimuli.query("role == 'test'")[["item_id", "model"]])
    for screening, ratings in {"before": raw, "after": raw[raw["rater_id"].isin(kept)]}.items():
        for model, scores in ratings.groupby("model")["score"]:
            assert models.loc[(screening, model), "mos"] == pytest.approx(scores.mean())


def test_all_is_exported_twice(written, drawn):
    assert {path.name for path in written.parent.iterdir()} == {
        "report.html",
        "report.json",
        "references.bib",
        *(f"{name}.{kind}" for name in TABLES for kind in ("csv", "parquet")),
    }
    for name in TABLES:
        text = pd.read_csv(written.parent / f"{name}.csv", dtype={"item_id": str, "repeat_of": str})
        binary = pd.read_parquet(written.parent / f"{name}.parquet")
        assert list(text.columns) == list(binary.columns) and len(text) == len(binary) > 0
        for column in text.select_dtypes("number"):
            assert text[column].to_numpy(float) == pytest.approx(binary[column].to_numpy(float), nan_ok=True)
    assert len(pd.read_csv(written.parent / "ratings.csv")) == len(drawn.ratings)


def test_all_numbers_are_in_one_file(written, summary):
    """As JSON: what cannot be had is null."""
    numbers = json.loads((written.parent / "report.json").read_text(encoding="utf-8"))
    assert (numbers["title"], numbers["simulated"], numbers["scale_max"]) == (
        "Faces <script>alert(1)</script>",
        False,
        10,
    )
    assert set(numbers["tables"]) == {*RESULTS, "raters", "weighed_raters"}
    for name, rows in numbers["tables"].items():
        assert len(rows) == len(summary[name])
    models = numbers["tables"]["models"]
    assert models[0]["mos"] == pytest.approx(summary["models"]["mos"][0])
    assert None in [row["dmos"] for row in models]  # the reference's own


def test_only_the_stimuli_say_whose_an_item_is(written):
    for name in ("ratings", "pairs", "rankings", "raters", "weighed_raters"):
        text = (written.parent / f"{name}.csv").read_text()
        assert not any(model in text for model in (*MODELS, "reference", "anchor"))
    assert MODELS[0] in (written.parent / "stimuli.csv").read_text()


def test_simulated_data_cry_out(drawn, summary, written, tmp_path):
    path = report.write_report(drawn, tmp_path)
    page = path.read_text(encoding="utf-8")
    assert all(file.name.startswith("simulated-") for file in tmp_path.iterdir() if file.suffix != ".bib")
    assert "<title>SIMULATED: " in page and "SIMULATED DATA" in page
    assert all("SIMULATED" in svg for svg in re.findall(r"<svg.*?</svg>", page, re.DOTALL))
    assert all(table["simulated"].all() for table in summary.values())
    again = pd.read_parquet(tmp_path / "simulated-models.parquet")
    assert again["t_low"].equals(summary["models"]["t_low"])
    assert "SIMULATED" not in written.read_text(encoding="utf-8")
    assert not pd.read_csv(written.parent / "models.csv")["simulated"].any()


def test_a_mixture_is_refused_and_nothing_written(drawn, tmp_path):
    real = as_real(drawn)
    mixed = StudyData(drawn.stimuli, pd.concat([real.ratings, drawn.ratings]), real.pairs)
    with pytest.raises(ValueError, match="mixes real and simulated"):
        report.write_report(mixed, tmp_path / "out")
    with pytest.raises(ValueError, match="no ratings"):
        report.write_report(drawn.only(simulated=False), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "raters, pairs",
    [(["r-020-careless"], False), (["r-001"], False), (["r-001", "r-002"], True), ([], True)],
    ids=["all screened out", "one rater", "two", "pairs alone"],
)
def test_small_studies_are_reported_too(drawn, tmp_path, raters, pairs):
    data = as_real(drawn)
    ratings = data.ratings[data.ratings["rater_id"].isin(raters)]
    data = StudyData(data.stimuli, ratings, data.pairs if pairs else data.pairs.iloc[:0])
    page = report.write_report(data, tmp_path).read_text(encoding="utf-8")
    assert "Methods" in page and not re.search(r"\bnan\b", page, re.IGNORECASE)
