"""Pins of `uopd/dataset.py` and `uopd/rollouts/prompt_pool.py`:

- a finished dataset is read whole; a folder without manifest, a missing column, a weight that is missing or out of
  [0, 1], an id that two problems have, labels a method needs, a pool of weight 0, another teacher's weights and a test
  split without answers are refused with the count, the first id and what to do;
- draws: what a slot draws follows from seed and slot alone, with replacement, uniform or in proportion to the weights
  (chi-square); 50,000 prompts of 128 are 391 steps, the last one of 80;
- the pool: prompts of the chat template, the solution in the scorer's prompt for `opsd` alone, long prompts left out
  before weights are given; a scorer that has no room for its prompt and a response is refused.
"""

import hashlib
import json
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scipy.stats import chisquare

from sure_math.models.engines import Refusal, Request
from sure_math.models.engines.files import load_tokenizer
from sure_math.models.engines.pocket_files import pocket_folder
from tests.helpers.short_training_runs import (
    TRAIN_FILE,
    WEIGHTS,
    a_row,
    a_student,
    change_rows,
    pocket_chat,
    short_config,
    train_run,
    world_problems,
    write_dataset,
)
from uopd.config import load_config
from uopd.dataset import DataError, PoolRow, draw_prompts, load_dataset_folder, trainable_rows
from uopd.methods import METHODS, make_method
from uopd.rollouts.prompt_pool import PromptPool, prompt_pool
from uopd.rows import Prompt
from uopd.run.checks import RefusedError, check_positions, check_prompt, check_teacher_of_weights
from uopd.run.evaluation import Evaluator

ASK = "{problem}\n\nAnswer in a box."


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dataset(tmp_path_factory.mktemp("data") / "sure-math")


@pytest.fixture
def dataset(published: Path, tmp_path: Path) -> Path:
    """A copy to spoil."""
    return Path(shutil.copytree(published, tmp_path / "sure-math"))


def test_a_finished_dataset(published: Path) -> None:
    result = load_dataset_folder(published)
    world = world_problems(12, "train")
    assert [row.problem for row in result.train] == [problem.problem for problem in world]
    assert [row.solution for row in result.train] == [problem.solution for problem in world]
    assert [row.weight for row in result.train] == [WEIGHTS[index % 5] for index in range(12)]
    assert result.train[1] == PoolRow(
        problem_id="train-1",
        problem=world[1].problem,
        answer=world[1].answer,
        solution=world[1].solution,
        tier="easy",
        weight=0.75,
        majority_share=0.78125,
        num_samples=8,
    )
    assert [row.problem_id for row in result.test] == ["test-0", "test-1", "test-2", "test-3"]
    assert (result.teacher, len(result.fingerprint)) == ("pocket:teacher", 64)


def test_an_unfinished_dataset(dataset: Path) -> None:
    (dataset / "manifest.json").unlink()
    with pytest.raises(DataError, match=r"data.path = .* has no manifest.json: it is not a finished dataset; run `"):
        load_dataset_folder(dataset)


@pytest.mark.parametrize("column", ["weight", "majority_share", "solution", "tier"])
def test_a_missing_column(dataset: Path, column: str) -> None:
    change_rows(dataset, lambda index, row: {name: value for name, value in row.items() if name != column})
    with pytest.raises(DataError, match=f"train-00000.parquet lacks the column {column}; .* has the columns that"):
        load_dataset_folder(dataset)


@pytest.mark.parametrize("weight", [None, -0.01, 1.01, float("nan")])
@pytest.mark.parametrize("split", ["train", "test"])
def test_weights_that_are_none(dataset: Path, weight: float | None, split: str) -> None:
    if split == "test":
        shutil.copy(dataset / "data/train-00000.parquet", dataset / "data/spare")

    def without_weights(index: int, row: dict[str, Any]) -> dict[str, Any]:
        return {**row, "problem_id": f"{split}-{index}", "weight": weight if index in (3, 7) else row["weight"]}

    change_rows(dataset, without_weights)
    if split == "test":
        (dataset / "data/train-00000.parquet").rename(dataset / "data/test-00000.parquet")
        (dataset / "data/spare").rename(dataset / "data/train-00000.parquet")
    expected = rf"2 of 12 problems of the split {split} have no weight in \[0, 1\] \(the first is {split}-3\); annotate"
    with pytest.raises(DataError, match=expected):
        load_dataset_folder(dataset)


