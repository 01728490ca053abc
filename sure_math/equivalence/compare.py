"""The rules by which two forms are the same answer, as far as they can be decided without an algebra system.

`equal` and `different` are claims. A verdict that depends on the problem (order, rounding, conversion of units, 50%
against 50, words) is `undecided` and left to the judge. None means that one side was not readable: the symbolic check
is asked.
"""

from collections.abc import Sequence
from fractions import Fraction
from typing import TypeAlias

from sure_math.equivalence.algebra import NotAlgebra, substitute
from sure_math.equivalence.forms import (
    Based,
    Collection,
    Conditioned,
    Empty,
    Equation,
    Form,
    Interval,
    Labelled,
    Opaque,
    Quantity,
    Region,
    Residue,
    Words,
    is_algebra,
    renamed,
    with_argument,
)
from sure_math.equivalence.intervals import compare_regions
from sure_math.equivalence.labels import without_decorations
from sure_math.equivalence.numbers import Expression, Verdict, compare_expressions, proportional
from sure_math.equivalence.ratios import compare_sizes
from sure_math.equivalence.residues import compare_lists, compare_residues, compare_with_number
from sure_math.equivalence.units import (
    DEGREE,
    PERCENT,
    Unit,
    in_base_units,
    letter_as_scale,
    letters_as_unit,
    part_size,
    relation,
)

_ORDERED = frozenset({"tuple", "bracket", "angle", "row", "ratio", "matrix", "determinant"})
_VECTORS = frozenset({"tuple", "bracket", "angle"})
_MAX_UNORDERED = 200
"""Longest list matched without regard to order; the matching takes quadratic time."""
_OPPOSITES = {frozenset(pair) for pair in (("yes", "no"), ("true", "false"), ("odd", "even"), ("finite", "infinite"))}

MaybeVerdict: TypeAlias = Verdict | None
"""A verdict, or None if one side was not readable."""


def compare_forms(a: Form, b: Form) -> MaybeVerdict:
    """Return the verdict on two forms. It is symmetric, because the two are put into one order first."""
    first, second = (a, b) if _rank(a) <= _rank(b) else (b, a)
    return _RULES[_rank(first)](first, second)


_KINDS: tuple[type, ...] = (
    Empty,
    Opaque,
    Conditioned,
    Labelled,
    Words,
    Collection,
    Region,
    Equation,
    Residue,
    Based,
    Quantity,
)


def _rank(form: Form) -> int:
    return _KINDS.index(type(form))


def _all_of(verdicts: Sequence[MaybeVerdict]) -> MaybeVerdict:
    if "different" in verdicts:
        return "different"
    if None in verdicts:
        return None
    return "undecided" if "undecided" in verdicts else "equal"


def _labelled(a: Form, b: Form) -> MaybeVerdict:
    """Compare a labelled answer. A label may be missing on one side; different labels are different statements."""
    assert isinstance(a, Labelled)
    if _residue_and_number(a, b):
        verdict = compare_forms(a.form, b.form if isinstance(b, Labelled) else b)
        return "undecided" if verdict == "equal" else verdict
    if isinstance(b, Equation):
        return _labelled_and_equation(a, b)
    if not isinstance(b, Labelled):
        return _unlabelled(a, b)
    if a.label == b.label:
        return _same_label(a, b)
    if (
        a.equation is not None
        and b.equation is not None
        and (a.equation.symbols == b.equation.symbols)
        and len(a.equation.symbols) > 1
    ):
        return _same_equation(a.equation, b.equation)
    if a.is_words or b.is_words:
        verdict = compare_forms(_point_set(a.form), _point_set(b.form))
        return "undecided" if verdict == "equal" and _may_say_the_same(a, b) else verdict and "different"
    if set(a.label.split("=")) & set(b.label.split("=")):
        return "undecided"
    if without_decorations(a.label) == without_decorations(b.label):
        return "undecided"
    return "different"


def _residue_and_number(a: Labelled, b: Form) -> bool:
    """Whether one side says `x \\equiv 3 \\pmod 7` and the other one is a number, with the same label or none."""
    if isinstance(b, Labelled):
        kinds = {type(a.form), type(b.form)}
        return a.label == b.label and kinds == {Residue, Quantity}
    return isinstance(a.form, Residue) and isinstance(b, Quantity)


