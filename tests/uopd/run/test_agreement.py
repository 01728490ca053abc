"""Agreement of student, teacher and weights beyond the vocabulary (`uopd/run/agreement.py`).

Pins: heads of other numbers of rows, in both directions, for both things that a teacher sends: the run has the numbers
of the run without padding, and no id beyond the tokenizer is sampled; end tokens of both models end a response, and the
exported student names them; a prompt that opens a thought against one that does not, an empty thought against a model
that may think, and other harmful pairs are refused, with a remedy that works; other prompts, special tokens and
tokenizers' habits are named in one line; weights of the other thinking mode; prompts with a token that has no row.
"""

import json
import shutil
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import load_file, save_file

from sure_math.models.engines.files import load_tokenizer, stop_token_ids
from sure_math.models.engines.pocket_files import pocket_folder
from tests.helpers.padded_model import padded
from tests.helpers.short_training_runs import metrics_of, short_config, train_run, write_dataset
from uopd.dataset import DataError, load_dataset_folder
from uopd.methods import make_method
from uopd.rows import Prompt
from uopd.run.agreement import (
    CLOSES,
    MAY,
    NONE,
    OPENS,
    PROBE,
    Side,
    check_prompt_ids,
    check_thoughts,
    check_vocabularies,
    harmless_differences,
    shared_tokens,
)
from uopd.run.checks import RefusedError, check_mode_of_weights

pytestmark = pytest.mark.usefixtures("one_thread")
COMPARED = ("loss", "kl", "teacher_mass", "student_mass", "student_logprob", "teacher_logprob", "gradient_norm")
VOCABULARY = 1024
"""Tokens of the pocket models' tokenizer, and rows of their heads."""
ROWS = VOCABULARY + 128
OTHER = ("data.allow_other_teacher=true",)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dataset(tmp_path_factory.mktemp("agreement") / "data")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("padded")
    for role in ("student", "teacher"):
        padded(pocket_folder(role), folder / role, ROWS)
    return folder


