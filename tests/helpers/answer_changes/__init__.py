r"""Pairs of answers made from golds: pairs that differ, and pairs that are one answer in two notations.

`differing` gives pairs that are different answers. Either one place of a gold was changed (`edits`), and
`structure.proven_to_differ` reads both sides with a reader of its own and finds other values; or numbers stand in a
template (`contexts`) whose two sides differ for the reason that stands beside it there. `respelled` gives pairs that
are the same answer: a gold and the same gold in another notation (`notation`). Where the reader of `structure` reads
both sides, the pair is left out unless it agrees.

Both are seeded: the same golds, count and seed give the same pairs.
"""

import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from tests.helpers.answer_changes import contexts, notation
from tests.helpers.answer_changes.edits import EDITS
from tests.helpers.answer_changes.evaluate import Unproven, symbols, values
from tests.helpers.answer_changes.structure import is_formula, proven_to_differ

Make = Callable[[random.Random], tuple[str, str] | None]
_TRIES = 60
_LARGEST = 10**9


@dataclass(frozen=True, slots=True)
class Change:
    """Two answers, and what kind of change leads from one to the other."""

    kind: str
    first: str
    second: str


def differing(golds: Sequence[str], count: int, seed: int) -> list[Change]:
    """Return `count` pairs that are different answers, as many of each kind as there are different ones.

    >>> {change.kind for change in differing(["12", "x+3"], 500, 0)} >= {"digit", "chain: one of two"}
    True
    """
    pool = _numbers(golds)
    makers: list[tuple[str, Make]] = [(kind, _edited(golds, edit)) for kind, edit in EDITS.items() for _ in range(3)]
    makers += [(kind, _filled(first, second, pool)) for kind, first, second in contexts.TEMPLATES]
    sides = [(kind, side) for kind, *both in contexts.TEMPLATES for side in both]
    makers += [
        (f"{kind}, one number", _one_number(side, pool))
        for kind, side in dict.fromkeys(sides)
        if kind.partition(":")[0] in contexts.INJECTIVE and set(_HOLE.findall(side)) - {("letter", "")}
    ]
    formulas = [gold for gold in golds if is_formula(gold)]
    edited = [_edited(formulas, edit) for edit in EDITS.values()]
    makers += [("nested edit", _nested(edited, frame)) for frame in contexts.FRAMES for _ in range(2)]
    return list(_made(makers, count, seed))


def respelled(golds: Sequence[str], count: int, seed: int) -> list[Change]:
    """Return `count` pairs that are one answer in two notations.

    >>> [change for change in respelled([r"\\frac{1}{2}"], 200, 0) if change.kind == "decimal of a fraction"][0].second
    '0.5'
    """
    pool = _numbers(golds)
    makers: list[tuple[str, Make]] = [
        (kind, _edited(golds, change, differ=False)) for kind, change in notation.RESPELLINGS.items() for _ in range(3)
    ]
    makers += [(kind, _filled(first, second, pool)) for kind, first, second in notation.TEMPLATES]
    return list(_made(makers, count, seed))


def _made(makers: Sequence[tuple[str, Make]], count: int, seed: int) -> Iterator[Change]:
    """Ask the makers in turn. A maker that finds no new pair is not asked again."""
    source = random.Random(seed)
    seen: set[tuple[str, str]] = set()
    turn = list(makers)
    while turn and len(seen) < count:
        still = []
        for kind, make in turn:
            pair = _new(make, source, seen)
            if pair is None:
                continue
            seen.add(pair)
            yield Change(kind, *pair)
            if len(seen) == count:
                return
            still.append((kind, make))
        turn = still


def _new(make: Make, source: random.Random, seen: set[tuple[str, str]]) -> tuple[str, str] | None:
    for _ in range(_TRIES):
        pair = make(source)
        if pair is not None and pair[0] != pair[1] and pair not in seen:
            return pair
    return None


def _edited(golds: Sequence[str], edit: Callable[[str, random.Random], str | None], *, differ: bool = True) -> Make:
    places = [gold for gold in golds if edit(gold, random.Random(0)) is not None]

    def make(source: random.Random) -> tuple[str, str] | None:
        if not places:
            return None
        gold = source.choice(places)
        changed = edit(gold, source)
        if not changed or changed == gold or proven_to_differ(gold, changed) != differ:
            return None
        return gold, changed

    return make


def _numbers(golds: Sequence[str]) -> list[tuple[str, float]]:
    """Return the golds that are positive numbers other than 1, with their values."""
    found = []
    for gold in golds:
        try:
            if len(gold) > 40 or "text" in gold or "circ" in gold or gold != gold.strip() or symbols(gold):
                continue
            value = values(gold)[0]
        except Unproven:
            continue
        if value.imag == 0 and 1e-6 < value.real < _LARGEST and abs(value.real - 1) > 1e-3:
            found.append((gold, float(value.real)))
    return found