def _same_label(a: Labelled, b: Labelled) -> MaybeVerdict:
    if not (a.argument and b.argument) or a.argument == b.argument:
        return compare_forms(_point_set(a.form), _point_set(b.form))
    first, second = with_argument(a, "argument"), with_argument(b, "argument")
    verdict = compare_forms(first, second)
    if verdict == "equal" and first is a.form and second is b.form:
        return "undecided" if a.argument.islower() and b.argument.islower() else "different"
    return verdict


def _may_say_the_same(a: Labelled, b: Labelled) -> bool:
    """Whether words may describe what a symbol names, or what other words describe with more detail."""
    first, second = set(a.label.split()), set(b.label.split())
    return not (a.is_words and b.is_words) or first <= second or second <= first


def _conditioned(a: Form, b: Form) -> MaybeVerdict:
    """Compare answers with conditions. The letters that a condition introduces have no fixed name."""
    assert isinstance(a, Conditioned)
    if not isinstance(b, Conditioned):
        verdict = compare_forms(a.form, b)
        if verdict == "different" and not _parameters(a):
            return verdict
        return verdict if verdict == "equal" and _is_natural(a) else verdict and "undecided"
    first, second = _parameters(a), _parameters(b)
    if len(first) != len(second) or len(a.conditions) != len(b.conditions):
        verdict = compare_forms(a.form, b.form)
        return verdict if verdict == "equal" and _is_natural(a) and _is_natural(b) else verdict and "undecided"
    for index, (old, new) in enumerate(zip(first, second, strict=True)):
        a, b = (renamed(form, name, f"parameter_{index}") for form, name in ((a, old), (b, new)))
    assert isinstance(a, Conditioned) and isinstance(b, Conditioned)
    conditions = _unordered(a.conditions, b.conditions)
    verdict = compare_forms(a.form, b.form)
    if verdict == "different" and (first or conditions != "equal"):
        return "undecided"
    return verdict if conditions == "equal" else verdict and "undecided"


def _parameters(form: Conditioned) -> list[str]:
    """Return the letters that range over a set of numbers, in the order of the conditions."""
    return [part.label for part in form.conditions if isinstance(part, Labelled) and isinstance(part.form, Words)]


def _is_natural(form: Conditioned) -> bool:
    """Whether an answer without the conditions says the same: the range of a letter, or a point without a value."""
    return all(
        isinstance(part, Labelled) and (isinstance(part.form, Words) or _has_no_value(form.form, part))
        for part in form.conditions
    )


def _has_no_value(form: Form, condition: Labelled) -> bool:
    """Whether the condition leaves out one point, and the formula has no value there: `1/x, x ≠ 0`."""
    value = form.form if isinstance(form, Labelled) else form
    region = condition.form
    if not isinstance(value, Quantity) or not isinstance(region, Region) or len(region.parts) != 2:
        return False
    left, right = region.parts
    if left.high.node != right.low.node or value.value.symbols != {condition.label}:
        return False
    point = Expression(value.value.text, substitute(value.value.node, condition.label, left.high.node))
    return point.exact is None and point.at("constant") is None


def _unlabelled(a: Labelled, b: Form) -> MaybeVerdict:
    if "=" in a.label and isinstance(b, Collection):
        names = tuple(Labelled(name, a.form) for name in a.label.split("="))
        return compare_forms(Collection("list", names), b)
    if isinstance(b, Collection) and any(isinstance(item, Labelled) and _name(item) != _name(a) for item in b.items):
        return compare_forms(_of_each_item(a), b)
    verdict = compare_forms(_point_set(a.form), b)
    if (
        verdict == "different"
        and isinstance(a.form, Quantity)
        and isinstance(b, Quantity)
        and b.value.symbols
        and not a.form.value.symbols
    ):
        return "undecided"
    return verdict


def _name(a: Labelled) -> str:
    """The name without its index: x_1 = 1, x_2 = 2 are the values of x."""
    return a.label.partition("_")[0]


def _of_each_item(a: Labelled) -> Form:
    """x = 1 or x = 2 says of each value that x has it; x = 1, y = 2 says something else."""
    if not isinstance(a.form, Collection) or a.form.kind not in ("list", "set"):
        return a.form
    return Collection("list", tuple(Labelled(a.label, item, is_words=a.is_words) for item in a.form.items))


