"""Pins: AUROC with ties at mid-rank against values counted by hand and against pairs; an interval that the seed
fixes; bins that never part equal scores; risk and coverage by hand; the three labels; the figure without missing or
truncated samples; JSONL in both shapes; messages for input that cannot be used; and the real outputs of Qwen2.5-Math.
"""

import itertools
import json
import math
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sure_math.publication.publish import publish
from sure_math.publication.shard_rows import ShardRows
from sure_math.reporting.auroc import auroc, bins, estimate_auroc, estimate_difference, largest_rise, risk_coverage
from sure_math.reporting.auroc import roc_curve as roc_curve_of
from sure_math.validate import main
from sure_math.validation.from_dataset import read_dataset
from sure_math.validation.from_file import read_file
from sure_math.validation.graded_answers import ValidationInputError
from sure_math.validation.labels import judge_problems
from sure_math.validation.report import ReportSettings, make_report
from tests.helpers.small_published_run import a_problem, a_shard, an_uncertainty, some_facts

FEW: dict[str, int] = {"resamples": 200, "seed": 0}


@pytest.mark.parametrize(
    ("scores", "wrong", "expected"),
    [
        # Pairs (wrong, right): 0.9 beats 0.1 and 0.5; 0.5 beats 0.1 and ties with 0.5.
        ([0.1, 0.5, 0.5, 0.9], [0, 0, 1, 1], 3.5 / 4),
        ([0.0, 0.0, 0.0, 0.0], [0, 1, 0, 1], 0.5),
        ([0.0, 0.0, 1.0], [1, 0, 0], 0.25),
        ([0.2, 0.8], [0, 1], 1.0),
        ([0.8, 0.2], [0, 1], 0.0),
        # Sums of the same terms in another order are a tie.
        ([0.1 + 0.2, 0.3], [0, 1], 0.5),
        ([0.2, 0.8], [0, 0], None),
        ([0.2, 0.8], [1, 1], None),
    ],
)
def test_auroc_by_hand(scores, wrong, expected):
    assert auroc(scores, [bool(label) for label in wrong]) == expected


def test_auroc_is_the_share_of_ordered_pairs():
    scores, wrong = _drawn(500, seed=7, digits=1)
    area = auroc(scores, wrong)
    positives = [score for score, is_wrong in zip(scores, wrong, strict=True) if is_wrong]
    negatives = [score for score, is_wrong in zip(scores, wrong, strict=True) if not is_wrong]
    pairs = [(high, low) for high in positives for low in negatives]
    assert area == pytest.approx(sum((high > low) + (high == low) / 2 for high, low in pairs) / len(pairs), abs=1e-12)
    false, true = roc_curve_of(scores, wrong)
    assert np.trapezoid(true, false) == pytest.approx(area, abs=1e-12)


def test_interval_follows_the_seed():
    scores, wrong = _drawn(200, seed=3, digits=9)
    first = estimate_auroc(scores, wrong, resamples=300, seed=0)
    assert first == estimate_auroc(scores, wrong, resamples=300, seed=0)
    assert first != estimate_auroc(scores, wrong, resamples=300, seed=1)
    assert first.value is not None
    assert first.low is not None
    assert first.high is not None
    # The exact standard error is about 0.03 here: the interval is near value +- 2 of those.
    assert first.low < first.value < first.high
    assert 0.08 < first.high - first.low < 0.16


def _drawn(count: int, *, seed: int, digits: int) -> tuple[list[float], list[bool]]:
    """Uniform scores, and verdicts that are wrong with the score as probability."""
    generator = np.random.default_rng(seed)
    scores = np.round(generator.random(count), digits)
    return scores.tolist(), (generator.random(count) < scores).tolist()


def test_difference_of_a_score_with_itself_is_nothing():
    assert estimate_difference([0.1, 0.2, 0.9], [0.1, 0.2, 0.9], [False, True, True], **FEW) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ([False, False], "no positives: the teacher is right on all 2 problems"),
        ([True, True], "no negatives: the teacher is wrong on all 2 problems"),
    ],
)
def test_one_class_only_has_no_auroc_and_says_why(wrong, why):
    estimate = estimate_auroc([0.1, 0.9], wrong, **FEW)
    assert (estimate.value, estimate.low, estimate.high, estimate.undefined) == (None, None, None, why)


