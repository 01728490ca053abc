"""Pins of `uopd/student/deepspeed.py`, on gloo with one rank and with two, each in a process of its own:

- over 20 float32 steps the losses, norms and sums are those of the one-process student (1e-4 relative), and so are the
  weights in the end; among the steps are one where a rank has no rows and one where no rank has any;
- every rank returns the same report and holds the same weights;
- GRPO with two updates on the same rollouts, bfloat16 with its float32 masters, and a scorer's hidden states agree with
  it as well; a head that one of the ranks cannot read is an error on all;
- saved and loaded = never stopped, bit for bit; a folder of another number of ranks, of another model, or with a part
  missing is refused on every rank;
- an error on one rank, a loss or a gradient that is not a number: a `StudentError` on all, no hang, no trace
  afterwards;
- with the optimizer in the host's memory, in float32 and in bfloat16: the losses, norms, masters and moments are those
  of without (1e-6 relative), and all of the above on files and errors holds too;
- an export is the weights; `logprobs` those of the one-process student;
- nothing is compiled: there is no C++ compiler here.
"""

import json
import os
import shutil
import socket
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import AutoModelForCausalLM

from tests.uopd.student.test_reference import (
    GRPO,
    SMOOTH,
    TOP_K,
    relative,
    scorer_spec,
    scores_for,
    spec_of,
    state_of,
    step_rows,
)
from uopd.model.errors import StudentError
from uopd.model.micro_batches import rows_by_rank
from uopd.rows import Scores, Share, TrainingRow
from uopd.student.files import STATE, WEIGHTS
from uopd.student.reference import ReferenceStudent, StudentSpec, load_student, load_trainable
from uopd.teacher.frozen_head import HeadSpec
from uopd.teacher.scorer import load_scorer

if TYPE_CHECKING:
    from uopd.student.deepspeed import DeepSpeedRank

pytestmark = [
    pytest.mark.deepspeed,
    pytest.mark.skipif(find_spec("deepspeed") is None, reason="pip install 'sure-math[train]'"),
]
WORLDS = [1, 2]
STEPS, HALF, STOP = 20, 10, 3
LONELY, EMPTY = 4, 6
"""Steps where the first rank has all rows, and where there are none."""
RATES = [2e-3 * (1 - step / STEPS) for step in range(STEPS)]
SMALL = [3e-6] * (EMPTY + 2)
"""Rates that the rounding of bfloat16 weights would swallow."""
OFFLOADED = {"float32": RATES[: len(SMALL)], "bfloat16": SMALL}
CLIPPED = replace(SMOOTH, clip=1.0)
TEXT = [9, 30, 41, 8, 63, 12, 1]
SECONDS = 240
"""Until a hang is called one."""


def rows_of(step: int) -> tuple[TrainingRow, ...]:
    return () if step == EMPTY else step_rows(step)


def part_of(rows: Sequence[TrainingRow], scores: Scores, indices: Sequence[int]) -> Share:
    """The share of the rows at `indices`."""
    starts = [sum(len(row.response_ids) for row in rows[:index]) for index in range(len(rows) + 1)]
    places = [place for index in indices for place in range(starts[index], starts[index + 1])]
    part = Scores(ids=scores.ids[places], logprobs=scores.logprobs[places], sampled=scores.sampled[places])
    return Share(rows=tuple(rows[index] for index in indices), scores=part)


def share_of(step: int, rank: int, world: int) -> Share:
    rows = rows_of(step)
    indices = rows_by_rank(rows, world)[rank]
    if step == LONELY:
        indices = list(range(len(rows))) if rank == 0 else []
    return part_of(rows, scores_for(rows, step), indices)


def head_of(folder: Path) -> HeadSpec:
    return HeadSpec(model=str(folder), revision=None, dtype="float32", device="cpu", top_k=TOP_K)


