"""The plan of `--dry-run`: sizes of models, memory, placement, what is refused.

Pins: parameters from shapes against published totals and against shipped weights; what autograd keeps of a layer,
counted in a real Qwen3; memory by hand, which of the shipped configurations fit, and by how much the others do not;
the offloaded and the sharded optimizer; methods that ask no scorer, or the initial student; hidden states and the head
that they need; a vLLM share too small for its weights; a model of unknown size; more GPUs asked for than there are;
counts of a run with a partial last step; no network, no weights and no GPU for a plan; what is set with --assume, and
its errors.
"""

import json
import socket
from pathlib import Path

import pytest
import torch
from rich.console import Console
from safetensors import safe_open
from transformers import Qwen3Config, Qwen3Model

from sure_math.command_line.settings import ConfigError
from sure_math.models.engines.pocket_files import pocket_folder
from uopd.config import load_config
from uopd.dry_run.layout import refuse_layout
from uopd.dry_run.memory import GIB, TrainingAssumptions, layer_bytes
from uopd.dry_run.model_shapes import SHAPES, Shape, shape_of
from uopd.dry_run.plan import HOST, Device, TrainingPlan, make_plan
from uopd.dry_run.tables import plan_table

PUBLISHED = {
    "Qwen/Qwen2.5-0.5B-Instruct": 0.494e9,
    "Qwen/Qwen2.5-1.5B-Instruct": 1.54e9,
    "Qwen/Qwen3-0.6B": 0.596e9,
    "Qwen/Qwen3-1.7B": 1.72e9,
    "Qwen/Qwen3-4B": 4.02e9,
    "Qwen/Qwen3-8B": 8.19e9,
    "Qwen/Qwen3-30B-A3B": 30.5e9,
}
"""Parameters that the model pages name."""
COPYING = TrainingAssumptions(update_bytes=4)
"""As with torch's default AdamW on a GPU."""


def device(plan: TrainingPlan, name: str) -> Device:
    return next(device for device in plan.devices if device.name == name)


def gib(plan: TrainingPlan, name: str, part: str, item: str) -> float:
    """GiB that an item of a part takes; 0 if there is no such item."""
    return sum(row.bytes for whose, row in device(plan, name).items if (whose, row.name) == (part, item)) / GIB


def printed(plan: TrainingPlan) -> str:
    console = Console(width=160, color_system=None)
    with console.capture() as capture:
        console.print(plan_table(plan))
    return " ".join(capture.get().split())


@pytest.mark.parametrize("model", PUBLISHED)
def test_parameters_against_published_totals(model: str) -> None:
    assert SHAPES[model].parameters == pytest.approx(PUBLISHED[model], rel=3e-3)


def test_active_parameters_of_a_mixture() -> None:
    assert SHAPES["Qwen/Qwen3-30B-A3B"].active_parameters == pytest.approx(3.3e9, rel=0.02)
    assert SHAPES["Qwen/Qwen3-8B"].active_parameters == SHAPES["Qwen/Qwen3-8B"].parameters


@pytest.mark.parametrize("role", ["student", "teacher", "judge"])
def test_parameters_against_shipped_weights(role: str) -> None:
    with safe_open(pocket_folder(role) / "model.safetensors", framework="pt") as file:
        count = sum(file.get_tensor(name).numel() for name in file.keys())  # noqa: SIM118, no mapping
    shape = shape_of(f"pocket:{role}")
    assert shape is not None and shape.parameters == count
    assert shape_of(str(pocket_folder(role))) == shape


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_what_autograd_keeps_of_a_layer(dtype: torch.dtype) -> None:
    positions, shape = (
        64,
        Shape(layers=3, hidden=64, intermediate=192, heads=4, kv_heads=4, head_dim=32, vocabulary=16, tied=True),
    )
    sizes = {}
    for layers in (1, shape.layers):
        config = Qwen3Config(
            num_hidden_layers=layers,
            hidden_size=shape.hidden,
            intermediate_size=shape.intermediate,
            num_attention_heads=shape.heads,
            num_key_value_heads=shape.kv_heads,
            head_dim=shape.head_dim,
            vocab_size=shape.vocabulary,
            attn_implementation="sdpa",
        )
        sizes[layers] = _kept(Qwen3Model(config).to(dtype).train(), positions)
    kept = (sizes[shape.layers] - sizes[1]) / (shape.layers - 1) / positions
    # Beside the values of a layer there are a few numbers of every norm and head.
    assert layer_bytes(shape, dtype.itemsize) == pytest.approx(kept, rel=0.03)


