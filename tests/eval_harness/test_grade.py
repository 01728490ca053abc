r"""The grader of the evaluation, on written cases, on every benchmark file and on real model outputs.

Pinned: which responses have no answer, and why; numbers as B.2 finds them; a response that boxes exactly the gold is
right for every gold of every file, except for four damaged golds, and a response that boxes the next problem's gold is
wrong unless the two golds are equal; every disagreement with the grades in two files of real outputs, and who is right;
no comparison hangs.
"""

import json
import shutil
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from eval_harness.benchmarks import load_benchmark
from eval_harness.grade import GradedResponse, Response, grade_boxed, grade_judged, grade_number
from sure_math.cluster import Pair
from sure_math.equivalence.worker import symbolic_verdict
from sure_math.extract import extract_answer
from sure_math.problems.sources.catalogue import SOURCES, columns_of, read_row
from sure_math.problems.sources.cells import conversation
from sure_math.problems.sources.table_files import open_rows

CASES = [
    # gold, response, how it ended, outcome, answer
    ("42", r"So \boxed{42}.", "stop", "correct", "42"),
    ("42", r"I think \boxed{41}. Wait, \boxed{42}.", "stop", "correct", "42"),
    ("42", r"\boxed{42}, no: \boxed{41}", "stop", "wrong", "41"),
    ("42", "The answer is 42.", "stop", "unboxed", None),
    ("42", "42", "stop", "unboxed", None),
    ("42", "  \n", "stop", "empty", None),
    ("42", "and so on", "length", "truncated", None),
    ("42", r"\boxed{42} and then", "length", "correct", "42"),
    ("12", r"answer \boxed{12} \boxed{", "stop", "unboxed", None),
    ("12", r"answer \boxed{12} \boxed{", "length", "truncated", None),
    ("42", r"<think> maybe \boxed{42}? let me check", "stop", "truncated", None),
    ("42", r"<think> maybe \boxed{41}?</think> So \boxed{42}", "stop", "correct", "42"),
    ("42", r"maybe \boxed{41}?</think> So \boxed{42}", "stop", "correct", "42"),
    ("42", r"<think> \boxed{42} </think> done", "stop", "unboxed", None),
    (r"$\frac{1}{2}$", r"\boxed{0.5}", "stop", "correct", "0.5"),
    ("33", r"\boxed{033}", "stop", "correct", "033"),
    (r"10{,}000", r"\boxed{10000}", "stop", "correct", "10000"),
    (r"\text{Evelyn}", r"\boxed{Evelyn}", "stop", "correct", "Evelyn"),
    ("6", r"\boxed{\text{see above}}", "stop", "undecided", r"\text{see above}"),
]


@pytest.mark.parametrize(("gold", "text", "finish", "outcome", "answer"), CASES)
def test_what_a_response_comes_to(gold: str, text: str, finish: str, outcome: str, answer: str | None) -> None:
    [graded] = grade_boxed(gold, [Response(text, finish_reason=finish)])  # type: ignore[arg-type]
    assert (graded.outcome, graded.answer, graded.correct) == (outcome, answer, outcome == "correct")


def test_a_thought_that_the_prompt_opened_needs_its_closing_tag() -> None:
    open_thought = Response(r"maybe \boxed{42}? let me check", in_thought=True)
    closed = Response(r"maybe \boxed{41}?</think>\boxed{42}", in_thought=True)
    named = Response(r"maybe \boxed{41}?[/THINK]\boxed{42}", in_thought=True, closing_tag="[/THINK]")
    assert [graded.outcome for graded in grade_boxed("42", [open_thought, closed, named])] == [
        "truncated",
        "correct",
        "correct",
    ]


