"""How each family of the pocket world is worked out: the lines of a solution and the value they end in.

A function takes the numbers (`NumberSlots`) and the words (`WordSlots`) of a problem. `families.py` names the function
of each family.
"""

import math
from dataclasses import dataclass

from sure_math.pocket.world.numbers import DAYS, Num, WorldError, WorldValue, as_num

NumberSlots = dict[str, Num]
"""Number slots of a template by name: `{a}`."""
WordSlots = dict[str, str]
"""Word slots of a template by name: `{name}`, `{item}`, `{unit}`, `{day}`."""


@dataclass(frozen=True, slots=True)
class Working:
    """Worked lines and the value they end in."""

    lines: tuple[str, ...]
    value: WorldValue


def _number(number: Num, lines: tuple[str, ...], unit: str | None = None, unknown: str | None = None) -> Working:
    return Working(lines, WorldValue((number,), unit=unit, unknown=unknown))


def product_line(a: Num, b: Num) -> str:
    """Write a product as `47 \\times 6 = 240 + 42 = 282`: with partial products if a factor has several digits."""
    result = a * b
    if a.is_plain and b.is_plain and a.const.denominator == 1 and b.const.denominator == 1:
        big, small = abs(a.integer), abs(b.integer)
        parts = [int(digit) * 10**place * small for place, digit in enumerate(reversed(str(big)))][::-1]
        parts = [part for part in parts if part]
        if len(parts) > 1 and a.const > 0 and b.const > 0:
            return f"{a} \\times {b} = {' + '.join(map(str, parts))} = {result}."
    return f"{_bracket(a)} \\times {_bracket(b)} = {result}."


def _bracket(number: Num) -> str:
    return str(number) if number.is_plain and number.const >= 0 else f"({number})"


def total(s: NumberSlots, w: WordSlots) -> Working:
    """Add two numbers."""
    total = s["a"] + s["b"]
    return _number(total, (f"{s['a']} + {_bracket(s['b'])} = {total}.",), w.get("item"))


def difference(s: NumberSlots, w: WordSlots) -> Working:
    """Subtract one number from another."""
    rest = s["a"] - s["b"]
    return _number(rest, (f"{s['a']} - {_bracket(s['b'])} = {rest}.",), w.get("item"))


def product(s: NumberSlots, w: WordSlots) -> Working:
    """Multiply two numbers."""
    return _number(s["a"] * s["b"], (product_line(s["a"], s["b"]),), w.get("item"))


def quotient(s: NumberSlots, w: WordSlots) -> Working:
    """Divide one number by another."""
    result = s["a"] / s["b"]
    return _number(result, (f"{s['a']}/{s['b']} = {result}.",), "litres" if "name" in w else None)


def fraction_sum(s: NumberSlots, w: WordSlots) -> Working:
    """Add two fractions over their common denominator."""
    a, b, c, d = (s[key] for key in "abcd")
    left, right = a * d, c * b
    result = a / b + c / d
    lines = (f"{left}/{b * d} + {right}/{b * d} = {left + right}/{b * d} = {result}.",)
    return _number(result, lines)


def fraction_of(s: NumberSlots, w: WordSlots) -> Working:
    """Take a fraction of a number."""
    part = s["c"] / s["b"]
    result = part * s["a"]
    lines = (f"{s['c']}/{s['b']} = {part}.", product_line(part, s["a"]))
    return _number(result, lines, w.get("item"))


def percent_of(s: NumberSlots, w: WordSlots) -> Working:
    """Take a percentage of a number."""
    whole = s["p"] * s["a"]
    return _number(
        whole / 100, (product_line(s["a"], s["p"]), f"{whole}/100 = {whole / 100}."), "dollars" if "name" in w else None
    )


def percent_ratio(s: NumberSlots, w: WordSlots) -> Working:
    """Find the percentage that one number is of another."""
    percent = s["a"] * 100 / s["b"]
    return Working((f"{s['a']}/{s['b']} = {s['a'] / s['b']} = {percent}\\%.",), WorldValue((percent,), "percent"))