@pytest.mark.parametrize(
    ("index", "name", "message"),
    [
        (7, "train-3", "row 4 of the split train and row 8 of the split train have the same problem_id train-3; leave"),
        (5, "test-1", "row 6 of the split train and row 2 of the split test have the same problem_id test-1; leave"),
        (2, None, "row 3 of the split train has no problem_id; leave the row out"),
    ],
)
def test_ids_that_name_no_single_problem(dataset: Path, index: int, name: str | None, message: str) -> None:
    change_rows(dataset, lambda number, row: {**row, "problem_id": name if number == index else row["problem_id"]})
    with pytest.raises(DataError, match=message):
        load_dataset_folder(dataset)


OTHER_TEACHERS: dict[str, tuple[dict[str, str], tuple[str, ...], bool]] = {
    "same name": ({"fingerprint": "0" * 64}, (), True),
    "same content": ({"teacher": "elsewhere/teacher"}, (), True),
    "another": ({"teacher": "elsewhere/teacher", "fingerprint": "0" * 64}, (), False),
    "allowed": ({"teacher": "other", "fingerprint": "0" * 64}, ("data.allow_other_teacher=true",), True),
    "weights unused": ({"teacher": "other", "fingerprint": "0" * 64}, ("method=opd",), True),
    "majority used": ({"teacher": "other", "fingerprint": "0" * 64}, ("method=majority",), False),
}


@pytest.mark.parametrize(("facts", "overrides", "accepted"), OTHER_TEACHERS.values(), ids=OTHER_TEACHERS)
def test_the_teacher_of_the_weights(
    tmp_path: Path, facts: dict[str, str], overrides: tuple[str, ...], accepted: bool
) -> None:
    folder = write_dataset(tmp_path / "data", train=2, test=0, **facts)  # type: ignore[arg-type]
    config = short_config(folder, *overrides)
    dataset = load_dataset_folder(folder)
    if accepted:
        check_teacher_of_weights(dataset, config, make_method(config))
        return
    with pytest.raises(DataError) as error:
        check_teacher_of_weights(dataset, config, make_method(config))
    assert "its weights are those of" in str(error.value) and "teacher.model = pocket:teacher" in str(error.value)
    assert "data.allow_other_teacher=true" in str(error.value)


UNLABELLED = {"grpo": "answer", "opsd": "solution"}


@pytest.mark.parametrize(("name", "column"), UNLABELLED.items())
def test_labels_that_are_missing(name: str, column: str) -> None:
    method = make_method(load_config("pocket", [f"method={name}"]))
    pool = [a_row("a"), a_row("b", **{column: None}), a_row("c"), a_row("d", **{column: None})]
    expected = rf"2 of 4 training problems have no {column} \(the first is b\).* label.by=model.* data.drop_unlabelled"
    with pytest.raises(DataError, match=expected):
        trainable_rows(pool, method.keeps, method.needs, drop_unlabelled=False)
    left = trainable_rows(pool, method.keeps, method.needs, drop_unlabelled=True)
    assert [row.problem_id for row in left] == ["a", "c"]
    with pytest.raises(DataError, match=r"no training problem is left"):
        trainable_rows([pool[1]], method.keeps, method.needs, drop_unlabelled=True)


@pytest.mark.parametrize("name", sorted(set(METHODS) - set(UNLABELLED)))
def test_methods_that_need_no_labels(name: str) -> None:
    method = make_method(load_config("pocket", [f"method={name}"]))
    pool = [a_row("a", answer=None, solution=None)]
    assert trainable_rows(pool, method.keeps, method.needs, drop_unlabelled=False) == pool


