"""Pins: accuracies of teacher and student by the weight and their difference against values counted by hand; a sample
takes no part in its own weight; which problems of two inputs are the same; a student's file needs no labels; the
command with a file and with a dataset; messages for a student that cannot be used.
"""

import json
from pathlib import Path

import numpy as np
import pytest

from sure_math.entropy import majority_answer
from sure_math.publication.publish import publish
from sure_math.reporting.advantage import Interval, Pair, measure_advantage
from sure_math.validate import main
from sure_math.validation.from_dataset import read_dataset
from sure_math.validation.graded_answers import GradedAnswers, SampledProblem, ValidationInputError, measure
from sure_math.validation.headroom import make_headroom
from sure_math.validation.report import ReportSettings
from sure_math.validation.student import StudentAnswers, StudentProblem, match_problems, read_student, right_samples
from tests.helpers.small_published_run import a_problem, a_shard, an_uncertainty, some_facts

FEW = {"resamples": 200, "seed": 0}


def test_both_accuracies_and_their_difference_by_hand():
    """Unsure: teacher 1/4, student 3/4. Sure: teacher 1, student 1/2, on twice as many problems."""
    unsure = Pair(weights=[0.0] * 4, right=[True, False, False, False], student=0.75)
    sure = Pair(weights=[1.0, 1.0], right=[True, True], student=0.5)
    advantage = measure_advantage([unsure] * 40 + [sure] * 80, **FEW)
    low, high = advantage.bins
    assert (low.low, low.high, low.problems, low.observations) == (0, 0, 40, 160)
    assert (high.low, high.high, high.problems, high.observations) == (1, 1, 80, 160)
    assert (low.teacher.value, low.student.value, low.difference.value) == pytest.approx((0.25, 0.75, -0.5))
    assert (high.teacher.value, high.student.value, high.difference.value) == pytest.approx((1, 0.5, 0.5))
    assert advantage.difference.value == pytest.approx((-0.5 + 2 * 0.5) / 3)
    assert advantage.weighted_difference.value == pytest.approx(0.5)
    assert advantage.gain.value == pytest.approx(0.5 - 0.5 / 3)
    assert advantage.slope.value == pytest.approx(1.0)
    # Within a bin all problems are alike, so only the mixture of the two kinds varies.
    assert (low.difference.low, low.difference.high) == pytest.approx((-0.5, -0.5))
    lower, upper = _ends(advantage.difference)
    assert lower < (-0.5 + 2 * 0.5) / 3 < upper
    assert advantage == measure_advantage([unsure] * 40 + [sure] * 80, **FEW)


def test_equal_weights_have_no_slope_and_weights_of_nothing_no_gain():
    same = measure_advantage([Pair(weights=[0.5, 0.5], right=[True, False], student=0.0)] * 3, **FEW)
    assert (same.slope.value, same.slope.low, same.gain.value) == (None, None, 0)
    nothing = measure_advantage([Pair(weights=[0.0, 0.0], right=[True, False], student=0.0)] * 3, **FEW)
    assert (nothing.gain.value, nothing.weighted_difference.value) == (None, None)


def test_interval_covers_what_problems_vary_by():
    """200 problems on which the student is right or not, 50:50: a standard error of 0.035."""
    generator = np.random.default_rng(0)
    pairs = [Pair(weights=[1.0], right=[True], student=float(generator.random() < 0.5)) for _ in range(200)]
    low, high = _ends(measure_advantage(pairs, resamples=1000, seed=0).difference)
    assert high - low == pytest.approx(2 * 1.96 * 0.5 / 200**0.5, rel=0.1)


def test_a_sample_takes_no_part_in_its_own_weight():
    """Every sample is right with probability 0.8, whatever the others are: the accuracy is 0.8 at every weight.

    With a weight from all eight samples the unanimous problems would look like 100 %.
    """
    generator = np.random.default_rng(1)
    problems = [
        _sampled(f"p{index}", ["4" if draw < 0.8 else "5" for draw in generator.random(8)]) for index in range(600)
    ]
    student = _student([_row(problem_id=row.problem_id, answers=("4", "5")) for row in problems])
    headroom = make_headroom(_graded(problems), student, ReportSettings(label="majority", **FEW))
    assert len(headroom["bins"]) > 1
    assert [row["teacher"]["value"] for row in headroom["bins"]] == pytest.approx(
        [0.8] * len(headroom["bins"]), abs=0.05
    )
    assert headroom["student_name"] == "student"
    assert headroom["bins"][-1]["student"]["value"] == pytest.approx(0.5)
    assert headroom["bins"][-1]["mean"] == 1.0