@pytest.fixture(scope="module")
def plain(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("plain") / "out"
    train_run(short_config(data, "run.steps=2", *OTHER), out)
    return out


def responses_of(out: Path) -> list[list[int]]:
    paths = sorted((out / "rollouts").iterdir())
    return [ids for path in paths for ids in pq.read_table(path)["response_ids"].to_pylist()]


PADDED = {
    "student": ("student.model={}/student",),
    "teacher": ("teacher.model={}/teacher",),
    "student, hidden": ("student.model={}/student", "teacher.sends=hidden"),
    "teacher, hidden": ("teacher.model={}/teacher", "teacher.sends=hidden"),
    "teacher, all entries": ("teacher.model={}/teacher", "teacher.sends=hidden", "teacher.top_k=5000"),
}


@pytest.mark.parametrize("changes", PADDED.values(), ids=PADDED)
def test_padded_heads_change_nothing(
    data: Path, models: Path, plain: Path, tmp_path: Path, changes: tuple[str, ...]
) -> None:
    """The padding is as likely as the tokens that it copies, so a row that is read would show."""
    settings = [change.format(models) for change in changes]
    printed = train_run(short_config(data, "run.steps=2", *OTHER, *settings), tmp_path / "out")
    assert responses_of(tmp_path / "out") == responses_of(plain)
    lines = metrics_of(tmp_path / "out")
    if "teacher.top_k=5000" in changes:
        assert all(line["teacher_mass"] == pytest.approx(1, abs=1e-5) for line in lines)
    else:
        for line, expected in zip(lines, metrics_of(plain), strict=True):
            wanted = {name: expected[name] for name in COMPARED}
            assert {name: line[name] for name in COMPARED} == pytest.approx(wanted, rel=1e-4, abs=1e-6)
    heads = "1,152 and 1,024" if changes[0].startswith("student") else "1,024 and 1,152"
    assert f"differ in heads of {heads} rows (only the first 1,024, which" in " ".join(printed.split())


def test_a_padded_student_without_a_teacher(data: Path, models: Path, tmp_path: Path) -> None:
    outs = [tmp_path / name for name in ("plain", "padded")]
    for out, model in zip(outs, ("pocket:student", str(models / "student")), strict=True):
        changes = ("run.steps=1", "method=grpo", f"student.model={model}", "grpo.kl_coefficient=0.1")
        train_run(short_config(data, *changes), out)
    assert responses_of(outs[0]) == responses_of(outs[1])
    (line,), (expected,) = metrics_of(outs[1]), metrics_of(outs[0])
    assert line["student_logprob"] == pytest.approx(expected["student_logprob"], rel=1e-4)
    assert line["loss"] == pytest.approx(expected["loss"], rel=1e-3, abs=1e-5)


def test_rows_that_pad_the_student_are_left_as_they_were(data: Path, models: Path, tmp_path: Path) -> None:
    settings = (f"student.model={models / 'student'}", "run.steps=1", "optimizer.weight_decay=0")
    train_run(short_config(data, *settings), tmp_path / "out")
    before, after = (load_file(folder / "model.safetensors") for folder in (models / "student", tmp_path / "out/model"))
    (name,) = [name for name, tensor in before.items() if len(tensor) == ROWS]
    assert torch.equal(after[name][VOCABULARY:], before[name][VOCABULARY:])
    assert not torch.equal(after[name][:VOCABULARY], before[name][:VOCABULARY])


def a_copy(folder: Path, role: str, *, end: int | list[int] | None = None, template: str | None = None) -> Path:
    """A pocket model with other end tokens, or with another end of its chat template."""
    shutil.copytree(pocket_folder(role), folder)
    if end is not None:
        tokenizer = load_tokenizer(folder)
        first = end[0] if isinstance(end, list) else end
        _set(folder / "tokenizer_config.json", eos_token=tokenizer.convert_ids_to_tokens(first))
        for name in ("config.json", "generation_config.json"):
            _set(folder / name, eos_token_id=end)
    if template is not None:
        path = folder / "chat_template.jinja"
        path.write_text(path.read_text() + template)
    return folder


def _set(path: Path, **values: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def test_a_response_ends_at_the_end_tokens_of_both(data: Path, tmp_path: Path) -> None:
    """A base model ends at one token and its teacher at another: the response would run on behind the teacher's end."""
    student = a_copy(tmp_path / "student", "student", end=0)
    out = tmp_path / "out"
    changes = (f"student.model={student}", "run.steps=1", "rollouts.max_new_tokens=96", "eval.every=1")
    printed = train_run(short_config(data, *changes), out)
    assert "note: student" in printed and "differ in end tokens '<|pad|>' (0) and '<|end|>' (1) (a response" in printed
    responses = responses_of(out)
    assert sum(1 in response for response in responses) >= len(responses) // 2, "the student ends at 1 as before"
    assert all(1 not in response[:-1] and 0 not in response[:-1] for response in responses)
    assert json.loads((out / "model/generation_config.json").read_text())["eos_token_id"] == [0, 1]
    assert stop_token_ids(out / "model") == (0, 1)


def side(role: str, folder: Path, *, enable_thinking: bool = False) -> Side:
    return Side(
        role=role,
        name=role,
        folder=folder,
        tokenizer=load_tokenizer(folder),
        enable_thinking=enable_thinking,
    )


def two_sides(tmp_path: Path, **changes: dict[str, Any]) -> tuple[Side, Side]:
    student, teacher = (
        side(role, a_copy(tmp_path / role, role, **changes.get(role, {}))) for role in ("student", "teacher")
    )
    return student, teacher


END_TOKENS = {
    "equal": ({}, {}, (1,), ""),
    "the teacher has more": ({}, {"end": [1, 0]}, (0, 1), "end tokens '<|end|>' (1) and '<|pad|>' (0), '<|end|>' (1)"),
    "the student has more": ({"end": [1, 0]}, {}, (0, 1), "end tokens '<|pad|>' (0), '<|end|>' (1) and '<|end|>' (1)"),
    "none in common": ({"end": 0}, {}, (0, 1), "end tokens '<|pad|>' (0) and '<|end|>' (1)"),
}


@pytest.mark.parametrize(("first", "second", "stops", "said"), END_TOKENS.values(), ids=END_TOKENS)
def test_end_tokens(
    tmp_path: Path, first: dict[str, Any], second: dict[str, Any], stops: tuple[int, ...], said: str
) -> None:
    student, teacher = two_sides(tmp_path, student=first, teacher=second)
    tokens = shared_tokens(student, teacher)
    assert (tokens.used_rows, tokens.stop_token_ids) == (VOCABULARY, stops)
    differences = "; ".join(harmless_differences(student, teacher, tokens))
    assert said in differences and bool(said) is bool(differences)


def test_an_end_token_without_a_row_is_refused_and_the_remedy_works(tmp_path: Path) -> None:
    student = a_copy(tmp_path / "student", "student")
    (student / "tokenizer_config.json").write_text(
        json.dumps({**json.loads((student / "tokenizer_config.json").read_text()), "eos_token": None})
    )
    _set(student / "generation_config.json", eos_token_id=5000)
    assert stop_token_ids(student) == (5000,)
    with pytest.raises(
        RefusedError, match=r"student student: its end tokens \[5000\] are none of the 1,024 ids .*name"
    ):
        shared_tokens(side("student", student), None)
    _set(student / "generation_config.json", eos_token_id=1)
    assert shared_tokens(side("student", student), None).stop_token_ids == (1,)


def test_end_tokens_of_config_json_count_if_no_other_file_names_one(tmp_path: Path) -> None:
    folder = a_copy(tmp_path / "model", "student")
    _set(folder / "config.json", eos_token_id=7)
    assert stop_token_ids(folder) == (1,), "generation_config.json names one"
    (folder / "generation_config.json").unlink()
    assert stop_token_ids(folder) == (1, 7)


OPEN, EMPTY = "<think>\n", "<think>\n\n</think>\n\n"
MODES = (
    "{% if add_generation_prompt and enable_thinking is defined and not enable_thinking %}"
    "<think>\n\n</think>\n\n{% endif %}"
)
"""As in Qwen3: without thinking an empty thought, with thinking nothing."""
NOTHING = "{# <think> is left to the model #}"
STATES = {
    # Templates of student and teacher, what the prompts do, and whether this is refused.
    "none": ("", "", NONE, NONE, False),
    "both open": (OPEN, OPEN, OPENS, OPENS, False),
    "both close": (MODES, MODES, CLOSES, CLOSES, False),
    "the teacher opens": ("", OPEN, NONE, OPENS, True),
    "the student opens": (OPEN, "", OPENS, NONE, True),
    "the student closes": (EMPTY, OPEN, CLOSES, OPENS, True),
    "the teacher may": (EMPTY, NOTHING, CLOSES, MAY, True),
    "the student may": (NOTHING, EMPTY, MAY, CLOSES, True),
    "one may, one opens": (NOTHING, OPEN, MAY, OPENS, True),
    "an empty thought": ("", EMPTY, NONE, CLOSES, False),
    "the teacher thinks by itself": ("", NOTHING, NONE, MAY, False),
    "another tag": (OPEN, "[THINK]", OPENS, OPENS, False),
}


@pytest.mark.parametrize(("first", "second", "does", "other_does", "refused"), STATES.values(), ids=STATES)
def test_thoughts_where_the_response_begins(
    tmp_path: Path, first: str, second: str, does: str, other_does: str, refused: bool
) -> None:
    student, teacher = two_sides(tmp_path, student={"template": first}, teacher={"template": second})
    if not refused:
        check_thoughts(student, teacher)
        differences = "; ".join(harmless_differences(student, teacher, shared_tokens(student, teacher)))
        assert bool(differences) is (student.chat.encode(PROBE) != teacher.chat.encode(PROBE))
        return
    with pytest.raises(RefusedError) as error:
        check_thoughts(student, teacher)
    said = str(error.value)
    assert f"the student's prompt {does} (it ends in" in said and f"the teacher's {other_does} (" in said
    assert said.endswith(
        "put the teacher's chat_template.jinja into a copy of the student's folder, and name it as student.model"
    )
    shutil.copy(teacher.folder / "chat_template.jinja", student.folder)
    check_thoughts(side("student", student.folder), teacher)


def test_the_thinking_mode_is_the_remedy_where_it_helps(tmp_path: Path) -> None:
    student, teacher = two_sides(tmp_path, student={"template": MODES}, teacher={"template": NOTHING})
    with pytest.raises(RefusedError, match=r"teacher's lets the model think .*; set student.enable_thinking=true\Z"):
        check_thoughts(student, teacher)
    check_thoughts(*(side(one.role, one.folder, enable_thinking=True) for one in (student, teacher)))


def test_a_run_with_a_teacher_that_opens_a_thought_is_refused(data: Path, tmp_path: Path) -> None:
    teacher = a_copy(tmp_path / "teacher", "teacher", template=OPEN)
    config = short_config(data, f"teacher.model={teacher}", *OTHER)
    with pytest.raises(RefusedError, match="so the teacher would read answers as thoughts"):
        train_run(config, tmp_path / "out")
    student = a_copy(tmp_path / "student", "student", template=OPEN)
    changes = (f"teacher.model={teacher}", f"student.model={student}", "run.steps=1", *OTHER)
    assert "note: student" not in train_run(short_config(data, *changes), tmp_path / "out")


def test_other_prompts_are_named_in_one_line(data: Path, tmp_path: Path) -> None:
    teacher = a_copy(tmp_path / "teacher", "teacher", end=[1, 0])
    path = teacher / "chat_template.jinja"
    path.write_text("<|system|>You are a teacher." + path.read_text())
    printed = train_run(short_config(data, f"teacher.model={teacher}", "run.steps=1", *OTHER), tmp_path / "out")
    (line,) = [line for line in printed.splitlines() if line.startswith("note: student")]
    assert "differ in end tokens" in " ".join(printed.split())
    assert "in prompts (where the student reads '" in " ".join(printed.split()) and line


def test_other_special_tokens_are_named(tmp_path: Path) -> None:
    student, teacher = two_sides(tmp_path)
    student.tokenizer.add_special_tokens({"additional_special_tokens": ["q"]})
    check_vocabularies(student, teacher)
    (difference,) = harmless_differences(student, teacher, shared_tokens(student, teacher))
    assert difference.startswith("special tokens ('q' (")


MODES_OF_WEIGHTS: dict[str, tuple[object, tuple[str, ...], bool]] = {
    "the same": (False, (), False),
    "the other": (True, (), True),
    "the run's is the other": (False, ("student.enable_thinking=true",), True),
    "both think": (True, ("student.enable_thinking=true",), False),
    "accepted": (True, ("data.allow_other_mode=true",), False),
    "weights unused": (True, ("method=opd",), False),
    "majority used": (True, ("method=majority",), True),
    "not said": (None, (), False),
    "no truth value": ("yes", (), False),
}


@pytest.mark.parametrize(("asked", "changes", "refused"), MODES_OF_WEIGHTS.values(), ids=MODES_OF_WEIGHTS)
def test_the_thinking_mode_of_the_weights(
    data: Path, tmp_path: Path, asked: object, changes: tuple[str, ...], refused: bool
) -> None:
    folder = Path(shutil.copytree(data, tmp_path / "data"))
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["config"]["teacher"] = {**(manifest["config"].get("teacher") or {}), "enable_thinking": asked}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    config = short_config(folder, *changes)
    if not refused:
        check_mode_of_weights(load_dataset_folder(folder), config, make_method(config))
        return
    with pytest.raises(DataError, match=r"asked with enable_thinking=(true|false), and .*allow_other_mode=true"):
        train_run(config, tmp_path / "out")


def test_a_prompt_with_a_token_that_has_no_row_is_refused(tmp_path: Path) -> None:
    student, teacher = two_sides(tmp_path)
    prompts = [
        Prompt(problem_id="short", token_ids=(5,), scorer_ids=(5,), weight=1.0, answer=None),
        Prompt(problem_id="beyond", token_ids=(5,), scorer_ids=(5, 1000), weight=1.0, answer=None),
    ]
    check_prompt_ids(prompts, student, teacher, VOCABULARY)
    with pytest.raises(
        RefusedError, match=r"teacher teacher: the prompt of beyond has the token .* \(1000\), and only"
    ):
        check_prompt_ids(prompts, student, teacher, 1000)


def test_a_head_that_lacks_rows_of_the_tokenizer(tmp_path: Path) -> None:
    """The last tokens of the tokenizer have no row in the teacher: they are neither sampled nor scored."""
    student, teacher = two_sides(tmp_path)
    weights = load_file(teacher.folder / "model.safetensors")
    cut = {name: tensor[:1000] if len(tensor) == VOCABULARY else tensor for name, tensor in weights.items()}
    save_file(cut, teacher.folder / "model.safetensors", metadata={"format": "pt"})
    _set(teacher.folder / "config.json", vocab_size=1000)
    assert shared_tokens(student, teacher).used_rows == 1000
    assert "heads of 1,024 and 1,000 rows (only the first 1,000" in "".join(
        harmless_differences(student, teacher, shared_tokens(student, teacher))
    )


def test_vocabularies_must_mean_the_same(tmp_path: Path) -> None:
    student, teacher = two_sides(tmp_path)
    check_vocabularies(student, teacher)
    teacher.tokenizer.add_tokens(["<new>"])
    with pytest.raises(
        RefusedError, match=r"student student and teacher teacher: 1 tokens differ, such as '<new>' \(None and 1024\)"
    ):
        check_vocabularies(student, teacher)