def _point_set(form: Form) -> Form:
    """x ∈ {5} says x = 5."""
    if isinstance(form, Collection) and form.kind == "set" and len(form.items) == 1:
        return form.items[0]
    return form


def _labelled_and_equation(a: Labelled, b: Equation) -> MaybeVerdict:
    if a.equation is None or b.operators != ("=",):
        return "undecided"
    other = _difference(b.sides)
    return _same_equation(a.equation, other) if other is not None else None


def _difference(sides: tuple[Expression, ...]) -> Expression | None:
    try:
        return Expression(f"({sides[0].text})-({sides[1].text})")
    except NotAlgebra:
        return None


def _same_equation(a: Expression, b: Expression) -> MaybeVerdict:
    """Compare f = 0 and g = 0. They are equal if f = c g.

    Otherwise they may still have the same solutions, unless both are straight lines.
    """
    if proportional(a, b):
        return "equal"
    if a.symbols != b.symbols:
        return "undecided" if len(a.symbols) == len(b.symbols) else "different"
    return "different" if _is_straight(a) and _is_straight(b) else "undecided"


def _is_straight(a: Expression) -> bool:
    """Whether the formula has degree 1: no product of variables, and none in a power, root, function or fraction."""
    return _degree(a.node) <= 1


def _degree(node: tuple[object, ...]) -> int:
    children = [child for child in node[1:] if isinstance(child, tuple)]
    degrees = [_degree(child) for child in children]
    if node[0] == "sym":
        return 1
    if node[0] == "mul":
        return sum(degrees)
    if node[0] in ("add", "neg") or (node[0] == "div" and degrees[1] == 0):
        return max(degrees, default=0)
    return 9 if any(degrees) or node[0] == "app" else 0


def _empty(a: Form, b: Form) -> MaybeVerdict:
    return "different"


def _opaque(a: Form, b: Form) -> MaybeVerdict:
    """Leave unreadable mathematics to the symbolic check and unreadable text to the judge.

    Equal strings were found before.
    """
    assert isinstance(a, Opaque)
    readable = not isinstance(b, Opaque | Words) or (isinstance(b, Opaque) and b.mathematical)
    return None if a.mathematical and readable else "undecided"


def _words(a: Form, b: Form) -> MaybeVerdict:
    assert isinstance(a, Words)
    if isinstance(b, Words):
        return _two_words(a, b)
    if a.choice and isinstance(b, Quantity) and len(b.value.text) == 1 and b.value.text.isalpha():
        return "undecided" if b.value.text.upper() == a.choice else "different"
    if a.choice and not a.text:
        return "undecided" if not isinstance(b, Quantity) or b.value.symbols else "different"
    return "undecided"


def _two_words(a: Words, b: Words) -> MaybeVerdict:
    if a.choice and b.choice:
        if a.choice.upper() != b.choice.upper():
            return "different"
        if a.choice != b.choice:
            return "undecided"
        return "equal" if a.text == b.text or not a.text or not b.text else "undecided"
    if a.choice or b.choice:
        return "undecided"
    if a.text.rstrip(".") == b.text.rstrip("."):
        return "equal"
    return "different" if frozenset((a.text, b.text)) in _OPPOSITES else "undecided"


def _collection(a: Form, b: Form) -> MaybeVerdict:
    assert isinstance(a, Collection)
    if (verdict := compare_lists(a, b)) is not None:
        return verdict
    if isinstance(b, Region):
        return _collection_and_region(a, b)
    if not isinstance(b, Collection):
        return _one_of(a, b)
    if "matrix" in (a.kind, b.kind) or "determinant" in (a.kind, b.kind):
        return _matrices(a, b)
    if "ratio" in (a.kind, b.kind) and a.kind != b.kind:
        return "undecided"
    if "group" in (a.kind, b.kind):
        return _groups(a, b)
    if "cases" in (a.kind, b.kind):
        return _by_cases(a, b) if a.kind == b.kind else "undecided"
    if a.kind in _ORDERED and b.kind in _ORDERED:
        verdict = _in_order(a.items, b.items)
        if verdict == "different" and a.kind == b.kind == "ratio":
            return compare_sizes(a.items, b.items)
        if verdict == "different" and _may_be_one_line(a.items, b.items):
            return "undecided"
        pair = frozenset((a.kind, b.kind))
        open_or_closed = pair == {"tuple", "bracket"} and len(a.items) == 2 and verdict == "equal" and _is_increasing(a)
        return "undecided" if open_or_closed else verdict
    if a.kind in _ORDERED or b.kind in _ORDERED:
        return _ordered_and_not(a, b)
    return _labelled_lists(a, b)


