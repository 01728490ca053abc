"""The configuration of a training run: packaged files, and what every error says.

Pins: every packaged configuration loads; overrides; the message of each combination that is refused, of an unknown key,
a value out of range and a missing model; the number of steps.
"""

import pytest

from sure_math.command_line.settings import ConfigError, differing_keys
from uopd.config import TrainConfig, config_names, load_config

NAMES = ["paper-1.7b", "paper-4b", "paper-8b", "paper-8b-fit", "pocket", "pocket-local", "single-gpu", "small"]


def test_packaged_configurations_load() -> None:
    assert config_names() == NAMES
    runs = {name: load_config(name) for name in NAMES}
    assert {name: run.method for name, run in runs.items()} == dict.fromkeys(NAMES, "uopd")
    assert {name for name, run in runs.items() if run.runtime.kind == "local"} == {
        "pocket-local",
        "single-gpu",
        "small",
    }


def test_overrides_are_yaml_and_make_sections() -> None:
    config = load_config(
        "pocket", ["method=opd-scaled", "optimizer.learning_rate=1e-5", "eval.max_new_tokens=", "run.seed=3"]
    )
    assert (config.method, config.optimizer.learning_rate) == ("opd-scaled", 1e-5)
    assert (config.eval.max_new_tokens, config.run.seed) == (None, 3)


def test_defaults_are_the_documented_decisions() -> None:
    config = TrainConfig.model_validate({"student": {"model": "s"}, "teacher": {"model": "t"}})
    assert (config.rollouts.temperature, config.rollouts.top_p, config.rollouts.top_k) == (1.0, 1.0, 0)
    assert (config.optimizer.weight_decay, config.optimizer.schedule, config.optimizer.warmup) == (0.0, "cosine", 0.05)
    assert (config.filter.unit, config.opsd.teacher, config.grpo.normaliser) == ("normalised", "self", "response")
    assert not config.rollouts.overlap and not config.student.enable_thinking
    assert not config.data.allow_other_teacher and not config.data.drop_unlabelled
    assert config.teacher.determinism_nats is None


def test_the_local_pocket_run_is_the_pocket_run_in_one_process() -> None:
    ray, local = (load_config(name).model_dump() for name in ("pocket", "pocket-local"))
    assert ray["rollouts"].pop("engine_options") and not local["rollouts"].pop("engine_options")
    assert [key for key, _, _ in differing_keys(ray, local)] == ["rollouts.engine", "runtime.kind", "student.engine"]


STEPS = [
    ((), 60),
    (("data.samples=1921",), 61),
    (("data.samples=31",), 1),
    (("run.steps=7",), 7),
    (("run.steps=70",), 60),
    (("data.samples=50000", "data.prompts_per_step=128"), 391),
]


@pytest.mark.parametrize(("overrides", "steps"), STEPS)
def test_steps(overrides: tuple[str, ...], steps: int) -> None:
    assert load_config("pocket", ["data.samples=1920", "data.prompts_per_step=32", *overrides]).steps == steps


ERRORS = {
    # Unknown keys, ranges and types
    "run.step=3": "run.step: there is no such key; the nearest one is run.steps",
    "optimiser.learning_rate=1": "optimiser: there is no such key; the nearest one is optimizer",
    "rollouts.per_promt=2": "rollouts.per_promt: there is no such key; the nearest one is rollouts.per_prompt",
    "method=updo": "method = 'updo': input should be 'uopd', 'opd', 'filter', 'grpo', 'opsd', 'shuffled', 'majority', "
    "'opd-scaled' or 'sampled'. A row of the table in `uopd/methods.py`.",
    "run.steps=0": "run.steps = 0: input should be greater than or equal to 1. Stop after this many updates",
    "filter.tau=-1": "filter.tau = -1: input should be greater than or equal to 0. Prompts whose entropy is above tau",
    "data.samples=none": "data.samples = 'none': input should be a valid integer",
    "teacher.top_k=0": "teacher.top_k = 0: input should be greater than or equal to 1",
    "rollouts.temperature=0": "rollouts.temperature = 0: input should be greater than 0",
    "rollouts.top_p=1.5": "rollouts.top_p = 1.5: input should be less than or equal to 1",
    "optimizer.warmup=5": "optimizer.warmup = 5: input should be less than or equal to 1. Share of the steps",
    "optimizer.learning_rate=0": "optimizer.learning_rate = 0: input should be greater than 0",
    "student.dtype=float16": "student.dtype = 'float16': input should be 'auto', 'float32' or 'bfloat16'",
    "batch.layout=ragged": "batch.layout = 'ragged': input should be 'auto', 'packed' or 'padded'",
    "checkpoint.keep=0": "checkpoint.keep = 0: input should be greater than or equal to 1. How many of the newest",
    "student=tiny": "student = 'tiny': ",
    "run.seed": "'run.seed': an override looks like optimizer.learning_rate=1e-5",
    "method.name=opd": "'method.name=opd': method is a value, not a section",
    "teacher={}": "teacher.model: is missing. A folder, a name on the Hub, or `pocket:ROLE`.",
    # What does not go together, in the Ray runtime of `pocket`
    "rollouts.engine=transformers": "rollouts.engine = transformers samples in the student's process: set "
    "runtime.kind=local, or rollouts.engine=vllm",
    "rollouts.per_prompt=4 rollouts.engines=3": "rollouts.per_prompt = 4 does not divide among "
    "rollouts.engines = 3: every engine samples",
    "student.engine=reference student.ranks=2": "student: ranks = 2: engine=reference is one process; set "
    "student.engine=deepspeed",
    "method=grpo rollouts.per_prompt=1": "rollouts.per_prompt = 1: GRPO compares responses of one prompt; set it to 2",
    "method=grpo rollouts.overlap=true": "rollouts.overlap = true: GRPO's ratio is to the policy that sampled; set it",
}
LOCAL_ERRORS = {
    "rollouts.engine=vllm": "rollouts.engine = vllm runs in Ray actors: set runtime.kind=ray",
    "student.engine=deepspeed": "student.engine = deepspeed runs in Ray actors: set runtime.kind=ray",
    "teacher.engine=vllm": "teacher.engine = vllm runs in a Ray actor: set runtime.kind=ray",
    "rollouts.overlap=true": "rollouts.overlap needs engines of their own: set runtime.kind=ray and "
    "rollouts.engine=vllm",
}


@pytest.mark.parametrize(("overrides", "message"), ERRORS.items(), ids=ERRORS)
def test_errors_name_the_field_the_value_and_the_way_out(overrides: str, message: str) -> None:
    with pytest.raises(ConfigError) as error:
        load_config("pocket", overrides.split())
    assert message in str(error.value)


@pytest.mark.parametrize(("override", "message"), LOCAL_ERRORS.items(), ids=LOCAL_ERRORS)
def test_what_a_local_run_cannot_do(override: str, message: str) -> None:
    with pytest.raises(ConfigError) as error:
        load_config("pocket-local", [override])
    assert str(error.value) == message


def test_an_unknown_configuration() -> None:
    with pytest.raises(
        ConfigError, match=rf"--config papr: not a configuration \({', '.join(NAMES)}\) and not a .yaml"
    ):
        load_config("papr")
    with pytest.raises(ConfigError, match=r"--config mine.yaml: there is no such file"):
        load_config("mine.yaml")