def test_a_pool_of_weight_0() -> None:
    pool = [a_row("a", weight=0.0, majority_share=0.25), a_row("b", weight=0.0, majority_share=0.125)]
    for name in ("uopd", "shuffled", "opd-scaled", "sampled"):
        expected = rf"method={name} gives every training problem the weight 0, .* or use method=opd"
        with pytest.raises(DataError, match=expected):
            make_pool(pool, f"method={name}")
    for name, weights in {"opd": [1.0, 1.0], "majority": [0.25, 0.125]}.items():
        assert [prompt.weight for prompt in make_pool(pool, f"method={name}").prompts] == weights
    none_certain = make_method(load_config("pocket", ["method=filter"]))
    with pytest.raises(DataError, match=r"no training problem is left .*filter.tau, filter.unit"):
        trainable_rows(pool, none_certain.keeps, none_certain.needs, drop_unlabelled=False)


def test_a_scorer_without_room_for_its_prompt_and_a_response(tmp_path: Path) -> None:
    student = a_student(tmp_path / "student", max_position_embeddings=100)
    scorer = a_student(tmp_path / "scorer", max_position_embeddings=80)
    texts = {"short": (10, 10), "solved": (10, 60)}
    prompts = [
        Prompt(
            problem_id=name, token_ids=(1,) * prompt_length, scorer_ids=(1,) * scorer_length, weight=1.0, answer=None
        )
        for name, (prompt_length, scorer_length) in texts.items()
    ]
    check_positions(prompts, student, ("s", scorer), 20)
    with pytest.raises(RefusedError, match=r"s has 80 positions, and solved may take 81 .*: 60 of the scorer's prompt"):
        check_positions(prompts, student, ("s", scorer), 21)
    check_positions(prompts, student, ("s", scorer), 19, spare=1)
    with pytest.raises(
        RefusedError, match=r"s has 80 positions, of which its engine needs 1 beside a text, and solved"
    ):
        check_positions(prompts, student, ("s", scorer), 20, spare=1)  # as vLLM does, which reads 79 at most
    check_positions(prompts[:1], student, ("s", scorer), 70)
    check_positions(prompts[:1], scorer, ("s", scorer), 1000)  # the student stops where its own positions end
    with pytest.raises(RefusedError, match=r"short may take 100 of them"):
        check_positions(prompts[:1], student, ("s", scorer), 1000)


def test_another_prompt_is_said(published: Path) -> None:
    dataset, said = load_dataset_folder(published), list[str]()
    same = replace(dataset, prompt_sha256=hashlib.sha256(ASK.encode()).hexdigest())
    for one in (same, replace(dataset, prompt_sha256=None)):
        check_prompt(one, ASK, said.append)
    assert not said
    check_prompt(same, "{problem}", said.append)
    assert said == ["note: the prompt of this run is not the one the dataset's teacher answered (prompts=...)"]


def test_a_test_split_without_answers_is_refused_before_a_model_is_loaded(tmp_path: Path) -> None:
    folder = write_dataset(tmp_path / "data", train=2, test=0)
    config = short_config(folder, "eval.every=2", "student.attention=flash_attention_2")
    with pytest.raises(DataError, match=r"eval.every = 2: .* \(0 in all\) have no answer .* set eval.every=0"):
        train_run(config, tmp_path / "out")


def test_what_a_slot_draws_never_changes() -> None:
    assert draw_prompts(1000, None, seed=0, slots=range(8)) == [297, 549, 880, 836, 527, 664, 805, 513]
    assert draw_prompts(3, [0.5, 0.0, 0.25], seed=0, slots=range(8)) == [0, 0, 2, 2, 0, 0, 2, 0]


def test_slots_draw_alone_and_with_replacement() -> None:
    whole = draw_prompts(5, None, seed=3, slots=range(100))
    assert draw_prompts(5, None, seed=3, slots=range(60, 100)) == whole[60:]
    assert draw_prompts(5, None, seed=4, slots=range(100)) != whole
    assert max(Counter(whole[:8]).values()) > 1, "eight draws of five"