def _groups(a: Collection, b: Collection) -> MaybeVerdict:
    """Compare values that belong together: by label if both sides have labels, else by position."""
    if all(isinstance(item, Labelled) for item in (*a.items, *b.items)):
        return _unordered(a.items, b.items)
    if {a.kind, b.kind} <= {"group", *_VECTORS}:
        return _in_order(a.items, b.items)
    return "undecided"


_PARAMETERS = frozenset({"t", "s", "k", "lambda", "mu"})


def _may_be_one_line(a: Sequence[Form], b: Sequence[Form]) -> bool:
    """Whether two tuples may be the points of one line: (1 + t, 2t) and (t, 2t - 2) for all t."""
    values = [[item.value for item in items if isinstance(item, Quantity)] for items in (a, b)]
    if len(values[0]) != len(a) or len(values[1]) != len(b) or len(a) != len(b):
        return False
    free = [frozenset[str]().union(*(value.symbols for value in side)) & _PARAMETERS for side in values]
    return all(free) and all(_is_straight(value) for side in values for value in side)


def _by_cases(a: Collection, b: Collection) -> MaybeVerdict:
    """Compare two functions by cases. Other conditions may cut the same function into other pieces."""
    verdict = _unordered(a.items, b.items)
    if verdict != "different":
        return verdict
    first, second = ([item.items[1] for item in side.items if isinstance(item, Collection)] for side in (a, b))
    return "different" if _unordered(first, second) == "equal" and len(first) == len(second) else "undecided"


def _is_increasing(a: Collection) -> bool:
    """Whether (a, b) and [a, b] could be intervals, an open and a closed one."""
    low, high = a.items
    if not (isinstance(low, Quantity) and isinstance(high, Quantity)):
        return False
    if low.value.real is None or high.value.real is None:
        return True
    return low.value.real < high.value.real


def _one_of(a: Collection, b: Form) -> MaybeVerdict:
    """Compare several answers with one answer: they are equal only if the several are all the same."""
    if a.kind == "set" and len(a.items) == 1 and isinstance(a.items[0], Quantity) and a.items[0].value.symbols:
        return "undecided"  # {x} may be the fractional part of x
    if a.kind in ("set", "list"):
        items = _distinct(a.items)
        if len(items) == 1:
            verdict = compare_forms(items[0], b)
            if verdict == "equal" and a.kind == "list" and len(a.items) > 1 and not _one_in_several_spellings(a):
                return "undecided"
            return verdict
    in_parts = isinstance(b, Quantity) and ((b.unit is not None and b.unit.parts) or b.value.symbols)
    unclear = not a.items or a.kind in ("ratio", "cases", "determinant", "group") or isinstance(b, Equation) or in_parts
    return "undecided" if unclear else "different"


def _one_in_several_spellings(a: Collection) -> bool:
    """Whether a list of equal answers is one answer written in several ways (`1/2, 0.5`). `2, 2` may be a double
    root."""
    texts = [item.value.text for item in a.items if isinstance(item, Quantity)]
    return len(set(texts)) == len(a.items)


def _ordered_and_not(a: Collection, b: Collection) -> MaybeVerdict:
    """Compare an ordered with an unordered collection: (1, 2) equals 1, 2 but not 2, 1; against {1, 2} it is undecided.

    If the problem asks for a pair, bare numbers stand for the pair.
    """
    if "set" not in (a.kind, b.kind):
        verdict = _in_order(a.items, b.items)
        ordered = a if a.kind in _ORDERED else b
        may_be_interval = ordered.kind == "bracket" and len(ordered.items) == 2 and _is_increasing(ordered)
        return "undecided" if verdict == "equal" and may_be_interval else verdict
    loose = _unordered(_plain(a.items), _plain(b.items))
    return "undecided" if loose == "equal" and max(len(a.items), len(b.items)) > 1 else loose


