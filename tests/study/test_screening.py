"""Whom to believe: BT.500 against its text and published decisions, and the other rules."""

import numpy as np
import pandas as pd
import pytest

from tests.study.study_tables import stimuli_of, study
from unmask.study.statistics import screening

# Raw scores of Netflix's public set (79 videos by 26 observers, 1 to 5): Netflix/sureal, Apache-2.0,
# python/test/resource/NFLX_dataset_public_raw_PARTIAL.py.
NETFLIX = """
54555535555555555555555555 45555555454555555555555555 55555545344555555445554555 45555554454555455555555454
55555555555555555445554555 45555535555555555555555555 35454454454555355435554555 55555545553555555455445455
55455455355555555445554555 11121111131221112112111112 21233122232342122122311232 22232222243335222422222133
33444333353443223333323243 43544444454454334334334245 53555555555554454553544555 54555545555555454554445344
54355545555555455555544355 55455555555555555555545455 55555355554555555545555455 21332223133235112222121132
11332122132242312213221122 22431323342343312223332234 22433233353342323323232242 33444443353444434334334343
44554544455445555344554454 55555555455555545555555554 45555555455545555555455555 11111111111111111111111111
22222123131312222222122132 23353313143434333212233233 33434334344443333223434243 33554535454444454324443453
55554355454545454443444454 55445445454444555455545454 11111131122211111111111111 11223111123332211111211112
33454434244343233233232243 23444434344443433333433344 44555444455543554343434354 44545554455455555454544555
55555545454555455544554455 11312111142111111111111121 12324232253443233232322123 21235423443443243222422234
33525114443443324422433244 43425434453442345243543254 52335445554455544334434254 44455524555554545544434455
55545545554543555554554455 55445545554555555544555555 12321232142231232221221122 32524332444453342333323333
43443434443343333333332343 44444444454453454443443445 55554555554555554435544554 55555535555554555555555555
11112111121111111111111121 12322142131221212112212232 32343233143322322221322232 33234454352343222233333243
54534455354553554434444454 45355555454554354444544553 55445545554554555455555555 11111111121111111111111111
22413223122343222111222122 22324134243433332223223133 33343534353334334224332234 44335333354453533334434354
44444235453444434324434354 45453545553544545344353445 35345544454555555345554455 55555135354454545435444555
55555544454543455445554555 21221113131121112222121131 12223253343343322223222223 32443324344444322424323353
33533434143453343333233443 35535555255453445435434455 55435545455453545555545454
"""


def netflix_with_five_scrambled() -> pd.DataFrame:
    """Raters by items, the scores of the first five observers shuffled as sureal's own test does it."""
    scores = np.array([[int(score) for score in row] for row in NETFLIX.split()])
    legacy = np.random.RandomState(0)
    for observer in range(5):
        legacy.shuffle(scores[:, observer])
    return pd.DataFrame(scores.T.astype(float))


def test_bt500_decides_as_published():
    """sureal/test/subjective_model_test.py, test_mos_subjective_model_corruptdata_subjreject."""
    table = netflix_with_five_scrambled()
    assert table.to_numpy().mean() == pytest.approx(3.544790652385589)
    assert table.mean().var(ddof=0) == pytest.approx(0.95893305294535369)
    verdict = screening.bt500(table, ddof=0)
    kept = table[~verdict["rejected"]]
    assert len(kept) < len(table)
    assert kept.to_numpy().mean() == pytest.approx(3.5611814345991566)
    assert kept.mean().var(ddof=0) == pytest.approx(1.1049505732699529)


def test_bt500_is_its_text():
    """BT.500-13, Annex 2, 2.3.1, one comparison after the other."""
    table = netflix_with_five_scrambled()
    observers, presentations = table.shape
    p, q = np.zeros(observers), np.zeros(observers)
    for _, u in table.items():
        mean, deviation = u.mean(), np.sqrt(((u - u.mean()) ** 2).sum() / (observers - 1))
        if deviation == 0:
            continue
        m2, m4 = ((u - mean) ** 2).sum() / observers, ((u - mean) ** 4).sum() / observers
        width = 2 if 2 <= m4 / m2**2 <= 4 else np.sqrt(20)
        p += (u >= mean + width * deviation).to_numpy()
        q += (u <= mean - width * deviation).to_numpy()
    verdict = screening.bt500(table)
    assert (verdict["p"] == p).all() and (verdict["q"] == q).all()
    extreme = p + q
    often = [i for i in range(observers) if extreme[i] / presentations > 0.05]
    out = [i for i in often if abs((p - q)[i] / extreme[i]) < 0.3]
    assert list(np.flatnonzero(verdict["rejected"])) == out == [1]  # one of the five that were shuffled


