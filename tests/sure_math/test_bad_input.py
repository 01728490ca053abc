"""What a user gets wrong, through the command line: one clear message, exit status 1, nothing lost.

Pins the message of every case; a full disk and a cut shard are in `storage/test_store.py`, a judge's nonsense in
`test_build.py`, the configuration's errors in `test_config.py`.
"""

import json
from pathlib import Path

import pytest

from sure_math.build import main
from sure_math.prompts import PromptError, load_prompt
from tests.helpers.scripted_build import Scripted, run, run_phases, write_problems

PROBLEM = '{"problem": "What is 1 + 1?", "id": "a"}\n'
OTHER = '{"problem": "What is 2 + 2?", "id": "a"}\n'
SAMPLES = '{"problem": "What is 1 + 1?", "id": "a", "samples": ["2", "3"]}\n'

SEED_FILES = {
    "no such file": (None, "there is no such file"),
    "empty": ("", "has no rows"),
    "blank lines": ("\n\n", "has no rows"),
    "missing column": (
        '{"text": "What?", "label": 3}\n',
        "none of the columns problem, question, query, prompt, instruction, input; set seeds.columns.problem=... "
        "(the columns are text, label)",
    ),
    "duplicate ids": (
        PROBLEM + OTHER,
        "the id 'a' stands for two different problems (again at row 2); make the ids unique",
    ),
    "not JSON": (PROBLEM + "{oops\n", "line 2: is not JSON"),
    "not an object": ("[1, 2]\n", "line 1: must be an object with named columns, not a list"),
    "unknown tier": (
        '{"problem": "What?", "tier": "5"}\n',
        "tier = '5' must be one of easy, medium, hard, competition",
    ),
    "two questions": (
        json.dumps({"messages": [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}]}),
        "row 1: messages must be one user turn, with one system prompt at most; these are 2 user",
    ),
}


def fails(capsys: pytest.CaptureFixture, *arguments: str) -> str:
    assert main(list(arguments)) == 1
    text = capsys.readouterr().err
    assert "Traceback" not in text
    return " ".join(text.split())


@pytest.fixture
def annotate(tmp_path: Path, tiny_model: Path) -> tuple[str, ...]:
    model = f"teacher.model={tiny_model}"
    return ("--config", "annotate", "--out", str(tmp_path / "out"), "decontaminate.skip=all", model)


@pytest.mark.parametrize(("content", "message"), SEED_FILES.values(), ids=SEED_FILES)
def test_seed_files(
    tmp_path: Path, annotate: tuple, capsys: pytest.CaptureFixture, content: str | None, message: str
) -> None:
    path = tmp_path / "seeds.jsonl"
    if content is not None:
        path.write_text(content)
    text = fails(capsys, *annotate, f"seeds.path={path}")
    assert f"seeds.path = {path}" in text or "seeds: the id" in text
    assert message in text


SAMPLE_FILES = {
    "missing samples": (PROBLEM, "set samples.columns.samples=... (the columns are problem, id)"),
    "missing problem": ('{"responses": ["2"]}\n', "set samples.columns.problem=... (the columns are responses)"),
    "duplicate ids": (SAMPLES + SAMPLES, "row 2: the id 'a' occurs twice; make the ids unique"),
    "no text in a sample": (
        '{"problem": "What?", "samples": [{"said": "2"}]}\n',
        "no text in a sample with the keys said; set samples.columns.field=...",
    ),
    "empty": ("", "has no rows"),
}


@pytest.mark.parametrize(("content", "message"), SAMPLE_FILES.values(), ids=SAMPLE_FILES)
def test_sample_files(tmp_path: Path, capsys: pytest.CaptureFixture, content: str, message: str) -> None:
    path = tmp_path / "samples.jsonl"
    path.write_text(content)
    skip = "decontaminate.skip=all"
    text = fails(capsys, "--config", "annotate", "--out", str(tmp_path / "out"), skip, f"samples.path={path}")
    assert f"samples.path = {path}" in text and message in text


@pytest.mark.parametrize("key", ["seeds.columns.answer", "seeds.columns.id"])
def test_a_column_that_is_not_there(tmp_path: Path, annotate: tuple, capsys: pytest.CaptureFixture, key: str) -> None:
    path = tmp_path / "seeds.jsonl"
    path.write_text(PROBLEM)
    text = fails(capsys, *annotate, f"seeds.path={path}", f"{key}=gold")
    assert f"{key} = gold: seeds.path = {path} has no such column; the columns are problem, id" in text