def test_resamples_of_one_class_are_counted():
    estimate = estimate_auroc([0.1, 0.2, 0.3, 0.9], [False, False, False, True], **FEW)
    assert estimate.value == 1.0
    assert estimate.skipped_resamples == pytest.approx(200 * (3 / 4) ** 4, abs=25)


@pytest.mark.parametrize(
    ("scores", "sizes"),
    [
        ([index / 150 for index in range(150)], [30] * 5),
        ([index / 1000 for index in range(1000)], [200] * 5),
        # 200 problems on one score stay together, and the other 100 make as many bins of 30 as they can.
        ([0.0] * 200 + [0.1 + index / 1000 for index in range(100)], [200, 33, 34, 33]),
        ([0.0] * 20, [20]),
        ([0.5] * 500, [500]),
        # 10 cannot make a bin of 30; they join the bin before, or stand alone where there is one bin only.
        ([0.0] * 40 + [0.5] * 40 + [0.9] * 10, [40, 50]),
        ([0.0] * 90 + [0.9] * 10, [90, 10]),
    ],
)
def test_bins_keep_ties_together(scores, sizes):
    table = bins(scores, [False] * len(scores))
    assert [row.problems for row in table] == sizes
    assert all(before.high < after.low for before, after in itertools.pairwise(table))


def test_bin_accuracy_and_the_largest_rise():
    table = bins([0.0] * 50 + [1.0] * 50, [False] * 45 + [True] * 5 + [False] * 10 + [True] * 40, count=2)
    assert [(row.correct, row.accuracy, row.mean) for row in table] == [(45, 0.9, 0.0), (10, 0.2, 1.0)]
    first, second = (math.sqrt(p * (1 - p) / 50) for p in (46 / 52, 11 / 52))
    assert largest_rise(table) == pytest.approx((0.2 - 0.9) / math.hypot(first, second), abs=1e-12)
    assert largest_rise(table[:1]) is None


def test_risk_coverage_by_hand():
    # Most certain first: right, (right and wrong tied), wrong. Expected errors: 0, 1/2, 1, 2.
    curve = risk_coverage([0.1, 0.5, 0.5, 0.9], [False, True, False, True])
    assert curve.risk == pytest.approx([0, 0.25, 1 / 3, 0.5], abs=1e-12)
    assert curve.area == pytest.approx((0.25 + 1 / 3 + 0.5) / 4, abs=1e-12)
    assert curve.area_at_best == pytest.approx((0 + 0 + 1 / 3 + 1 / 2) / 4, abs=1e-12)
    assert curve.area_at_random == 0.5


def test_labels_of_a_dataset(tmp_path):
    """p0: greedy right, majority wrong. p1: greedy wrong, majority right, one truncated. p2: no reference answer."""
    publish(
        [_shard("p0", "9993", "4"), _shard("p1", "444-", "7"), _shard("p2", "4444", "4", gold=None)],
        some_facts(),
        tmp_path,
    )
    read = read_dataset(tmp_path)
    assert _verdicts(read, "greedy") == {"p0": ("4", False), "p1": ("7", True)}
    assert _verdicts(read, "majority") == {"p0": ("9", True), "p1": ("4", False)}
    assert make_report(read, ReportSettings(label="greedy", resamples=50))["unlabelled"] == 1
    report = make_report(read, ReportSettings(label="majority", resamples=50))
    assert (report["incomplete"], report["complete_only"][0]["problems"]) == (1, 1)
    assert report["complete_only"][0]["undefined"] == "no negatives: the teacher is wrong on all 1 problems"


def test_held_out_sample_against_the_entropy_of_the_others(tmp_path):
    publish([_shard(f"p{index}", "4447", "4") for index in range(40)], some_facts(), tmp_path)
    judged = judge_problems(read_dataset(tmp_path), "held-out")
    assert {row.judged_answer for row in judged} == {"4", "7"}
    for row in judged:
        # Without the 7 the rest agree; without a 4 they are two against one.
        two_to_one = (2 / 3 * math.log(3 / 2) + 1 / 3 * math.log(3)) / math.log(3)
        assert row.wrong == (row.judged_answer == "7")
        assert row.measures.entropy == pytest.approx(0.0 if row.wrong else two_to_one, abs=1e-12)
    again = judge_problems(read_dataset(tmp_path), "held-out")
    other = judge_problems(read_dataset(tmp_path), "held-out", seed=1)
    assert [row.judged_answer for row in judged] == [row.judged_answer for row in again]
    assert [row.judged_answer for row in judged] != [row.judged_answer for row in other]


