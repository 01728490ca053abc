"""The plan of `--dry-run`: counts, tokens, hours, and what is printed.

Pins: with a survival of 1 every count is an upper bound that a real build of the pocket world keeps, and exact where
nothing is left to chance; survivors, draws and limits by hand; what a user's file and stored samples give; requests of
labels and of the second look at overlaps; curated problems; tokens and hours by hand from the assumptions; sizes of
models from their names and folders; what is not known stays `?`; no network; what is set with --assume, and its errors;
a phase of the build is in the plan unless it is named here as one that asks no model and chooses nothing.
"""

import json
import socket
from collections import Counter
from pathlib import Path

import pytest
from rich.console import Console

from sure_math.command_line.settings import ConfigError
from sure_math.config import BuildConfig, load_config
from sure_math.dry_run.cost import BuildAssumptions, Parameters, gpus_of, parameters_of, tokens_per_second, work_of
from sure_math.dry_run.plan import BuildPlan, PlannedPhase, make_plan, source_rows
from sure_math.dry_run.tables import plan_table
from tests.helpers.scripted_build import write_problems
from tests.sure_math.test_phase_settings import DIGESTS, SETTINGS

CERTAIN = BuildAssumptions(survival=1.0)
AUTHOR = ("evolve.enabled=true", "evolve.author.model=Org/Author-7B", "prompts=pocket")
TEACHER = ("teacher.model=Org/Teacher-8B", "teacher.engine=vllm")


NOT_PLANNED = {
    "distinct": "drops near-duplicates, which no plan can count",
    "unique": "drops near-duplicates, which no plan can count",
    "extract": "reads texts",
    "entropy": "computes",
    "verdict": "asks the judge only about pairs that clusters have left open, which no plan can count",
}
"""Phases of a build that a plan does not show, and why."""


def step(plan: BuildPlan, phase: str) -> PlannedPhase:
    return next(step for step in plan.steps if step.phase == phase)


def asked(plan: BuildPlan, phase: str) -> int | None:
    done = step(plan, phase).work
    assert done is not None
    return done.requests


def printed(plan: BuildPlan, width: int = 100) -> str:
    """As it is piped: without colour, on lines of `width` characters."""
    console = Console(width=width, color_system=None)
    with console.capture() as capture:
        console.print(plan_table(plan))
    return capture.get()


def test_the_plan_has_the_phases_of_a_build_in_their_order() -> None:
    plan = make_plan(load_config("pocket", SETTINGS), BuildAssumptions())
    planned = [phase for phase in DIGESTS if phase not in NOT_PLANNED]
    assert [step.phase for step in plan.steps] == ["seeds", *planned, "publish"]


@pytest.mark.slow
def test_a_real_build_keeps_the_bounds(tmp_path: Path) -> None:
    from sure_math.build import run_build

    config = load_config("pocket", ["seeds.limit=12", "seeds.test_limit=4"])
    plan = make_plan(config, CERTAIN)
    assert step(plan, "seeds").problems == 16
    run_build(config, tmp_path / "out", name="pocket", console=Console(quiet=True))
    lines = (tmp_path / "out" / ".build" / "calls.jsonl").read_text().splitlines()
    requests = Counter(json.loads(line)["role"] for line in lines)
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    funnel = {line["phase"]: line["kept"] for line in manifest["funnel"]}
    assert funnel["seeds"] == 16
    for role, phase in {"author": "evolve", "teacher": "sample"}.items():
        assert 0 < requests[role] <= (asked(plan, phase) or 0)
    problems = sum(manifest["dataset"]["rows"][split] for split in ("train", "test"))
    assert 0 < problems <= (step(plan, "publish").problems or 0)
    # N samples and a greedy answer for every problem: an estimate is as good as its number of problems.
    assert requests["teacher"] == 9 * problems


