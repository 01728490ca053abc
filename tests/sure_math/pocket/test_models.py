"""The shipped pocket models and the command that makes them. Pins:

1. each folder holds safetensors of at most 8 MB in bfloat16, a tokenizer and a chat template, and nothing pickled;
2. the tokenizer gives back any text, and keeps digits apart;
3. teacher, student, judge and author reach their stated quality on a small held-out set (`sure_math.pocket.evaluate`
   measures the same on a large one);
4. a training that was stopped ends in the weights of one that was not, bit for bit.
"""

import dataclasses
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from sure_math.models.engines import EngineUnavailable
from sure_math.models.engines.pocket_files import ROLES, pocket_folder
from sure_math.models.engines.spec import ModelSpec
from sure_math.models.responders.chat import load_responder
from sure_math.pocket.evaluate import author_usability, judge_accuracy, solver_accuracy
from sure_math.pocket.train import COURSES, train_role

MEGABYTE = 1_000_000


@pytest.mark.parametrize("role", ROLES)
def test_shipped_folder(role: str) -> None:
    folder = pocket_folder(role)
    names = {path.name for path in folder.iterdir()}
    assert {"model.safetensors", "config.json", "generation_config.json", "tokenizer.json"} <= names
    assert not [name for name in names if name.endswith((".bin", ".pt", ".pth", ".pkl", ".py"))]
    assert (folder / "model.safetensors").stat().st_size <= 8 * MEGABYTE
    assert {tensor.dtype for tensor in load_file(folder / "model.safetensors").values()} == {torch.bfloat16}


def test_unknown_role_names_the_roles() -> None:
    with pytest.raises(EngineUnavailable, match="author, teacher, student, judge"):
        pocket_folder("oracle")


@pytest.mark.parametrize(
    "text", ["Compute 37 + 48.", "naïve → \\sum_{k=0}^∞ 漢字 \x00 \t\n\n  x", "1,000.50", "\\boxed{\\frac{1}{2}}"]
)
def test_tokenizer_gives_back_any_text(text: str) -> None:
    tokenizer = AutoTokenizer.from_pretrained(pocket_folder("teacher"))
    assert tokenizer.decode(tokenizer.encode(text, add_special_tokens=False)) == text


def test_tokenizer_keeps_digits_apart() -> None:
    tokenizer = AutoTokenizer.from_pretrained(pocket_folder("teacher"))
    assert tokenizer.tokenize("12345") == ["1", "2", "3", "4", "5"]


@pytest.mark.slow
def test_teacher_and_student_accuracy() -> None:
    shares = {}
    for role in ("teacher", "student"):
        responder = load_responder(ModelSpec(model=f"pocket:{role}", dtype="float32"))
        shares[role] = [share.share for share in solver_accuracy(role, responder, 200, seed=1)]
        responder.close()
    for teacher, student in zip(shares["teacher"], shares["student"], strict=True):
        # 200 problems have a standard error of about 3.5 points; the large measurement holds the stated bounds.
        assert 0.50 < teacher < 0.95
        assert student < teacher - 0.10


@pytest.mark.slow
def test_judge_accuracy() -> None:
    responder = load_responder(ModelSpec(model="pocket:judge", dtype="float32"))
    assert judge_accuracy(responder, 600, seed=1).share >= 0.96


def test_author_usability() -> None:
    responder = load_responder(ModelSpec(model="pocket:author", dtype="float32"))
    usable = author_usability(responder, 180, seed=1)
    assert usable.share >= 0.80
    assert all(right / total >= 0.60 for right, total in usable.groups.values()), usable.groups


def test_training_that_was_stopped_ends_the_same(tmp_path: Path) -> None:
    tokenizer = PreTrainedTokenizerFast.from_pretrained(str(pocket_folder("teacher")))
    course = dataclasses.replace(
        COURSES["teacher"], hidden=64, layers=1, steps=4, tokens_per_step=512, checkpoint_every=3
    )
    whole, resumed = tmp_path / "whole", tmp_path / "resumed"
    for folder in (whole, resumed):
        folder.mkdir()
    train_role("teacher", whole, seed=0, tokenizer=tokenizer, device="cpu", course=course)
    shutil.copy(whole / "teacher.checkpoint", resumed)
    train_role("teacher", resumed, seed=0, tokenizer=tokenizer, device="cpu", course=course)
    first, second = (load_file(folder / "teacher" / "model.safetensors") for folder in (whole, resumed))
    assert all(torch.equal(first[name], second[name]) for name in first)