@pytest.mark.parametrize(
    ("problem_id", "text", "how"),
    [
        ("p1", "What is p1?", "by_id"),
        ("p1", "Solve this.\nWhat  is p1?\nThink.", "by_id"),
        ("p1", "", "by_id"),
        ("0", " What is\np1? ", "by_text"),
        (None, "What is p1?", "by_text"),
        ("p0", "What is p1?", "by_text"),
        ("p1", "What is the sum?", "other_text"),
        ("p9", "What is p9?", "unmatched"),
        (None, "", "unmatched"),
    ],
)
def test_problems_are_matched_by_id_else_by_text(problem_id, text, how):
    teacher = _graded([_sampled("p0", "444"), _sampled("p1", "444")])
    anchor = _row(problem_id="p0", answers=("4",))
    matched = match_problems(teacher, _student([anchor, _row(problem_id=problem_id, problem=text, answers=("5",))]))
    expected = {"by_id": 1, "by_text": 0, "unmatched": 0, "other_text": 0}
    expected[how] += 1
    expected["unmatched"] += how == "other_text"
    assert {name: getattr(matched, name) for name in expected} == expected
    pairs = [(row.problem_id, [found.answers for found in rows]) for row, rows in matched.pairs]
    assert pairs == ([("p0", [("4",)])] if expected["unmatched"] else [("p0", [("4",)]), ("p1", [("5",)])])


def test_places_in_a_file_are_no_ids():
    teacher = _graded([_sampled("0", "444", has_id=False)])
    with pytest.raises(ValidationInputError, match=r"none of its 1 problems .* --student-column id=NAME"):
        match_problems(teacher, _student([_row(problem_id="0", problem="", answers=("4",))]))


@pytest.mark.parametrize(
    ("grades", "gold", "equivalence", "right"),
    [
        ((False, True, True), "1/2", "math", [False, True, True]),
        (None, "1/2", "math", [True, True, False]),
        (None, "1/2", "judge", [True, True, False]),
        (None, "1/2", "string", [False, True, False]),
        (None, None, "math", None),
    ],
)
def test_samples_are_right_by_grade_or_by_reference(grades, gold, equivalence, right):
    assert right_samples(["0.5", "1/2", None], grades, gold, "What is a half?", equivalence) == right


def test_rows_of_one_problem_are_pooled():
    teacher = _graded([_sampled("p0", "444")])
    rows = [_row(problem_id="p0", answers=("4", "4", "4")), _row(problem_id="p0", answers=("5",))]
    headroom = make_headroom(teacher, _student(rows), ReportSettings(label="majority", **FEW))
    assert headroom["student"]["value"] == 0.75


TEACHER = [
    {"id": f"t{index}", "problem": f"What is {index} + 1?", "gold": str(index + 1), "answers": [str(index + 1)] * 3}
    for index in range(4)
]
STUDENT = [
    {"prompt": f"What is {index} + 1?", "completion": f"So \\boxed{{{value}}}."}
    for index in range(3)
    for value in (index + 1, 99)
]