def test_a_dataset_whose_tables_do_not_fit_is_refused(tmp_path):
    shard = a_shard(a_problem("p1"), ("4", "4"), (0, 1), an_uncertainty("p1"))
    publish([shard], some_facts(), tmp_path)
    with pytest.raises(ValidationInputError, match=r"p1: its samples give the weight .* the dataset has 1\.0"):
        read_dataset(tmp_path)


@pytest.mark.parametrize(
    ("table", "change", "message"),
    [
        (
            "train",
            {"problem_id": "p1"},
            "row 1 of the split train and row 2 of the split train have the same problem_id p1",
        ),
        ("samples", {"sample_index": 0}, "the problem p1 has two samples with the sample_index 0; leave out one"),
        ("samples", {"problem_id": "p3"}, "problem p1: has 0 samples, and num_samples is 2; the tables"),
    ],
)
def test_rows_that_are_there_twice_or_not_at_all(tmp_path, table, change, message):
    shards = [a_shard(a_problem(name), ("4", "4"), (0, 0), an_uncertainty(name)) for name in ("p1", "p2")]
    (path,) = publish(shards, some_facts(), tmp_path).folder.glob(f"data/{table}-*.parquet")
    rows = pq.read_table(path)
    changed = [row | change if table == "train" or row["problem_id"] == "p1" else row for row in rows.to_pylist()]
    pq.write_table(pa.Table.from_pylist(changed, schema=rows.schema), path)
    with pytest.raises(ValidationInputError, match=message):
        read_dataset(tmp_path)


WIDE: list[dict] = [
    {"id": 1, "question": "a", "preds": ["1", "1", "1"], "score": [True, True, True]},
    {"id": 2, "question": "b", "preds": ["1", "2", None], "score": [False, True, False]},
    {"id": 3, "question": "c", "preds": ["5", "5", "6"], "score": [False, False, True]},
]
LONG = [
    {"uid": row["id"], "answer": answer, "is_correct": int(grade)}
    for row in WIDE
    for answer, grade in zip(row["preds"], row["score"], strict=True)
]
MODELS = [
    {"id": row["id"], "gold": gold, "answers": [{"model": "m", "answer": answer} for answer in row["preds"]]}
    for row, gold in zip(WIDE, ("1", "2", "6"), strict=True)
]
TEXTS = [
    {"id": row["id"], "gold": gold, "responses": [f"\\boxed{{{answer}}}" if answer else "?" for answer in row["preds"]]}
    for row, gold in zip(WIDE, ("1", "2", "6"), strict=True)
]


@pytest.mark.parametrize("rows", [WIDE, LONG, MODELS, TEXTS], ids=["wide", "long", "mappings", "texts"])
def test_jsonl_in_every_shape_reads_the_same(tmp_path, rows):
    read = read_file(_jsonl(tmp_path, rows), {}, equivalence="string")
    assert [row.answers for row in read.problems] == [("1", "1", "1"), ("1", "2", None), ("5", "5", "6")]
    assert [row.cluster_ids for row in read.problems] == [(0, 0, 0), (0, 1, 2), (0, 0, 1)]
    assert [row.wrong for row in judge_problems(read, "majority")] == [False, True, True]
    report = make_report(read, ReportSettings(label="majority", resamples=50))
    assert report["scores"][0]["value"] == 1.0
    assert report["tied_majorities"]["problems"] == 1
    assert report["complete_only"][0]["positives"] == 1


def test_columns_can_be_named(tmp_path):
    rows = [{"key": "x", "tries": ["1", "2"], "ok": [1, 0]}, {"key": "y", "tries": ["1", "1"], "ok": [0, 0]}]
    read = read_file(_jsonl(tmp_path, rows), {"answers": "tries", "correct": "ok", "id": "key"}, equivalence="string")
    assert [(row.problem_id, row.grades) for row in read.problems] == [("x", (True, False)), ("y", (False, False))]