def _plain(items: Sequence[Form]) -> list[Form]:
    return [item.form if isinstance(item, Labelled) else item for item in items]


def _labelled_lists(a: Collection, b: Collection) -> MaybeVerdict:
    """Compare x = 1, y = 2 by label, and with a bare 1, 2 by position. Another order is undecided."""
    in_groups = [any(isinstance(item, Collection) and item.kind == "group" for item in side.items) for side in (a, b)]
    if any(in_groups) and not all(all(isinstance(item, Collection) for item in side.items) for side in (a, b)):
        return "undecided"
    first, second = (sum(isinstance(item, Labelled) for item in side.items) for side in (a, b))
    if (first == len(a.items) and second == len(b.items)) or (not first and not second):
        either_set = "set" in (a.kind, b.kind)
        return _unordered(a.items, b.items) if either_set else _counted(a.items, b.items)
    verdict = _in_order(a.items, b.items)
    if verdict == "equal":
        return verdict
    loose = _unordered(_plain(a.items), _plain(b.items))
    return "undecided" if loose == "equal" else loose


def _in_order(a: Sequence[Form], b: Sequence[Form]) -> MaybeVerdict:
    if len(a) != len(b):
        return "different"
    return _all_of([compare_forms(x, y) for x, y in zip(a, b, strict=True)])


def _distinct(items: Sequence[Form]) -> list[Form]:
    kept: list[Form] = []
    for item in items[:_MAX_UNORDERED]:
        if not any(compare_forms(item, other) == "equal" for other in kept):
            kept.append(item)
    return kept + list(items[_MAX_UNORDERED:])


def _unordered(a: Sequence[Form], b: Sequence[Form]) -> MaybeVerdict:
    """Compare two sets; repeated members count once."""
    if max(len(a), len(b)) > _MAX_UNORDERED:
        return "undecided" if len(a) == len(b) else "different"
    return _matched(_distinct(a), _distinct(b))


def _counted(a: Sequence[Form], b: Sequence[Form]) -> MaybeVerdict:
    """Compare two lists without order. 1, 2, 2 against 1, 1, 2 (or 1, 2) is undecided.

    Numbers may have multiplicities (roots). A tuple or an assignment that is written twice is one solution.
    """
    as_sets = _unordered(a, b)
    numbers = all(isinstance(item, Quantity) for item in (*a, *b))
    if as_sets != "equal" or not numbers or max(len(a), len(b)) > _MAX_UNORDERED:
        return as_sets
    return "equal" if _matched(a, b) == "equal" else "undecided"


def _matched(first: Sequence[Form], second: Sequence[Form]) -> MaybeVerdict:
    """Return equal if the members pair up as equals, undecided if they pair up without a known difference."""
    if len(first) != len(second):
        return "different"
    table = [[_member(x, y) for y in second] for x in first]
    if _matches([[cell == "equal" for cell in row] for row in table]):
        return "equal"
    if not _matches([[cell != "different" for cell in row] for row in table]):
        return "different"
    return None if any(cell is None for row in table for cell in row) else "undecided"


def _member(a: Form, b: Form) -> MaybeVerdict:
    """Compare two members of a set. The set {1} is not its member 1, though as an answer alone it says the same."""
    sets = [isinstance(form, Collection) and form.kind == "set" for form in (a, b)]
    return "different" if any(sets) and not all(sets) else compare_forms(a, b)


def _matches(allowed: list[list[bool]]) -> bool:
    """Whether a perfect matching exists (augmenting paths)."""
    partner: dict[int, int] = {}

    def place(row: int, seen: set[int]) -> bool:
        for column, possible in enumerate(allowed[row]):
            if possible and column not in seen:
                seen.add(column)
                if column not in partner or place(partner[column], seen):
                    partner[column] = row
                    return True
        return False

    return all(place(row, set()) for row in range(len(allowed)))


