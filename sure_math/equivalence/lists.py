r"""Read answers side by side (`1, 2`, `6 and 8`, `x < 1 or x > 2`) and their conditions (`k \in \mathbb{Z}`)."""

import re
from collections.abc import Sequence

from sure_math.equivalence.conditions import read_condition, split_last_condition, with_conditions
from sure_math.equivalence.connectors import connector_at, may_join, says_and, says_or, without_leading_connector
from sure_math.equivalence.forms import (
    Collection,
    Equation,
    Form,
    Interval,
    Labelled,
    Quantity,
    Reader,
    Region,
    Unreadable,
    Words,
    with_source,
)
from sure_math.equivalence.intervals import common_part, region_of
from sure_math.equivalence.relations import join
from sure_math.equivalence.text import is_thousands_comma, split_top, strip_ends


def separator_at(text: str, index: int) -> int:
    """Return the length of the separator of a list at an index, as `split_top` asks for it."""
    if text[index] == ";":
        return 1
    if text[index] == ",":
        return 0 if is_thousands_comma(text, index) else 1
    if text.startswith("\\\\", index):
        return 2
    return connector_at(text, index)


def split_list(text: str) -> tuple[list[str], list[str]]:
    """Return the parts of a list that are not empty, and what stands between each part and the next."""
    words: list[str] = []

    def separator(text: str, index: int) -> int:
        length = separator_at(text, index)
        if length:
            words.append(text[index : index + length])
        return length

    parts: list[str] = []
    between: list[str] = []
    gap = ""
    for part, word in zip(split_top(text, separator), [*words, ""], strict=True):
        plain, leading = without_leading_connector(strip_ends(part))
        gap += leading
        if plain:
            between.append(gap)
            parts.append(plain)
            gap = ""
        gap += f"{word} "
    return parts, [*between[1:], gap]


def read_list(text: str, read: Reader) -> Form | None:
    """Read a list without brackets; None if there is only one part or if the parts are prose."""
    if may_join(text):
        raise Unreadable(text)
    text, behind = split_last_condition(text)
    parts, between = split_list(text)
    if behind:
        parts.append(behind)
        between.append("")
    if len(parts) < 2 or _is_prose(parts):
        return None
    breaks = [index for index, gap in enumerate(between[:-1]) if ";" in gap or "\\\\" in gap]
    if not breaks or len(breaks) == len(parts) - 1:
        return _members(parts, between, read)
    starts, ends = [0, *(index + 1 for index in breaks)], [*(index + 1 for index in breaks), len(parts)]
    rows = [_members(parts[start:end], between[start:end], read) for start, end in zip(starts, ends, strict=True)]
    return Collection("list", tuple(_group(row) for row in rows), source=" ".join(between[index] for index in breaks))


def _members(parts: Sequence[str], between: Sequence[str], read: Reader) -> Form:
    """Read the members of a list, and the conditions behind them."""
    forms: list[Form] = []
    conditions: list[Form] = []
    for part in parts:
        condition = read_condition(part, forms, read) if forms else None
        if condition is not None:
            conditions.append(condition)
        elif conditions:
            raise Unreadable(part)
        else:
            forms.append(read(part))
    wordy = [isinstance(form, Words) and form.choice is None for form in forms]
    if any(wordy) and not all(wordy):
        raise Unreadable
    words = " ".join(between)
    joined = _joined(forms, list(between[: len(forms) - 1])) if len(forms) > 1 else forms[0]
    return with_source(with_conditions(joined, conditions), words)


def _joined(forms: Sequence[Form], between: Sequence[str]) -> Form:
    """Join the members of a list: one region, values of one variable, solutions of a system, or a plain list."""
    words = " ".join(between)
    named = [_one_by_one(form) for form in forms]
    between = [
        gap for names, gap in zip(named, ["", *between], strict=True) for gap in (gap, *[""] * (len(names) - 1))
    ][1:]
    forms = _with_points(_pairs([form for names in named for form in names]))
    regions = [form.form if isinstance(form, Labelled) else form for form in forms]
    labels = [form.label for form in forms if isinstance(form, Labelled)]
    if all(isinstance(region, Region) for region in regions) and len(set(labels)) < 2:
        return _joined_regions(forms, words)
    if any(map(_is_system, forms)):
        return Collection("list", tuple(_group(form) for form in forms))
    if len(set(labels)) < 2:
        if not labels and _is_ambiguous(between):
            raise Unreadable
        return join(forms)
    if any(isinstance(form, Equation) for form in forms):
        return join(forms)
    return _assignments(forms, between)


def _one_by_one(form: Form) -> list[Form]:
    """Read `a = b = 2` beside other members as `a = 2, b = 2`."""
    if not isinstance(form, Labelled) or "=" not in form.label:
        return [form]
    names = form.label.split("=")
    return [Labelled(name, form.form, source=form.source if name == names[0] else "") for name in names]


def _is_system(form: Form) -> bool:
    """Whether a member is itself the values of several unknowns."""
    return (
        isinstance(form, Collection)
        and form.kind == "list"
        and len({item.label for item in form.items if isinstance(item, Labelled)}) > 1
    )


