"""The families of the pocket world: how each draws its numbers and words its problem (`workings.py` works it out).

A template holds number slots `{a}` and word slots (`{name}`, `{item}`, `{unit}`). Every template can be read back into
its family and numbers, so that a text written by a model can be solved exactly. `plain` templates state the
computation, `story` templates put the same computation into a scene. `letter` names the slot that may be the letter n.
"""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from sure_math.pocket.world import workings
from sure_math.pocket.world.numbers import DAYS
from sure_math.pocket.world.workings import NumberSlots, WordSlots, Working

NAMES = ("Ana", "Ben", "Mia", "Tom", "Zoe", "Sam", "Lea", "Max")
ITEMS = ("pens", "books", "coins", "apples", "cards", "stamps", "eggs", "shells")
UNITS = ("cm", "m", "mm")
WORD_SLOTS: dict[str, tuple[str, ...]] = {"name": NAMES, "item": ITEMS, "unit": UNITS, "day": DAYS}


@dataclass(frozen=True, slots=True)
class Family:
    """One kind of computation."""

    name: str
    draw: Callable[[Random, int], dict[str, int]]
    """Draws the numbers for a level from 1 (easy) to 4 (competition)."""
    work: Callable[[NumberSlots, WordSlots], Working]
    plain: tuple[str, ...]
    story: tuple[str, ...]
    letter: str | None = None