@pytest.mark.parametrize("probabilities", [None, [1.0, 2.0, 3.0, 4.0, 0.0], [0.1, 0.0, 0.9, 1e-9, 0.5]])
def test_draws_follow_the_probabilities(probabilities: list[float] | None) -> None:
    count = 20_000
    result = Counter(draw_prompts(5, probabilities, seed=1, slots=range(count)))
    shares = probabilities or [1.0] * 5
    expected = [share / sum(shares) * count for share in shares]
    assert all(result[index] == 0 for index, value in enumerate(expected) if value < 1e-3)
    likely = [index for index, value in enumerate(expected) if value > 1e-3]
    total = sum(expected[index] for index in likely)
    scaled = [expected[index] * count / total for index in likely]
    assert chisquare([result[index] for index in likely], scaled).pvalue > 0.01


def a_prompt(name: str) -> Prompt:
    return Prompt(problem_id=name, token_ids=(1,), scorer_ids=(1,), weight=1.0, answer=None)


def test_the_papers_run_has_391_steps_and_a_partial_last_one() -> None:
    pool = PromptPool(
        prompts=tuple(a_prompt(f"{index}") for index in range(200)),
        too_long=0,
        probabilities=None,
        seed=0,
        samples=50_000,
        per_step=128,
    )
    sizes = [len(pool.batch(step)) for step in (0, 1, 389, 390, 391)]
    assert sizes == [128, 128, 128, 80, 0]
    config = load_config("pocket", ["data.samples=50000", "data.prompts_per_step=128"])
    assert config.steps == 391
    assert [prompt.problem_id for prompt in pool.batch(390)] == [
        f"{index}" for index in draw_prompts(200, None, seed=0, slots=range(49_920, 50_000))
    ]


def make_pool(rows: list[PoolRow], *overrides: str, max_tokens: int = 2048) -> PromptPool:
    method = make_method(load_config("pocket", overrides))
    chat = pocket_chat()
    return prompt_pool(
        rows,
        method,
        student=chat,
        scorer=None if method.scorer is None else chat,
        prompt=ASK,
        seed=5,
        samples=8,
        per_step=4,
        max_tokens=max_tokens,
    )


def test_prompts_are_the_conversation_and_the_reply_header() -> None:
    (prompt,) = make_pool([a_row("2 + 2", weight=0.5)]).prompts
    assert pocket_chat().decode(prompt.token_ids) == "What is 2 + 2?\n\nAnswer in a box."
    assert prompt.scorer_ids == prompt.token_ids
    assert (prompt.problem_id, prompt.weight, prompt.answer) == ("2 + 2", 0.5, "4")


def test_only_opsd_shows_the_solution_and_only_to_its_scorer() -> None:
    rows = [a_row("2 + 2", solution="Two and two.")]
    (plain,), (shown,) = make_pool(rows).prompts, make_pool(rows, "method=opsd").prompts
    assert shown.token_ids == plain.token_ids
    text = pocket_chat().decode(shown.scorer_ids)
    assert text.startswith("A correct solution of the user's problem is given below.")
    assert text.endswith("Two and two.What is 2 + 2?\n\nAnswer in a box.")
    assert shown.scorer_ids[-len(plain.token_ids) :] == plain.token_ids


@pytest.mark.parametrize(
    ("method", "weights", "probabilities"),
    [
        ("uopd", [1.0, 0.5], None),
        ("opd", [1.0, 1.0], None),
        ("opd-scaled", [0.75, 0.75], None),
        ("sampled", [0.75, 0.75], (1.0, 0.5)),
    ],
)
def test_long_prompts_are_left_out_before_weights_are_given(
    method: str, weights: list[float], probabilities: tuple[float, ...] | None
) -> None:
    rows = [a_row("1"), a_row(" and ".join(["2"] * 50), weight=0.2), a_row("3", weight=0.5)]
    pool = make_pool(rows, f"method={method}", max_tokens=40)
    assert [prompt.problem_id for prompt in pool.prompts] == ["1", "3"] and pool.too_long == 1
    assert [prompt.weight for prompt in pool.prompts] == weights
    assert pool.probabilities == probabilities


