"""Pairs of answers for the pocket judge: the same value written twice, or a near miss.

The judge learns to restate both answers in a normal form before it decides: `3/4 | 3/4 | yes`. The restated answers
give the judge many tokens to learn from; a bare yes or no would carry one bit per pair.
"""

from dataclasses import dataclass, replace
from fractions import Fraction
from random import Random

from sure_math.pocket.world import Instance, render, work_out
from sure_math.pocket.world.numbers import DAYS, WORDS, Num, WorldValue, decimal, latex, surface_forms

NEAR_MISSES = ("digit", "sign", "reciprocal", "order", "unit", "off_by_one", "scale", "term")
KINDS = (*NEAR_MISSES, "other")
"""`other`: any number of about the same size."""
_OTHER_UNIT = {"cm": "m", "m": "km", "mm": "cm", "cm^2": "cm", "m^2": "m", "mm^2": "mm", "km": "m", "degrees": "cm"}


@dataclass(frozen=True, slots=True)
class AnswerPair:
    """Two answers to one problem and whether they mean the same."""

    problem: str
    first: str
    second: str
    equal: bool
    kind: str
    """`equal`, or the kind of near miss."""
    reply: str
    """The reply that the judge learns."""


def draw_pair(rng: Random, instance: Instance, *, equal: bool) -> AnswerPair | None:
    """Draw a pair of answers to the problem; None if there is no second form, or no near miss of the drawn kind."""
    value = work_out(instance).value
    if equal:
        forms = _forms(value)
        if len(forms) < 2:
            return None
        first, second = rng.sample(forms, 2)
        return _pair(instance, (first, second), (value, value), "equal")
    other, kind = _near_miss(rng, value)
    if other is None:
        return None
    forms, others = _forms(value), _forms(other)
    if kind == "unit":
        forms, others = [f for f in forms if _names_unit(f, value)], [f for f in others if _names_unit(f, other)]
    first, second = rng.choice(forms), rng.choice(others)
    if first == second:
        return None
    sides = ((first, value), (second, other)) if rng.random() < 0.5 else ((second, other), (first, value))
    return _pair(instance, (sides[0][0], sides[1][0]), (sides[0][1], sides[1][1]), kind)


def _near_miss(rng: Random, value: WorldValue) -> tuple[WorldValue | None, str]:
    """Draw a near miss of a kind that the value has. Rare kinds come first half of the time."""
    rare = [kind for kind in ("order", "unit", "reciprocal", "term") if rng.random() < 0.5]
    for kind in (*rare, *rng.sample(KINDS, len(KINDS))):
        other = _missed(rng, value, kind)
        if other is not None and other != value:
            return other, kind
    return None, ""


def _pair(instance: Instance, texts: tuple[str, str], values: tuple[WorldValue, WorldValue], kind: str) -> AnswerPair:
    same = kind == "equal"
    normal = [_normal(value, text) for value, text in zip(values, texts, strict=True)]
    reply = f"{normal[0]} | {normal[1]} | {'yes' if same else 'no'}"
    return AnswerPair(render(instance), texts[0], texts[1], same, kind, reply)


def _forms(value: WorldValue) -> list[str]:
    """Return every form of a value that the judge must know: the teacher's forms, and forms of other writers."""
    forms = [form for form, _ in surface_forms(value)]
    part = value.parts[0]
    if value.kind == "number" and part.is_plain:
        forms.append(str(part))
        if part.const.denominator == 1:
            integer = part.integer
            forms += [f"{integer}.0"] if not value.unit else []
            if 0 <= integer < len(WORDS):
                forms.append(WORDS[integer])
        elif (text := decimal(part.const)) is not None:
            forms.append(text)
    if value.kind == "percent":
        forms.append(f"{latex(part)} percent")
    if value.kind == "pair":
        first, second = (latex(p) for p in value.parts)
        forms += [f"x={first}, y={second}", f"({first},{second})"]
    if value.kind == "day":
        forms += [DAYS[part.integer].lower(), DAYS[part.integer][:3]]
    return list(dict.fromkeys(forms))


def _missed(rng: Random, value: WorldValue, kind: str) -> WorldValue | None:
    """Return a near miss of the given kind; None if the value has none."""
    index = rng.randrange(len(value.parts))
    part = value.parts[index]
    if kind == "order":
        swapped = replace(value, parts=value.parts[::-1])
        return swapped if value.kind == "pair" and swapped != value else None
    if kind == "unit":
        other = _OTHER_UNIT.get(value.unit or "")
        return replace(value, unit=other) if other else None
    changed = _missed_number(rng, value, part, kind)
    if changed is None or changed == part:
        return None
    if value.kind == "day":
        return replace(value, parts=(Num(changed.const % 7),)) if kind in ("off_by_one", "other") else None
    parts = tuple(changed if i == index else p for i, p in enumerate(value.parts))
    if value.kind == "roots" and sorted(p.const for p in parts) == sorted(p.const for p in value.parts):
        return None
    return replace(value, parts=parts)


def _missed_number(rng: Random, value: WorldValue, part: Num, kind: str) -> Num | None:
    const = part.const
    if kind == "other":
        return Num(
            Fraction(rng.randint(0, 2 * abs(const.numerator) + 20), rng.choice((1, const.denominator))), part.coef
        )
    if kind == "off_by_one":
        return Num(const + rng.choice((-1, 1)), part.coef)
    if kind == "term":
        return Num(part.coef, const) if part.coef and const and value.kind == "number" else None
    if kind == "sign":
        return Num(-const, part.coef) if const and value.kind in ("number", "pair", "power") else None
    if kind == "reciprocal":
        return Num(1 / const) if part.is_plain and const and const.denominator > 1 else None
    if kind == "scale":
        return Num(const * rng.choice((Fraction(10), Fraction(1, 10))), part.coef) if const else None
    digits = str(abs(const.numerator))
    place = rng.randrange(len(digits))
    swapped = digits[:place] + rng.choice([d for d in "0123456789" if d != digits[place]]) + digits[place + 1 :]
    if len(digits) > 1 and swapped.startswith("0"):
        return None
    sign = -1 if const < 0 else 1
    return Num(Fraction(sign * int(swapped), const.denominator), part.coef)


def _names_unit(form: str, value: WorldValue) -> bool:
    return bool(value.unit) and str(value.unit) in form


def _normal(value: WorldValue, text: str) -> str:
    """Return the normal form of an answer for the judge: exact fractions, and the unit only if the text names it."""
    numbers = [str(part) for part in value.parts]
    if value.kind == "pair":
        return f"({numbers[0]}, {numbers[1]})"
    if value.kind == "roots":
        return ", ".join(str(part) for part in sorted(value.parts, key=lambda part: part.const))
    if value.kind == "day":
        return DAYS[value.parts[0].integer]
    if value.kind == "power":
        return f"x^{numbers[0]}"
    if value.kind == "percent":
        return f"{numbers[0]}%"
    if value.kind == "minutes":
        return f"{numbers[0]} min"
    return f"{numbers[0]} {value.unit}" if value.unit and _names_unit(text, value) else numbers[0]
