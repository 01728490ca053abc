"""The configuration: packaged files, overrides, and what an error says.

Pins: every packaged configuration loads; the settings the paper fixes; the message for an unknown key, a value out of
range, a wrong type, a missing input; the keys in which two configurations differ.
"""

import codecs
from pathlib import Path

import pytest

from sure_math.command_line.settings import ConfigError, differing_keys
from sure_math.config import PLACEMENT, config_names, load_config
from sure_math.problems.sources.catalogue import BENCHMARKS

TEACHER = ("teacher.model=m", "seeds.path=p.jsonl")


def test_packaged_configurations_load() -> None:
    assert config_names() == ["annotate", "default", "paper", "pocket", "small"]
    for name in ("default", "paper", "pocket"):
        load_config(name)
    load_config("annotate", TEACHER)


def test_settings_of_the_paper() -> None:
    config = load_config("paper")
    models = [model.model for model in (config.evolve.author, config.teacher, config.judge) if model is not None]
    assert models == ["Qwen/Qwen2.5-72B-Instruct", "Qwen/Qwen3-8B", "Qwen/Qwen2.5-3B-Instruct"]
    sample = config.sample
    assert (sample.num_samples, sample.temperature, sample.top_p, sample.top_k) == (8, 0.7, 1.0, 0)
    assert sample.max_new_tokens == 8192
    assert config.teacher is not None and not config.teacher.enable_thinking
    assert config.evolve.rounds == {"easy": 1, "medium": 2, "hard": 3, "competition": 5}
    assert (config.cluster.procedure, load_config("default").cluster.procedure) == ("paper", "default")


def test_overrides_are_yaml_and_make_sections() -> None:
    config = load_config("annotate", [*TEACHER, "sample.num_samples=16", "judge.model=j", "seeds.limit="])
    assert (config.sample.num_samples, config.judge and config.judge.model, config.seeds.limit) == (16, "j", None)


ERRORS = {
    "sample.num_sample=9": "sample.num_sample: there is no such key; the nearest one is sample.num_samples",
    "temperture=1": "temperture: there is no such key; the nearest one is label.temperature",
    "evolve.weights.easy.hardr=1": "evolve.weights.easy.hardr",
    "sample.num_samples=1": "sample.num_samples = 1: input should be greater than or equal to 2. N of Eq. 6",
    "sample.temperature=3": "sample.temperature = 3: input should be less than or equal to 2",
    "sample.temperature=hot": "sample.temperature = 'hot': input should be a valid number",
    "cluster.procedure=papr": "cluster.procedure = 'papr': input should be 'default' or 'paper'",
    "cluster.procedure=paper": "cluster.procedure = paper asks a judge: set judge.model=...",
    "cluster.equivalence=judge": "cluster.equivalence = judge needs judge.model=...",
    "evolve.enabled=true": "evolve: has no author: set evolve.author.model=...",
    "teacher.engine=tgi": "teacher.engine = 'tgi': input should be 'transformers', 'vllm' or 'server'",
    "teacher.dtype=int4": "teacher.dtype = 'int4'",
    "teacher.engine=server": "teacher: engine = server: engine=server and server.url=... go together",
    "teacher.server.url=http://me:secret@host/v1": "teacher.server.url: must hold no user name, password, query",
    "teacher.replicas.min=2": "teacher.replicas: min = 2 is above max = 1",
    "label.by=model": "label: by = model: by=model and model.model=... go together",
    "decontaminate.skip=[math50]": "decontaminate.skip: 'math50' is not one of math500, aime24",
    "decontaminate.benchmarks.math.path=m.jsonl": "decontaminate.benchmarks: 'math' is not one of math500, aime24",
    "seeds.public.mth.rows=1": "seeds.public: 'mth' is not one of scalequest",
    "seeds.source=hub": "seeds.source = hub needs seeds.dataset=...",
    "seeds.path=": "seeds.source = file needs seeds.path=... (or samples.path=..., or seeds.source=file "
    "seeds.curated=true for the curated problems alone)",
    "seeds.curated=some": "seeds.curated = 'some': input should be a valid boolean",
    "sample=3": "sample = 3: ",
    "run.seed": "'run.seed': an override looks like sample.num_samples=16",
    "prompts.x=1": "prompts = {'x': 1}: input should be a valid string",
}


