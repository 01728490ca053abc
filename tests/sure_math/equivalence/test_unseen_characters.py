r"""Characters that nobody sees, and commands whose backslash a reader of JSON took away.

Pins: nothing behind a character that is not seen is dropped; marks without meaning are removed; every space is a
space; a text with a character that may hide something is equal to itself only; an answer of such marks alone is empty;
`\frac` and its kin come back from a form feed and `rac`; nothing of this reaches the symbolic check.
"""

import json

import pytest

from sure_math.cluster import cluster_answers
from sure_math.equivalence import canonical, is_correct, same_answer, same_answers, worker
from sure_math.equivalence.coverage import formula
from sure_math.equivalence.read import read_form

REMOVED = (
    "\u200b\u200c\u200d\u2060\u2061\u200e\u200f\u061c\u2066\u2069\u202a\u202c\ufeff\ufe0e\ufe0f\u180e\u034f"
    "\U000e0031\U000e0100\u115f\u17b4"
)
SPACES = "\u00a0\u1680\u2000\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000\u2800\u3164\uffa0"
HIDING = (
    "\x00\x01\a\b\x0e\x1b\x7f\x80\x9f\ufffd\ufffc\u20dd\u20e3\u2063\u2064\u202d\u202e\ufff9\ue000\u0378\uffff\ud83d"
)


@pytest.fixture(autouse=True)
def no_symbolic_check(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*pair: str) -> None:
        raise AssertionError(f"the symbolic check was asked about {pair}")

    monkeypatch.setattr(worker, "check", refuse)


@pytest.mark.parametrize("mark", REMOVED, ids=ascii)
def test_marks_without_meaning_are_removed(mark: str) -> None:
    assert same_answers([(f"1{mark}2", f"1{mark}3"), (f"1{mark}2", "1")]) == ["different", "different"]
    assert same_answers([(f"1{mark}2", "12"), (f"{mark}$12${mark}", "12"), (f"-{mark}5", "-5")]) == ["equal"] * 3
    assert same_answer(rf"\fr{mark}ac{{1}}{{2}}", "0.5") == "equal"
    assert is_correct("12", rf"So \boxed{{1{mark}2}}.") and not is_correct("1", rf"So \boxed{{1{mark}2}}.")
    assert same_answer(mark, mark) == "different", "an empty answer is not equal to any answer"
    assert cluster_answers([mark, mark, "5"]).ids == cluster_answers(["", "", "5"]).ids
    assert canonical(f"1{mark}2") == "12"


@pytest.mark.parametrize("space", SPACES, ids=ascii)
def test_every_space_is_a_space(space: str) -> None:
    assert same_answer(f"5{space}cm", "5 cm") == "equal"
    assert same_answer(r"3\;497\;362", f"3{space}038{space}862") == "different"
    assert same_answer(f"3{space}038{space}862", "3038862") == "equal"
    assert read_form(f"1{space}2") == read_form("1 2") != read_form("12")


@pytest.mark.parametrize("hiding", HIDING, ids=ascii)
def test_a_text_with_a_character_that_may_hide_something_is_equal_to_itself_only(hiding: str) -> None:
    for text in (f"1{hiding}2", f"{hiding}12", f"12{hiding}", rf"\frac{{1}}{{{hiding}2}}", f"x = {hiding}12"):
        for other in ("12", "1", "2", "1 2", "x = 12", r"\frac{1}{2}", f"1{hiding}3"):
            assert same_answers([(text, other), (other, text)]) == ["undecided", "undecided"], (text, other)
        assert same_answer(text, text) == "equal"
        assert formula(read_form(text)) is None


def test_soft_hyphens_are_removed_inside_words_only() -> None:
    assert same_answer("isos\u00adceles", "isosceles") == "equal"
    assert same_answer("12\u00ad", "12") == "equal"
    assert same_answer("\u00ad5", "5") == same_answer("\u00ad5", "-5") == same_answer("7\u00ad5", "75") == "undecided"


def test_an_invisible_product_sign_is_a_product_sign() -> None:
    assert same_answers([("2\u20623", "6"), ("2\u20623", "23")]) == ["equal", "different"]


def test_entities_are_characters() -> None:
    assert same_answers([("1&zwj;2", "12"), ("1&#8203;2", "12"), ("5&nbsp;cm", "5 cm")]) == ["equal"] * 3
    assert same_answers([("1&#0;2", "1"), ("1&#xFFFD;2", "12")]) == ["undecided"] * 2


BROKEN = [
    (r"\frac{1}{2}", "0.5"),
    (r"\frac12", "0.5"),
    (r"\tfrac{1}{2}", "0.5"),
    (r"\binom{5}{2}", "10"),
    (r"2\beta", r"2\beta "),
    (r"\bar{x}", r"\bar x"),
    (r"2\times 3", "6"),
    (r"2 \times3", "6"),
    (r"5\text{ cm}", "5 cm"),
    (r"\text{yes}", "yes"),
    (r"2\theta", r"2\theta "),
    (r"\tan(1)", r"\tan 1"),
    (r"\tau+1", r"1+\tau"),
    (r"(1, \frac{1}{2}\right)", "(1, 0.5)"),
    (r"\rho+1", r"1+\rho"),
    (r"x \neq 5", r"x \ne 5"),
    (r"\boxed{5}", "5"),
]


@pytest.mark.parametrize(("written", "right"), BROKEN)
def test_commands_whose_backslash_was_lost_in_json(written: str, right: str) -> None:
    broken = json.loads(f'"{written}"')
    assert "\\" + written.partition("\\")[2][:1] not in broken, "the reader of JSON took the first backslash away"
    assert same_answers([(broken, right), (right, broken)]) == ["equal", "equal"]
    assert same_answer(broken, "77") != "equal"


@pytest.mark.parametrize(
    ("broken", "right"), [("\alpha", r"\alpha"), ("\approx 5", r"\approx 5"), ("\vec{a}", r"\vec{a}")]
)
def test_commands_whose_backslash_was_lost_in_python(broken: str, right: str) -> None:
    assert same_answer(broken, right) == "equal"


def test_white_space_stays_white_space() -> None:
    assert same_answers(
        [("1,\t2", "1, 2"), ("5\tcm", "5 cm"), ("\t5\r\n", "5"), ("x = 1\r\nx = 2", "x = 1, x = 2")]
    ) == (["equal"] * 4)
    assert canonical("1\x002") != canonical("1 2")