def test_survivors_of_every_round_are_the_parents_of_the_next(tmp_path: Path) -> None:
    path = write_problems(tmp_path / "p.jsonl", 1000)
    settings = [f"seeds.path={path}", "seeds.tier=hard", *AUTHOR, *TEACHER]
    half = make_plan(load_config("annotate", settings), BuildAssumptions(survival=0.5))
    # Hard seeds evolve three times: 1,000 + 500 + 250 requests, and half of the texts are left.
    assert (asked(half, "evolve"), step(half, "evolve").problems) == (1750, 875)
    assert (step(half, "sample").problems, asked(half, "sample")) == (875, 875 * 9)
    kept = make_plan(load_config("annotate", [*settings, "evolve.keep=800", "evolve.keep_seeds=true"]), CERTAIN)
    assert (asked(kept, "evolve"), step(kept, "evolve").problems) == (3000, 4000)
    assert (step(kept, "choose").problems, asked(kept, "sample")) == (1800, 1800 * 9)
    drawn = make_plan(load_config("annotate", [*settings, "seeds.per_tier={hard: 10, easy: 5}"]), CERTAIN)
    assert (step(drawn, "draw").problems, asked(drawn, "evolve")) == (10, 30)


def test_a_file_is_counted(tmp_path: Path) -> None:
    rows = [
        {"problem": "What is 1 + 1?", "answer": "2"},
        {"problem": "What is 1 + 2?"},
        {"problem": "What is 1 + 2?", "answer": "3"},
        {"problem": "What is 1 + 3?", "split": "test"},
    ]
    path = tmp_path / "p.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    labels = ("label.by=model", "label.model.model=Org/L-3B", "label.num_samples=5")
    plan = make_plan(load_config("annotate", [f"seeds.path={path}", *TEACHER, *labels]))
    assert (step(plan, "seeds").problems, asked(plan, "sample")) == (3, 27)
    assert asked(plan, "label") == 2 * 5
    assert plan.missing == ()


def test_curated_problems_are_added_and_stay(tmp_path: Path) -> None:
    path = write_problems(tmp_path / "p.jsonl", 10)
    labels = ("label.by=model", "label.model.model=Org/L-3B")
    settings = [f"seeds.path={path}", "seeds.curated=true", *AUTHOR, *TEACHER, *labels, "seeds.per_tier={medium: 4}"]
    plan = make_plan(load_config("annotate", [*settings, "evolve.keep=5"]), CERTAIN)
    counts = {phase: step(plan, phase).problems for phase in ("seeds", "draw", "evolve", "choose", "sample")}
    assert counts == {"seeds": 1_010, "draw": 1_004, "evolve": 1_008, "choose": 1_005, "sample": 1_005}
    assert (asked(plan, "evolve"), asked(plan, "label")) == (8, 5)
    alone = make_plan(load_config("annotate", ["seeds.curated=true", "seeds.limit=40", *TEACHER]))
    assert (step(alone, "seeds").problems, step(alone, "seeds").note) == (240, "curated")
    assert step(alone, "publish").note == "40 to train on, 200 held out"
    sources, _, _ = printed(alone).partition("Settings")
    assert "sure_math/curated/curated.jsonl" in sources and "None" not in sources


def test_stored_samples_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"
    path.write_text(json.dumps({"problem": "What is 1 + 1?", "responses": [r"\boxed{2}", r"\boxed{3}"]}) + "\n")
    plan = make_plan(load_config("annotate", [f"samples.path={path}", "judge.model=Org/J-3B"]))
    assert (step(plan, "seeds").problems, step(plan, "sample").work, asked(plan, "cluster")) == (1, None, 2)
    assert "2 stored samples, read as kind `text`" in " ".join(printed(plan).split())