def _group(form: Form) -> Form:
    """Read several values that belong together, as in `x = 1, y = 2; x = 3, y = 4`."""
    if isinstance(form, Collection) and form.kind == "list":
        return Collection("group", form.items, source=form.source, left_out=form.left_out)
    return form


def _is_ambiguous(between: Sequence[str]) -> bool:
    """Whether a comma follows a joining word: `1, 2 or 3, 4` may be four numbers or two pairs."""
    has_word = [says_and(gap) or says_or(gap) for gap in between]
    return any(has_word) and not all(has_word) and any(has_word[:-1])


def _assignments(forms: Sequence[Form], between: Sequence[str]) -> Form:
    """Read the values of several variables. A value without a label belongs to the variable before it.

    `x = 1, y = 2, x = 3, y = 4` is two solutions: the labels repeat. An `or` between two variables is not read.
    """
    if not isinstance(forms[0], Labelled):
        raise Unreadable
    runs: list[list[Form]] = []
    gaps: list[str] = []
    for form, gap in zip(forms, ["", *between], strict=True):
        if isinstance(form, Labelled) and not (runs and _label(runs[-1]) == form.label):
            runs.append([form])
            gaps.append(gap)
        else:
            runs[-1].append(form)
    labels = [_label(run) for run in runs]
    period = len(set(labels))
    if len(runs) % period or labels != labels[:period] * (len(runs) // period):
        raise Unreadable
    if any(says_or(gap) for index, gap in enumerate(gaps) if index % period):
        raise Unreadable
    values = [join(run) for run in runs]
    if len(runs) == period:
        return join(values)
    groups = [Collection("group", tuple(values[at : at + period])) for at in range(0, len(values), period)]
    return Collection("list", tuple(groups))


def _label(run: Sequence[Form]) -> str:
    first = run[0]
    return first.label if isinstance(first, Labelled) else ""


def _pairs(forms: Sequence[Form]) -> Sequence[Form]:
    """Read `(x, y) = (1, 2) or (3, 4)` as two pairs: the label in front belongs to both."""
    first, rest = forms[0], forms[1:]
    is_labelled_pair = isinstance(first, Collection) and first.kind == "list" and first.source.startswith("(")
    if not is_labelled_pair or not all(isinstance(form, Collection) and form.kind == "tuple" for form in rest):
        return forms
    assert isinstance(first, Collection)
    items = tuple(form.form if isinstance(form, Labelled) else form for form in first.items)
    return [Collection("tuple", items, source=first.source), *rest] if rest else forms


def _with_points(forms: Sequence[Form]) -> Sequence[Form]:
    """Read the number in `x = 0 or x > 1` as a region of one point."""
    labelled = [form for form in forms if isinstance(form, Labelled)]
    regions = [form for form in labelled if isinstance(form.form, Region)]
    if not regions or len(labelled) < len(forms) or len({form.label for form in labelled}) > 1:
        return forms
    return [_point(form) for form in labelled]


def _point(form: Labelled) -> Labelled:
    value = form.form
    if not isinstance(value, Quantity) or value.value.symbols:
        return form
    point = Region((Interval(value.value, value.value, True, True),), value.unit, source=value.source)
    return Labelled(form.label, point, source=form.source)


def _is_prose(parts: Sequence[str]) -> bool:
    """Whether a text with commas is a sentence and not a list of answers: more than half of its parts are words."""
    wordy = sum(1 for part in parts if re.search(r"[A-Za-z]{2,} +[A-Za-z]{2,}", part) and not part.startswith("\\text"))
    return wordy * 2 > len(parts) or (wordy > 0 and len(parts) > 8)


def _joined_regions(forms: Sequence[Form], words: str) -> Form:
    """Join regions: `x < 1 or x > 2` is a union, `x > 1 and x < 2` an intersection of two rays that overlap."""
    labels = {form.label for form in forms if isinstance(form, Labelled)}
    if len(labels) > 1:
        return join(forms)
    if labels and not all(isinstance(form, Labelled) for form in forms):
        raise Unreadable
    regions = [region_of(form) for form in forms]
    units = {region.unit for region in regions}
    if len(units) > 1:
        raise Unreadable
    parts = [part for region in regions for part in region.parts]
    intersect = says_and(words) or (len(labels) == 1 and not says_or(words))
    common = common_part(regions) if intersect and _are_rays(regions) else None
    if common is None and _are_rays(regions) and says_and(words):
        raise Unreadable  # empty, or a union that was called "and"
    source = " ".join(part.source for part in (*forms, *regions))
    region = Region(common.parts if common else tuple(parts), units.pop(), source=source)
    return Labelled(labels.pop(), region) if labels else region


def _are_rays(regions: Sequence[Region]) -> bool:
    """Whether two regions are a ray to the left and a ray to the right: `x > 1, x < 2` is what both say."""
    ends = [(part.low.text, part.high.text) for region in regions for part in region.parts]
    return len(ends) == 2 and {low == "-∞" for low, _ in ends} == {True, False} == {high == "∞" for _, high in ends}