def equation(s: NumberSlots, w: WordSlots) -> Working:
    """Solve a x + b = c."""
    a, b, c = s["a"], s["b"], s["c"]
    rest = c - b
    x = rest / a
    return _number(x, (f"{a}x = {c} - {b} = {rest}.", f"x = {x}."), unknown=None if "name" in w else "x")


def two_sided(s: NumberSlots, w: WordSlots) -> Working:
    """Solve a x - b = c x + d."""
    a, b, c, d = (s[key] for key in "abcd")
    slope, rest = a - c, d + b
    x = rest / slope
    return _number(x, (f"{slope}x = {d} + {b} = {rest}.", f"x = {x}."), unknown=None if "name" in w else "x")


def system(s: NumberSlots, w: WordSlots) -> Working:
    """Solve x + y = a and x - y = b."""
    total, gap = s["a"], s["b"]
    x = (total + gap) / 2
    y = total - x
    return Working(
        (f"2x = {total} + {gap} = {total + gap}.", f"x = {x}.", f"y = {total} - {x} = {y}."), WorldValue((x, y), "pair")
    )


def remainder(s: NumberSlots, w: WordSlots) -> Working:
    """Find the remainder of a division."""
    a, m = s["a"].integer, s["m"].integer
    if m < 1 or a < 0:
        raise WorldError(f"remainder of {a} by {m}")
    return remainder_working(a, m, w.get("item"))


def remainder_working(a: int, m: int, unit: str | None = None) -> Working:
    """Write the lines by which a remainder is found."""
    near = a - a % m
    return _number(as_num(a % m), (f"{m} \\times {a // m} = {near}.", f"{a} - {near} = {a % m}."), unit)


def gcd(s: NumberSlots, w: WordSlots) -> Working:
    """Find the greatest common divisor by Euclid's algorithm."""
    a, b = s["a"].integer, s["b"].integer
    if a < 1 or b < 1:
        raise WorldError("greatest common divisor of a number below 1")
    lines = []
    while b:
        lines.append(f"{a} = {a // b} \\times {b} + {a % b}.")
        a, b = b, a % b
    return _number(as_num(a), tuple(lines), w.get("item"))