@pytest.mark.parametrize(("override", "message"), ERRORS.items(), ids=ERRORS)
def test_errors_name_the_field_the_value_and_the_way_out(override: str, message: str) -> None:
    with pytest.raises(ConfigError) as error:
        load_config("annotate", [*TEACHER, override])
    assert message in str(error.value)


def test_no_input_and_no_teacher() -> None:
    with pytest.raises(ConfigError, match=r"set teacher\.model=\.\.\., or samples\.path=\.\.\."):
        load_config("annotate")
    with pytest.raises(ConfigError, match=r"samples\.path starts after evolution: set evolve\.enabled=false"):
        load_config("pocket", ["samples.path=x.jsonl"])
    with pytest.raises(ConfigError, match=r"problems samples\.path does not answer: set seeds\.curated=false"):
        load_config("annotate", ["samples.path=x.jsonl", "seeds.curated=true"])


def test_the_curated_problems_are_seeds_enough() -> None:
    config = load_config("annotate", ["teacher.model=m", "seeds.curated=true"])
    assert config.seeds.curated_alone
    assert not load_config("annotate", [*TEACHER, "seeds.curated=true"]).seeds.curated_alone
    added = {name: load_config(name).seeds.curated for name in ("paper", "default", "pocket")}
    assert added == {"paper": True, "default": True, "pocket": False}


def test_a_follow_up_round_needs_another_strategy() -> None:
    with pytest.raises(ConfigError, match=r"weights\.hard need two of harder, competition, compose above 0"):
        load_config("pocket", ["evolve.weights.hard={harder: 1, rewrite: 3}"])
    assert load_config("pocket", ["evolve.weights.easy={rewrite: 1}"])


FILES = {
    "missing.yaml": (None, "there is no such file"),
    "list.yaml": ("- 1\n- 2\n", "must hold sections"),
    "broken.yaml": ("a: [1\n", "not valid YAML"),
    "latin.yaml": (b"teacher: {model: \xe9}\n", "is not UTF-8 .* save the file as UTF-8"),
}


@pytest.mark.parametrize("name", FILES)
def test_files_that_are_no_configuration(tmp_path: Path, name: str) -> None:
    content, message = FILES[name]
    if content is not None:
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ConfigError, match=message):
        load_config(str(tmp_path / name))
    with pytest.raises(ConfigError, match="not a configuration \\(annotate, default, paper, pocket, small\\)"):
        load_config("pockt")


def test_a_configuration_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    (tmp_path / "bom.yaml").write_bytes(codecs.BOM_UTF8 + b"seeds: {path: p.jsonl}\nteacher: {model: m}\n")
    assert load_config(str(tmp_path / "bom.yaml")).seeds.path == Path("p.jsonl")


def test_differing_keys() -> None:
    old = load_config("pocket").model_dump(mode="json")
    new = load_config("pocket", ["sample.num_samples=16", "judge.model=other"]).model_dump(mode="json")
    assert list(differing_keys(old, new)) == [("judge.model", "pocket:judge", "other"), ("sample.num_samples", 8, 16)]


def test_every_benchmark_is_compared_with_unless_it_is_named_as_skipped() -> None:
    config = load_config("annotate", [*TEACHER, "decontaminate.benchmarks.gsm8k.path=g.jsonl"]).decontaminate
    assert set(config.benchmarks) == set(BENCHMARKS) and config.skip == ()
    assert config.benchmarks["gsm8k"].path == Path("g.jsonl")
    assert load_config("annotate", [*TEACHER, "decontaminate.skip=all"]).decontaminate.skip == BENCHMARKS
    assert load_config("pocket").decontaminate.skip == BENCHMARKS
    assert (load_config("default").decontaminate.mode, load_config("paper").decontaminate.mode) == ("drop", "annotate")


@pytest.mark.parametrize(
    "key", ["teacher.server.url", "teacher.server.patience", "teacher.replicas", "judge.keep_loaded"]
)
def test_where_a_model_answers_is_no_other_build(key: str) -> None:
    assert PLACEMENT.search(key)
    assert not any(PLACEMENT.search(name) for name in ("teacher.model", "teacher.server.api", "sample.temperature"))
