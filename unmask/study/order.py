"""Who sees what when: a balanced random order for every rater, worked out from the plan whenever needed."""

import random
from itertools import combinations

from unmask.study.cap import deal, shares
from unmask.study.plan import Plan
from unmask.study.questions import ranking_key, read_key

Cells = dict[tuple[str, str], str]  # (picture, model) -> item id


def williams(n: int) -> list[list[int]]:
    """The rows of a Williams design of the labels 0 ... n - 1: n rows, or 2n when n is odd.

    Over all rows every label is equally often in every place, and follows every other label equally often.
    """
    zigzag = [
        place // 2 if place % 2 == 0 else n - 1 - place // 2 for place in range(n)
    ]  # 0, n-1, 1, n-2, ...
    rows = [[(label + shift) % n for label in zigzag] for shift in range(n)]
    return rows if n % 2 == 0 else rows + [row[::-1] for row in rows]


def order_screens(plan: Plan, number: int) -> list[list[str]]:
    """What rater `number` (0, 1, ...) scores, screen by screen: item ids, one a screen unless side by side.

    Models follow Williams designs across raters; a face does not follow itself, unless there is hardly
    another; a repeat is far from what it repeats; attention items are spread out.
    """
    rng = random.Random(f"{plan.seed}/screens/{number}")
    base = [item for item in plan.stimuli if item.role in ("test", "reference", "anchor")]
    fixed = random.Random(f"{plan.seed}/labels")  # the same for all raters, or the designs would not add up
    pictures = _shuffled({item.picture for item in base}, fixed)
    models = _shuffled({item.model for item in base}, fixed)
    cells = {(item.picture, item.model): item.item_id for item in base}
    repeats = {item.repeat_of: item.item_id for item in plan.stimuli if item.role == "repeat" and item.repeat_of}

    if plan.presentation == "none":
        return []
    if plan.presentation == "single":
        screens = _in_rounds(cells, pictures, models, number, rng)
        again = [[repeats[item]] for screen in screens for item in screen if item in repeats]
    else:
        screens = _side_by_side(cells, pictures, models, number)
        repeated = [[repeats[item] for item in screen if item in repeats] for screen in screens]
        again = [rng.sample(screen, len(screen)) for screen in repeated if screen]
    if plan.trials:
        cards = _cards(plan, cells, pictures, repeats)
        mine = {item for place, _ in deal(len(cards), _shares(plan)[0], number) for item in cards[place]}
        screens, again = ([screen for screen in some if screen[0] in mine] for some in (screens, again))
    originals = {copy: original for original, copy in repeats.items()}
    picture_of = {item.item_id: item.picture for item in plan.stimuli}
    for screen in again:
        _insert_far(screens, screen, originals[screen[0]], picture_of, rng)
    attention = [item.item_id for item in plan.stimuli if item.role == "attention"]
    rng.shuffle(attention)
    step = len(screens) / max(len(attention), 1)
    for count, item in enumerate(attention):  # one in each stretch of the way, and never the first screen
        place = rng.randint(int(count * step) + 1, max(int((count + 1) * step), int(count * step) + 1))
        screens.insert(min(place + count, len(screens)), [item])
    return screens


def order_pairs(plan: Plan, number: int) -> list[tuple[str, str]]:
    """The pairs (left, right) that rater `number` judges: one a picture, on random sides, in random order.

    Which of a picture's pairs it is goes round from rater to rater, so that all come up equally often.
    """
    if not plan.pairs:
        return []
    rng = random.Random(f"{plan.seed}/pairs/{number}")
    chosen = []
    for left, right in _combine(plan, 2, _shares(plan)[1], number):
        chosen.append((left, right) if rng.random() < 0.5 else (right, left))
    rng.shuffle(chosen)
    return chosen


def order_contenders(plan: Plan, number: int) -> list[list[str]]:
    """Where pairs are chosen actively: of each that rater `number` judges, the results of a picture to choose from.

    Pictures come in a random order, each once.
    """
    if not plan.pairs:
        return []
    compared = [items for items in plan.contenders() if len(items) > 1]
    mine = [compared[card] for card, _ in deal(len(compared), _shares(plan)[1], number)] if compared else []
    random.Random(f"{plan.seed}/pairs/{number}").shuffle(mine)
    return mine


def order_rankings(plan: Plan, number: int) -> list[tuple[str, ...]]:
    """What rater `number` puts in order: `plan.rank` results of each picture, in a random order, pictures, too.

    Which of a picture's results they are goes round from rater to rater, so that all come up equally often.
    """
    if not plan.rank:
        return []
    rng = random.Random(f"{plan.seed}/rankings/{number}")
    chosen = [tuple(rng.sample(items, plan.rank)) for items in _combine(plan, plan.rank, _shares(plan)[2], number)]
    rng.shuffle(chosen)
    return chosen