def test_command_compares_with_a_file_that_has_no_labels(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    _write("teacher.jsonl", TEACHER)
    _write("student.jsonl", STUDENT)
    arguments = ["teacher.jsonl", "--resamples", "20"]
    assert main([*arguments, "--student", "student.jsonl"]) == 0
    printed = capsys.readouterr().out
    assert "3 problems are matched: 0 rows of the student by id, 3 by text." in printed
    assert "| 1.000 to 1.000 | 3 | 9 | 100.0 % [100.0, 100.0] | 50.0 % [50.0, 50.0] | +50.0 [+50.0, +50.0] |" in printed
    assert "**In no bin is the student better than the teacher**" in printed
    out = tmp_path / "teacher-validation"
    headroom = json.loads((out / "report.json").read_text())["headroom"]
    assert headroom["matched"]["without_student"] == 1
    assert headroom["student_name"] == "student.jsonl"
    assert "![Teacher and student by the weight](headroom.png)" in (out / "report.md").read_text()
    assert (out / "headroom.svg").is_file()
    assert main(arguments) == 0
    assert "Headroom" not in capsys.readouterr().out
    assert not (out / "headroom.svg").exists()


def test_command_compares_with_a_dataset(tmp_path, capsys):
    for name, answers in (("teacher", "444"), ("student", "445")):
        ids = tuple(int(answer != "4") for answer in answers)
        measures = measure(ids, answers, [-0.5] * 3, [5] * 3)
        uncertainty = an_uncertainty("p0", num_samples=3, weight=1 - measures.entropy)
        publish([a_shard(a_problem("p0"), tuple(answers), ids, uncertainty)], some_facts(), tmp_path / name)
    assert main([str(tmp_path / "teacher"), "--student", str(tmp_path / "student"), "--resamples", "20"]) == 0
    printed = capsys.readouterr().out
    assert "1 problems are matched: 1 rows of the student by id, 0 by text." in printed
    assert "100.0 % [100.0, 100.0] | 66.7 % [66.7, 66.7] | +33.3 [+33.3, +33.3]" in printed


@pytest.mark.parametrize(
    ("student", "arguments", "message"),
    [
        (STUDENT, ["--student", "nowhere"], "--student: nowhere is neither a dataset folder nor a file"),
        (STUDENT, ["--student", "student.jsonl", "--student-column", "answers=x"], "column 'x' (for answers)"),
        ([{"problem": "What is 0 + 1?"}], ["--student", "student.jsonl"], "Name it: --student-column answers=NAME"),
        ([{"problem": "Why?", "answers": ["1"]}], ["--student", "student.jsonl"], "none of its 1 problems is one of"),
        (STUDENT, ["--student-column", "answers=x"], "--student-column is for the file of --student"),
    ],
)
def test_command_explains_what_student_it_cannot_use(tmp_path, monkeypatch, capsys, student, arguments, message):
    monkeypatch.chdir(tmp_path)
    _write("teacher.jsonl", TEACHER)
    _write("student.jsonl", student)
    assert main(["teacher.jsonl", *arguments]) == 2
    assert message in capsys.readouterr().err


def test_two_samples_of_the_teacher_are_too_few():
    student = _student([_row(problem_id="p0", answers=("4",))])
    with pytest.raises(ValidationInputError, match=r"fewer than 3 samples of the teacher.*sample\.num_samples=8"):
        make_headroom(_graded([_sampled("p0", "44")]), student, ReportSettings(label="majority"))


def test_problems_without_any_label_are_refused():
    student = _student([_row(problem_id="p0", answers=("4",))])
    with pytest.raises(ValidationInputError, match=r"none of the 1 problems .* has a reference answer"):
        make_headroom(_graded([_sampled("p0", "444", gold=None)]), student, ReportSettings(label="majority"))


def test_a_row_per_problem_keeps_its_id(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    _write("student.jsonl", [{"id": "t0", "answers": ["1"]}, {"id": None, "answers": ["2"]}])
    assert [row.problem_id for row in read_student(Path("student.jsonl"), {}).problems] == ["t0", None]


def _ends(interval: Interval) -> tuple[float, float]:
    assert interval.low is not None and interval.high is not None
    return interval.low, interval.high


def _sampled(name: str, answers, *, gold: str | None = "4", has_id: bool = True) -> SampledProblem:
    ids = tuple(sorted(set(answers)).index(answer) for answer in answers)
    return SampledProblem(
        problem_id=name,
        problem=f"What is {name}?",
        split=None,
        tier=None,
        strategy=None,
        gold=gold,
        answers=tuple(answers),
        cluster_ids=ids,
        grades=None,
        sum_logprobs=None,
        token_counts=None,
        incomplete=False,
        majority=majority_answer(ids, list(answers), str),
        measures=measure(ids, list(answers), None, None),
        has_id=has_id,
    )


def _graded(problems: list[SampledProblem]) -> GradedAnswers:
    return GradedAnswers(problems=problems, equivalence="math", has_greedy=False, too_few=0, origin="here")


def _row(*, problem_id: str | None, answers: tuple[str | None, ...], problem: str | None = None) -> StudentProblem:
    text = f"What is {problem_id}?" if problem is None else problem
    return StudentProblem(problem_id=problem_id, problem=text, gold=None, answers=answers, grades=None)


def _student(problems: list[StudentProblem]) -> StudentAnswers:
    return StudentAnswers(name="student", origin="here", problems=problems)


def _write(name: str, rows: list[dict]) -> None:
    Path(name).write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_problems_with_one_text_and_other_system_prompts_are_matched_apart(tmp_path: Path) -> None:
    """By id or by text; a file without any system prompt is matched only where the text alone decides."""
    systems = {"a": "In base 8.", "b": "In base 10.", "c": None}

    def teacher(*names: str) -> GradedAnswers:
        shards = [
            a_shard(
                a_problem(name, problem="What is 3 + 9?", system=systems[name]),
                ("4", "4"),
                (0, 0),
                an_uncertainty(name),
            )
            for name in names
        ]
        return read_dataset(publish(shards, some_facts(), tmp_path / "-".join(names)).folder)

    def matched(rows: list[dict], *names: str) -> list[tuple[str, int]] | str:
        path = tmp_path / "student.jsonl"
        path.write_text("".join(json.dumps({"answers": ["4"], **row}) + "\n" for row in rows))
        try:
            pairs = match_problems(teacher(*names), read_student(path, {})).pairs
        except ValidationInputError as error:
            return str(error).partition(":")[2][:30]
        return [(problem.problem_id, len(theirs)) for problem, theirs in pairs]

    text: dict = {"problem": "What is 3 + 9?"}
    both: list[dict] = [{**text, "system": "in base 10."}, {**text, "system": "In base 8."}, {**text, "system": None}]
    assert matched([both[1], both[2]], "a", "b", "c") == [("a", 1), ("c", 1)]
    assert matched([{"id": "b", **both[1]}], "a", "b") == [("a", 1)]
    assert matched([text], "a") == [("a", 1)]
    assert "none of its 1" in matched([text], "a", "b")
    assert matched([{"id": "b", **text}], "a", "b") == [("b", 1)]