def test_an_unknown_key_and_a_value_out_of_range(annotate: tuple, capsys: pytest.CaptureFixture) -> None:
    text = fails(capsys, *annotate, "seeds.path=p.jsonl", "sample.num_sample=9", "sample.temperature=7")
    assert "sample.num_sample: there is no such key; the nearest one is sample.num_samples" in text
    assert "sample.temperature = 7: input should be less than or equal to 2" in text


def test_a_model_folder_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    problems = write_problems(tmp_path / "p.jsonl", 2)
    arguments = ("--config", "annotate", "--out", str(tmp_path / "out"), f"seeds.path={problems}")
    assert "model folder './models/none' is not there" in fails(capsys, *arguments, "teacher.model=./models/none")
    (tmp_path / "empty").mkdir()
    assert "no config.json in" in fails(capsys, *arguments, f"teacher.model={tmp_path / 'empty'}")


def test_prompts_that_are_not_there(tmp_path: Path, annotate: tuple, capsys: pytest.CaptureFixture) -> None:
    problems = write_problems(tmp_path / "p.jsonl", 2)
    with pytest.raises(
        PromptError, match=r"has no sharper\.txt, and the prompts of the package have none either; write sharper\.txt"
    ):
        load_prompt(str(tmp_path), "sharper")
    assert "is not a folder and not one of default, pocket" in fails(
        capsys, *annotate, f"seeds.path={problems}", "prompts=poket"
    )


def test_prompts_of_another_encoding(tmp_path: Path) -> None:
    (tmp_path / "solve.txt").write_bytes(b"L\xf6se {problem}")
    with pytest.raises(PromptError, match=r"solve\.txt is not UTF-8 .* save it as UTF-8"):
        load_prompt(str(tmp_path), "solve")
    (tmp_path / "solve.txt").write_text("Löse {problem}", encoding="utf-8-sig")
    assert load_prompt(str(tmp_path), "solve") == "Löse {problem}"


def test_a_source_that_is_not_in_the_table(annotate: tuple, capsys: pytest.CaptureFixture) -> None:
    text = fails(capsys, *annotate, "seeds.source=public", "seeds.public.mth.rows=3")
    assert "seeds.public: 'mth' is not one of scalequest, numina_cot, " in text
    assert "seeds.source = public needs seeds.public=..." in fails(capsys, *annotate, "seeds.source=public")


def test_an_output_folder_of_another_configuration(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    samples = tmp_path / "s.jsonl"
    samples.write_text(SAMPLES)
    out = tmp_path / "out"
    settings = (f"samples.path={samples}", "cluster.equivalence=string", "decontaminate.skip=all")
    arguments = ("--config", "annotate", "--out", str(out), *settings)
    assert main(list(arguments)) == 0
    before = (out / "manifest.json").read_bytes()
    text = fails(capsys, *arguments, "cluster.missing=shared", "run.seed=5")
    assert "holds a build of another configuration. These keys differ:" in text
    assert "cluster.missing: 'own' -> 'shared' run.seed: 0 -> 5" in text
    assert "Go on with --update" in text and "or choose another --out" in text
    assert (out / "manifest.json").read_bytes() == before
    assert main([*arguments, "--update", "cluster.missing=shared"]) == 0
    assert json.loads((out / "manifest.json").read_text())["config"]["cluster"]["missing"] == "shared"


def test_an_output_path_that_is_a_file(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    samples = tmp_path / "s.jsonl"
    samples.write_text(SAMPLES)
    text = fails(capsys, "--config", "annotate", "--out", str(samples), f"samples.path={samples}")
    assert "is a file; name a folder" in text


def test_a_damaged_journal_loses_no_finished_shard(tmp_path: Path) -> None:
    problems, out, models = write_problems(tmp_path / "p.jsonl", 6), tmp_path / "out", Scripted()
    run_phases(out, f"seeds.path={problems}", load=models)
    models.asked()
    journal = out / ".build" / "journal.sqlite"
    journal.rename(journal.with_suffix(".damaged"))  # as the message says
    for suffix in ("-wal", "-shm"):
        journal.with_name(journal.name + suffix).unlink(missing_ok=True)
    run_phases(out, f"seeds.path={problems}", load=models)
    assert models.asked() == 0


def test_hostile_samples_are_data(tmp_path: Path) -> None:
    texts = [
        "",
        "\x00",
        "\\boxed{" * 1000,
        "\\boxed{10^{10^{10}}}",
        "\ud800",
        "x" * 100_000,
        "\\boxed{" + "9" * 50_000 + "}",
    ]
    samples = tmp_path / "s.jsonl"
    samples.write_text(json.dumps({"problem": "What is {problem} {0}?", "samples": texts}) + "\n")
    published = run(tmp_path / "out", f"samples.path={samples}", "samples.kind=text")
    assert published.row_counts["samples"] == len(texts)
