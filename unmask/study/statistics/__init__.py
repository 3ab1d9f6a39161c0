"""The statistics of a rating study, each question in a file.

`data` holds what a study gave, `screening` says whom to believe, `like_index` how good each model is, `comparison`
which is better, `agreement` how far raters agree, and `order_effects` what the order did. `weighed` asks again how good
each model is, with raters weighed by `rater_model` and by `zrec` and intervals by `jackknife`. `ranking` has strengths
from pairs and rankings, `active` the pair to ask next, and `sequential` says whether a study may stop. `planning` and
`planning_comparisons` say how large a study must be, and `simulate` draws one.

In all of them a score is an integer from 1 to scale_max (10). Ratings of one rater are never treated as independent:
every interval and test resamples, leaves out, or clusters by, raters. 95 % throughout; a number that cannot be had is
nan. Own formulas stand only where no permissive, living library has them (Krippendorff's alpha, the intraclass
correlation, BT.500, the raters' models, the confidence sequence); docs/study-statistics.md writes the methods out.
"""