def test_a_second_look_is_asked_in_both_orders(tmp_path: Path) -> None:
    path = write_problems(tmp_path / "p.jsonl", 10)
    check = "decontaminate.check={embedding: Org/E, top_k: 3, model: {model: Org/I-7B}}"
    plan = make_plan(load_config("annotate", [f"seeds.path={path}", *AUTHOR, *TEACHER, check]), CERTAIN)
    assert (asked(plan, "screen"), asked(plan, "decontaminate")) == (10 * 6, 20 * 6)
    skipped = load_config("annotate", [f"seeds.path={path}", *TEACHER, "decontaminate.skip=all"])
    assert step(make_plan(skipped), "screen").note == "against 0 benchmarks and the test split"


PUBLIC = {
    "math": ("{splits: [train, test]}", 12_500),
    "omni_math": ("{rows: 1000}", 1_000),
    "olympiadbench": ("{subsets: [OE_TO_maths_en_COMP, OE_TO_maths_zh_COMP]}", 1_082),
    "aime24": ("{rows: 50}", 30),
    "scalequest": ("{}", None),
    "numina_cot": ("{path: copy.jsonl}", None),
    "gsm8k": ("{subsets: [socratic]}", None),
}


@pytest.mark.parametrize(("name", "setting_and_rows"), PUBLIC.items(), ids=PUBLIC)
def test_rows_of_a_public_source(name: str, setting_and_rows: tuple[str, int | None]) -> None:
    setting, expected = setting_and_rows
    config = load_config("annotate", ["seeds.source=public", f"seeds.public={{{name}: {setting}}}", *TEACHER])
    assert source_rows(name, config.seeds.public[name]) == expected
    assert step(make_plan(config), "seeds").problems == expected


def public_config(*settings: str) -> BuildConfig:
    """One source of unknown size, all of it easy."""
    return load_config(
        "annotate", ["seeds.source=public", "seeds.public={scalequest: {}}", *AUTHOR, *TEACHER, *settings]
    )


def test_what_is_not_known_stays_a_question_mark() -> None:
    plan = make_plan(public_config("teacher.model=Org/NoSize"))
    assert (step(plan, "seeds").problems, asked(plan, "evolve"), asked(plan, "sample")) == (None, None, None)
    text = printed(plan)
    assert "Org/NoSize does not name its size, so that its hours are not known" in " ".join(text.split())
    assert ["sample", *"??????"] in [line.split() for line in text.splitlines()]
    # A draw bounds a source of any size.
    assert asked(make_plan(public_config("seeds.per_tier={easy: 700}")), "sample") == round(700 * 0.8) * 9


def test_tokens_and_hours_by_hand() -> None:
    config = load_config(
        "annotate", ["seeds.path=p.jsonl", *TEACHER, "teacher.engine_options={tensor_parallel_size: 2}"]
    )
    assert config.teacher is not None
    assumptions = BuildAssumptions(peak_tflops=1000, prompt_share=0.5, generated_share=0.1)
    size = Parameters(total=8e9, active=8e9)
    # 16e9 operations a token.
    assert (tokens_per_second(size, 0.5, assumptions), tokens_per_second(size, 0.1, assumptions)) == (31_250, 6_250)
    done = work_of(config.teacher, 3600, 31_250, 6_250, assumptions)
    assert (done.requests, done.prompt_tokens, done.generated_tokens, done.gpus) == (3600, 112_500_000, 22_500_000, 2)
    assert (done.gpu_hours, done.hours) == pytest.approx((2.0, 1.0))


def test_answers_are_no_longer_than_their_limit(tmp_path: Path) -> None:
    path = write_problems(tmp_path / "p.jsonl", 100)
    plan = make_plan(load_config("annotate", [f"seeds.path={path}", *TEACHER, "sample.max_new_tokens=256"]))
    done = step(plan, "sample").work
    assert done is not None and done.generated_tokens == 100 * 9 * 256


