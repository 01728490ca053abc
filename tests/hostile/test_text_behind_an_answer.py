r"""Text behind a right answer earns nothing: it is never dropped, by no layer.

Pins: code, commands, markup and signs behind a number or a formula, with and without a sign between; the same in front;
as an answer and as a boxed response; the files and programs that the text names are not touched.
"""

from pathlib import Path

import pytest

from sure_math.cluster import cluster_answers
from sure_math.equivalence import is_correct, same_answers

JUNK = [
    "__import__('os').system('touch {path}')",
    r"\input{{{path}}}",
    r"\write18{{touch {path}}}",
    r"\foo{{9}}",
    "@",
    "<script>alert(1)</script>",
    "{{{{ 7*7 }}}}",
    "; DROP TABLE answers",
    r"\def\x{{2}}",
    "$(touch {path})",
    "open('{path}','w')",
    "lambda: 0",
    r"\href{{file://{path}}}{{x}}",
    "⊗7",
    r"\unknown",
]
RIGHT = ["1", r"\sum_{k=1}^{10} k", r"\frac{1}{2}", "x+1"]


@pytest.mark.parametrize("right", RIGHT)
@pytest.mark.parametrize("junk", JUNK)
def test_text_beside_an_answer_earns_nothing(right: str, junk: str, tmp_path: Path) -> None:
    junk = junk.format(path=tmp_path / "touched")
    answers = [f"{right}{sign}{junk}" for sign in ("", "+", "-", " ", r"\cdot ")] + [f"{junk}+{right}"]
    assert "equal" not in same_answers([(right, answer) for answer in answers])
    for answer in answers:
        assert not is_correct(right, rf"So $\boxed{{{answer}}}$.")
    assert 0 not in cluster_answers([right, *answers]).ids[1:]
    assert not list(tmp_path.iterdir())