def test_answers_are_answers_however_many_stand_in_a_box(tmp_path):
    rows = [
        {"id": 1, "answers": ["2", r"\boxed{2}", "7"], "score": [1, 1, 0]},
        {"id": 2, "tries": None, "answers": ["2", "2", "7"], "score": [1, 1, 0]},
    ]
    for columns in ({}, {"answers": "answers"}):
        read = read_file(_jsonl(tmp_path, rows), columns, equivalence="string")
        assert [row.answers for row in read.problems] == [("2", "2", "7"), ("2", "2", "7")]


def test_ids_that_have_one_text_each_tell_problems_apart(tmp_path):
    rows = [{"id": key, "problem": "1+1?", "pred": pred, "correct": pred == "2"} for key in "ab" for pred in "22"]
    read = read_file(_jsonl(tmp_path, rows), {}, equivalence="string")
    assert [(row.problem_id, row.answers) for row in read.problems] == [("a", ("2", "2")), ("b", ("2", "2"))]


def test_lists_may_begin_with_a_row_that_has_none(tmp_path):
    rows = [{"id": 1, "preds": None, "score": None}, {"id": 2, "preds": ["1", "2"], "score": [1, 0]}]
    with pytest.raises(ValidationInputError, match="row 1: its answers are missing; a list is needed"):
        read_file(_jsonl(tmp_path, rows), {}, equivalence="string")


def test_logprobs_in_jsonl_give_the_weighted_entropy(tmp_path):
    rows = [{"id": 1, "answers": ["1", "2"], "score": [1, 0], "sum_logprob": [-2.0, -4.0], "token_counts": [2, 2]}]
    (row,) = read_file(_jsonl(tmp_path, rows), {}, equivalence="string").problems
    share = math.exp(-1) / (math.exp(-1) + math.exp(-2))
    entropy = -(share * math.log(share) + (1 - share) * math.log(1 - share)) / math.log(2)
    assert row.measures.entropy == pytest.approx(entropy, abs=1e-12)
    assert (row.measures.mean_logprob, row.measures.mean_tokens, row.measures.weight_kind) == (-1.5, 2.0, "weighted")


@pytest.mark.parametrize(
    ("rows", "columns", "message"),
    [
        ([{"id": 1, "stuff": 2}], {}, "no column of answers or completions; there are: id, stuff"),
        ([{"id": 1, "preds": ["1", "2"]}], {}, "neither grades nor reference answers; there are: id, preds"),
        (WIDE, {"answers": "prds"}, r"'prds' \(for answers\) is not there; there are: id, question, preds, score"),
        (WIDE, {"answer": "preds"}, "no such role; roles are id, problem, gold"),
        ([{"id": 1, "preds": ["1", "2"], "score": [True]}], {}, "row 1: lists of different lengths"),
        ([{"id": 1, "preds": ["1", "2"], "score": [0.3, 1]}], {}, r"grade '0\.3' is neither"),
        ([{"id": 1, "answer": "1", "correct": True}], {}, "no problem has two answers or more"),
        ([{"answer": "1", "correct": True}], {}, "a column that tells the problems apart"),
        ([[1, 2]], {}, "line 1: must be an object with named columns, not a list"),
        ([], {}, "has no rows"),
    ],
)
def test_unusable_files_say_what_is_missing(tmp_path, rows, columns, message):
    with pytest.raises(ValidationInputError, match=message):
        read_file(_jsonl(tmp_path, rows), columns, equivalence="string")


