"""Steps that can be appended to a problem of the pocket world: each makes a new answer of the answer before it.

`harder` steps add arithmetic, `compose` steps bring in another branch, `competition` steps are the forms contests ask
for, `bridge` steps turn an answer that is not one number (a pair, a weekday, a power) into a number.
"""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Literal

from sure_math.pocket.world.numbers import LETTER, N, Num, WorldError, WorldValue, as_num
from sure_math.pocket.world.workings import NumberSlots, Working, product_line, remainder_working

OperationGroup = Literal["harder", "compose", "competition", "bridge", "algebraize"]


@dataclass(frozen=True, slots=True)
class Operation:
    """One kind of appended step."""

    name: str
    group: OperationGroup
    texts: tuple[str, ...]
    draw: Callable[[Random], dict[str, int]]
    work: Callable[[WorldValue, NumberSlots], Working]


def _line(result: Num, *lines: str, unit: str | None = None, unknown: str | None = None) -> Working:
    return Working(lines, WorldValue((result,), unit=unit, unknown=unknown))


def _add(value: WorldValue, s: NumberSlots) -> Working:
    result = value.number + s["c"]
    return _line(result, f"{value.number} + {s['c']} = {result}.")


def _subtract(value: WorldValue, s: NumberSlots) -> Working:
    result = value.number - s["c"]
    return _line(result, f"{value.number} - {s['c']} = {result}.")


def _multiply(value: WorldValue, s: NumberSlots) -> Working:
    return _line(value.number * s["c"], product_line(value.number, s["c"]))


def _square_perimeter(value: WorldValue, s: NumberSlots) -> Working:
    return _line(value.number * 4, product_line(value.number, as_num(4)), unit="cm")


def _percent(value: WorldValue, s: NumberSlots) -> Working:
    whole = value.number * s["p"]
    return _line(whole / 100, product_line(value.number, s["p"]), f"({whole})/100 = {whole / 100}.")


def _term(value: WorldValue, s: NumberSlots) -> Working:
    steps = (s["k"] - 1) * s["d"]
    result = value.number + steps
    return _line(result, f"{s['k'] - 1} \\times {s['d']} = {steps}.", f"{value.number} + {steps} = {result}.")


def _solve(value: WorldValue, s: NumberSlots) -> Working:
    result = value.number - s["c"]
    return _line(result, f"y = {value.number} - {s['c']} = {result}.", unknown="y")


def _share(value: WorldValue, s: NumberSlots) -> Working:
    result = value.number / s["c"]
    return _line(result, f"({value.number})/{s['c']} = {result}.")


def _modulo(value: WorldValue, s: NumberSlots) -> Working:
    number, modulus = value.number.integer, s["m"].integer
    if number < 0 or modulus < 1:
        raise WorldError("remainder of a negative number")
    return remainder_working(number, modulus)


def _evaluate(value: WorldValue, s: NumberSlots) -> Working:
    number = _with_letter(value)
    result = _at(number, s["k"])
    return _line(result, f"{number} at n = {s['k']} is {result}.")


def _two_values(value: WorldValue, s: NumberSlots) -> Working:
    number = _with_letter(value)
    first, second = _at(number, s["j"]), _at(number, s["k"])
    return _line(
        first + second, f"f({s['j']}) = {first}.", f"f({s['k']}) = {second}.", f"{first} + {second} = {first + second}."
    )


def _lowest_terms(value: WorldValue, s: NumberSlots) -> Working:
    number = value.number
    if number.coef or number.const <= 0:
        raise WorldError("p/q needs a positive number")
    p, q = number.const.numerator, number.const.denominator
    return _line(as_num(p + q), f"p = {p}, q = {q}.", f"{p} + {q} = {p + q}.")


def _digit_sum(value: WorldValue, s: NumberSlots) -> Working:
    number = value.number.integer
    if number < 0:
        raise WorldError("digits of a negative number")
    digits = [int(digit) for digit in str(number)]
    return _line(as_num(sum(digits)), f"{' + '.join(map(str, digits))} = {sum(digits)}.")


def _linear_form(value: WorldValue, s: NumberSlots) -> Working:
    product = value.number * s["c"]
    result = product - s["d"]
    return _line(result, product_line(value.number, s["c"]), f"{product} - {s['d']} = {result}.")


def _sum_of_two(value: WorldValue, s: NumberSlots) -> Working:
    first, second = _two(value)
    return _line(first + second, f"{first} + {second} = {first + second}.")


def _product_of_two(value: WorldValue, s: NumberSlots) -> Working:
    first, second = _two(value)
    return _line(first * second, product_line(first, second))