def hidden_share_of(step: int, rank: int, world: int, model: Path, sends: str = "hidden") -> Share:
    """The rows of `share_of`, scored by the initial model behind a prompt of one token more."""
    rows = tuple(replace(row, scorer_ids=(9, *row.prompt_ids)) for row in share_of(step, rank, world).rows)
    return Share(rows=rows, scores=load_scorer(scorer_spec(model, sends=sends)).score(rows))


def bad_share(rank: int, world: int, token_weight: float) -> Share:
    """A step in which the last rank has a row of that weight."""
    share = share_of(0, rank, world)
    if rank < world - 1:
        return share
    return replace(share, rows=tuple(replace(row, token_weight=token_weight) for row in share.rows))


def message_of(action: Callable[[], Any]) -> str:
    try:
        action()
    except StudentError as error:
        return str(error)
    return "no error"


def failures_of(student: "DeepSpeedRank", rank: int, world: int) -> dict[str, str]:
    """What it says to steps that cannot be taken: a loss and a norm that are not numbers, an error on the last rank."""
    unscored = share_of(0, rank, world) if rank < world - 1 else replace(share_of(0, rank, world), scores=None)
    failures = {
        "loss": bad_share(rank, world, float("inf")),
        "norm": bad_share(rank, world, 1e30),
        "rank": unscored,
    }
    return {name: message_of(partial(student.update, share, 0.1)) for name, share in failures.items()}


def reports_of(student: "DeepSpeedRank", rates: Sequence[float], rank: int, world: int) -> list[dict[str, Any]]:
    """Of the steps at these rates that it has not had yet."""
    steps = range(student.version, len(rates))
    return [asdict(student.update(share_of(step, rank, world), rates[step])) for step in steps]


def of_rank(rank: int, world: int, port: int, model: Path, other_model: Path, out: Path) -> None:
    """What each process does; the tests look at what it writes to `out`."""
    os.environ |= {"CXX": "/bin/false", "CC": "/bin/false", "TORCH_EXTENSIONS_DIR": str(out / "compiled")}
    from uopd.student.deepspeed import DeepSpeedRank, Ranks, load_deepspeed_student

    spec = spec_of(model, optimizer=CLIPPED)
    student = load_deepspeed_student(spec, rank, world, "127.0.0.1", port)
    ranks = Ranks(rank, world, torch.device("cpu"))
    record: dict[str, Any] = {"reports": []}

    def another(spec: StudentSpec) -> DeepSpeedRank:
        return DeepSpeedRank(load_trainable(spec), spec, ranks)

    for step in range(STEPS):
        if step == HALF:
            student.save(out / "half")
        record["reports"].append(asdict(student.update(share_of(step, rank, world), RATES[step])))
    save_file({name: tensor.contiguous() for name, tensor in student.parameters()}, out / f"weights-{rank}.safetensors")
    record["version"] = student.version
    record["logprobs"] = student.logprobs(TEXT)
    student.save(out / "whole")
    if rank == 0:
        student.export(out / "export")

    resumed = another(spec)
    if rank == 0:
        for name in ("other_ranks", "other_model", "part_missing"):
            shutil.copytree(out / "half", out / name)
        state = json.loads((out / "half" / STATE).read_text(encoding="utf-8"))
        (out / "other_ranks" / STATE).write_text(json.dumps({**state, "ranks": 3}), encoding="utf-8")
        (out / "part_missing" / f"student-{world - 1}-of-{world}.safetensors").unlink()
    ranks.gather("copied")
    record["refused"] = {
        name: message_of(partial(resumed.load, out / name)) for name in ("other_ranks", "part_missing", "absent")
    }
    record["refused"]["other_model"] = message_of(partial(another(spec_of(other_model)).load, out / "half"))
    resumed.load(out / "half")
    record["failed"] = failures_of(resumed, rank, world)
    for step in range(HALF, STEPS):
        resumed.update(share_of(step, rank, world), RATES[step])
    resumed.save(out / "resumed")

    record["no head"] = message_of(
        partial(another, replace(spec, teacher_head=head_of(out if rank == world - 1 else model)))
    )
    hidden = another(replace(spec, teacher_head=head_of(model)))
    record["hidden"] = [
        asdict(hidden.update(hidden_share_of(step, rank, world, model), RATES[step])) for step in range(EMPTY + 2)
    ]
    save_file({name: tensor.contiguous() for name, tensor in hidden.parameters()}, out / f"hidden-{rank}.safetensors")
    policy = another(replace(spec, objective=GRPO))
    record["policy"] = [asdict(policy.update(share_of(step, rank, world), 0.02)) for step in range(3)]
    alone = replace(spec, max_tokens=1)
    for dtype, rates in OFFLOADED.items():
        kept = another(replace(alone, dtype=dtype))
        record[dtype] = reports_of(kept, rates, rank, world)
        kept.save(out / dtype)
        offloading = replace(alone, dtype=dtype, offload_optimizer=True)
        moved, again = another(offloading), another(offloading)
        record[f"offloaded {dtype}"] = reports_of(moved, rates[:STOP], rank, world)
        moved.save(out / f"{dtype}-half")
        again.load(out / f"{dtype}-half")
        record[f"failed {dtype}"] = failures_of(again, rank, world)
        record[f"offloaded {dtype}"] += reports_of(moved, rates, rank, world)
        reports_of(again, rates, rank, world)
        moved.save(out / f"{dtype}-whole")
        again.save(out / f"{dtype}-resumed")
        record[f"same {dtype}"] = all(
            torch.equal(tensor, other)
            for (_, tensor), (_, other) in zip(moved.parameters(), again.parameters(), strict=True)
        )
    (out / f"record-{rank}.json").write_text(json.dumps(record), encoding="utf-8")
    student.close()