def _kept(model: Qwen3Model, positions: int) -> int:
    """Bytes of the distinct storages that autograd keeps of a forward pass, parameters left out."""
    weights = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}
    kept: dict[int, int] = {}
    alive = []

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        alive.append(tensor)
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        model(input_ids=torch.zeros(1, positions, dtype=torch.long), use_cache=False)
    return sum(kept.values())


def test_the_student_of_pair_3_by_hand() -> None:
    plan = make_plan(load_config("paper-8b"))
    parameters = 36 * (2 * 4096 * (4096 + 1024) + 2 * 128 + 3 * 4096 * 12_288 + 2 * 4096) + 4096 + 2 * 151_936 * 4096
    assert parameters == 8_190_735_360
    held = 2 * parameters + 4 * parameters + 12 * parameters
    # 8,192 positions: the inputs of 36 layers and what one of them keeps, then gradients of one layer's values.
    kept = 36 * 4096 * 2 + 2 * (4 + 2 + 2) * 4096 + (4 + 2 + 4) * (4096 + 1024) + 4 * 2 * 12_288
    working = 8 * 4096 * 2 + 4 * 2 * 12_288 + (8 + 4 * 2) * 4096
    held += 8192 * (kept + working) + (768 + 96) * 2**20 + 2 * 151_936 * 4096 * 2
    held += 8192 * (512 * (4 + 4) + 4)
    reference, processes = 2 * parameters, 2 * GIB
    gpu = device(plan, "GPU 0")
    assert gpu.needed == held + reference + processes
    assert gpu.excess / GIB == pytest.approx(163.40 - 79.1, abs=0.01)
    assert not plan.fits and len(plan.problems) == 1
    assert "GPU 0: 163.4 GiB are needed and 79.1 GiB are there, 84.3 GiB too much" in plan.problems[0]
    assert "student.offload_optimizer=true" in plan.problems[0] and "reference.load=when_used" in plan.problems[0]
    assert "It does not fit. GPU 0: 163.4 GiB" in printed(plan) and "ZeRO-1 on one rank shards nothing" in printed(plan)
    # Weights and optimizer alone are too much, whatever the implementation adds to them.
    assert 14 * parameters > gpu.bytes


def test_the_teacher_of_pair_3_by_hand() -> None:
    gpu = device(make_plan(load_config("paper-8b")), "GPU 1")
    weights = 2 * SHAPES["Qwen/Qwen3-30B-A3B"].parameters
    # A position of one layer: 16 bytes per hidden value, 6 per value of 8 experts of 768, 64 per value sent to them.
    forward = 16_384 * (16 * 2048 + 6 * 8 * 768 + 8 * 2048 * 8)
    scores = 16_384 * (512 * (4 + 4) + 4)
    assert gpu.needed == weights + forward + (768 + 96) * 2**20 + scores + GIB
    assert gpu.excess < 0
    # A step's scores gather in the host's memory: 2,097,152 positions of 2 KB of ids, as much of values, and 4 B more.
    assert gib(make_plan(load_config("paper-8b")), HOST, "teacher", "scores") == 4 + 4 + 2**23 / GIB


@pytest.mark.parametrize(
    ("name", "assumptions", "fits"),
    [
        ("paper-1.7b", TrainingAssumptions(), True),
        # 18 bytes of 4.02 billion parameters are 67.4 GiB, and the reference 7.5 more: too little is left for a step.
        ("paper-4b", TrainingAssumptions(), False),
        ("paper-4b", COPYING, False),
        ("paper-8b", TrainingAssumptions(), False),
        ("paper-8b", COPYING, False),
        ("paper-8b-fit", TrainingAssumptions(), True),
        ("single-gpu", TrainingAssumptions(), True),
        ("pocket", TrainingAssumptions(), True),
    ],
)
def test_which_configurations_fit(name: str, assumptions: TrainingAssumptions, fits: bool) -> None:
    plan = make_plan(load_config(name), assumptions)
    assert plan.fits is fits, plan.problems
    assert all(problem.startswith("GPU 0: ") for problem in plan.problems)