def _matrices(a: Collection, b: Collection) -> MaybeVerdict:
    """Compare matrices entry by entry. A column or a row is also a vector; a determinant is not a matrix."""
    if "determinant" in (a.kind, b.kind) and a.kind != b.kind:
        return "undecided"
    if a.kind == b.kind:
        verdict = _in_order(a.items, b.items)
        flat_a, flat_b = _vector(a), _vector(b)
        if (
            verdict == "different"
            and flat_a is not None
            and flat_b is not None
            and _in_order(flat_a, flat_b) == "equal"
        ):
            return "undecided"
        return verdict
    matrix, other = (a, b) if a.kind == "matrix" else (b, a)
    entries = _vector(matrix)
    if entries is None:
        rows = tuple(Collection("row", item.items) for item in other.items if isinstance(item, Collection))
        return _in_order(matrix.items, rows) if len(rows) == len(other.items) else "different"
    verdict = _in_order(entries, other.items)
    if other.kind in _VECTORS or verdict != "different":
        return verdict
    return "undecided" if _unordered(entries, other.items) == "equal" else "different"


def _vector(matrix: Collection) -> list[Form] | None:
    rows = [row.items for row in matrix.items if isinstance(row, Collection)]
    if len(rows) == 1:
        return list(rows[0])
    return [row[0] for row in rows] if all(len(row) == 1 for row in rows) else None


def _collection_and_region(a: Collection, b: Region) -> MaybeVerdict:
    """Read (0, 1) as an interval and {1, 2} as a region of points, and compare the regions."""
    if a.kind in ("tuple", "bracket") and len(a.items) == 2:
        low, high = a.items
        if isinstance(low, Quantity) and isinstance(high, Quantity):
            closed = a.kind == "bracket"
            return compare_regions(Region((Interval(low.value, high.value, closed, closed),)), b)
    if a.kind in ("set", "list") and all(isinstance(item, Quantity) for item in a.items):
        points = tuple(Interval(item.value, item.value, True, True) for item in a.items if isinstance(item, Quantity))
        return compare_regions(Region(points), b)
    return "undecided"


def _region(a: Form, b: Form) -> MaybeVerdict:
    assert isinstance(a, Region)
    if isinstance(b, Region):
        return _in_unit(compare_regions(a, b), a.unit, b.unit)
    if isinstance(b, Quantity) and len(a.parts) == 1 and a.parts[0].low.node == a.parts[0].high.node:
        return _in_unit(compare_expressions(a.parts[0].low, b.value), a.unit, b.unit)
    return "undecided" if isinstance(b, Equation) else "different"


def _in_unit(verdict: MaybeVerdict, a: Unit | None, b: Unit | None) -> MaybeVerdict:
    """Return the verdict on numbers that have units: one unit may be missing, two that differ decide nothing."""
    if a is None or b is None or relation(a, b) == "equal":
        return verdict
    return "undecided"


def _equation(a: Form, b: Form) -> MaybeVerdict:
    assert isinstance(a, Equation)
    if not isinstance(b, Equation):
        return "undecided"
    if a.operators == b.operators == ("=",):
        first, second = _difference(a.sides), _difference(b.sides)
        return None if first is None or second is None else _in_unit(_same_equation(first, second), a.unit, b.unit)
    if a.operators != b.operators:
        return "undecided"
    verdict = _all_of([compare_expressions(x, y) for x, y in zip(a.sides, b.sides, strict=True)])
    return "undecided" if verdict == "different" else _in_unit(verdict, a.unit, b.unit)


def _residue(a: Form, b: Form) -> MaybeVerdict:
    assert isinstance(a, Residue)
    if isinstance(b, Residue):
        return compare_residues(a, b)
    return compare_with_number(a, b) if isinstance(b, Quantity) else "undecided"


def _based(a: Form, b: Form) -> MaybeVerdict:
    """Compare digits with a base. If only one side names a base, the meaning of the other digits is undecided."""
    assert isinstance(a, Based)
    value = _in_base(a)
    if value is None:
        return None
    if isinstance(b, Based):
        other = _in_base(b)
        return (
            None
            if other is None
            else "equal"
            if value == other and a.base == b.base
            else "undecided"
            if value == other
            else "different"
        )
    if not isinstance(b, Quantity) or b.value.exact is None:
        return "undecided"
    return "undecided" if b.value.exact == value or b.value.text.lstrip("0") == a.digits else "different"


def _in_base(a: Based) -> Fraction | None:
    try:
        whole, _, part = a.digits.partition(".")
        return Fraction(int(whole + part, a.base)) / Fraction(a.base) ** len(part)
    except ValueError:
        return None