def test_a_pool_of_long_prompts_alone() -> None:
    with pytest.raises(DataError, match=r"data.max_prompt_tokens = 2: each of the 1 prompts is longer; raise it"):
        make_pool([a_row("1")], max_tokens=2)


def test_a_column_of_another_type_is_named(dataset: Path) -> None:
    table = pq.read_table(dataset / TRAIN_FILE)
    index = table.schema.get_field_index("weight")
    pq.write_table(table.set_column(index, "weight", pa.array(["x"] * len(table))), dataset / TRAIN_FILE)
    with pytest.raises(DataError, match=r"train-00000\.parquet: missing or not as published; run the build again"):
        load_dataset_folder(dataset)


@pytest.mark.parametrize("part", ["models", "prompts", "config", "numbers"])
@pytest.mark.parametrize("value", [5, [5], {"a": 5}, "x", None])
def test_a_manifest_of_another_shape_is_named(dataset: Path, part: str, value: object) -> None:
    manifest = json.loads((dataset / "manifest.json").read_text())
    (dataset / "manifest.json").write_text(json.dumps(manifest | {part: value}))
    if value == {"a": 5} and part in ("config", "numbers"):
        assert load_dataset_folder(dataset).train
        return
    with pytest.raises(DataError, match=r"manifest\.json is not the manifest of a dataset; build the dataset again"):
        load_dataset_folder(dataset)


def test_the_system_prompt_is_in_front_of_every_prompt() -> None:
    rows = [a_row("2 + 2", solution="Two and two."), a_row("2 + 2", solution="Two and two.")]
    rows = [replace(row, system=system) for row, system in zip(rows, ("In base 8.", None), strict=True)]
    chat = pocket_chat()
    own, none = make_pool(rows).prompts
    assert chat.decode(own.token_ids).startswith("In base 8.") and own.scorer_ids == own.token_ids
    assert chat.decode(none.token_ids) == "What is 2 + 2?\n\nAnswer in a box."
    assert own.problem == "In base 8.\n\nWhat is 2 + 2?"
    shown = make_pool(rows, "method=opsd").prompts
    assert [prompt.token_ids for prompt in shown] == [own.token_ids, none.token_ids]
    text = chat.decode(shown[0].scorer_ids)
    assert text.startswith("In base 8.\n\nA correct solution of the user's problem is given below.")
    # One system message, since many templates refuse two.
    tokenizer = load_tokenizer(pocket_folder("pocket:student"))
    system = tokenizer.convert_tokens_to_ids("<|system|>")
    assert [prompt.scorer_ids.count(system) for prompt in shown] == [1, 1]


def test_the_held_out_problems_are_asked_with_their_system_prompts() -> None:
    class Asked:
        def generate(self, requests: list[Request]) -> list[Refusal]:
            self.texts = [pocket_chat().decode(request.token_ids) for request in requests]
            return [Refusal(reason="no_completion", detail="")] * len(requests)

    rows = [replace(a_row("2 + 2"), system=system) for system in ("In base 8.", None)]
    sampler: Any = Asked()
    Evaluator(rows, pocket_chat(), ASK, 16)(sampler)
    assert [text.startswith("In base 8.") for text in sampler.texts] == [True, False]


def test_a_dataset_that_was_changed_by_hand_has_another_fingerprint(tmp_path: Path) -> None:
    """Its manifest has not changed: a run that goes on must notice, and a new run says so."""
    before = load_dataset_folder(write_dataset(tmp_path / "data"))
    change_rows(tmp_path / "data", lambda index, row: {**row, "weight": 1 - row["weight"]})
    after = load_dataset_folder(tmp_path / "data")
    assert (before.changed_files, after.changed_files) == ((), ("train-00000.parquet",))
    assert len(after.fingerprint) == 64 and after.fingerprint != before.fingerprint
    change_rows(tmp_path / "data", lambda index, row: {**row, "weight": 1 - row["weight"]})
    again = load_dataset_folder(tmp_path / "data")
    assert again.fingerprint != after.fingerprint
