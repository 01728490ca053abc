"""The public functions name a value that is no text, and do not compare it as Python would.

Pins: numbers, None, bytes and lists as answers, golds, responses and texts; one text where a list of answers is wanted.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from sure_math.cluster import cluster_answers
from sure_math.equivalence import explain, is_correct, same_answer, same_answers
from sure_math.extract import extract_answer

VALUES: tuple[Any, ...] = (None, 5, 5.0, float("nan"), True, b"5", ["5"], {"a": 5}, np.float64(5), object())
CALLS: dict[str, Callable[[Any], object]] = {
    "the first answer": lambda value: same_answer(value, "5"),
    "the second answer": lambda value: same_answer("5", value),
    "two of the same": lambda value: same_answer(value, value),
    "a pair": lambda value: same_answers([("5", "5"), ("5", value)]),
    "an explanation": lambda value: explain("5", value),
    "a gold": lambda value: is_correct(value, r"\boxed{5}"),
    "a response": lambda value: is_correct("5", value),
    "a text": extract_answer,
}


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_value_of_another_type_is_named(call: Callable[[Any], object], value: Any) -> None:
    with pytest.raises(TypeError, match=rf"{type(value).__name__}\) and must be a text"):
        call(value)


@pytest.mark.parametrize("value", [value for value in VALUES if value is not None], ids=lambda v: type(v).__name__)
def test_an_answer_of_another_type_is_in_no_cluster(value: Any) -> None:
    with pytest.raises(TypeError, match="must be a text, or None"):
        cluster_answers(["5", value])


def test_one_text_is_no_list_of_answers() -> None:
    with pytest.raises(TypeError, match="'123'; give a list of texts"):
        cluster_answers("123")


def test_texts_of_numpy_are_texts() -> None:
    assert same_answer(np.str_("1/2"), "0.5") == "equal"
    assert cluster_answers([np.str_("1/2"), "0.5", None]).ids == [0, 0, 1]