def lcm(s: NumberSlots, w: WordSlots) -> Working:
    """Find the least common multiple from the greatest common divisor."""
    a, b = s["a"].integer, s["b"].integer
    if a < 1 or b < 1:
        raise WorldError("least common multiple of a number below 1")
    common = math.gcd(a, b)
    result = WorldValue((as_num(a // common * b),), "minutes" if "name" in w else "number")
    return Working((f"gcd = {common}.", product_line(as_num(b), as_num(a // common))), result)


def sequence(s: NumberSlots, w: WordSlots) -> Working:
    """Find a term of an arithmetic sequence."""
    a, d, k = s["a"], s["d"], s["k"]
    steps = (k - 1) * d
    return _number(a + steps, (f"{k - 1} \\times {d} = {steps}.", f"{a} + {_bracket(steps)} = {a + steps}."))


def series(s: NumberSlots, w: WordSlots) -> Working:
    """Add the integers from 1 to k."""
    k = s["k"].integer
    both = as_num(k * (k + 1))
    return _number(both / 2, (product_line(as_num(k + 1), as_num(k)), f"{both}/2 = {both / 2}."), w.get("item"))


def power(s: NumberSlots, w: WordSlots) -> Working:
    """Multiply out a power."""
    base, exponent = s["a"], s["k"].integer
    if not 1 <= exponent <= 9 or abs(base.integer) > 99:
        raise WorldError("power out of range")
    lines, result = [], base
    for _ in range(exponent - 1):
        lines.append(product_line(result, base))
        result = result * base
    return _number(result, tuple(lines) or (f"{base}.",), "cells" if "name" in w else None)


def power_rule(s: NumberSlots, w: WordSlots) -> Working:
    """Add the exponents of a product of powers."""
    exponent = s["a"] + s["b"]
    return Working((f"{s['a']} + {s['b']} = {exponent}.",), WorldValue((exponent,), "power"))


def perimeter(s: NumberSlots, w: WordSlots) -> Working:
    """Find the perimeter of a rectangle."""
    half = s["a"] + s["b"]
    return _number(half * 2, (f"{s['a']} + {s['b']} = {half}.", product_line(half, as_num(2))), w["unit"])


def area(s: NumberSlots, w: WordSlots) -> Working:
    """Find the area of a rectangle."""
    return _number(s["a"] * s["b"], (product_line(s["a"], s["b"]),), f"{w['unit']}^2")


def triangle_area(s: NumberSlots, w: WordSlots) -> Working:
    """Find the area of a triangle."""
    both = s["a"] * s["b"]
    return _number(both / 2, (product_line(s["a"], s["b"]), f"{both}/2 = {both / 2}."), f"{w['unit']}^2")


def angle(s: NumberSlots, w: WordSlots) -> Working:
    """Find the third angle of a triangle."""
    both = s["a"] + s["b"]
    rest = as_num(180) - both
    return _number(rest, (f"{s['a']} + {s['b']} = {both}.", f"180 - {_bracket(both)} = {rest}."), "degrees")


def distance(s: NumberSlots, w: WordSlots) -> Working:
    """Multiply a speed and a time."""
    return _number(s["a"] * s["t"], (product_line(s["a"], s["t"]),), "km")


def duration(s: NumberSlots, w: WordSlots) -> Working:
    """Convert hours and minutes to minutes."""
    hours = s["h"] * 60
    return Working(
        (f"{s['h']} \\times 60 = {hours}.", f"{hours} + {s['a']} = {hours + s['a']}."),
        WorldValue((hours + s["a"],), "minutes"),
    )


def mean(s: NumberSlots, w: WordSlots) -> Working:
    """Find the mean of three numbers."""
    total = s["a"] + s["b"] + s["c"]
    return _number(total / 3, (f"{s['a']} + {s['b']} + {s['c']} = {total}.", f"{_bracket(total)}/3 = {total / 3}."))


def roots(s: NumberSlots, w: WordSlots) -> Working:
    """Find two integers from their sum and product."""
    total, product = s["a"].integer, s["b"].integer
    root = math.isqrt(max(0, total * total - 4 * product))
    if root * root != total * total - 4 * product or (total + root) % 2:
        raise WorldError("no two integers have this sum and product")
    low, high = (total - root) // 2, (total + root) // 2
    lines = (f"{low} + {high} = {total}.", f"{low} \\times {high} = {product}.")
    return Working(lines, WorldValue((as_num(low), as_num(high)), "roots"))


def probability(s: NumberSlots, w: WordSlots) -> Working:
    """Find the probability of one of two kinds."""
    total = s["a"] + s["b"]
    return _number(s["a"] / total, (f"{s['a']} + {s['b']} = {total}.", f"{s['a']}/{total} = {s['a'] / total}."))


def mixed(s: NumberSlots, w: WordSlots) -> Working:
    """Subtract a product from a number."""
    product = s["b"] * s["c"]
    return _number(
        s["a"] - product, (product_line(s["b"], s["c"]), f"{s['a']} - {_bracket(product)} = {s['a'] - product}.")
    )


def proportion(s: NumberSlots, w: WordSlots) -> Working:
    """Scale a ratio to another amount."""
    of_each = s["b"] / s["a"]
    return _number(
        of_each * s["c"],
        (f"{s['b']}/{s['a']} = {of_each}.", product_line(of_each, s["c"])),
        "dollars" if "item" in w else None,
    )


def convert(s: NumberSlots, w: WordSlots) -> Working:
    """Convert metres to centimetres."""
    return _number(s["a"] * 100, (f"{s['a']} \\times 100 = {s['a'] * 100}.",), "cm")


def weekday(s: NumberSlots, w: WordSlots) -> Working:
    """Find the day of the week after some days."""
    start, days = DAYS.index(w["day"]), s["a"].integer
    return Working(
        (f"{days} = 7 \\times {days // 7} + {days % 7}.", f"{w['day']} + {days % 7} days."),
        WorldValue((as_num((start + days) % 7),), "day"),
    )