def test_by_how_much_pair_2_does_not_fit() -> None:
    parameters = SHAPES["Qwen/Qwen3-4B"].parameters
    excess = device(make_plan(load_config("paper-4b")), "GPU 0").excess
    kept = 36 * 2560 * 2 + 2 * (4 + 2 + 2) * 2560 + (4 + 2 + 4) * (4096 + 1024) + 4 * 2 * 9728
    working = 8 * 2560 * 2 + 4 * 2 * 9728 + (8 + 4 * 2) * 2560
    step = 8192 * (kept + working + 512 * (4 + 4) + 4) + (768 + 96) * 2**20 + 2 * 151_936 * 2560 * 2
    assert excess == pytest.approx((18 + 2) * parameters + step + 2 * GIB - 79.1 * GIB)
    copying = device(make_plan(load_config("paper-4b"), COPYING), "GPU 0").excess
    assert copying == pytest.approx((22 + 2) * parameters + 2 * GIB - 79.1 * GIB)
    for remedy in ("student.offload_optimizer=true", "reference.load=when_used"):
        assert make_plan(load_config("paper-4b", [remedy])).fits


def test_the_offloaded_optimizer_is_in_the_hosts_memory() -> None:
    plan, parameters = make_plan(load_config("paper-8b-fit")), SHAPES["Qwen/Qwen3-8B"].parameters
    assert gib(plan, "GPU 0", "student 0", "optimizer states") == 0
    assert gib(plan, "GPU 0", "student 0", "gradients") == pytest.approx(4 * parameters / GIB)
    assert gib(plan, HOST, "student 0", "optimizer states and gradients") == pytest.approx(26 * parameters / GIB)
    assert "student 0 GPU 0 0.8 GPU Qwen/Qwen3-8B 8.19B DeepSpeed ZeRO-1, optimizer on the host" in printed(plan)
    # A bucket of 16-bit gradients; the largest tensor in a copy of them and one in float32, and a copy of its weights.
    buffers = 500_000_000 * 2 + 151_936 * 4096 * (2 + 4 + 2)
    assert gib(plan, "GPU 0", "student 0", "buffers of ZeRO") == pytest.approx(buffers / GIB)
    small = make_plan(load_config("paper-8b-fit"), TrainingAssumptions.with_settings(["host_memory_gib=128"]))
    assert [problem.split(":")[0] for problem in small.problems] == [HOST]


def test_ranks_share_the_optimizer_and_nothing_else() -> None:
    parameters = SHAPES["Qwen/Qwen3-8B"].parameters
    plan = make_plan(load_config("paper-8b", ["student.ranks=2", "student.num_gpus=1", "reference.load=when_used"]))
    assert [part.devices for part in plan.parts] == [(f"GPU {number}",) for number in (0, 1, 2, 3, 4)]
    for rank in (0, 1):
        held = [
            gib(plan, f"GPU {rank}", f"student {rank}", name) for name in ("weights", "gradients", "optimizer states")
        ]
        assert held == pytest.approx([2 * parameters / GIB, 4 * parameters / GIB, 6 * parameters / GIB])
    assert not plan.fits


def test_ranks_that_offload_have_their_gradients_and_a_part_of_the_sum() -> None:
    parameters = SHAPES["Qwen/Qwen3-8B"].parameters
    plan = make_plan(load_config("paper-8b-fit", ["student.ranks=2", "student.num_gpus=1"]))
    for rank in (0, 1):
        held = [gib(plan, f"GPU {rank}", f"student {rank}", name) for name in ("gradients", "summed gradients")]
        assert held == pytest.approx([4 * parameters / GIB, 4 * parameters / 2 / GIB])
        on_host = gib(plan, HOST, f"student {rank}", "optimizer states and gradients")
        assert on_host == pytest.approx(26 * parameters / 2 / GIB)
    wide = make_plan(load_config("paper-8b-fit", ["student.dtype=float32", "student.ranks=2", "student.num_gpus=1"]))
    assert gib(wide, "GPU 0", "student 0", "summed gradients") == 0
    assert gib(wide, HOST, "student 0", "optimizer states and gradients") == pytest.approx(28 * parameters / 2 / GIB)


def test_pocket_names_no_gpu() -> None:
    plan = make_plan(load_config("pocket"))
    assert plan.gpus == 0 and {part.devices for part in plan.parts} == {(HOST,)}
    text = printed(plan)
    assert "It fits on the CPU." in text and "GPU 0" not in text
    assert "steps 40 of 32 prompts prompts 1,280" in text


def test_one_gpu_holds_one_process_at_its_worst_moment() -> None:
    plan = make_plan(load_config("single-gpu"))
    assert [(part.name, part.devices) for part in plan.parts] == [("student", ("GPU 0",)), ("teacher", ("GPU 0",))]
    small, large = SHAPES["Qwen/Qwen3-1.7B"], SHAPES["Qwen/Qwen3-8B"]
    cache = 131_072 * 28 * 2 * 1024 * 2
    # Sampling needs most: gradients are gone by then. 42 sequences of 3,072 positions are 131,072 and less.
    logits = 42 * 151_936 * 4 * 4
    assert device(plan, "GPU 0").needed == 14 * small.parameters + 2 * large.parameters + cache + logits + GIB
    config = load_config("single-gpu")
    assert (config.student.engine, config.rollouts.engine, config.runtime.kind) == (
        "reference",
        "transformers",
        "local",
    )
    shorter = make_plan(load_config("single-gpu", ["rollouts.engine_options.max_batch_tokens=16384"]))
    assert gib(shorter, "GPU 0", "student", "gradients") == pytest.approx(4 * small.parameters / GIB)