@dataclass(frozen=True, slots=True)
class Run:
    """What the ranks of one world wrote."""

    world: int
    folder: Path

    @property
    def records(self) -> list[dict[str, Any]]:
        paths = [self.folder / f"record-{rank}.json" for rank in range(self.world)]
        return [json.loads(path.read_text(encoding="utf-8")) for path in paths]

    def saved(self, name: str) -> list[dict[str, Tensor]]:
        files = [f"student-{rank}-of-{self.world}.safetensors" for rank in range(self.world)]
        return [load_file(self.folder / name / file) for file in files]


@pytest.fixture(scope="module")
def runs(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[int, Run]:
    """The ranks of every world, all at the same time; starting DeepSpeed takes longest."""
    other_model = tmp_path_factory.mktemp("other") / "model"
    model = AutoModelForCausalLM.from_pretrained(tiny_model)
    model.model.layers = model.model.layers[:1]
    model.config.num_hidden_layers, model.config.layer_types = 1, model.config.layer_types[:1]
    model.save_pretrained(other_model)
    result, processes = {}, []
    for world in WORLDS:
        out = tmp_path_factory.mktemp(f"world{world}")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        for rank in range(world):
            arguments = (rank, world, port, tiny_model, other_model, out)
            processes.append(get_context("spawn").Process(target=of_rank, args=arguments))
        result[world] = Run(world, out)
    for process in processes:
        process.start()
    for process in processes:
        process.join(SECONDS)
    late = [process for process in processes if process.is_alive()]
    for process in late:
        process.kill()
    assert not late, "a rank waits for another"
    assert [process.exitcode for process in processes] == [0] * len(processes)
    return result


@pytest.fixture(params=WORLDS)
def run(request: pytest.FixtureRequest, runs: dict[int, Run]) -> Run:
    return runs[request.param]


@dataclass(frozen=True, slots=True)
class Expected:
    """What the one-process student does in the same steps."""

    student: ReferenceStudent
    reports: list[dict[str, Any]]


def expected_of(spec: StudentSpec, rates: Sequence[float]) -> Expected:
    student = load_student(spec)
    reports = [asdict(student.update(share_of(step, 0, 1), rate)) for step, rate in enumerate(rates)]
    return Expected(student, reports)


@pytest.fixture(scope="module")
def expected(tiny_model: Path) -> Iterator[Expected]:
    before = torch.get_num_threads()
    yield expected_of(spec_of(tiny_model, optimizer=CLIPPED), RATES)
    torch.set_num_threads(before)


def same_reports(result: Sequence[dict[str, Any]], expected: Sequence[dict[str, Any]], rel: float) -> None:
    assert len(result) == len(expected)
    for step, (report, wanted) in enumerate(zip(result, expected, strict=True)):
        assert report["sums"] == pytest.approx(wanted["sums"], rel=rel, abs=rel), step
        assert report["gradient_norm"] == pytest.approx(wanted["gradient_norm"], rel=rel), step


def test_20_steps_are_those_of_the_one_process_student(run: Run, expected: Expected) -> None:
    record = run.records[0]
    same_reports(record["reports"], expected.reports, rel=1e-4)
    assert expected.reports[1]["gradient_norm"] > 1, "the gradient is to be clipped"
    assert expected.reports[EMPTY]["sums"] == {} and record["version"] == STEPS
    result = load_file(run.folder / "weights-0.safetensors")
    weights = dict(expected.student.parameters())
    assert sorted(result) == sorted(weights)
    assert relative((result[name] for name in weights), weights.values()) < 1e-5
    assert record["logprobs"] == pytest.approx(expected.student.logprobs(TEXT), abs=1e-4)
    assert record["reports"][0]["peak_bytes"] > 2**20 and record["reports"][0]["seconds"] > 0


def test_every_rank_tells_and_holds_the_same(runs: dict[int, Run]) -> None:
    first, second = runs[2].records
    offloaded = [f"{key} {dtype}" for key in ("offloaded", "failed") for dtype in OFFLOADED]
    for key in ("reports", "hidden", "no head", "policy", "version", "logprobs", "failed", *OFFLOADED, *offloaded):
        assert first[key] == second[key], key
    weights = [load_file(runs[2].folder / f"weights-{rank}.safetensors") for rank in range(2)]
    assert all(torch.equal(tensor, weights[1][name]) for name, tensor in weights[0].items())


def test_two_updates_of_a_policy_gradient_agree(run: Run, tiny_model: Path) -> None:
    result = expected_of(spec_of(tiny_model, optimizer=CLIPPED, objective=GRPO), [0.02] * 3)
    same_reports(run.records[0]["policy"], result.reports, rel=1e-4)
    assert result.reports[0]["sums"]["clipped"] > 0


def test_a_scorers_hidden_states_are_its_top_k(run: Run, tiny_model: Path) -> None:
    student = load_student(spec_of(tiny_model, optimizer=CLIPPED))
    shares = [hidden_share_of(step, 0, 1, tiny_model, sends="topk") for step in range(EMPTY + 2)]
    reports = [asdict(student.update(share, rate)) for share, rate in zip(shares, RATES, strict=False)]
    same_reports(run.records[0]["hidden"], reports, rel=1e-4)
    result, weights = load_file(run.folder / "hidden-0.safetensors"), dict(student.parameters())
    assert relative((result[name] for name in weights), weights.values()) < 1e-5
    for record in run.records:
        assert "no config.json in" in record["no head"]


def test_bfloat16_has_float32_masters_and_float32_gradients(run: Run, tiny_model: Path, tmp_path: Path) -> None:
    # Rows alone in their micro-batches: a row's rounding in bfloat16 depends on what it is packed with.
    result = expected_of(spec_of(tiny_model, optimizer=CLIPPED, dtype="bfloat16", max_tokens=1), SMALL)
    same_reports(run.records[0]["bfloat16"], result.reports, rel=1e-5)
    state = state_of(result.student, tmp_path / "state")
    layout = json.loads((run.folder / "bfloat16" / STATE).read_text(encoding="utf-8"))["layout"]
    for kind in ("weight", "exp_avg", "exp_avg_sq"):
        flat = torch.cat([part[f"{kind}.group0"] for part in run.saved("bfloat16")])
        whole = torch.cat([state[f"{kind}.{name}"].flatten() for name in layout])
        assert relative([flat[: len(whole)]], [whole]) < 1e-6
        assert flat.dtype == torch.float32 and not flat[len(whole) :].any()


def test_saved_and_loaded_is_never_stopped(run: Run) -> None:
    for whole, resumed in zip(run.saved("whole"), run.saved("resumed"), strict=True):
        assert set(whole) == {f"{kind}.group0" for kind in ("weight", "step", "exp_avg", "exp_avg_sq")}
        assert all(torch.equal(tensor, resumed[name]) for name, tensor in whole.items())
    sizes = [len(part["weight.group0"]) for part in run.saved("whole")]
    assert len(set(sizes)) == 1 and sizes[0] * run.world < 32_000, "every rank has its own part and no other"
    states = [json.loads((run.folder / name / STATE).read_text(encoding="utf-8")) for name in ("whole", "resumed")]
    assert states[0] == states[1] and states[0]["version"] == STEPS and states[0]["ranks"] == run.world
    assert not list(run.folder.glob("*.tmp"))


@pytest.mark.parametrize("dtype", OFFLOADED)
def test_an_optimizer_on_the_host_does_the_same_steps(run: Run, dtype: str) -> None:
    record = run.records[0]
    same_reports(record[f"offloaded {dtype}"], record[dtype], rel=1e-6)
    for kept, moved, again in zip(
        run.saved(dtype), run.saved(f"{dtype}-whole"), run.saved(f"{dtype}-resumed"), strict=True
    ):
        assert all(tensor.dtype == torch.float32 and torch.equal(tensor, again[name]) for name, tensor in moved.items())
        assert relative(moved.values(), (kept[name] for name in moved)) < 1e-6
    assert all(record[f"same {dtype}"] for record in run.records)


@pytest.mark.parametrize(
    ("folder", "message"),
    [
        ("other_ranks", "was saved by student.ranks = 3 and is loaded by {world}; set student.ranks=3"),
        ("other_model", "the checkpoint is of another student.model"),
        ("part_missing", "student-{last}-of-{world}.safetensors"),
        ("absent", "holds no saved student"),
    ],
)
def test_folders_that_do_not_fit_are_refused_on_every_rank(run: Run, folder: str, message: str) -> None:
    for record in run.records:
        assert message.format(world=run.world, last=run.world - 1) in record["refused"][folder]


@pytest.mark.parametrize(("key", "update"), [("failed", HALF), *((f"failed {dtype}", STOP) for dtype in OFFLOADED)])
@pytest.mark.parametrize(
    ("failure", "message"),
    [
        ("loss", "update {}: the loss is inf"),
        ("norm", "update {}: the gradient's norm is inf"),
        ("rank", "distillation has a scorer"),
    ],
)
def test_what_fails_on_one_rank_fails_on_all(run: Run, key: str, update: int, failure: str, message: str) -> None:
    for record in run.records:
        assert message.format(update + 1) in record[key][failure]
        if failure == "rank" and run.world > 1:
            assert record[key][failure].startswith("rank 1: ") and "rank 0" not in record[key][failure]


def test_an_export_is_the_weights(run: Run, tiny_model: Path) -> None:
    model = AutoModelForCausalLM.from_pretrained(run.folder / "export", dtype="auto")
    weights = load_file(run.folder / "weights-0.safetensors")
    assert all(torch.equal(tensor.detach(), weights[name]) for name, tensor in model.named_parameters())
    assert set(load_file(run.folder / "export" / "model.safetensors")) == set(
        load_file(tiny_model / "model.safetensors")
    )


def test_the_one_process_student_names_a_folder_of_ranks(runs: dict[int, Run], tiny_model: Path) -> None:
    student = load_student(spec_of(tiny_model))
    with pytest.raises(StudentError, match=r"set student\.ranks=2"):
        student.load(runs[2].folder / "whole")
    with pytest.raises(StudentError, match=WEIGHTS):
        student.load(runs[1].folder / "whole")


def test_nothing_was_compiled(run: Run) -> None:
    assert not (run.folder / "compiled").exists()
