"""Numbers that are written as words, beside numbers in digits. Pins the verdicts in both orders."""

import pytest

from sure_math.equivalence import same_answer

ROWS = [
    ("twelve", "12", "equal"),
    ("three-fourths", r"\frac34", "equal"),
    ("one half", "1/2", "equal"),
    ("Twenty-one", "21", "equal"),
    ("one", "1", "equal"),
    ("two thirds", "2/3", "equal"),
    ("one hundred", "100", "equal"),
    ("one hundred and five", "105", "equal"),
    ("two thousand twenty-four", "2024", "equal"),
    (r"\text{twelve}", "12", "equal"),
    ("zero", "0", "equal"),
    ("minus two", "-2", "equal"),
    ("two and a half", "2.5", "equal"),
    ("two and three fourths", "11/4", "equal"),
    ("twelve", "13", "different"),
    ("one", "one apple", "undecided"),
    ("three-fourths", "4/3", "different"),
    ("seven hundredths", "0.07", "equal"),
    ("third", "1/3", "undecided"),
    ("twenty-first", "21", "undecided"),
    ("one two", "12", "undecided"),
    ("twenty fifth", "25", "undecided"),
    ("half", "0.5", "equal"),
    ("a quarter", "0.25", "equal"),
    ("twelve", "twelve", "equal"),
    ("one hundred thousand", "100000", "equal"),
    ("five million", "5000000", "equal"),
    ("ten", "10%", "undecided"),
    ("a", "1", "different"),
]


@pytest.mark.parametrize(("a", "b", "verdict"), ROWS)
def test_numbers_as_words(a: str, b: str, verdict: str) -> None:
    assert same_answer(a, b) == same_answer(b, a) == verdict