def test_methods_without_a_teacher() -> None:
    alone = make_plan(load_config("paper-1.7b", ["method=grpo", "reference.load=when_used"]))
    assert [part.name for part in alone.parts] == ["student 0", "engine 0", "engine 1"]
    assert gib(alone, HOST, "", "object store") == 0
    kept = make_plan(load_config("paper-1.7b", ["method=grpo"]))
    assert [part.name for part in kept.parts][:2] == ["student 0", "reference"]
    close = make_plan(load_config("paper-1.7b", ["method=grpo", "grpo.kl_coefficient=0.1"]))
    # Only the response's own token is scored: 4 bytes of at most 2,097,152 positions.
    assert gib(close, HOST, "", "object store") == 128 * 4 * 4096 * 4 / GIB
    opsd = make_plan(load_config("paper-1.7b", ["method=opsd"]))
    assert [part.name for part in opsd.parts] == ["student 0", "reference", "engine 0", "engine 1"]
    assert gib(opsd, HOST, "reference", "scores") == pytest.approx(2_097_152 * 4100 / GIB)
    assert gib(opsd, HOST, "", "object store") == pytest.approx(2_097_152 * 4100 / GIB)


def test_hidden_states_and_the_head_that_they_need() -> None:
    plan = make_plan(load_config("paper-8b-fit", ["teacher.sends=hidden"]))
    # Of Qwen3-30B-A3B: hidden states of 2,048 in 16 bits, of at most 2,097,152 positions, and a head of 151,936 rows.
    assert plan.sent.position == 2 * 2048 and plan.sent.top_k == 512
    assert gib(plan, HOST, "", "object store") == gib(plan, HOST, "teacher", "scores") == 8.0
    assert gib(plan, "GPU 0", "student 0", "the scorer's head") == 151_936 * 2048 * 2 / GIB
    assert gib(plan, "GPU 0", "student 0", "scores of a pass") == 8192 * 4096 / GIB and plan.fits
    text = printed(plan)
    assert "hidden states (the student's process finds the top-512 with the scorer's head), 4,096 B a position" in text

    before = make_plan(load_config("paper-8b-fit"))
    added = device(plan, "GPU 0").needed - device(before, "GPU 0").needed
    assert added == 151_936 * 2048 * 2 - 8192 * 4
    tight = TrainingAssumptions.with_settings([f"gpu_memory_gib={(device(before, 'GPU 0').needed + added / 2) / GIB}"])
    problems = [
        [problem for problem in make_plan(load_config("paper-8b-fit", settings), tight).problems if "GPU 0" in problem]
        for settings in ((), ("teacher.sends=hidden",))
    ]
    assert not problems[0] and "0.3 GiB too much" in problems[1][0] and "teacher.sends=topk" in problems[1][0]


def test_whose_hidden_states_they_are() -> None:
    hidden = ["teacher.sends=hidden", "student.num_gpus=0.8"]
    opsd = make_plan(load_config("paper-8b", [*hidden, "method=opsd"]))
    assert opsd.sent.position == 2 * 4096 and gib(opsd, HOST, "reference", "scores") == 16.0
    assert gib(opsd, "GPU 0", "student 0", "the scorer's head") == 151_936 * 4096 * 2 / GIB
    # Only the response's own token is asked for.
    rewarded = make_plan(load_config("paper-8b", [*hidden, "method=grpo", "grpo.kl_coefficient=0.1"]))
    assert rewarded.sent.position == 4 and gib(rewarded, "GPU 0", "student 0", "the scorer's head") == 0
    pocket = make_plan(load_config("pocket", ["teacher.sends=hidden"]))
    shape = shape_of("pocket:teacher")
    assert shape is not None and pocket.sent.position == 4 * shape.hidden, "float32 on a CPU"
    assert gib(pocket, HOST, "student 0", "the scorer's head") == 4 * shape.head / GIB
    assert make_plan(load_config("paper-8b", [*hidden, "teacher.model=Org/Large"])).sent.position == 0