@pytest.mark.parametrize(
    ("gold", "text", "outcome", "answer"),
    [
        ("18", r"She makes \boxed{\$18} every day", "correct", "18"),
        ("18", "9 * 2 = $<<9*2=18>>18 every day.\n#### 18", "correct", "18"),
        ("70000", r"\boxed{\$70,000}", "correct", "70000"),
        ("70000", r"a profit of 70{,}000: \boxed{70,000.00}", "correct", "70000.00"),
        ("3", "It takes 2/2=1 bolt, so 2+1=3 bolts in total.", "correct", "3"),
        ("-5", "It is -5.", "correct", "-5"),
        ("18", r"18 at first, then \boxed{9}", "wrong", "9"),
        ("18", "no number", "unboxed", None),
    ],
)
def test_numbers_as_the_protocol_for_gsm8k_finds_them(gold: str, text: str, outcome: str, answer: str | None) -> None:
    [graded] = grade_number(gold, [Response(text, finish_reason="stop")])
    assert (graded.outcome, graded.answer) == (outcome, answer)
    [cut] = grade_number(gold, [Response("so far we have 18 and", finish_reason="length")])
    assert cut.outcome == "truncated"


NUMBERS = [
    # response, a gold that it gives, a gold that it does not give
    (r"\boxed{1{,}250}", "1250", "250"),
    (r"\boxed{\$1{,}250}", "1250", "250"),
    (r"\boxed{$9{,}500}", "9500", "500"),
    (r"The answer is $1{,}250$.", "1250", "250"),
    (r"\boxed{1\,250}", "1250", "250"),
    (r"\boxed{1~250}", "1250", "250"),
    (r"\boxed{1 250}", "1250", "250"),
    ("It is 1\u202f250.", "1250", "250"),
    (r"\boxed{x=1{,}250}", "1250", "250"),
    ("\\boxed{−3}", "-3", "3"),
    ("\\boxed{–3}", "-3", "3"),
    ("The temperature is −3.", "-3", "3"),
    ("It is -5.", "-5", "5"),
    ("so -$5", "-5", "5"),
    ("pages 10-12", "12", "-12"),
    ("pages 10–12", "12", "-12"),
    ("that is 20 -5", "5", "-5"),
    (r"\boxed{1/2}", "0.5", "2"),
    ("The answer is 1/2", "0.5", "2"),
    (r"\boxed{1 1/2}", "1.5", "2"),
    (r"\boxed{1.5e3}", "1500", "3"),
    ("It is 1.5e3.", "1500", "3"),
    (r"\boxed{2^3}", "8", "3"),
    (r"\boxed{12.50}", "12.5", "50"),
    (r"\boxed{.5}", "0.5", "5"),
    (r"\boxed{40\%}", "40", "0.04"),
    (r"\boxed{40}\%", "40", "0.04"),
    (r"\boxed{5\text{ cm}^{2}}", "5", "2"),
    (r"\boxed{1.5 \text{ million}}", "1500000", "1.5"),
    ("They sold 3 million.", "3000000", "3"),
    (r"\boxed{3 \text{ dozen}}", "36", "3"),
    ("72 clips, altogether.", "72", "7"),
    ("The order is $29.00.", "29", "0"),
    ("<think>8</think>72", "72", "8"),
    ("[THINK]8[/THINK]72", "72", "8"),
    ("analysis8 or 9assistantfinalIt is 72", "72", "8"),
]


@pytest.mark.parametrize(("text", "right", "wrong"), NUMBERS)
def test_numbers_are_read_whole_and_with_their_sign(text: str, right: str, wrong: str) -> None:
    assert [grade_number(gold, [text])[0].outcome for gold in (right, wrong)] == ["correct", "wrong"]


def test_an_open_thought_has_no_number() -> None:
    responses = ["<think>It is 8", "◁think▷8", "analysis8 or", Response("It is 8", in_thought=True)]
    assert {graded.outcome for graded in grade_number("8", responses)} == {"truncated"}


def test_percentages_of_the_curated_problems() -> None:
    """A sign behind the box, in the box or no sign: all are right; another unit is not."""
    asked = [problem for problem in load_benchmark("sure_math").problems if problem.answer.endswith(r"\%")]
    assert len(asked) == 11
    for problem in asked:
        number = problem.answer.removesuffix(r"\%")
        right = [
            rf"$\boxed{{{number}}}\%$",
            rf"\boxed{{{number}}}",
            rf"\boxed{{{number}\%}}",
            rf"$\boxed{{{number}}}$%",
        ]
        wrong = [rf"\boxed{{{number}\text{{ cm}}}}", rf"\boxed{{1{number}}}", rf"\boxed{{{number}^\circ}}"]
        graded = grade_boxed(problem.answer, [*right, *wrong], problem.problem)
        assert [response.correct for response in graded] == [True] * len(right) + [False] * len(wrong)