def _quantity(a: Form, b: Form) -> MaybeVerdict:
    assert isinstance(a, Quantity) and isinstance(b, Quantity)
    if a.unit is not None and b.unit is not None:
        return _two_units(a, b, a.unit, b.unit)
    if a.unit is not None:
        return _unit_and_number(a, b, a.unit)
    if b.unit is not None:
        return _unit_and_number(b, a, b.unit)
    verdict = compare_expressions(a.value, b.value)
    return _letters_read_otherwise(a.value, b.value) if verdict == "different" else verdict


def _letters_read_otherwise(a: Expression, b: Expression) -> Verdict:
    """Compare formulas that differ as they are written: in `5\\sqrt2 m` and `5k` the letter may be no variable."""
    for formula, number in ((a, b), (b, a)):
        if formula.symbols and not number.symbols:
            unit, scale = letters_as_unit(formula.text), letter_as_scale(formula.text)
            for text in (unit and unit[0], scale):
                if text and is_algebra(text) and compare_expressions(Expression(text), number) != "different":
                    return "undecided"
    return "different"


def _unit_and_number(measured: Quantity, bare: Quantity, unit: Unit) -> MaybeVerdict:
    """Compare a quantity with a number that has no unit: the unit may be missing on one side."""
    if unit.dimension == PERCENT.dimension:
        return _share_and_number(measured, bare, unit)
    letters = letters_as_unit(bare.value.text) if bare.value.symbols else None
    if letters is not None and is_algebra(letters[0]):
        return _two_units(measured, Quantity(Expression(letters[0]), letters[1]), unit, letters[1])
    if unit.parts:
        return _parts_and_number(measured, bare, unit)
    verdict = compare_expressions(measured.value, bare.value)
    if verdict == "different" and _is_product_of_letters(measured, bare):
        return "undecided"
    if verdict == "different" and unit == DEGREE:
        return (
            "undecided" if compare_expressions(_scaled(measured.value, r"\pi/180"), bare.value) == "equal" else verdict
        )
    return verdict


def _is_product_of_letters(measured: Quantity, bare: Quantity) -> bool:
    """Whether a unit such as the cm of `3cm` may be a product of letters, as in `3mc`."""
    product = f"{measured.value.text} {measured.source}"
    if not bare.value.symbols or not measured.source.isalpha() or not is_algebra(product):
        return False
    return compare_expressions(Expression(product), bare.value) == "equal"


def _share_and_number(share: Quantity, bare: Quantity, unit: Unit) -> MaybeVerdict:
    """Compare a percentage with a bare number: 50% is 0.5, and against 50 it is undecided. ‰ is alike."""
    verdict = compare_expressions(_scaled(share.value, str(unit.scale)), bare.value)
    if verdict == "different":
        return "undecided" if compare_expressions(share.value, bare.value) != "different" else "different"
    return verdict


def _parts_and_number(measured: Quantity, bare: Quantity, unit: Unit) -> MaybeVerdict:
    """Compare 3 h 20 min with a bare number: 200 may be meant in minutes, 3 is another answer."""
    numbers = [f"({measured.value.text})"]
    for name, _ in unit.names[:-1]:
        size = part_size(name)
        numbers.append(f"({measured.value.text})*({unit.scale})/({size})")
    same = any(compare_expressions(Expression(number), bare.value) != "different" for number in numbers)
    return "undecided" if same else "different"


def _scaled(value: Expression, factor: str) -> Expression:
    return Expression(f"({value.text})*({factor})")


def _two_units(a: Quantity, b: Quantity, first: Unit, second: Unit) -> MaybeVerdict:
    kind = relation(first, second)
    if kind == "equal":
        return compare_expressions(a.value, b.value)
    if kind == "unclear" and compare_expressions(a.value, b.value) != "different":
        return "undecided"
    if first.dimension is not None and first.dimension == second.dimension:
        one, other = (Expression(in_base_units(side.value.text, unit)) for side, unit in ((a, first), (b, second)))
        verdict = compare_expressions(one, other)
        if first.dimension == PERCENT.dimension:
            return verdict
        return "different" if verdict == "different" else "undecided"
    return "different"


_RULES = (
    _empty,
    _opaque,
    _conditioned,
    _labelled,
    _words,
    _collection,
    _region,
    _equation,
    _residue,
    _based,
    _quantity,
)
