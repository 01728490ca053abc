"""A `tokenizer.json` that turns a sentence into gigabytes is refused, and those of known models are read.

Pins: chains of replacements, replacements of nothing, texts put in front, tokens put behind; damage that makes the
library panic; a model whose logits are not numbers.
"""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sure_math.models.engines import EngineUnavailable, Request, Sampling, generate
from sure_math.models.engines.files import load_tokenizer, model_folder
from sure_math.models.engines.load import load_engine
from sure_math.models.engines.spec import ModelSpec

Content = dict[str, Any]


def replacing(pattern: Content, content: str) -> Content:
    return {"type": "Replace", "pattern": pattern, "content": content}


def sequence(*steps: Content) -> Content:
    return {"type": "Sequence", "normalizers": list(steps)}


CHAIN = sequence(*(9 * [replacing({"String": "a"}, 16 * "a")]))
MULTIPLIED: dict[str, Content] = {
    "a chain": {"normalizer": CHAIN},
    "a chain in a chain": {"normalizer": sequence(sequence(CHAIN), {"type": "NFC"})},
    "in place of nothing": {"normalizer": replacing({"Regex": ""}, 100_000 * "x")},
    "in place of an empty text": {"normalizer": replacing({"String": ""}, 300 * "x")},
    "in front": {"normalizer": {"type": "Prepend", "prepend": 10**7 * "x"}},
    "when it is decoded": {"decoder": {"type": "Sequence", "decoders": [replacing({"String": "5"}, 10**6 * "6")]}},
    "behind": {
        "post_processor": {
            "type": "TemplateProcessing",
            "single": 100_000 * [{"SpecialToken": {"id": "a", "type_id": 0}}],
            "pair": [],
            "special_tokens": {},
        }
    },
}


@pytest.fixture
def folder(tmp_path: Path, tiny_model: Path) -> Path:
    return Path(shutil.copytree(tiny_model, tmp_path / "model"))


def change(folder: Path, name: str, changed: Callable[[Content], object]) -> None:
    content = json.loads((folder / name).read_text())
    changed(content)
    (folder / name).write_text(json.dumps(content))


@pytest.mark.parametrize("parts", MULTIPLIED.values(), ids=MULTIPLIED)
def test_a_tokenizer_that_multiplies_a_text_is_refused(folder: Path, parts: Content) -> None:
    change(folder, "tokenizer.json", lambda content: content.update(parts))
    with pytest.raises(
        EngineUnavailable, match=r"tokenizer\.json: its (normalizer|decoder|post_processor) .*; download"
    ):
        load_tokenizer(folder)


def test_the_steps_of_known_models_are_read(folder: Path) -> None:
    usual = [
        {"type": "Prepend", "prepend": "▁"},
        replacing({"String": " "}, "▁"),
        replacing({"Regex": " {2,}"}, "▁"),
        replacing({"String": "``"}, '"'),
        {"type": "NFKC"},
    ]
    change(folder, "tokenizer.json", lambda content: content.update(normalizer=sequence(*usual)))
    assert load_tokenizer(folder)("a  b")["input_ids"]


def test_a_panic_of_the_library_is_a_message(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(model_folder("pocket:teacher"), tmp_path / "model"))

    def same_number(content: Content) -> None:
        content["model"]["vocab"] = dict.fromkeys(content["model"]["vocab"], 1)

    change(folder, "tokenizer.json", same_number)
    with pytest.raises(EngineUnavailable, match="its tokenizer cannot be loaded"):
        load_tokenizer(folder)


@pytest.mark.parametrize("setting", [{"rms_norm_eps": float("nan")}, {"rms_norm_eps": -1e9}])
def test_logits_that_are_no_numbers_are_a_message(folder: Path, setting: Content) -> None:
    change(folder, "config.json", lambda content: content.update(setting))
    engine = load_engine(ModelSpec(model=str(folder)))
    request = Request(token_ids=(1, 2, 3), seeds=(0,), sampling=Sampling(temperature=1.0, max_new_tokens=4))
    with pytest.raises(EngineUnavailable, match=r"logits are not numbers \(NaN\).*download the model again"):
        generate(engine, [request])
    engine.close()
