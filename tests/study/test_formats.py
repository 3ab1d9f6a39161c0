"""What other programs read: SUREAL's data sets, with its reader where it is installed, and arena-rank's battles."""

import importlib.util
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from tests.study.study_maker import make_study
from unmask.study.export import export_study, simulated
from unmask.study.formats import BATTLE_COLUMNS, pair_battles, ranking_battles, write_formats
from unmask.study.questions import STATEMENTS
from unmask.study.statistics.data import JUDGED

RATERS = 5


@pytest.fixture
def data(tmp_path):
    options = {"pairs": True, "rank": 3, "further": [STATEMENTS["eerie"]], "title": "It's \"faces\"\nof spring"}
    return simulated(make_study(tmp_path / "study", pictures=2, **options), raters=RATERS, seed=1)


def read_module(path):
    """A Python file as SUREAL imports it."""
    spec = importlib.util.spec_from_file_location("dataset", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def score_table(data, ratings) -> np.ndarray:
    """(pictures, raters), in the order of stimuli and of raters' names."""
    items = data.stimuli[data.stimuli["role"].isin(JUDGED)]["item_id"]
    return ratings.pivot(index="item_id", columns="rater_id", values="score").loc[items].to_numpy(float)


def test_a_dataset_of_sureal_holds_every_opinion(data, tmp_path):
    write_formats(data, tmp_path)
    for name, ratings, top in (("", data.ratings, 10), ("_2", data.statements, 5)):
        dataset = read_module(tmp_path / f"sureal_dataset{name}.py")
        assert (dataset.dataset_name, dataset.ref_score) == (data.title, top)
        assert [each["content_id"] for each in dataset.ref_videos] == [0, 1]
        assert [each["asset_id"] for each in dataset.dis_videos] == list(range(len(dataset.dis_videos)))
        scores = [[each["os"][rater] for rater in sorted(each["os"])] for each in dataset.dis_videos]
        assert np.array_equal(scores, score_table(data, ratings))
        # A hidden reference is its content's reference, by which SUREAL knows it.
        references = {each["content_id"]: each["path"] for each in dataset.ref_videos}
        known = {each["model"] for each in dataset.dis_videos if each["path"] == references[each["content_id"]]}
        assert known == {"reference"}


def test_sureals_reader_opens_it(data, tmp_path):
    reader = pytest.importorskip("sureal.dataset_reader")
    write_formats(data, tmp_path)
    raw = reader.RawDatasetReader(read_module(tmp_path / "sureal_dataset.py"))
    assert np.array_equal(raw.opinion_score_2darray, score_table(data, data.ratings))
    assert (raw.num_ref_videos, raw.num_observers, sum(raw.disvideo_is_refvideo)) == (2, RATERS, 2)


def test_whoever_did_not_rate_a_picture_is_not_among_its_observers(data, tmp_path):
    data = replace(data, ratings=data.ratings[1:])
    write_formats(data, tmp_path)
    dataset = read_module(tmp_path / "sureal_dataset.py")
    assert sum(len(each["os"]) for each in dataset.dis_videos) == data.ratings["item_id"].isin(
        data.stimuli[data.stimuli["role"].isin(JUDGED)]["item_id"]
    ).sum()


def test_battles_say_what_pairs_and_rankings_say(data):
    models = data.stimuli.set_index("item_id")["model"]
    battles = pair_battles(data)
    assert list(battles) == BATTLE_COLUMNS and len(battles) == len(data.pairs)
    for battle, pair in zip(battles.itertuples(), data.pairs.itertuples()):
        assert (battle.model_a, battle.model_b) == (models[pair.left_item], models[pair.right_item])
        assert battle.winner == {"left": "model_a", "right": "model_b", "tie": "tie"}[pair.chosen]
    ranked = ranking_battles(data)
    assert len(ranked) == RATERS * 2 * 3 and set(ranked["winner"]) == {"model_a", "model_b"}
    # In each ranking of three the first wins two battles, the second one.
    won = ranked["model_a"].where(ranked["winner"] == "model_a", ranked["model_b"])
    wins = won.groupby([ranked["rater_id"], ranked["picture"]]).value_counts()
    first = data.rankings[data.rankings["rank"] == 1].merge(data.stimuli, on="item_id")
    for row in first.itertuples():
        assert wins[row.rater_id, row.picture, row.model] == 2


def test_arena_rank_reads_the_battles(data, tmp_path):
    rank = pytest.importorskip("arena_rank.utils.data_utils")
    write_formats(data, tmp_path)
    for name in ("arena_pairs", "arena_rankings"):
        table = pd.read_parquet(tmp_path / f"{name}.parquet")
        pairs = rank.PairDataset.from_pandas(table)
        assert pairs.competitors == sorted({*table["model_a"], *table["model_b"]})
        assert float(pairs.counts.sum()) == len(table)


def test_a_study_without_answers_has_none_of_these_files(tmp_path):
    study = make_study(tmp_path / "study", pictures=1)
    names = {path.name for path in export_study(study, tmp_path / "out")}
    assert "ratings.csv" in names and not [name for name in names if name.startswith(("sureal", "arena"))]
