"""A cap on what one rater is asked: all of it is dealt out like cards, so that each part comes equally often."""

from collections.abc import Sequence


def shares(most: int, totals: Sequence[int]) -> list[int]:
    """How many of each kind a rater is asked, `most` in all: in proportion to how many there are, one at least.

    totals: per kind, of which at least `most` kinds are there; nothing is asked twice.
    """
    if most >= sum(totals):
        return list(totals)
    given = [1 if total else 0 for total in totals]
    while sum(given) < most:  # to whom the most is missing of its share
        missing = [total * most / sum(totals) - have for total, have in zip(totals, given)]
        given[missing.index(max(missing))] += 1
    return given


def deal(total: int, share: int, number: int) -> list[tuple[int, int]]:
    """The cards 0 ... total - 1 of rater `number` (0, 1, ...), each with how often it was dealt before.

    After any number of raters no card was dealt twice more often than another.
    """
    return [(card % total, card // total) for card in range(number * share, (number + 1) * share)]
