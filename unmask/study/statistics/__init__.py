"""The statistics of a rating study, each question in a file.

`data` holds what a study gave, `screening` says whom to believe, `like_index` how good each model is, `comparison`
which is better, `agreement` how far raters agree, `order_effects` what the order did, `simulate` how many raters are
needed. In all of them a score is an integer from 1 to scale_max (10). Ratings of one rater are never treated as
independent: every interval and test resamples, or clusters by, raters. 95 % throughout; a number that cannot be had is
nan. Own formulas
stand only where no permissive, living library has them (Krippendorff's alpha, the intraclass correlation, BT.500);
docs/study-statistics.md writes the methods out.
"""