def find_position(plan: Plan, number: int, question: str) -> int | None:
    """When rater `number` is asked `question` (an answer's key) by the balanced plan: 0, 1, ..., or None for never.

    Pairs and rankings are counted for themselves; all questions of an item have its place.
    """
    asked = read_key(question)
    if asked.kind == "pair":
        pairs = order_pairs(plan, number)
        return pairs.index(asked.items) if asked.items in pairs else None
    if asked.kind == "ranking":
        rankings = [ranking_key(items) for items in order_rankings(plan, number)]
        return rankings.index(question) if question in rankings else None
    items = [item for screen in order_screens(plan, number) for item in screen]
    item = asked.items[0]
    return items.index(item) if item in items and question in plan.keys(item) else None


def count_questions(plan: Plan) -> int:
    """How many answers a rater who finishes has given."""
    if plan.trials or plan.presentation == "none":
        items = [item for screen in order_screens(plan, 0) for item in screen]
    else:
        items = [item.item_id for item in plan.stimuli]
    scores = sum(len(plan.keys(item)) for item in items)
    return scores + len(order_pairs(plan, 0)) + len(order_rankings(plan, 0))


def _shares(plan: Plan) -> list[int]:
    """How many screens (checks aside), pairs and rankings each rater is asked."""
    base = [item for item in plan.stimuli if item.role in ("test", "reference", "anchor")]
    again = {item.repeat_of for item in plan.stimuli if item.role == "repeat"}
    screens = len(base) + len(again)
    if plan.presentation == "none":
        screens = 0
    elif plan.presentation == "side-by-side":
        screens = sum(len({item.picture for item in some}) for some in (base, [x for x in base if x.item_id in again]))
    compared = sum(len(items) > 1 for items in plan.contenders())
    totals = [screens, compared if plan.pairs else 0, compared if plan.rank else 0]
    checks = sum(item.role == "attention" for item in plan.stimuli)
    return shares(plan.trials - checks, totals) if plan.trials else totals


def _cards(plan: Plan, cells: Cells, pictures: list[str], repeats: dict[str, str]) -> list[list[str]]:
    """The screens to deal out, those of a picture together: whoever gets one of its results should get the others."""
    cards = []
    for picture in pictures:
        items = [item for (of, _), item in cells.items() if of == picture]
        for screen in [items] if plan.presentation == "side-by-side" else [[item] for item in items]:
            again = [repeats[item] for item in screen if item in repeats]
            cards += [screen, again] if again else [screen]
    return cards


def _combine(plan: Plan, size: int, share: int, number: int) -> list[tuple[str, ...]]:
    """Of each picture that the rater is asked about, the `size` results that are compared."""
    compared = [(place, items) for place, items in enumerate(plan.contenders()) if len(items) >= size]
    found = []
    for card, before in deal(len(compared), share, number) if compared else []:
        place, items = compared[card]
        options = list(combinations(items, size))
        found.append(options[(before + place) % len(options)])
    return found


def _shuffled(labels: set[str], rng: random.Random) -> list[str]:
    return rng.sample(sorted(labels), len(labels))


def _in_rounds(
    cells: Cells, pictures: list[str], models: list[str], number: int, rng: random.Random
) -> list[list[str]]:
    """One item a screen. A round has every picture once, each by another model; the design orders rounds."""
    rows = williams(len(models))
    screens, last = [], None
    for shift in rows[number % len(rows)]:
        keys = [(picture, models[(place + shift) % len(models)]) for place, picture in enumerate(pictures)]
        keys = [key for key in keys if key in cells]
        rng.shuffle(keys)
        if len(keys) > 1 and keys[0][0] == last:
            keys.append(keys.pop(0))
        screens += [[cells[key]] for key in keys]
        last = keys[-1][0] if keys else last
    return screens


def _side_by_side(cells: Cells, pictures: list[str], models: list[str], number: int) -> list[list[str]]:
    """All that was made of a picture on one screen; designs order pictures, and the models on a screen."""
    rows, inner = williams(len(pictures)), williams(len(models))
    screens = []
    for place in rows[number % len(rows)]:
        row = inner[(number + place) % len(inner)]
        screens.append([cells[key] for label in row if (key := (pictures[place], models[label])) in cells])
    return screens


def _insert_far(
    screens: list[list[str]], screen: list[str], original: str, picture_of: dict[str, str], rng: random.Random
) -> None:
    """Put `screen` into `screens` at a random place, a third of the way or more off the `original`.

    Of such places those are taken, where there are any, that have the same face neither before nor after.
    """
    # Where a cap has left the original out, any place is as good.
    home = next((place for place, items in enumerate(screens) if original in items), len(screens))
    distance = [home + 1 - place if place <= home else place - home for place in range(len(screens) + 1)]
    enough = min(max(2, len(screens) // 3), max(distance))
    far = [place for place, away in enumerate(distance) if away >= enough]
    picture = picture_of[original]
    apart = [
        place
        for place in far
        if all(picture_of[items[0]] != picture for items in screens[max(place - 1, 0) : place + 1])
    ]
    screens.insert(rng.choice(apart or far), screen)
