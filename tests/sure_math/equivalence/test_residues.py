r"""Residues: pairs of answers with their right verdicts, each tried in both orders.

Pins: the same modulus decides by congruence, another modulus is another statement; `7 (mod 11)` is 7, but the statement
x ≡ 7 (mod 11) does not say that x is 7; `\bmod` is an operation with a number as its result; lists of residues are
sets; what has
two readings, or no reading, is undecided and never equal.
"""

import pytest

from sure_math.equivalence import same_answers
from sure_math.equivalence.forms import Labelled, Residue
from sure_math.equivalence.read import read_form

RESIDUES = [
    (r"x \equiv 3 \pmod 7", r"x \equiv 3 \pmod{7}", "equal"),
    (r"x \equiv 3 \pmod 7", r"3 \pmod 7", "equal"),
    (r"x \equiv 3 \pmod 7", r"x \equiv 4 \pmod 7", "different"),
    (r"x \equiv 10 \pmod 7", r"x ≡ 3 (mod 7)", "equal"),
    (r"x \equiv -4 \mod 7", r"x \equiv 3 \bmod 7", "equal"),
    (r"x \equiv 3 \pmod 7", r"y \equiv 3 \pmod 7", "different"),
    (r"x \equiv 3 \pmod 7", r"x \equiv 3 \pmod{14}", "different"),
    (r"x \equiv 3 \pod 7", r"x = 3 \pmod{-7}", "equal"),
    (r"7\ (\text{mod}\ 11)", "18 mod 11", "equal"),
    (r"7 \text{ (mod 11)}", r"7 \pmod{11}", "equal"),
    (r"7 (\operatorname{mod} 11)", "(7 mod 11)", "equal"),
    (r"\text{(mod 11)}", "11", "not equal"),
    (r"n \text{ is congruent to } 3 \text{ modulo } 7", r"n \equiv 3 \pmod 7", "equal"),
    (r"3 \pmod{p}", r"3 \pmod{p}", "equal"),
    (r"3 \pmod{p}", r"4 \pmod{p}", "undecided"),
    (r"a \equiv b \pmod n", r"a \equiv c \pmod n", "undecided"),
    (r"\frac12 \pmod 7", r"4 \pmod 7", "undecided"),
    (r"3 \pmod 0", r"4 \pmod 0", "not equal"),
]
AGAINST_OTHERS = [
    (r"x \equiv 3 \pmod 7", "3", "undecided"),
    (r"x \equiv 3 \pmod 7", "x = 3", "undecided"),
    (r"x \equiv 3 \pmod 7", "x = 4", "different"),
    ("x = 3", r"3 \pmod 7", "equal"),
    ("7 (mod 11)", "7", "equal"),
    (r"x \equiv 3 \pmod 7", "10", "undecided"),
    (r"x \equiv 3 \pmod 7", "11", "different"),
    (r"x \equiv 3 \pmod 7", "3.5", "undecided"),
    (r"x \equiv 3 \pmod 7", "3 cm", "undecided"),
    (r"x \equiv 3 \pmod 7", "x = 7k+3", "undecided"),
    (r"x \equiv 3 \pmod 7", r"x = 7k+3, k \in \mathbb{Z}", "undecided"),
    (r"x \equiv 3 \pmod 7", "43_7", "undecided"),
    (r"x \equiv 3 \pmod 7", "(3, 7)", "not equal"),
    (r"x \equiv 3 \pmod 7", "yes", "undecided"),
]
LISTS = [
    (r"x \equiv 1, 3 \pmod 8", r"x \equiv 3, 1 \pmod{8}", "equal"),
    (r"x \equiv 1, 3 \pmod 8", r"x \equiv 3, 5 \pmod{8}", "different"),
    (r"x \equiv 1, 3 \pmod 8", r"x \equiv 1 \pmod{8} \text{ or } x \equiv 3 \pmod 8", "equal"),
    (r"x \equiv \pm 1 \pmod 8", r"x \equiv 1 \text{ or } 7 \pmod 8", "equal"),
    (r"x \equiv 1, 5 \pmod 8", r"x \equiv 1 \pmod 4", "equal"),
    (r"x \equiv 1, 5 \pmod 8", r"x \equiv 3 \pmod 4", "different"),
    (r"x \equiv 1, 5 \pmod 8", r"1, 5", "undecided"),
    (r"x \equiv 1 \pmod 3, x \equiv 2 \pmod 5", r"x \equiv 7 \pmod{15}", "undecided"),
    (r"x \equiv 2 \pmod 3, y \equiv 1 \pmod 5", r"x \equiv 2 \pmod 3 \text{ and } y \equiv 1 \pmod 5", "equal"),
    (r"1, 2 \pmod{10^{9}}", r"1, 3 \pmod{10^{9}}", "not equal"),
]
REMAINDERS = [
    (r"17 \bmod 5", r"18 \bmod 5", "different"),
    (r"7 \bmod 5", r"9 \bmod 5", "different"),
    (r"17 \bmod 5", "2", "equal"),
    (r"17 \bmod 5", "17", "different"),
    (r"x = 17 \bmod 5", "x = 2", "equal"),
    (r"3^{100} \bmod 7", "4", "equal"),
    (r"3^{100} \bmod 7", r"5^{100} \bmod 7", "different"),
    (r"(3+4) \bmod 5", "2", "equal"),
    (r"524158 \bmod 10^{100000}", r"956518 \bmod 10^{100000}", "not equal"),
    (r"2+17 \bmod 5", "4", "undecided"),
    (r"2 \cdot 17 \bmod 5", "4", "undecided"),
    (r"-3 \bmod 5", "2", "undecided"),
    (r"17 \bmod 5 + 1", "3", "undecided"),
    (r"17 \bmod 0", "17", "undecided"),
    (r"n \bmod 5", r"m \bmod 5", "undecided"),
]
NOT_READ = [
    (r"x \equiv 3 \pmod 7 5", r"x \equiv 3 \pmod 7"),
    (r"x \equiv 3 \equiv 10 \pmod 7", r"x \equiv 3 \pmod 7"),
    (r"f(x) \equiv 0", "0"),
    (r"x \equiv 3", "3"),
    (r"n^2 \equiv 1 \pmod 8", r"1 \pmod 8"),
    ("modulus 5", "modulus 6"),
    (r"\pmod 7", "7"),
]
ALLOWED = {"not equal": ("different", "undecided")}


@pytest.mark.parametrize(("a", "b", "wanted"), RESIDUES + AGAINST_OTHERS + LISTS + REMAINDERS)
def test_residues(a: str, b: str, wanted: str) -> None:
    first, second = same_answers([(a, b), (b, a)])
    assert first == second
    assert first in ALLOWED.get(wanted, (wanted,))


@pytest.mark.parametrize(("a", "b"), NOT_READ)
def test_what_has_no_one_reading_is_undecided(a: str, b: str) -> None:
    assert same_answers([(a, b), (b, a)]) == ["undecided", "undecided"]


def test_form() -> None:
    form = read_form(r"x \equiv 3 \pmod{7}")
    assert isinstance(form, Labelled) and isinstance(form.form, Residue)
    assert (form.label, form.form.value.text, form.form.modulus.text) == ("x", "3", "7")
