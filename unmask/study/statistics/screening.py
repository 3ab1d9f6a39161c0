"""Whom to believe: raters who do not look, or who do not understand, are named with the reasons."""

import numpy as np
import pandas as pd

from unmask.study.statistics.data import JUDGED, StudyData, judged, rater_by_item

# Screening beside BT.500. The first, on one item, is that of ITU-T P.808's crowd tests (microsoft/P.910,
# docs/results.md); the others are ours, mild on purpose, and named with every verdict they lead to.
ATTENTION_SHARE = 0.5  # of the attention items, failed: one slip among three or more is forgiven
REPEAT_DIFFERENCE, REPEATS_NEEDED = 0.4, 3  # of the scale's range, on average; random clicks come to a third
RUN_SHARE, RUN_LENGTH = 0.5, 10  # a run of one score over half of the items, and over ten
SAME_NEEDED = 6  # as many items, all scored the same
FASTEST = 1.0  # s, median; nobody looks at a face and decides in less


def bt500(table: pd.DataFrame, ddof: int = 1) -> pd.DataFrame:
    """ITU-R BT.500's screening of observers (BT.500-13, Annex 2, section 2.3.1), once, over raters by items.

    An item's scores with a kurtosis of 2 to 4 pass for normal and are extreme from 2 standard deviations on,
    others from sqrt(20). P and Q count a rater's high and low extremes; rejected is who has more than 5 % of
    them, about as many high as low: |P - Q| / (P + Q) < 0.3. The standard deviation is the Recommendation's,
    over n - 1 (Netflix's sureal divides by n: ddof 0). Columns p, q, rejected. Where the text is silent: the
    5 % are of what the rater did rate, nobody is extreme on an item on which all agree, and P + Q = 0 rejects
    nobody.
    """
    deviation = table - table.mean()
    second, fourth = (deviation**2).mean(), (deviation**4).mean()
    kurtosis = fourth / second**2
    limit = table.std(ddof=ddof) * np.where(kurtosis.between(2, 4), 2, np.sqrt(20))
    limit = limit.where(limit > 0)  # a comparison with nan is false
    p, q = deviation.ge(limit).sum(axis=1), deviation.le(-limit).sum(axis=1)
    rejected = ((p + q) / table.notna().sum(axis=1) > 0.05) & ((p - q).abs() < 0.3 * (p + q))
    return pd.DataFrame({"p": p, "q": q, "rejected": rejected})


def screen(data: StudyData) -> pd.DataFrame:
    """One row per rater: what was measured, kept (bool), and the reasons where not. Rules stand alone."""
    opinions = judged(data)
    if len(opinions):
        observers = bt500(rater_by_item(opinions))
    else:
        observers = pd.DataFrame(columns=["p", "q", "rejected"])
    stimuli = data.stimuli.set_index("item_id")
    everyone = pd.unique(pd.concat([table["rater_id"] for table in (data.ratings, data.pairs, data.rankings)]))
    compared = pd.concat([data.pairs, data.rankings])[["rater_id", "seconds"]].set_index("rater_id")
    in_order = data.ratings.sort_values("position", kind="stable")
    rows = []
    for rater in sorted(everyone):
        mine = in_order[in_order["rater_id"] == rater].set_index("item_id")
        kinds = stimuli["role"].reindex(mine.index)
        scores = mine["score"].astype(float)
        failed, attention = _attention(scores[kinds == "attention"], stimuli)
        difference, correlation, repeats = _repeats(scores, stimuli)
        run = longest_run(scores[kinds != "attention"].to_numpy())
        freely = scores[kinds.isin(JUDGED)]
        seconds = (mine["seconds"] if len(mine) else compared.loc[[rater], "seconds"]).astype(float).median()
        p, q, inconsistent = observers.loc[rater] if rater in observers.index else (0, 0, False)
        reasons = {
            "BT.500": inconsistent,
            f"attention: {failed} of {attention} failed": attention and failed / attention >= ATTENTION_SHARE,
            f"repeats differ by {difference:.1f}": repeats >= REPEATS_NEEDED
            and difference > REPEAT_DIFFERENCE * (data.scale_max - 1),
            "one score for everything": len(freely) >= SAME_NEEDED and freely.nunique() == 1,
            f"one score {run} times in a row": run > max(RUN_LENGTH, RUN_SHARE * len(scores)),
            f"median of {seconds:.1f} s": seconds < FASTEST,
        }
        row = {"rater_id": rater, "ratings": len(mine), "mean": freely.mean(), "sd": freely.std()}
        row |= {"p": int(p), "q": int(q), "attention_items": attention, "attention_failed": failed}
        row |= {"repeats": repeats, "repeat_difference": difference, "repeat_correlation": correlation}
        row |= {"longest_run": run, "median_seconds": seconds}
        given = [reason for reason, holds in reasons.items() if holds]
        rows.append(row | {"kept": not given, "reasons": "; ".join(given)})
    return pd.DataFrame(rows)


def _attention(scores: pd.Series, stimuli: pd.DataFrame) -> tuple[int, int]:
    """Attention items failed, and seen."""
    expected = stimuli.loc[scores.index, ["expected_low", "expected_high"]].astype(float)
    passed = scores.between(expected["expected_low"], expected["expected_high"])
    return int((~passed).sum()), len(scores)


def _repeats(scores: pd.Series, stimuli: pd.DataFrame) -> tuple[float, float, int]:
    """Mean absolute difference and correlation (of three or more) of repeats and firsts, and how many."""
    first = stimuli["repeat_of"].reindex(scores.index).dropna()
    first = first[first.isin(scores.index)]
    again, before = scores[first.index].to_numpy(), scores[first].to_numpy()
    if not len(again):
        return np.nan, np.nan, 0
    varied = len(again) > 2 and again.std() > 0 and before.std() > 0
    correlation = float(np.corrcoef(again, before)[0, 1]) if varied else np.nan
    return float(np.abs(again - before).mean()), correlation, len(again)


def longest_run(scores: np.ndarray) -> int:
    """How often one score came in a row, at most."""
    if not len(scores):
        return 0
    changes = np.flatnonzero(np.diff(scores)) + 1
    return int(np.diff([0, *changes, len(scores)]).max())
