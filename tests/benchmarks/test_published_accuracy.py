"""Pins of `benchmarks/published_accuracy.py`, its page, and `benchmarks/compared/first_number.py`:

- ZeroEval's rule reads the first number, and the answers of outputs in each of its ways;
- the committed page of the documentation is what the command writes from the committed results;
- the committed results explain the whole difference from the published accuracies, answer by answer;
- graded now, no model is further than 1.2 points from ZeroEval's rule on the same answers.
"""

import json
from pathlib import Path

import pytest

from benchmarks import published_accuracy
from benchmarks.compared.first_number import answer_of, first_number, is_right
from benchmarks.page.write import DOCS, FOLDER, docs_pages
from benchmarks.published_accuracy import Problem, judged_differently, load, our_verdicts, read_outputs, regrade

RESULT = json.loads(published_accuracy.RESULTS.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("answer", "number"),
    [
        ("12", 12.0),
        ("$1,250.50$", 1250.5),
        ("-3/4", -0.75),
        ("(1+2)/3", 1.0),
        ("2**10/4", 256.0),
        ("9**9**9/3", 9.0),
        ("1/0", 1.0),
        ("__import__('os').getcwd()/7", 7.0),
        ("\\frac{1}{2}", 1.0),
        ("x = 5", 5.0),
        ("−128", 128.0),
        ("no solution", None),
    ],
)
def test_the_first_number(answer: str, number: float | None) -> None:
    assert first_number(answer) == number


@pytest.mark.parametrize(
    ("gold", "answer", "right"),
    [("6", "6\\sqrt{2}", True), ("106", "128 - 24 + 2 = 106", False), ("6", "x", False), ("6", None, False)],
)
def test_an_answer_is_right_by_its_first_number(gold: str, answer: str | None, right: bool) -> None:
    assert is_right(gold, answer) == right


@pytest.mark.parametrize(
    ("output", "in_box", "answer"),
    [
        ('{"reasoning": "a {b}", "answer": "7"}', False, "7"),
        ('{"reasoning": "two\nlines", "answer": [1, 2]}', False, "[1, 2]"),
        ('{"reasoning": "a \\( x \\)", "answer": "7"}', False, "7"),
        ('{"reasoning": "a"} {"answer": "8"}', False, "8"),
        ('"answer": 9, "answer": 10', False, "9"),
        ("The answer: 9", False, "9"),
        ("so \\boxed{4}.", True, "4"),
        ("so \\boxed{4}.", False, None),
        ("\\boxed{4}" + " and so on" * 9, True, None),
    ],
)
def test_the_answer_of_an_output(output: str, in_box: bool, answer: str | None) -> None:
    assert answer_of(output, in_box=in_box) == answer


@pytest.fixture
def problems() -> list[Problem]:
    answers: list[dict[str, str | None]] = [
        {"one": "6\\sqrt{2}", "two": "6.0"},
        {"one": "2*3 = 6", "two": None},
        {"one": "5"},
    ]
    return [
        Problem(id=number, text="What is 2 times 3?", gold="6", answers=of_model)
        for number, of_model in enumerate(answers)
    ]


PUBLISHED = {
    "one": {"Acc": "33.33", "Total": 3, "No answer": "0.00"},
    "two": {"Acc": "100.00", "Total": 2, "No answer": "0.00"},
}


def test_a_difference_is_split_in_two(problems: list[Problem]) -> None:
    verdicts = {problem.id: our_verdicts(problem) for problem in problems}
    one, two = regrade(problems, PUBLISHED, verdicts)
    assert (one.problems, one.published_right, one.first_number_right, one.ours_right) == (3, 1, 1, 1)
    assert (one.other_answers, one.judged_differently, one.problems_judged_differently) == (0, 0, [0, 1])
    assert (two.problems, two.published_right, two.ours_right, two.missing) == (2, 2, 1, 1)
    assert (two.other_answers, two.judged_differently) == (-1, 0)
    assert [(row.problem, row.verdict, row.models) for row in judged_differently(problems, verdicts)] == [
        (0, "different", 1),
        (1, "equal", 1),
    ]


def test_the_outputs_show_which_answers_were_graded(problems: list[Problem], tmp_path: Path) -> None:
    outputs = {
        "one": ['{"answer": "6\\\\sqrt{2}"}', '{"answer": "2*3 = 6"}', '"answer": "6", "answer": "5"'],
        "two": ['{"answer": "6.0"}', '{"answer": "6"} then \\boxed{6}'],
    }
    for name, texts in outputs.items():
        rows = [{"id": f"math-l5-test-#{number}", "output": [text]} for number, text in enumerate(texts)]
        (tmp_path / f"{name}.json").write_text(json.dumps(rows), encoding="utf-8")
    read = read_outputs(tmp_path, problems)
    assert read["one"]["read_from_outputs"] == {"later field": 1} and read["one"]["outputs_right"] == 2
    assert read["two"]["read_from_outputs"] == {"box": 1} and read["two"]["outputs_right"] == 2
    assert read["two"]["ours_on_outputs"] == 100.0


def test_the_committed_page_is_what_the_committed_results_give() -> None:
    pages = docs_pages(FOLDER)
    assert set(pages) == {page for page, _ in DOCS.values()}
    for name, text in pages.items():
        committed = (FOLDER.parent / "docs" / name).read_text(encoding="utf-8")
        assert text == committed, "run python -m benchmarks.page"


def test_the_committed_results_explain_every_difference() -> None:
    models, judged = RESULT["models"], RESULT["judged_differently"]
    for model in models:
        gap = model["ours_right"] - model["published_right"]
        assert gap == model["other_answers"] + model["judged_differently"], model["model"]
        assert model["outputs_right"] == model["published_right"], model["model"]
        if model["other_answers"]:
            assert sum(model["read_from_outputs"].values()) >= abs(model["other_answers"]), model["model"]
    signed = sum((1 if row["verdict"] == "equal" else -1) * row["models"] for row in judged)
    assert signed == sum(model["judged_differently"] for model in models)
    assert RESULT["summary"]["reproduced_from_outputs"] == len(models) == 43
    assert max(abs(model["ours_on_outputs"] - model["published"]) for model in models) < 1.2


def test_on_the_same_answers_the_rules_stay_close(realdata: Path) -> None:
    problems, published = load(realdata)
    verdicts = {problem.id: our_verdicts(problem) for problem in problems}
    models = regrade(problems, published, verdicts)
    assert {model.model for model in models if abs(model.judged_differently) / model.problems > 0.012} == set()
    assert sum(model.other_answers == 0 for model in models) >= 32