def _span(rng: Random, level: int, *tops: int, low: int = 2) -> int:
    """Draw a number up to the top of the level; most numbers are large for the level."""
    top = tops[level - 1]
    return rng.randint(low if level == 1 else max(low, tops[level - 2] // 2), top)


def _exact(
    rng: Random, level: int, *, share: float = 0.5, quotients: tuple[int, ...] = (9, 15, 40, 99)
) -> tuple[int, int]:
    """Draw a dividend and a divisor; the division is exact with probability `share`."""
    divisor = rng.randint(2, 9 if level < 3 else 12)
    dividend = divisor * _span(rng, level, *quotients)
    return (dividend if rng.random() < share else max(1, dividend - rng.randint(1, divisor - 1))), divisor


def _draw_percent_of(rng: Random, level: int) -> dict[str, int]:
    percents = {1: (10, 20, 50), 2: (5, 15, 25, 30, 40), 3: (12, 35, 45, 60, 75), 4: (8, 18, 36, 65, 85)}[level]
    return {"p": rng.choice(percents), "a": _span(rng, level, 9, 30, 60, 120) * (10 if level < 3 else 5)}


def _draw_percent_ratio(rng: Random, level: int) -> dict[str, int]:
    whole = rng.choice({1: (10, 20), 2: (20, 25, 40, 50), 3: (40, 50, 80, 200), 4: (125, 150, 80, 250, 400)}[level])
    return {"a": rng.randint(1, whole - 1), "b": whole}


def _draw_equation(rng: Random, level: int) -> dict[str, int]:
    a, x, b = rng.randint(2, 9), _span(rng, level, 9, 15, 40, 90), _span(rng, level, 9, 30, 60, 150)
    return {"a": a, "b": b, "c": a * x + b + (rng.randint(1, a - 1) if level > 1 and rng.random() < 0.25 else 0)}


def _draw_two_sided(rng: Random, level: int) -> dict[str, int]:
    c = rng.randint(2, 5)
    slope, x, b = rng.randint(2, 5), _span(rng, level, 6, 12, 20, 40), _span(rng, level, 9, 20, 30, 60)
    total = slope * x
    return (
        {"a": c + slope, "b": b, "c": c, "d": total - b}
        if total > b
        else {"a": c + slope, "b": 1, "c": c, "d": total - 1}
    )


def _draw_system(rng: Random, level: int) -> dict[str, int]:
    y = _span(rng, level, 9, 20, 60, 150)
    gap = rng.randint(1, {1: 9, 2: 20, 3: 50, 4: 120}[level])
    return {"a": 2 * y + gap, "b": gap}


def _draw_roots(rng: Random, level: int) -> dict[str, int]:
    low, high = sorted((_span(rng, level, 9, 12, 15, 20), rng.randint(2, 9 + 2 * level)))
    return {"a": low + high, "b": low * high}


def _draw_fractions(rng: Random, level: int) -> dict[str, int]:
    top = {1: 5, 2: 7, 3: 9, 4: 12}[level]
    b, d = rng.randint(2, top), rng.randint(2, top)
    return {"a": rng.randint(1, b - 1), "b": b, "c": rng.randint(1, d - 1), "d": d}


def _draw_fraction_of(rng: Random, level: int) -> dict[str, int]:
    b = rng.randint(2, 9)
    return {"a": rng.randint(1, b - 1), "b": b, "c": b * _span(rng, level, 6, 12, 25, 60)}


def _draw_proportion(rng: Random, level: int) -> dict[str, int]:
    a, of_each = rng.randint(2, 9), _span(rng, level, 6, 12, 25, 60)
    return {"a": a, "b": a * of_each, "c": rng.randint(2, 9 + level)}


def _draw_mean(rng: Random, level: int) -> dict[str, int]:
    a, b = _span(rng, level, 9, 30, 80, 200), _span(rng, level, 9, 30, 80, 200)
    c = _span(rng, level, 9, 30, 80, 200)
    return {"a": a, "b": b, "c": c + (3 - (a + b + c) % 3 if rng.random() < 0.6 else 0)}


def _draw_gcd(rng: Random, level: int) -> dict[str, int]:
    common, p, q = _span(rng, level, 6, 9, 12, 20), rng.randint(2, 7), rng.randint(2, 7)
    return {"a": common * max(p, q + (p == q)), "b": common * min(p, q)}


FAMILIES: tuple[Family, ...] = (
    Family(
        "sum",
        lambda rng, level: {"a": _span(rng, level, 30, 99, 400, 999), "b": _span(rng, level, 30, 99, 400, 999)},
        workings.total,
        ("Compute {a} + {b}.", "What is the sum of {a} and {b}?", "Add {a} and {b}."),
        (
            "{name} has {a} {item} and gets {b} more. How many {item} does {name} have now?",
            "A box holds {a} {item}. {name} puts in {b} more. How many {item} are in the box?",
        ),
        "b",
    ),
    Family(
        "difference",
        lambda rng, level: {
            "a": (b := _span(rng, level, 20, 60, 300, 600)) + rng.randint(1, {1: 20, 2: 60, 3: 300, 4: 600}[level]),
            "b": b,
        },
        workings.difference,
        ("Compute {a} - {b}.", "Subtract {b} from {a}.", "What is the difference {a} - {b}?"),
        (
            "A shop has {a} {item} and sells {b} of them. How many {item} are left?",
            "{name} has {a} {item} and gives away {b}. How many {item} remain?",
        ),
        "b",
    ),
    Family(
        "product",
        lambda rng, level: {"a": _span(rng, level, 12, 40, 99, 300), "b": rng.randint(2, 9)},
        workings.product,
        ("Compute {a} \\times {b}.", "What is the product of {a} and {b}?", "Multiply {a} by {b}."),
        (
            "Each box holds {a} {item}. How many {item} are in {b} boxes?",
            "{name} buys {b} packs of {a} {item}. How many {item} is that?",
        ),
        "a",
    ),
    Family(
        "quotient",
        lambda rng, level: dict(zip("ab", _exact(rng, level), strict=True)),
        workings.quotient,
        ("Compute {a} \\div {b}.", "Divide {a} by {b}.", "What is {a} divided by {b}?"),
        (
            "{name} shares {a} litres of juice equally among {b} jugs. How many litres are in each jug?",
            "{a} litres of paint fill {b} cans for {name}. How many litres does one can hold?",
        ),
        "a",
    ),
    Family(
        "fraction_sum",
        _draw_fractions,
        workings.fraction_sum,
        ("Compute {a}/{b} + {c}/{d}.", "What is the sum of {a}/{b} and {c}/{d}?", "Add {a}/{b} and {c}/{d}."),
        (
            "{name} walks {a}/{b} of a mile and then {c}/{d} of a mile. How many miles is that?",
            "A recipe needs {a}/{b} cups of milk and {c}/{d} cups of water. How many cups is that?",
        ),
    ),
    Family(
        "fraction_of",
        _draw_fraction_of,
        workings.fraction_of,
        ("What is {a}/{b} of {c}?", "Find {a}/{b} of {c}."),
        (
            "{name} has {c} {item} and gives away {a}/{b} of them. How many {item} does {name} give away?",
            "Of {c} {item}, {a}/{b} are red. How many {item} are red?",
        ),
        "a",
    ),
    Family(
        "percent_of",
        _draw_percent_of,
        workings.percent_of,
        ("Find {p}\\% of {a}.", "What is {p}\\% of {a}?"),
        (
            "{name} earns {a} dollars and saves {p}\\%. How many dollars does {name} save?",
            "A coat costs {a} dollars and {name} gets {p}\\% off. How many dollars are taken off?",
        ),
        "a",
    ),
    Family(
        "percent_ratio",
        _draw_percent_ratio,
        workings.percent_ratio,
        ("What percent of {b} is {a}?", "Write {a} out of {b} as a percent."),
        (
            "In a class of {b} students, {a} wear glasses. What percent wear glasses?",
            "{name} wins {a} of {b} games. What percent of the games does {name} win?",
        ),
        "a",
    ),
    Family(
        "equation",
        _draw_equation,
        workings.equation,
        ("Solve {a}x + {b} = {c}.", "Find x if {a}x + {b} = {c}.", "If {a}x + {b} = {c}, what is x?"),
        (
            "{name} thinks of a number, multiplies it by {a} and adds {b} to get {c}. What is the number?",
            "A taxi takes {b} dollars plus {a} dollars per km. {name} pays {c} dollars. How many km is the ride?",
        ),
        "c",
    ),
    Family(
        "two_sided",
        _draw_two_sided,
        workings.two_sided,
        ("Solve {a}x - {b} = {c}x + {d}.", "Find x if {a}x - {b} = {c}x + {d}."),
        (
            "For {name}, {a} times a number minus {b} is {c} times the number plus {d}. What is the number?",
            "{name} says that {b} less than {a} times a number is {d} more than {c} times it. What is the number?",
        ),
        "d",
    ),
    Family(
        "system",
        _draw_system,
        workings.system,
        ("Solve x + y = {a} and x - y = {b}. Give (x, y).", "Find (x, y) if x + y = {a} and x - y = {b}."),
        (
            "Two numbers x and y have sum {a}, and x is {b} more than y. Give (x, y).",
            "{name} is x years old and a cousin y years. Their ages add up to {a} and {name} is {b} years older. "
            "Give (x, y).",
        ),
        "b",
    ),
    Family(
        "remainder",
        lambda rng, level: {"a": _span(rng, level, 50, 99, 300, 900), "m": rng.randint(3, 9)},
        workings.remainder,
        ("Find the remainder when {a} is divided by {m}.", "What is {a} modulo {m}?"),
        (
            "{name} packs {a} {item} in bags of {m}. How many {item} are left over?",
            "{a} {item} are put in rows of {m}. How many {item} are in the last row that is not full?",
        ),
    ),
    Family(
        "gcd",
        _draw_gcd,
        workings.gcd,
        ("Find the greatest common divisor of {a} and {b}.", "What is the gcd of {a} and {b}?"),
        (
            "{name} has {a} red and {b} blue {item} and makes equal bags with none left. "
            "What is the largest number of bags?",
            "{a} boys and {b} girls form equal teams. What is the largest number of teams?",
        ),
    ),
    Family(
        "lcm",
        lambda rng, level: {"a": _span(rng, level, 6, 9, 15, 24), "b": rng.randint(2, 6 + 3 * level)},
        workings.lcm,
        ("Find the least common multiple of {a} and {b}.", "What is the lcm of {a} and {b}?"),
        (
            "One bell rings every {a} minutes and another every {b} minutes. {name} hears both. "
            "After how many minutes do they ring together again?",
            "{name} sees two lamps blink every {a} and every {b} minutes. "
            "After how many minutes do they blink together again?",
        ),
    ),
    Family(
        "sequence",
        lambda rng, level: {
            "a": _span(rng, level, 9, 20, 50, 99),
            "d": rng.randint(2, 5 + 2 * level),
            "k": _span(rng, level, 6, 10, 20, 40, low=3),
        },
        workings.sequence,
        (
            "An arithmetic sequence starts at {a} and has difference {d}. Find term number {k}.",
            "Find term {k} of the arithmetic sequence with first term {a} and difference {d}.",
        ),
        (
            "Row 1 of a hall has {a} seats and each row has {d} more. How many seats are in row {k}?",
            "{name} saves {a} dollars in week 1 and {d} dollars more each week. How many dollars in week {k}?",
        ),
        "a",
    ),
    Family(
        "series",
        lambda rng, level: {"k": _span(rng, level, 9, 15, 30, 60)},
        workings.series,
        ("Find the sum of the integers from 1 to {k}.", "Compute 1 + 2 + ... + {k}."),
        (
            "{name} stacks {item} in rows of 1, 2, 3 and so on up to {k}. How many {item} are there?",
            "A tower of {item} has rows with 1, 2, and so on up to {k}. How many {item} does {name} need?",
        ),
    ),
    Family(
        "power",
        lambda rng, level: {
            "a": rng.randint(2, {1: 5, 2: 7, 3: 9, 4: 12}[level]),
            "k": rng.randint(2, {1: 2, 2: 3, 3: 3, 4: 4}[level]),
        },
        workings.power,
        ("Compute {a}^{k}.", "What is {a} to the power {k}?"),
        (
            "{name} sees each cell split into {a} every hour. One cell becomes how many cells after {k} hours?",
            "One cell makes {a} cells each day. {name} starts with 1 cell. How many cells are there after {k} days?",
        ),
    ),
    Family(
        "power_rule",
        lambda rng, level: {"a": _span(rng, level, 9, 20, 50, 99), "b": _span(rng, level, 9, 20, 50, 99)},
        workings.power_rule,
        ("Simplify x^{a} \\times x^{b}.", "Write x^{a} \\times x^{b} as one power of x."),
        (
            "A cube grows by the factor x^{a} and then by x^{b}. Write the whole factor as one power of x.",
            "{name} multiplies a mass by x^{a} and then by x^{b}. Write the whole factor as one power of x.",
        ),
        "b",
    ),
    Family(
        "perimeter",
        lambda rng, level: {"a": _span(rng, level, 9, 30, 80, 200), "b": _span(rng, level, 9, 30, 80, 200)},
        workings.perimeter,
        (
            "A rectangle has sides {a} {unit} and {b} {unit}. Find its perimeter.",
            "Find the perimeter of a rectangle with sides {a} {unit} and {b} {unit}.",
        ),
        (
            "{name} puts a fence around a garden of {a} {unit} by {b} {unit}. How long is the fence?",
            "A picture is {a} {unit} wide and {b} {unit} high. How long is the frame that {name} puts around it?",
        ),
        "b",
    ),
    Family(
        "area",
        lambda rng, level: {"a": _span(rng, level, 12, 30, 70, 150), "b": rng.randint(2, 9)},
        workings.area,
        (
            "A rectangle has sides {a} {unit} and {b} {unit}. Find its area.",
            "Find the area of a rectangle with sides {a} {unit} and {b} {unit}.",
        ),
        (
            "{name} paints a wall of {a} {unit} by {b} {unit}. What area does {name} paint?",
            "A garden is {a} {unit} long and {b} {unit} wide. What area does {name} dig?",
        ),
        "a",
    ),
    Family(
        "triangle_area",
        lambda rng, level: {"a": _span(rng, level, 12, 30, 60, 120), "b": rng.randint(2, 9)},
        workings.triangle_area,
        (
            "A triangle has base {a} {unit} and height {b} {unit}. Find its area.",
            "Find the area of a triangle with base {a} {unit} and height {b} {unit}.",
        ),
        (
            "{name} sews a sail with base {a} {unit} and height {b} {unit}. What is the area of the sail?",
            "A roof end is a triangle of base {a} {unit} and height {b} {unit}. What area does {name} paint?",
        ),
        "a",
    ),
    Family(
        "angle",
        lambda rng, level: {
            "a": rng.randint(2, 9) * 10 if level < 3 else rng.randint(20, 89),
            "b": rng.randint(2, 8) * 10 if level == 1 else rng.randint(20, 88),
        },
        workings.angle,
        (
            "Two angles of a triangle are {a} degrees and {b} degrees. Find the third angle.",
            "A triangle has angles of {a} degrees and {b} degrees. What is the third angle?",
        ),
        (
            "{name} cuts a triangle of cloth with angles {a} degrees and {b} degrees. What is the last angle?",
            "A kite of {name} is a triangle with angles {a} degrees and {b} degrees. What is the last angle?",
        ),
        "b",
    ),
    Family(
        "distance",
        lambda rng, level: {"a": _span(rng, level, 12, 50, 90, 240), "t": rng.randint(2, 9)},
        workings.distance,
        (
            "A body moves at {a} km per hour for {t} hours. Find the distance.",
            "Find the distance covered in {t} hours at {a} km per hour.",
        ),
        (
            "{name} drives {t} hours at {a} km per hour. How far does {name} drive?",
            "A train runs at {a} km per hour. How far does it go in {t} hours?",
        ),
        "a",
    ),
    Family(
        "duration",
        lambda rng, level: {"h": rng.randint(1, {1: 2, 2: 4, 3: 9, 4: 15}[level]), "a": rng.randint(5, 59)},
        workings.duration,
        ("Write {h} h {a} min in minutes.", "How many minutes are {h} h {a} min?"),
        (
            "A film lasts {h} h {a} min. How long is that in minutes?",
            "{name} rides a bus for {h} h {a} min. How long is that in minutes?",
        ),
        "a",
    ),
    Family(
        "mean",
        _draw_mean,
        workings.mean,
        ("Find the mean of {a}, {b} and {c}.", "What is the average of {a}, {b} and {c}?"),
        (
            "{name} scores {a}, {b} and {c} points in three games. What is the mean score?",
            "Three plants are {a}, {b} and {c} weeks old. What is their mean age in weeks?",
        ),
        "c",
    ),
    Family(
        "roots",
        _draw_roots,
        workings.roots,
        ("Find the two numbers with sum {a} and product {b}.", "Find both roots of x^2 - {a}x + {b} = 0."),
        (
            "Two ages add up to {a} and multiply to {b}. What are the two ages?",
            "{name} thinks of two numbers with sum {a} and product {b}. What are the two numbers?",
        ),
    ),
    Family(
        "probability",
        lambda rng, level: {"a": _span(rng, level, 6, 9, 20, 40, low=1), "b": _span(rng, level, 6, 9, 20, 40, low=1)},
        workings.probability,
        (
            "A bag has {a} red and {b} blue balls. Find the probability of drawing red.",
            "One ball is drawn from {a} red and {b} blue balls. What is the probability of red?",
        ),
        (
            "{name} has {a} mint and {b} lemon sweets and takes one. What is the probability of mint?",
            "Of the days in a month, {a} were dry and {b} wet. {name} picks a day. "
            "What is the probability of a dry day?",
        ),
    ),
    Family(
        "mixed",
        lambda rng, level: {
            "a": _span(rng, level, 60, 150, 400, 900),
            "b": _span(rng, level, 9, 15, 30, 60),
            "c": rng.randint(2, 6),
        },
        workings.mixed,
        ("Compute {a} - {b} \\times {c}.", "What is {a} minus {b} times {c}?"),
        (
            "{name} has {a} dollars and buys {c} shirts at {b} dollars each. What amount is left?",
            "A tank holds {a} litres and loses {b} litres a day. How much is in it after {c} days?",
        ),
        "a",
    ),
    Family(
        "proportion",
        _draw_proportion,
        workings.proportion,
        (
            "If {a} parts weigh {b} grams, how many grams do {c} parts weigh?",
            "Find y if y is proportional to x, y = {b} at x = {a}, and x = {c}.",
        ),
        (
            "{a} {item} cost {b} dollars. How many dollars do {c} {item} cost?",
            "{name} pays {b} dollars for {a} {item}. What do {c} {item} cost?",
        ),
        "c",
    ),
    Family(
        "convert",
        lambda rng, level: {"a": _span(rng, level, 9, 30, 99, 190)},
        workings.convert,
        ("Write {a} m in cm.", "How many cm are {a} m?"),
        ("{name} buys {a} m of rope. How long is the rope in cm?", "A wall is {a} m long. How long is it in cm?"),
        "a",
    ),
    Family(
        "weekday",
        lambda rng, level: {"a": _span(rng, level, 9, 30, 60, 150)},
        workings.weekday,
        ("Today is {day}. What day is it {a} days later?", "Which day is {a} days after a {day}?"),
        (
            "{name} plants seeds on a {day} and they sprout after {a} days. On what day do they sprout?",
            "A parcel leaves on a {day} and needs {a} days. On what day does {name} get it?",
        ),
    ),
)

BY_NAME = {family.name: family for family in FAMILIES}