@pytest.mark.parametrize(
    "high, low, items, rejected",
    [
        (1, 1, 20, True),  # 10 % extreme, as often high as low
        (2, 0, 20, False),  # as extreme, but always in one direction: lenient, not careless
        (1, 1, 40, False),  # 5 % is not more than 5 %
        (1, 1, 39, True),
        (2, 1, 20, False),  # |2 - 1| / 3 is 0.33
        (7, 4, 60, True),  # 3 / 11 is 0.27
    ],
)
def test_bt500_by_hand(high, low, items, rejected):
    """Nine agree on 3 to 7; a 10 beside them is 4.5 from the mean, beyond 2 S = 3.92; the kurtosis is 3.9."""
    others = np.array([3, 4, 4, 5, 5, 5, 6, 6, 7])
    columns = [[*others, 10]] * high + [[*(11 - others), 1]] * low + [[*others, 5]] * (items - high - low)
    verdict = screening.bt500(pd.DataFrame(np.array(columns, float).T)).iloc[-1]
    assert (verdict["p"], verdict["q"], verdict["rejected"]) == (high, low, rejected)


def test_bt500_counts_what_lies_on_the_limit():
    """The mean is 3 and S is 2, the kurtosis 2.98: a 7 is extreme."""
    scores = pd.DataFrame({"item": [1, 1, 2, 2, 3, 4, 4, 7.0]})
    assert screening.bt500(scores)["p"].tolist() == [0] * 7 + [1]
    assert screening.bt500(8 - scores)["q"].tolist() == [0] * 7 + [1]


def test_bt500_of_a_lone_dissenter():
    """Nine fives and a ten: the kurtosis is 8.1, so only sqrt(20) * 1.58 = 7.07 would be extreme."""
    verdict = screening.bt500(pd.DataFrame([[5.0]] * 9 + [[10.0]]))
    assert verdict["p"].sum() == 0
    unanimous = screening.bt500(pd.DataFrame([[5.0]] * 9))  # mean + 2 * 0 <= 5, but nobody is extreme here
    assert not unanimous[["p", "q", "rejected"]].to_numpy().any()


def test_screening_gives_its_reasons():
    stimuli = stimuli_of({"a": 12, "b": 12}, repeats=3, attention=3)
    rng = np.random.default_rng(0)
    opinions = [list(rng.integers(4, 8, 24)) for _ in range(8)]
    slip = [3, 4, 9]  # one attention item of three
    honest = {f"good {i}": [*mine, *mine[:2], mine[2] + 3, *slip] for i, mine in enumerate(opinions[:4])}
    mine = opinions[4]
    others = {
        "inattentive": [*mine, *mine[:3], 3, 9, 2],
        "fickle": [*mine, mine[0] + 3, mine[1] + 4, mine[2] + 4, 3, 3, 3],
        "flat": [7] * 27 + [3, 3, 3],
        "stuck": [*mine[:8], *[6] * 16, *mine[:3], 3, 3, 3],
        "hasty": [*mine, *mine[:3], 3, 3, 3],
    }
    data = study(stimuli, honest | others)
    ratings = data.ratings
    ratings.loc[ratings["rater_id"] == "hasty", "seconds"] = 0.4
    verdicts = screening.screen(data).set_index("rater_id")
    assert verdicts.loc[list(honest), "kept"].all()
    assert not verdicts.loc[list(others), "kept"].any()
    reasons = verdicts["reasons"]
    assert reasons["inattentive"] == "attention: 2 of 3 failed"
    assert reasons["fickle"] == "repeats differ by 3.7"  # 11 / 3 of 9, the limit is 3.6
    assert reasons["flat"] == "one score for everything; one score 27 times in a row"
    assert reasons["stuck"] in ("one score 16 times in a row", "one score 17 times in a row")
    assert reasons["hasty"] == "median of 0.4 s"
    assert verdicts.loc["good 0", ["repeats", "repeat_difference", "attention_failed"]].tolist() == [3, 1, 1]


def test_runs_go_by_what_was_seen_not_by_the_file():
    assert screening.longest_run(np.array([1, 1, 2, 2, 2, 1])) == 3
    assert screening.longest_run(np.array([])) == 0
    data = study(stimuli_of({"a": 4}), {"r": [5, 5, 6, 6]})
    data.ratings["position"] = [0, 2, 1, 3]
    assert screening.screen(data)["longest_run"][0] == 1