def test_a_share_too_small_for_its_weights() -> None:
    settings = ["rollouts.engine_options.gpu_memory_utilization=0.2"]
    plan = make_plan(load_config("paper-8b-fit", settings))
    (problem,) = plan.problems
    assert problem.startswith("rollouts: its share of 15.8 GiB (gpu_memory_utilization 0.2) holds weights of 15.3 GiB")
    assert problem.endswith("raise gpu_memory_utilization or rollouts.num_gpus")
    wider = make_plan(load_config("paper-8b-fit", [*settings, "rollouts.num_gpus=2"]))
    assert wider.fits and [part.devices for part in wider.parts][-1] == ("GPU 4", "GPU 5")


def test_a_model_of_unknown_size(tmp_path: Path) -> None:
    plan = make_plan(load_config("paper-1.7b", ["teacher.model=Org/Large"]))
    assert not plan.fits
    assert plan.problems == (
        "teacher: the size of Org/Large is not known; give the path of its folder, whose config.json says it",
    )
    assert "Org/Large ?" in printed(plan)
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text("{broken", encoding="utf-8")
    assert shape_of(str(folder)) is None


@pytest.mark.parametrize(
    ("name", "settings", "gpus", "message"),
    [
        ("paper-8b", (), 3, "asks for 4 GPUs"),
        ("paper-1.7b", ("rollouts.engines=4",), 4, "asks for 6 GPUs"),
        (
            "single-gpu",
            (),
            0,
            "student.device = cuda and teacher.device = cuda: the run asks for 1 GPU, and there are 0",
        ),
        ("paper-1.7b", ("reference.num_gpus=0.4",), 8, "placed together and make 1.2 GPUs"),
    ],
)
def test_more_gpus_than_there_are(name: str, settings: tuple[str, ...], gpus: int, message: str) -> None:
    with pytest.raises(ConfigError, match=message.replace(".", r"\.")):
        refuse_layout(load_config(name, settings), gpus)


@pytest.mark.parametrize(("name", "gpus"), [("paper-8b", 4), ("pocket", 0), ("single-gpu", 1)])
def test_as_many_gpus_as_there_are(name: str, gpus: int) -> None:
    refuse_layout(load_config(name), gpus)


def test_counts_of_a_run_that_stops_early_or_divides() -> None:
    early = make_plan(load_config("paper-1.7b", ["run.steps=10"]))
    assert (early.config.steps, early.prompts, early.rollouts, early.prompts_of_last_step) == (10, 1280, 5120, 128)
    whole = make_plan(load_config("paper-1.7b"))
    assert (whole.config.steps, whole.prompts, whole.rollouts, whole.prompts_of_last_step) == (391, 50_000, 200_000, 80)
    assert 390 * 128 + 80 == 50_000


def test_a_dataset_that_is_not_there_is_missing(tmp_path: Path) -> None:
    plan = make_plan(load_config("pocket", [f"data.path={tmp_path}"]))
    assert plan.fits and not plan.ready
    assert plan.missing[0].startswith(f"data.path = {tmp_path} has no manifest.json: it is not a finished dataset")
    manifest = {
        "format": 1,
        "dataset": {"files": {}, "rows": {}, "fingerprint": ""},
        "config": {},
        "models": [],
        "prompts": {},
        "numbers": {},
    }
    (tmp_path / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    assert make_plan(load_config("pocket", [f"data.path={tmp_path}"])).ready


def test_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise AssertionError("a plan opens no connection")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    assert make_plan(load_config("paper-4b")).gpus == 4


def test_assumptions() -> None:
    assumptions = TrainingAssumptions.with_settings(["gpu_memory_gib=188", "update_bytes=0"])
    assert make_plan(load_config("paper-8b"), assumptions).fits
    assert "gpu_memory_gib 188 set; 79.1 is assumed otherwise" in printed(
        make_plan(load_config("paper-8b"), assumptions)
    )


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("gpu_memory=80", "'gpu_memory' is not one of core_gflops, cpu_cache_gib, gpu_memory_gib"),
        ("gpu_memory_gib=much", "'much' is not a number"),
        ("gpu_memory_gib=0", "must be above 0"),
        ("update_bytes=-1", "must be 0 or more"),
        ("process_gib=inf", "must be above 0"),
    ],
)
def test_an_assumption_that_cannot_be_made(setting: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        TrainingAssumptions.with_settings([setting])


def test_only_deepspeed_offloads() -> None:
    with pytest.raises(
        ConfigError, match=r"offload_optimizer = true: only ZeRO offloads; set student\.engine=deepspeed"
    ):
        load_config("single-gpu", ["student.offload_optimizer=true"])