def test_command_writes_reports_and_figures(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    arguments = [str(_jsonl(tmp_path, WIDE)), "--equivalence", "string", "--resamples", "50"]
    assert main(arguments) == 0
    printed = capsys.readouterr().out
    assert "Label **majority**" in printed
    assert "**AUROC 1.000 [1.000, 1.000]** on 2 positives" in printed
    out = tmp_path / "rollouts-validation"
    figures = {
        f"{name}.{kind}" for name in ("histogram", "accuracy", "roc", "risk_coverage") for kind in ("png", "svg")
    }
    assert {path.name for path in out.iterdir()} == figures | {"report.md", "report.json", ".written.json"}
    assert "## Highest entropy" in (out / "report.md").read_text()
    first = {path.name: path.read_bytes() for path in out.iterdir()}
    assert main(arguments) == 0
    assert first == {path.name: path.read_bytes() for path in out.iterdir()}


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (WIDE[:1], "undefined (no positives: the teacher is right on all 1 problems)"),
        (WIDE[2:], "undefined (no negatives: the teacher is wrong on all 1 problems)"),
    ],
)
def test_one_class_is_reported_and_not_an_error(tmp_path, monkeypatch, capsys, rows, message):
    monkeypatch.chdir(tmp_path)
    assert main([str(_jsonl(tmp_path, rows)), "--equivalence", "string"]) == 0
    assert message in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "neither a dataset folder nor a file"),
        (["."], "has no manifest.json"),
        (["rollouts.jsonl", "--label", "greedy", "--equivalence", "string"], "no greedy answers are stored here"),
        (["rollouts.jsonl", "--column", "answers=x"], "column 'x' (for answers) is not there"),
    ],
)
def test_command_explains_what_it_cannot_use(tmp_path, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(tmp_path)
    _jsonl(tmp_path, WIDE)
    assert main(arguments) == 2
    assert message in capsys.readouterr().err


def test_a_dataset_without_labels_says_so(tmp_path, capsys):
    publish([_shard("p0", "4444", "4", gold=None)], some_facts(), tmp_path)
    assert main([str(tmp_path)]) == 2
    assert "whether the teacher is right is not known" in capsys.readouterr().err


@pytest.mark.slow
def test_qwen_math_on_real_outputs(realdata):
    """100 MATH problems, 8 samples each; 3 majorities are a tie of a right and a wrong answer, 1 of two wrong ones."""
    read = read_file(realdata / "model_outputs" / "qwen25_math_cot_100x8.jsonl", {}, equivalence="string")
    report = make_report(read, ReportSettings(label="majority"))
    first = report["tied_majorities"]["first_sampled"]
    assert report["problems"] == 100
    assert (first["positives"], round(first["value"], 3)) == (7, 0.829)
    assert (report["scores"][0]["positives"], round(report["scores"][0]["value"], 3)) == (9, 0.863)
    assert report["tied_majorities"]["problems"] == 4
    assert report["unanimous"] == report["unanimous"] | {"problems": 88, "wrong": 2, "errors": 9}


def _shard(name: str, answers: str, greedy: str, *, gold: str | None = "4") -> ShardRows:
    """A problem whose samples are the characters of `answers` (`-`: truncated), all equally likely; gold 4."""
    extracted = tuple(None if answer == "-" else answer for answer in answers)
    keys = [answer if answer != "-" else f"-{index}" for index, answer in enumerate(answers)]
    ids = tuple(list(dict.fromkeys(keys)).index(key) for key in keys)
    shares = [ids.count(cluster) / len(ids) for cluster in set(ids)]
    entropy = -sum(share * math.log(share) for share in shares) + 0.0
    majority = max((answer for answer in extracted if answer is not None), key=answers.count)
    uncertainty = an_uncertainty(
        name,
        num_samples=len(ids),
        semantic_entropy=entropy,
        weight=1 - entropy / math.log(len(ids)),
        discrete_entropy=entropy,
        majority_answer=majority,
        majority_share=max(shares),
        num_clusters=len(shares),
        num_missing=extracted.count(None),
        num_truncated=extracted.count(None),
    )
    correct = None if gold is None else greedy == gold
    return a_shard(a_problem(name, answer=gold), extracted, ids, uncertainty, greedy=greedy, correct=correct)


def _verdicts(read, label: str) -> dict:
    judged = judge_problems(read, label)
    return {row.sampled.problem_id: (row.judged_answer, row.wrong) for row in judged}


def _jsonl(folder: Path, rows: list) -> Path:
    path = folder / "rollouts.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_samples_under_other_system_prompts_are_not_put_together(tmp_path):
    rows = [
        {"problem": "What is 3 + 9?", "system": f"Answer in base {base}.", "answers": answer, "gold": gold}
        for base, gold, answers in ((8, "14", ("14", "14")), (10, "12", ("12", "14")))
        for answer in answers
    ]
    read = read_file(_jsonl(tmp_path, rows), {})
    assert [(problem.system, problem.answers) for problem in read.problems] == [
        ("Answer in base 8.", ("14", "14")),
        ("Answer in base 10.", ("12", "14")),
    ]
    for row in rows:
        row["problem_id"] = "a"
    with pytest.raises(ValidationInputError, match=r"row 3: the id 'a' stands for two different problems: an earlier"):
        read_file(_jsonl(tmp_path, rows), {})