def _day_number(value: WorldValue, s: NumberSlots) -> Working:
    if value.kind != "day":
        raise WorldError("not a weekday")
    return _line(value.parts[0] + 1, f"Its number is {value.parts[0] + 1}.")


def _exponent(value: WorldValue, s: NumberSlots) -> Working:
    if value.kind != "power":
        raise WorldError("not a power")
    return _line(value.parts[0], f"The exponent is {value.parts[0]}.")


def _two(value: WorldValue) -> tuple[Num, Num]:
    if value.kind not in ("pair", "roots"):
        raise WorldError("not two numbers")
    return value.parts[0], value.parts[1]


def _with_letter(value: WorldValue) -> Num:
    if value.number.is_plain:
        raise WorldError("the answer has no letter")
    return value.number


def _at(number: Num, point: Num) -> Num:
    return as_num(number.const) + as_num(number.coef) * point


def _nothing(rng: Random) -> dict[str, int]:
    return {}


OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "add", "harder", ("Then add {c}.", "Add {c} to the result."), lambda rng: {"c": rng.randint(2, 60)}, _add
    ),
    Operation(
        "subtract",
        "harder",
        ("Then subtract {c}.", "Subtract {c} from the result."),
        lambda rng: {"c": rng.randint(2, 40)},
        _subtract,
    ),
    Operation(
        "multiply",
        "harder",
        ("Then multiply by {c}.", "Multiply the result by {c}."),
        lambda rng: {"c": rng.randint(2, 6)},
        _multiply,
    ),
    Operation(
        "square_perimeter",
        "compose",
        ("Take the answer as the side of a square in cm. Find the perimeter of the square.",),
        _nothing,
        _square_perimeter,
    ),
    Operation(
        "percent", "compose", ("Find {p}\\% of the answer.",), lambda rng: {"p": rng.choice((10, 20, 25, 50))}, _percent
    ),
    Operation(
        "term",
        "compose",
        ("Take the answer as the first term of an arithmetic sequence with difference {d}. Find term number {k}.",),
        lambda rng: {"d": rng.randint(2, 9), "k": rng.randint(3, 12)},
        _term,
    ),
    Operation(
        "solve", "compose", ("Let A be the answer. Solve y + {c} = A.",), lambda rng: {"c": rng.randint(2, 40)}, _solve
    ),
    Operation(
        "share",
        "compose",
        ("Divide the answer by {c} and give the result as a fraction in lowest terms.",),
        lambda rng: {"c": rng.randint(2, 9)},
        _share,
    ),
    Operation(
        "modulo",
        "compose",
        ("Find the remainder when the answer is divided by {m}.",),
        lambda rng: {"m": rng.randint(3, 9)},
        _modulo,
    ),
    Operation(
        "evaluate",
        "compose",
        ("Find the value of the answer for n = {k}.",),
        lambda rng: {"k": rng.randint(2, 12)},
        _evaluate,
    ),
    Operation(
        "lowest_terms", "competition", ("The answer is p/q in lowest terms. Find p + q.",), _nothing, _lowest_terms
    ),
    Operation(
        "digit_sum", "competition", ("Let N be the answer. Find the sum of the digits of N.",), _nothing, _digit_sum
    ),
    Operation(
        "linear_form",
        "competition",
        ("Let N be the answer. Find {c}N - {d}.",),
        lambda rng: {"c": rng.randint(2, 5), "d": rng.randint(1, 30)},
        _linear_form,
    ),
    Operation(
        "two_values",
        "competition",
        ("Let f(n) be the answer. Find f({j}) + f({k}).",),
        lambda rng: {"j": rng.randint(1, 6), "k": rng.randint(2, 12)},
        _two_values,
    ),
    Operation("sum_of_two", "bridge", ("Find the sum of these two numbers.",), _nothing, _sum_of_two),
    Operation("product_of_two", "bridge", ("Find the product of these two numbers.",), _nothing, _product_of_two),
    Operation(
        "day_number",
        "bridge",
        ("Count the days from Monday = 1. What is the number of that day?",),
        _nothing,
        _day_number,
    ),
    Operation("exponent", "bridge", ("What is the exponent of this power?",), _nothing, _exponent),
    Operation(
        "times_letter",
        "algebraize",
        (f"Write {LETTER} times the answer.",),
        _nothing,
        lambda value, s: _line(
            value.number * N,
            f"{LETTER} \\times {value.number} = {value.number * N}.",
        ),
    ),
)
OPERATION_BY_NAME = {operation.name: operation for operation in OPERATIONS}