def test_descriptions_go_to_the_judge_once_per_distinct_answer() -> None:
    judged_pairs: list[Pair] = []

    def judge(pairs: Sequence[Pair], /) -> list[str]:
        judged_pairs.extend(pairs)
        return ["equal" if "odd" in pair.first + pair.second else "undecided" for pair in pairs]

    texts = [
        "### The final answer is: all odd n",
        "first ### The final answer is: no\n### The final answer is: all odd n",
        r"\boxed{n = 3}",
        "I do not know",
    ]
    graded_responses = grade_judged("Find all n.", "the set of n", [Response(text) for text in texts], judge)  # type: ignore[arg-type]
    assert [graded.outcome for graded in graded_responses] == ["correct", "correct", "undecided", "unboxed"]
    assert sorted({(pair.first, pair.second) for pair in judged_pairs}) == [
        ("all odd n", "the set of n"),
        ("n = 3", "the set of n"),
    ]


FILES = {
    "math500/test.jsonl": "math500",
    "math500/math500_open_reasoner_zero.json": "math500",
    "aime24/matharena_aime_2024_I.jsonl": "aime24",
    "aime24/matharena_aime_2024_II.jsonl": "aime24",
    "aime24/nemo_skills_test.txt": "aime24",
    "aime24/qwen_test.jsonl": "aime24",
    "aime25/evalchemy_aime25.json": "aime25",
    "aime25/matharena_aime_2025_I.jsonl": "aime25",
    "aime25/matharena_aime_2025_II.jsonl": "aime25",
    "aime25/nemo_skills_test.txt": "aime25",
    "hmmt_feb_2025/fire_opd_test.jsonl": "hmmt_feb25",
    "hmmt_feb_2025/matharena.jsonl": "hmmt_feb25",
    "hmmt_nov_2025/test.jsonl": "hmmt_nov25",
    "amo_bench/golds.jsonl": None,
    "amc23/test.jsonl": None,
    "gsm8k/test.jsonl": "gsm8k",
    "aimo_validation/aimo-validation-aime.jsonl": "aimo_aime",
    "aimo_validation/aimo-validation-amc.jsonl": "aimo_amc",
    "olympiadbench/OE_TO_maths_en_COMP.jsonl": "olympiadbench",
    "omni_math/omni_math_rule.jsonl": "omni_math",
    "math/tora_test.jsonl": "math",
    "math/rllm_train_math.json": "math",
}
"""Benchmark file -> its entry in the catalogue of sources; None if the answer column is read as it is."""

DAMAGED = {
    # The file cuts off each of these golds inside a brace, so that no box around the gold can close.
    r"\frac{5055}{2^{15}",
    r"\frac{81^{10}}{82^{10}",
    r"\frac{2 k n}{n+k-1}-2 \frac{k!n!}{(k+n-1)!",
    r"\frac{11}{2^{20}",
}
EQUAL_NEIGHBOURS = {
    ("5", "x=5"),
    (r"\frac{3}{4}", r"\frac34"),
    (r"120^\circ", "120"),
    ("8", "K=8"),
    (r"25\%", "25"),
    (r"7\%", "7"),
    ("120", r"120^\circ"),
    (r"21\text{ dogs}", "21"),
    (r"18 \text{ degrees}", "18"),
}
"""Equal golds of a problem and the next problem: written differently, or with a unit or a percent sign on one side
only."""


