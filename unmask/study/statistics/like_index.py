"""How good each model is, and how sure that is: the like index, means and their intervals."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from statsmodels.regression.linear_model import OLS

from unmask.study.statistics.data import CONFIDENCE, JUDGED, Estimate, StudyData, judged


def like_index(scores: Sequence[float], scale_max: int) -> float:
    """The first paper's index, in percent: 100 * sum(l_i) / (n * m_r), from 100 / m_r to 100.

    The paper prints n + m_r below the line, with which its own 95.5 of 46 raters could not be reached.
    """
    return 100 * float(np.sum(scores)) / (len(scores) * scale_max)


def rescaled_index(mos: float, scale_max: int) -> float:
    """The mean score on a scale that begins at 0: 100 * (MOS - 1) / (m_r - 1)."""
    return 100 * (mos - 1) / (scale_max - 1)


def clustered_mean(values: np.ndarray, raters: np.ndarray) -> Estimate:
    """The mean of all values with its t interval over raters.

    Where every rater gave as many values it is the t interval of the raters' means; else the linearised one
    around the mean of all values (cluster-robust, raters - 1 degrees of freedom). p is that of a mean of 0.
    """
    values = np.asarray(values, float)
    groups = pd.factorize(np.asarray(raters))[0]
    if len(set(groups)) < 2:
        return Estimate(values.mean() if len(values) else np.nan)
    return clustered_fit(values, np.ones(len(values)), groups)._replace(value=values.mean())


def clustered_fit(outcome: np.ndarray, regressor: np.ndarray, groups: np.ndarray) -> Estimate:
    """The coefficient of one regressor, with errors clustered by the groups, two or more."""
    fit = OLS(outcome, regressor).fit(cov_type="cluster", cov_kwds={"groups": groups}, use_t=True)
    with np.errstate(divide="ignore", invalid="ignore"):  # all residuals may be 0
        low, high = fit.conf_int(1 - CONFIDENCE)[0]
        return Estimate(fit.params[0], low, high, fit.pvalues[0])


def describe_models(data: StudyData) -> pd.DataFrame:
    """One row per model: numbers of raters and ratings; MOS, like index, rescaled index, DMOS; intervals.

    t_low and t_high are cut at the ends of the scale, which a studentised interval may leave (Hossfeld 2018).
    DMOS is ITU-T P.910's ACR-HR: score - score of the same picture's hidden reference + scale_max, rater by
    rater, not crushed, so that a result liked better than the truth exceeds scale_max; nan for the reference.
    """
    scores, top = judged(data), data.scale_max
    reference = scores[scores["role"] == "reference"].groupby(["rater_id", "picture"])["score"].mean()
    rows = []
    for (role, model), mine in scores.groupby(["role", "model"]):
        mos = clustered_mean(mine["score"], mine["rater_id"])
        t_low, t_high = np.clip([mos.low, mos.high], 1, top)
        row = {"model": model, "role": role, "raters": mine["rater_id"].nunique(), "ratings": len(mine)}
        row |= {"mos": mos.value, "sd": mine["score"].std(), "t_low": t_low, "t_high": t_high}
        row |= {"like": like_index(mine["score"], top)}
        row |= {"like_low": 100 * t_low / top, "like_high": 100 * t_high / top}
        row |= {"rescaled": rescaled_index(mos.value, top)}
        row |= {"rescaled_low": rescaled_index(t_low, top), "rescaled_high": rescaled_index(t_high, top)}
        truth = reference.iloc[:0] if role == "reference" else reference
        beside = mine.join(truth.rename("truth"), on=["rater_id", "picture"]).dropna(subset="truth")
        dmos = clustered_mean(beside["score"] - beside["truth"] + top, beside["rater_id"])
        row |= {"dmos": dmos.value, "dmos_low": dmos.low, "dmos_high": dmos.high}
        rows.append(row)
    table = pd.DataFrame(rows, columns=list(rows[0]) if rows else ["model", "role"])
    order = {role: i for i, role in enumerate(JUDGED)}
    return table.sort_values("role", key=lambda roles: roles.map(order), kind="stable", ignore_index=True)


def describe_statements(data: StudyData) -> pd.DataFrame:
    """What was asked beside the first question, as describe_models gives it, but for the like index.

    One row per question and model; before the columns of describe_models, question and scale_max.
    """
    tables = []
    for (question, top), said in data.statements.groupby(["question", "scale_max"], sort=False):
        models = describe_models(replace(data, ratings=said, scale_max=int(top)))
        models = models.drop(columns=["like", "like_low", "like_high"], errors="ignore")
        models.insert(0, "question", question)
        models.insert(1, "scale_max", int(top))
        tables.append(models)
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=["question", "scale_max"])
