"""Pins of `teacher.sends = hidden`: hidden states and the head in the student's process say what a top-k says.

- the scorer's hidden states, times its head, are the log-probabilities of a plain forward pass, whatever is packed
  together; two scorings are compared by log-probabilities; states that are not finite are refused;
- two updates leave the same weights either way, to 1e-6, for k < V and k = V, with another width of the teacher's, a
  bias in its head, a bias in the student's, tied and untied, packed and padded; what is logged is the same, and at
  k = V the teacher's mass is 1;
- in bfloat16 the head is the scorer's own, bit for bit; a dtype that is another where the student runs is named;
- who scores in each method, and whose head that is: of `opsd` the initial student's, which training does not move;
- whole runs of `uopd` and `opsd` log the same numbers either way;
- what a position takes on its way: 4 KB at k = 512, or twice the teacher's width in 16 bits.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, PhiConfig, Qwen3Config

from sure_math.command_line.settings import ConfigError
from tests.helpers.short_training_runs import COMPARED, metrics_of, short_config, train_run, write_dataset
from tests.helpers.tiny_model import VOCABULARY
from tests.uopd.model.test_causal_model import SMALL, save_random
from tests.uopd.student.test_reference import opsd_rows, plain_logprobs, scorer_spec, spec_of, step_rows
from uopd.config import load_config
from uopd.methods import make_method
from uopd.model.errors import StepFailed, StudentError
from uopd.rows import HiddenScores, Scores, Share, opened
from uopd.runtime import specs
from uopd.runtime.ray.messages import pack, unpack
from uopd.student.reference import load_student
from uopd.teacher.frozen_head import HeadSpec
from uopd.teacher.scorer import HiddenScorer, load_scorer

pytestmark = pytest.mark.usefixtures("one_thread")

WIDTH = 48
"""Of the teacher; the student has 32."""
SAME = 1e-6


@pytest.fixture(scope="module")
def teachers(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("teachers")
    wide = SMALL | {"hidden_size": WIDTH, "initializer_range": 0.25}
    return {
        "untied": save_random(folder / "untied", Qwen3Config(**wide, head_dim=16)),
        "a bias": save_random(folder / "biased", PhiConfig(**wide)),
        "tied": tiny_model,
    }


@pytest.fixture(scope="module")
def students(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("students") / "biased"
    return {"tied": tiny_model, "a bias": save_random(folder, PhiConfig(**SMALL))}


def head_spec(folder: Path, **changes: Any) -> HeadSpec:
    spec = HeadSpec(model=str(folder), revision=None, dtype="float32", device="cpu", top_k=8)
    return replace(spec, **changes)


@pytest.mark.parametrize("name", ["untied", "a bias", "tied"])
@pytest.mark.parametrize(("layout", "max_tokens"), [("packed", 1), ("packed", 30), ("packed", 10_000), ("padded", 60)])
def test_hidden_states_are_those_of_a_plain_forward_pass(
    teachers: dict[str, Path], name: str, layout: str, max_tokens: int
) -> None:
    rows = opsd_rows(13)
    scorer = load_scorer(scorer_spec(teachers[name], sends="hidden", layout=layout, max_tokens=max_tokens))
    result = scorer.score(rows)
    assert isinstance(scorer, HiddenScorer) and isinstance(result, HiddenScores)
    model = AutoModelForCausalLM.from_pretrained(teachers[name], dtype=torch.float32)
    with torch.no_grad():
        expected_TV = torch.cat(
            [plain_logprobs(model, row.scorer_ids, row.response_ids) for row in rows if row.response_ids]
        )
        found_TV = model.get_output_embeddings()(result.hidden).log_softmax(dim=-1)
    assert torch.allclose(found_TV, expected_TV, atol=2e-5)
    assert scorer.score(()).hidden.shape == (0, result.hidden.shape[1])
    scorer.close()


def test_two_scorings_are_compared_by_log_probabilities(teachers: dict[str, Path]) -> None:
    rows = step_rows(15)
    hidden, topk = (load_scorer(scorer_spec(teachers["untied"], sends=sends, max_tokens=30)) for sends in SENDS)
    assert hidden.repeat_difference(rows) == topk.repeat_difference(rows) < 1e-5


def test_states_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    folder = save_random(tmp_path / "model", Qwen3Config(**SMALL, head_dim=16))
    model = AutoModelForCausalLM.from_pretrained(folder)
    with torch.no_grad():
        model.model.norm.weight[3] = torch.inf
    model.save_pretrained(folder)
    with pytest.raises(
        FloatingPointError, match=r"the hidden states of .* are not all finite: load the model in bfloat16"
    ):
        load_scorer(scorer_spec(folder, sends="hidden")).score(step_rows(16))


SENDS = ("hidden", "topk")


@pytest.mark.parametrize("top_k", [1, 8, VOCABULARY, 1000])
@pytest.mark.parametrize(
    ("student", "teacher", "layout", "max_tokens"),
    [
        ("tied", "untied", "packed", 40),
        ("tied", "a bias", "padded", 60),
        ("a bias", "untied", "packed", 1),
        ("a bias", "tied", "padded", 10_000),
    ],
)
def test_two_updates_are_the_same_either_way(
    students: dict[str, Path],
    teachers: dict[str, Path],
    student: str,
    teacher: str,
    layout: str,
    max_tokens: int,
    top_k: int,
) -> None:
    weights, sums = [], []
    for sends in SENDS:
        scorer = load_scorer(scorer_spec(teachers[teacher], sends=sends, top_k=top_k))
        head = head_spec(teachers[teacher], top_k=top_k) if sends == "hidden" else None
        learner = load_student(spec_of(students[student], teacher_head=head, layout=layout, max_tokens=max_tokens))
        for seed in (0, 1):
            rows = opsd_rows(seed)
            report = learner.update(Share(rows=rows, scores=scorer.score(rows)), 1e-2)
            sums.append(report.sums)
        weights.append(dict(learner.parameters()))
    assert all((tensor - weights[1][name]).abs().max() < SAME for name, tensor in weights[0].items())
    for hidden, topk in zip(sums[:2], sums[2:], strict=True):
        assert hidden.keys() == topk.keys() >= {"kl", "teacher_mass", "teacher_logprob"}
        assert hidden == pytest.approx(topk, rel=1e-5, abs=1e-4)
        assert hidden["kl"] > 1, "the teacher is to be another model"
        if top_k >= VOCABULARY:
            assert hidden["teacher_mass"] == pytest.approx(32, abs=1e-4)
            assert hidden["truncation_floor"] == pytest.approx(0, abs=1e-4)


def test_in_16_bits_the_head_is_the_scorers(students: dict[str, Path], teachers: dict[str, Path]) -> None:
    rows, folder = step_rows(0), teachers["a bias"]
    sums = []
    for sends in SENDS:
        scorer = load_scorer(scorer_spec(folder, sends=sends, dtype="bfloat16", top_k=VOCABULARY))
        head = head_spec(folder, dtype="bfloat16", top_k=VOCABULARY) if sends == "hidden" else None
        learner = load_student(spec_of(students["tied"], teacher_head=head))
        sums.append(learner.update(Share(rows=rows, scores=scorer.score(rows)), 1e-3).sums)
    assert sums[0] == pytest.approx(sums[1], rel=1e-5, abs=1e-4)


def test_a_dtype_that_is_another_where_the_student_runs_is_named(tiny_model: Path) -> None:
    rows = step_rows(0)
    scores = load_scorer(scorer_spec(tiny_model, sends="hidden", dtype="bfloat16")).score(rows)
    learner = load_student(spec_of(tiny_model, teacher_head=head_spec(tiny_model, dtype="auto")))
    with pytest.raises(
        StudentError, match=r"dtype = auto: .* torch.bfloat16, and its head, .* torch.float32; set teach"
    ):
        learner.update(Share(rows=rows, scores=scores), 1e-3)


def test_a_head_that_is_not_finite_is_named_by_the_update(tmp_path: Path) -> None:
    folder = save_random(tmp_path / "model", Qwen3Config(**SMALL, head_dim=16))
    model = AutoModelForCausalLM.from_pretrained(folder)
    with torch.no_grad():
        model.lm_head.weight[40] = torch.nan
    model.save_pretrained(folder)
    rows = step_rows(0)
    scores = load_scorer(scorer_spec(folder, sends="hidden")).score(rows)
    learner = load_student(spec_of(folder, teacher_head=head_spec(folder)))
    with pytest.raises(StepFailed, match=r"^update 1: .* look at its weights for NaN"):
        learner.update(Share(rows=rows, scores=scores), 1e-3)


WHOSE = {
    "uopd": ((), "pocket:teacher"),
    "opsd": (("method=opsd",), "pocket:student"),
    "opsd of the pair": (("method=opsd", "opsd.teacher=pair"), "pocket:teacher"),
    "grpo": (("method=grpo",), None),
    "grpo with a reference": (("method=grpo", "grpo.kl_coefficient=0.1"), None),
    "topk": (("teacher.sends=topk",), None),
}


@pytest.mark.parametrize(("changes", "model"), WHOSE.values(), ids=WHOSE)
def test_whose_head_the_student_gets(changes: Sequence[str], model: str | None) -> None:
    config = load_config("pocket-local", ["teacher.sends=hidden", "teacher.top_k=7", *changes])
    head = specs.student_spec(config, make_method(config)).teacher_head
    scorer = specs.scorer_spec(config, make_method(config))
    assert (None if head is None else (head.model, head.top_k)) == (None if model is None else (model, 7))
    assert scorer is None or scorer.sends == ("topk" if model is None else "hidden")


def test_what_goes_not_together() -> None:
    with pytest.raises(
        ConfigError,
        match=r"teacher: sends = hidden: vLLM hands out no hidden states; set teacher.engine=transformers or teacher.s",
    ):
        load_config("pocket", ["teacher.sends=hidden", "teacher.engine=vllm"])
    with pytest.raises(ConfigError, match=r"teacher.sends = 'logits': input should be 'topk' or 'hidden'"):
        load_config("pocket", ["teacher.sends=logits"])


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dataset(tmp_path_factory.mktemp("hidden") / "data")


@pytest.mark.slow
@pytest.mark.parametrize("changes", [("teacher.top_k=1024",), ("method=opsd",)], ids=["uopd, k = V", "opsd"])
def test_whole_runs_log_the_same_either_way(data: Path, tmp_path: Path, changes: tuple[str, ...]) -> None:
    for sends in SENDS:
        train_run(short_config(data, *changes, f"teacher.sends={sends}"), tmp_path / sends)
    hidden, topk = (metrics_of(tmp_path / sends) for sends in SENDS)
    assert len(hidden) == len(topk) == 3
    for line, other in zip(hidden, topk, strict=True):
        for name in ("teacher_mass", *COMPARED):
            if name in other:
                assert line[name] == pytest.approx(other[name], rel=1e-4, abs=1e-6), name


@pytest.mark.parametrize(("sends", "expected"), [("hidden", 2 * 512), ("topk", 512 * (4 + 4) + 4)])
def test_bytes_of_a_position(tmp_path: Path, sends: str, expected: int) -> None:
    """A vocabulary of 600 and a width of 512, in bfloat16: 512 entries are 4 KB, hidden states 1 KB."""
    torch.manual_seed(0)
    config = SMALL | {"vocab_size": 600, "hidden_size": 512, "torch_dtype": torch.bfloat16}
    folder = save_random(tmp_path / "model", Qwen3Config(**config, head_dim=16))
    rows = step_rows(0)
    spec = scorer_spec(folder, sends=sends, top_k=512, dtype="bfloat16")
    scores = opened(load_scorer(spec).score(rows))
    packed = pack(scores)
    assert sum(array.nbytes for array in packed.arrays.values()) == 32 * expected
    again = unpack(packed)
    assert type(again) is type(scores) and isinstance(again, HiddenScores if sends == "hidden" else Scores)
    for name in packed.arrays:
        assert torch.equal(getattr(again, name), getattr(scores, name))