def golds(file: Path, source: str | None, folder: Path) -> Iterator[str]:
    """Yield the golds of a file as the tasks read them, without the rows that have no answer."""
    if source is None:
        for line in file.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            if row.get("answer_type") != "description":
                yield extract_answer(row["gold"]) or "" if "gold" in row else f"{row['answer']:g}"
        return
    if file.suffix == ".txt":  # JSON lines by another name
        file = Path(shutil.copy(file, folder / f"{file.stem}.jsonl"))
    rows = open_rows(file, "file")
    columns = columns_of(SOURCES[source], rows.columns)
    for row in rows.stream:
        reading = read_row(SOURCES[source], columns, row, conversation(row, columns.problem)[1])
        if reading.answer is not None:
            yield reading.answer


@pytest.mark.parametrize("name", FILES)
def test_every_gold_is_right_for_its_problem_and_wrong_for_the_one_before(
    name: str, realdata: Path, tmp_path: Path
) -> None:
    grade = grade_number if FILES[name] == "gsm8k" else grade_boxed
    answers = list(golds(realdata / name, FILES[name], tmp_path))
    assert len(answers) >= 15
    missed, merged = set(), set()
    for gold, next_gold in zip(answers, [*answers[1:], answers[0]], strict=True):
        with_gold, with_next_gold = grade(gold, [rf"So \boxed{{{gold}}}.", rf"So \boxed{{{next_gold}}}."])
        missed |= set() if with_gold.correct else {gold}
        merged |= {(gold, next_gold)} if with_next_gold.correct and gold != next_gold else set()
    assert missed == (DAMAGED if "omni" in name else set())
    assert merged <= EQUAL_NEIGHBOURS


def test_disagreements_with_nemo_skills(realdata: Path) -> None:
    """150 responses of a weak model: two disagreements with the grades in the file, where the file is wrong."""
    disagreements = {}
    for seed in range(3):
        lines = (realdata / "model_outputs" / f"nemo_skills_output_rs{seed}.jsonl").read_text("utf-8").splitlines()
        for number, row in enumerate(map(json.loads, lines)):
            [graded] = grade_boxed(row["expected_answer"], [row["generation"]])
            if graded.correct != bool(row["symbolic_correct"]):
                disagreements[seed, number] = (
                    row["expected_answer"],
                    row["predicted_answer"],
                    graded.answer,
                    graded.outcome,
                )
    assert disagreements == {
        (0, 23): ("1320", "1320 km", "1320 km", "correct"),  # "how many km": a unit on one side only
        (1, 48): ("958", None, "958", "correct"),  # \fbox is a box
    }


def test_disagreements_with_qwen(realdata: Path) -> None:
    """800 responses: one disagreement, a number written with separators."""
    lines = (realdata / "model_outputs" / "qwen25_math_cot_100x8.jsonl").read_text("utf-8").splitlines()
    disagreements = {}
    for number, row in enumerate(map(json.loads, lines)):
        graded: list[GradedResponse] = grade_boxed(row["gt"], row["code"])
        for sample, (response, score) in enumerate(zip(graded, row["score"], strict=True)):
            if response.correct != bool(score):
                disagreements[number, sample] = (row["gt"], response.answer, response.outcome)
    assert disagreements == {(72, 7): ("10{,}000", "10000", "correct")}


def test_a_comparison_that_was_stopped_is_counted_apart() -> None:
    gold, answer = r"\sum_{k=1}^{n} k^{7} f(k)", r"\prod_{k=1}^{m} g(k)^{k}"
    assert grade_boxed(gold, [rf"\boxed{{{answer}}}"])[0].outcome == "undecided"
    symbolic_verdict(min(gold, answer), max(gold, answer), timeout=0.0)
    assert grade_boxed(gold, [rf"\boxed{{{answer}}}"])[0].outcome == "timed_out"


def test_hostile_answers_cost_no_more_than_the_clock() -> None:
    hostile = ["2003^{2002^{2001}}", "9" * 100_000, r"\sqrt{" * 500 + "2" + "}" * 500, r"10^{10^{10}}", r"\frac{1}{0}"]
    started = time.monotonic()
    graded_responses = grade_boxed("7", [rf"\boxed{{{answer}}}" for answer in hostile])
    assert not any(graded.correct for graded in graded_responses)
    assert time.monotonic() - started < 60
