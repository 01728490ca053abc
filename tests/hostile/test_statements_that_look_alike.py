r"""Answers that say something else are not equal, however much they look alike.

Pins: marks that strike out or dot a number, values of one variable and values of several, remainders that are not
reduced, and separators of thousands between other groups than thousands.
"""

import pytest

from sure_math.equivalence import same_answer

DIFFERENT = [
    *(("5" + mark, "5") for mark in "\u0300\u0307\u0323\u0332\u0336\u0337\u0338"),
    ("1\u0338", "1"),
    ("a\u0338", "a"),
    ("x=1, x=2", "x=1, y=2"),
    (r"x=1 \text{ or } x=2", r"x=1 \text{ and } y=2"),
    ("x=1, x=2, x=3", "x=1, y=2, z=3"),
    ("(x,y)=(1,2)", "x=1 or x=2"),
    ("a=1, a=2", "b=1, c=2"),
    ("10 mod 7", "10"),
    (r"4 \pmod 3", "4"),
    (r"10 \mod 7", "10"),
    ("1\u066c2", "1.2"),
    ("1\u066c23", "123"),
]
EQUAL = [
    ("x=1, x=2", "1, 2"),
    ("x=1, y=2", "y=2, x=1"),
    ("x=1, x=2", "x=2 or x=1"),
    (r"x \in \{1, 2\}", "x=1 or x=2"),
    ("x=1 or x=2", "x_1=1, x_2=2"),
    ("3 mod 7", "3"),
    (r"3 \pmod 7", r"10 \pmod 7"),
    ("1\u066c234", "1234"),
    ("7 cafe\u0301s", "7"),
    ("7 cafe\u0301s", "7 café"),
]


@pytest.mark.parametrize(("first", "second"), DIFFERENT, ids=ascii)
def test_another_statement_is_not_equal(first: str, second: str) -> None:
    assert "equal" not in (same_answer(first, second), same_answer(second, first))


@pytest.mark.parametrize(("first", "second"), EQUAL, ids=ascii)
def test_another_spelling_is_equal(first: str, second: str) -> None:
    assert same_answer(first, second) == same_answer(second, first) == "equal"