_HOLE = re.compile(r"«(\w+)(?::(\d))?»")
_ENTRY = re.compile(r"\[(or|and|if|at|functional|unit|plain unit|scale|i|e|var|f|plain|word)(?::(\d))?\]")
_OTHER_OF = {"A": "Y", "B": "Y", "C": "Y", "j": "n", "k": "n", "l": "n", "D": "G", "E": "G", "F": "G", "m": "n"}
"""What a hole can hold instead: numbers that stand in no other hole."""
_LISTS = {
    "or": contexts.OR,
    "and": contexts.AND,
    "if": contexts.IF,
    "at": contexts.AT,
    "functional": contexts.FUNCTIONALS,
}


def _filled(first: str, second: str, pool: Sequence[tuple[str, float]]) -> Make:
    """Fill both sides of a template alike."""

    def make(source: random.Random) -> tuple[str, str]:
        holes, entries, frames = _fillings(source, pool), *_choices(source)
        return _fill(first, holes, entries, frames), _fill(second, holes, entries, frames)

    return make


def _one_number(side: str, pool: Sequence[tuple[str, float]]) -> Make:
    """Fill one side of a template twice, the second time with another number in one hole."""

    def make(source: random.Random) -> tuple[str, str]:
        holes, entries, frames = _fillings(source, pool), *_choices(source)
        changed = source.choice(sorted({name for name, _ in _HOLE.findall(side)} - {"letter"}))
        others = holes | {changed: holes[_OTHER_OF[changed]]}
        return _fill(side, holes, entries, frames), _fill(side, others, entries, frames)

    return make


def _nested(makers: Sequence[Make], frame: str) -> Make:
    """Put a formula and the same formula with one place changed in one text."""

    def make(source: random.Random) -> tuple[str, str] | None:
        pair = source.choice(makers)(source)
        if pair is None or not all(is_formula(side) for side in pair):
            return None
        entries, frames = _choices(source)
        first, second = (_fill(frame, {"X": side}, entries, frames) for side in pair)
        return first, second

    return make


def _choices(source: random.Random) -> tuple[dict[str, list[str]], dict[str, str]]:
    entries = {name: source.sample(table, 2) for name, table in _LISTS.items()}
    for name, rows in contexts.TABLES.items():
        row = source.choice(rows)
        entries[name] = source.sample(row, min(2, len(row)))
    frames = {
        "env": source.choice(contexts.ENVIRONMENTS),
        "sentence": source.choice(contexts.SENTENCES),
        "two": source.choice(contexts.TWO_NUMBERS),
    }
    return entries, frames


def _fillings(source: random.Random, pool: Sequence[tuple[str, float]]) -> dict[str, str]:
    """Choose what stands in the holes of a template: numbers with values apart, distinct whole numbers and letters."""
    chosen: list[tuple[str, float]] = []
    while len(chosen) < 4:
        text, value = source.choice(pool)
        if all(abs(value - other) > 0.01 * max(value, other) for _, other in chosen):
            chosen.append((text, value))
    small, large = source.sample(range(2, 10), 4), source.sample(range(11, 100), 4)
    letters = source.sample("ABCDE", 2)
    return {
        **{name: text for name, (text, _) in zip("ABCY", chosen, strict=True)},
        **{name: str(number) for name, number in zip("jklnDEFG", small + large, strict=True)},
        "m": str(source.randint(3, 9)),
        "letter": letters[0],
        "letter2": letters[1],
    }


def _fill(side: str, holes: dict[str, str], entries: dict[str, list[str]], frames: dict[str, str]) -> str:
    side = _HOLE.sub(lambda match: holes[match.group(1) + (match.group(2) or "")], side)
    side = _ENTRY.sub(lambda match: entries[match.group(1)][int(match.group(2) or 1) - 1], side)
    for name, frame in frames.items():
        start = side.find(f"[{name}:")
        if start < 0:
            continue
        end = side.rindex("]")
        inner = side[start + len(name) + 2 : end]
        if name == "env":
            inner = _in_environment(frame, inner)
        elif name == "sentence":
            inner = _put_last(frame, [inner])
        else:
            inner = _put_last(frame, inner.split(","))
        side = side[:start] + inner + side[end + 1 :]
    return side


def _in_environment(frame: str, rows: str) -> str:
    before, after = (frame.rsplit("}*", 1)[0] + "}", frame.rsplit("}*", 1)[1]) if "}*" in frame else frame.split("*", 1)
    return f"{before}{rows}{after}"


def _put_last(frame: str, values_: list[str]) -> str:
    """Replace each `{}`; the braces of a `\\text{...}` hold letters."""
    for value in values_:
        frame = frame.replace("{}", value, 1)
    return frame
