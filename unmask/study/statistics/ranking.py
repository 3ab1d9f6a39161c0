"""Strengths from comparisons: Bradley-Terry of side-by-side answers, Plackett-Luce of rankings of several pictures.

Plackett-Luce (Plackett 1975; Luce 1959): whoever ranks k pictures picks the best of k, then the best of those left, and
so on, each with a chance in proportion to exp(strength). Of two pictures that is Bradley & Terry 1952. The likelihood
is choix's; intervals are from standard errors clustered by rater, as one rater's answers are not independent.
"""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from choix.opt import Top1Fcts
from scipy import stats
from scipy.optimize import minimize
from scipy.sparse.csgraph import connected_components

from unmask.study.statistics.data import CONFIDENCE, StudyData

STRENGTH_COLUMNS = ["strength", "low", "high", "p", "preferred", "lead", "lead_low", "lead_high", "lead_p"]


def fit_strengths(rankings: Sequence[tuple[int, ...]], raters: Sequence[object], n: int) -> pd.DataFrame:
    """The strengths of models 0 to n - 1, summing to 0, from rankings (best first, two or more) by these raters.

    One row per model: strength, low, high, p (of being average) and preferred, percent against an average model; and
    lead, by how much it is above the next one, with its interval and p, corrected by Bonferroni over all pairs. The
    errors are the sandwich's, t with raters - 1 degrees of freedom; there are none of one rater. All is nan where the
    likelihood has no finite maximum (Ford 1957; Hunter 2004): where some models were never ranked below the rest, or
    never met it.
    """
    table = pd.DataFrame(np.nan, index=range(n), columns=STRENGTH_COLUMNS)
    before = np.zeros((n, n))
    for ranking in rankings:
        for place, better in enumerate(ranking):
            before[better, list(ranking[place + 1 :])] += 1
    if not len(rankings) or connected_components(before, connection="strong")[0] > 1:
        return table
    # Few rankings differ: each is worked out once, and counted. (rankings, raters):
    distinct = {ranking: i for i, ranking in enumerate(dict.fromkeys(rankings))}
    groups, names = pd.factorize(np.asarray(raters))
    counts = np.zeros((len(distinct), len(names)))
    np.add.at(counts, ([distinct[ranking] for ranking in rankings], groups), 1)
    each = [Top1Fcts.from_rankings([ranking], penalty=0) for ranking in distinct]

    def total(part: str) -> Callable[[np.ndarray], np.ndarray]:
        return lambda at: sum(count * getattr(one, part)(at) for count, one in zip(counts.sum(1), each))

    derivatives = {"jac": total("gradient"), "hess": total("hessian")}
    fit = minimize(total("objective"), np.zeros(n), method="trust-exact", **derivatives, options={"gtol": 1e-8})
    table["strength"] = fit.x - fit.x.mean()
    table["preferred"] = 100 / (1 + np.exp(-table["strength"]))
    freedom = len(names) - 1
    if freedom:
        gradients = counts.T @ np.array([one.gradient(fit.x) for one in each])  # (raters, models)
        inverse = np.linalg.pinv(derivatives["hess"](fit.x), hermitian=True)
        influence = np.sqrt((freedom + 1) / freedom) * gradients @ inverse  # of each rater on each strength
        error = np.sqrt((influence**2).sum(0))
        limit = stats.t.ppf((1 + CONFIDENCE) / 2, freedom)
        reach = limit * error
        table["low"], table["high"] = table["strength"] - reach, table["strength"] + reach
        table["p"] = 2 * stats.t.sf(np.abs(table["strength"]) / error, freedom)
        order = np.argsort(-fit.x)
        for better, worse in zip(order, order[1:]):
            lead, deviation = fit.x[better] - fit.x[worse], np.linalg.norm(influence[:, better] - influence[:, worse])
            p = min(1, 2 * stats.t.sf(lead / deviation, freedom) * n * (n - 1) / 2)
            table.loc[better, STRENGTH_COLUMNS[5:]] = lead, lead - limit * deviation, lead + limit * deviation, p
    return table


def bradley_terry(data: StudyData) -> pd.DataFrame:
    """Each model's strength in the side-by-side question, as fit_strengths gives it; a tie is half a win for each.

    Before it: model, comparisons, wins, ties, losses. Pairs of one model's pictures say nothing and are left out.
    """
    model, pairs = data.stimuli.set_index("item_id")["model"], data.pairs
    pairs = pairs.assign(left=pairs["left_item"].map(model), right=pairs["right_item"].map(model))
    pairs = pairs[pairs["left"] != pairs["right"]]
    models = sorted(set(pairs["left"]) | set(pairs["right"]))
    table = pd.DataFrame({"model": models})
    for name, if_left, if_right in (("wins", "left", "right"), ("ties", "tie", "tie"), ("losses", "right", "left")):
        at_left = pairs["left"].where(pairs["chosen"] == if_left)
        at_right = pairs["right"].where(pairs["chosen"] == if_right)
        table[name] = [int((at_left == one).sum() + (at_right == one).sum()) for one in models]
    table.insert(1, "comparisons", table[["wins", "ties", "losses"]].sum(axis=1))
    rankings: list[tuple[int, int]] = []
    raters: list[str] = []
    number = {name: i for i, name in enumerate(models)}
    for answer in pairs.itertuples():
        left, right = number[answer.left], number[answer.right]
        # Both orders of a tie, and twice the one of any other: the same maximum, without halves.
        orders = {"left": [(left, right)] * 2, "right": [(right, left)] * 2, "tie": [(left, right), (right, left)]}
        rankings += orders[answer.chosen]
        raters += [answer.rater_id] * 2
    return table.join(fit_strengths(rankings, raters, len(models)))


def plackett_luce(data: StudyData) -> pd.DataFrame:
    """Each model's strength in the rankings, as fit_strengths gives it; before it, model, rankings, mean_rank, firsts.

    rankings: in how many it was; mean_rank: 1 is the best; firsts: how often it was put first. Rankings that hold two
    pictures of one model count for these alone.
    """
    model = data.stimuli.set_index("item_id")["model"]
    placed = data.rankings.assign(model=data.rankings["item_id"].map(model)).sort_values("rank", kind="stable")
    models = sorted(set(placed["model"]))
    placed = placed.assign(number=pd.Categorical(placed["model"], models).codes)
    answers = placed.groupby(["rater_id", "question"])["number"].agg(tuple)
    answers = answers[answers.map(lambda ranking: len(set(ranking)) == len(ranking))]
    by_model = placed.groupby("model")["rank"]
    columns = {"model": models, "rankings": by_model.count().to_numpy(), "mean_rank": by_model.mean().to_numpy()}
    columns["firsts"] = [int((placed.loc[placed["rank"] == 1, "model"] == name).sum()) for name in models]
    raters = answers.index.get_level_values("rater_id")
    return pd.DataFrame(columns).join(fit_strengths(list(answers), raters, len(models)))
