r"""Grade answers as ZeroEval does for mathematics: by the first number of each side.

Written anew from its behaviour (WildEval/ZeroEval, commit 8c1485e), without `eval`:
1. it takes the `answer` of the first JSON object in an output; without such an object, it takes the text behind the
   first `answer:`; for Llama-3.1, it takes the first box if one of the last 30 characters belongs to a box;
2. dollar signs and commas are removed; an answer with `/` that is arithmetic becomes its value;
3. an answer is right if the first decimal number in it is the first decimal number of the gold.
"""

from __future__ import annotations

import ast
import json
import operator
import re
import warnings
from collections.abc import Callable

NUMBER = re.compile(r"-?\d+(\.\d+)?")
FIELDS = (
    re.compile(r'"answer"\s*:\s*"([^"]*)"'),
    re.compile(r'"answer"\s*:\s*([^,\s]*)'),
    re.compile(r"answer\s*:\s*([^,\s]*)"),
)
"""Ways of writing the field that holds the answer, in the order in which they are tried."""
BOX = re.compile(r"\\boxed\{(\w+)\}")
BOX_WITHIN = 30
"""A box counts if it begins in this many characters at the end of an output."""
LARGEST_POWER = 1_000
_OPERATIONS: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}


def first_number(answer: str) -> float | None:
    r"""Return the first number of an answer.

    >>> first_number("6\\sqrt{2}"), first_number("$1,250"), first_number("1/2"), first_number("\\pi")
    (6.0, 1250.0, 0.5, None)
    """
    text = answer.replace("$", "").strip().replace(",", "")
    if "/" in text:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", SyntaxWarning)
                text = str(float(_value(ast.parse(text, mode="eval").body)))
        except (SyntaxError, ValueError, TypeError, ArithmeticError, RecursionError, MemoryError):
            pass
    number = NUMBER.search(text)
    return float(number.group()) if number else None


def _value(node: ast.expr) -> float:
    match node:
        case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_value(operand)
        case ast.BinOp(left=left, op=operation, right=right) if type(operation) in _OPERATIONS:
            first, second = _value(left), _value(right)
            if isinstance(operation, ast.Pow) and abs(second) > LARGEST_POWER:
                raise ValueError("power too large")
            return _OPERATIONS[type(operation)](first, second)
    raise ValueError("not arithmetic")


def is_right(gold: str, answer: str | None) -> bool:
    """Return whether both have a number, and the same one first. None is an output without an answer.

    >>> is_right("2", "2, -1"), is_right("2", "-1, 2"), is_right("2", None)
    (True, False, False)
    """
    if answer is None:
        return False
    number = first_number(answer)
    return number is not None and number == first_number(gold)


def answer_of(output: str, *, in_box: bool) -> str | None:
    r"""Return the answer that an output gives; None if it gives none.

    Args:
        in_box: whether a box at the end counts, as ZeroEval decides for Llama-3.1 only.

    >>> answer_of('{"reasoning": "2+2", "answer": 4}', in_box=False), answer_of("so \\boxed{4}", in_box=True)
    ('4', '4')
    """
    fields = _first_object(output)
    if fields is not None and "answer" in fields:
        return str(fields["answer"])
    for field in FIELDS:
        if answer := field.search(output):
            return answer.group(1)
    if in_box and "boxed" in output[-BOX_WITHIN:] and (answer := BOX.search(output)):
        return answer.group(1)
    return None


def _first_object(output: str) -> dict[str, object] | None:
    """Return the first text in balanced braces, if it is a JSON object."""
    depth, start = 0, 0
    for place, sign in enumerate(output):
        if sign == "{":
            start = start if depth else place
            depth += 1
        elif sign == "}" and depth:
            depth -= 1
            if not depth:
                try:
                    return json.loads(output[start : place + 1].replace("\n", ""))
                except json.JSONDecodeError:
                    return None
    return None