SIZES: dict[str, tuple[float, float] | None] = {
    "Qwen/Qwen2.5-72B-Instruct": (72e9, 72e9),
    "Qwen/Qwen3-30B-A3B": (30e9, 3e9),
    "Qwen/Qwen3-1.7B": (1.7e9, 1.7e9),
    "meta/llama-3.1-8b-instruct": (8e9, 8e9),
    "org72B/gpt2": None,
    "Org/Bert": None,
    "pocket:nobody": None,
}


@pytest.mark.parametrize(("name", "expected"), SIZES.items(), ids=SIZES)
def test_size_of_a_model(name: str, expected: tuple[float, float] | None) -> None:
    size = parameters_of(name)
    assert (size and (size.total, size.active)) == expected


def test_a_model_that_ships_is_measured_and_needs_no_gpu() -> None:
    plan = make_plan(load_config("pocket"))
    size = parameters_of("pocket:teacher")
    assert size is not None and 1e6 < size.total < 1e7
    done = step(plan, "sample").work
    assert done is not None and (done.gpus, done.gpu_hours) == (0, 0.0)
    assert "parameters of pocket:teacher: it runs on a CPU" in printed(plan)


REPLICAS = {
    "{model: M-8B}": 1,
    "{model: M-8B, engine_options: {tensor_parallel_size: 4}}": 4,
    "{model: M-8B, engine_options: {tensor_parallel_size: 2}, replicas: {max: 3}}": 6,
    "{model: M-8B, engine: server, server: {url: 'http://host/v1'}}": 0,
}


@pytest.mark.parametrize(("model", "expected"), REPLICAS.items(), ids=REPLICAS)
def test_gpus_of_a_model(model: str, expected: int) -> None:
    config = load_config("annotate", ["seeds.path=p.jsonl", f"teacher={model}"])
    assert config.teacher is not None and gpus_of(config.teacher) == expected


def test_a_model_that_does_not_fit_is_named() -> None:
    config = public_config("teacher.model=Qwen/Qwen2.5-72B-Instruct")
    assert "144 GB of weights do not fit in 80 GB, raise tensor_parallel_size" in " ".join(
        printed(make_plan(config)).split()
    )


def test_no_network_is_touched(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object) -> None:
        raise AssertionError("the plan opened a connection")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    for name in ("paper", "default", "pocket", "small"):
        printed(make_plan(load_config(name)))


@pytest.mark.parametrize("width", [80, 100])
def test_numbers_are_whole_at_any_usual_width(width: int) -> None:
    text = printed(make_plan(load_config("paper"), CERTAIN), width)
    assert "…" not in text and max(map(len, text.splitlines())) <= width
    assert "These are upper bounds." in text
    titles = ["phase", "problems", "requests", "tokens", "in", "tokens", "out", "GPU", "h", "hours"]
    assert titles in [line.split() for line in text.splitlines()]


def test_assumptions_are_set_and_say_so() -> None:
    assumptions = BuildAssumptions.with_settings(["survival=0.5", "answer_tokens=3000"])
    assert (assumptions.survival, assumptions.answer_tokens, assumptions.problem_tokens) == (
        0.5,
        3000,
        BuildAssumptions().problem_tokens,
    )
    assert "set; 0.8 is assumed otherwise" in printed(make_plan(load_config("pocket"), assumptions))


ERRORS = {
    "survivl=1": "--assume survivl=1: 'survivl' is not one of answer_tokens, chars_per_token",
    "survival": "--assume survival: '' is not a number",
    "survival=many": "--assume survival=many: 'many' is not a number",
    "survival=1.5": "--assume survival=1.5: is a share, above 0 and at most 1",
    "answer_tokens=-1": "--assume answer_tokens=-1: must be above 0",
    "answer_tokens=nan": "--assume answer_tokens=nan: must be above 0",
}


@pytest.mark.parametrize(("setting", "message"), ERRORS.items(), ids=ERRORS)
def test_what_cannot_be_assumed(setting: str, message: str) -> None:
    with pytest.raises(ConfigError) as error:
        BuildAssumptions.with_settings([setting])
    assert str(error.value).startswith(message)
