"""Attacks by the files of a model: what is loaded is plain safetensors in the folder, and exactly the model's tensors.

- an index that names a pickle, another folder, a device or a pipe: refused, and the named file is not opened;
- links out of the folder, adapters, two sets of weights, weights that `config.json` names: refused;
- the fingerprint changes with each file that is loaded, and with no other;
- missing, surplus and misshapen tensors are named, by every engine, the trainer, the encoder and the evaluation;
- every damaged or lying file ends in one line with the file and a remedy.
"""

import json
import os
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import (
    AutoModelForCausalLM,
    BertConfig,
    BertForMaskedLM,
    GPT2Config,
    GPTNeoXConfig,
    MixtralConfig,
    PhiConfig,
    Qwen3Config,
)

from eval_harness.local_models import check_local_model, model_arguments
from sure_math.models.engines import EngineUnavailable
from sure_math.models.engines.checked_load import check_tensors, load_base_model
from sure_math.models.engines.files import fingerprint_of, load_tokenizer
from sure_math.models.engines.load import load_engine, model_files
from sure_math.models.engines.spec import ModelSpec
from sure_math.models.engines.weight_files import INDEX, SINGLE_FILE, weight_files
from uopd.model.causal_model import load_model

Break = Callable[[Path], object]
SMALL: dict[str, Any] = {
    "vocab_size": 64,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
}


@pytest.fixture
def folder(tmp_path: Path, tiny_model: Path) -> Path:
    return Path(shutil.copytree(tiny_model, tmp_path / "model"))


def one_line(error: pytest.ExceptionInfo[Exception]) -> str:
    message = str(error.value)
    assert "\n" not in message and message.isprintable() and len(message) < 900
    return message


def with_index(folder: Path, file: object) -> None:
    """Put the weights into a.safetensors and give the folder an index that names `file` for one of its tensors."""
    (folder / SINGLE_FILE).rename(folder / "a.safetensors")
    weight_map: dict[str, object] = dict.fromkeys(load_file(folder / "a.safetensors"), "a.safetensors")
    weight_map["model.norm.weight"] = file
    (folder / INDEX).write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))


INDEXED: dict[str, object] = {
    "a pickle": "weights.bin",
    "a folder above": "../outside.safetensors",
    "an absolute path": "/etc/passwd",
    "a deep path": "../../../../etc/passwd",
    "a folder below": "sub/a.safetensors",
    "a Windows path": "..\\a.safetensors",
    "nothing": "",
    "a dot": ".",
    "a number": 7,
    "a list": ["a.safetensors"],
    "null": None,
    "a line break": "a\n.safetensors",
    "a NUL": "a\0.safetensors",
    "an escape": "\x1b[31m.safetensors",
    "a URL": "https://example.org/a.safetensors",
    "absent": "absent.safetensors",
}


@pytest.mark.parametrize("file", INDEXED.values(), ids=INDEXED)
def test_an_index_names_plain_safetensors_files_in_its_folder(folder: Path, file: object) -> None:
    torch.save({"model.norm.weight": torch.ones(32)}, folder / "weights.bin")
    shutil.copy(folder / SINGLE_FILE, folder.parent / "outside.safetensors")
    with_index(folder, file)
    for attempt in (load, train, encode, fingerprint_of, check_tensors):
        with pytest.raises(EngineUnavailable, match="index") as error:
            attempt(folder)
        one_line(error)


def load(folder: Path) -> None:
    load_engine(ModelSpec(model=str(folder))).close()


def train(folder: Path) -> None:
    load_model(str(folder), None, "float32", "cpu", "sdpa")


def encode(folder: Path) -> None:
    load_base_model(folder)


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", "{}", '{"weight_map": []}', '{"weight_map": {}}', '{"weight_map": "a"}', "[" * 100_000],
)
def test_a_damaged_index_is_refused(folder: Path, text: str) -> None:
    (folder / SINGLE_FILE).rename(folder / "a.safetensors")
    (folder / INDEX).write_text(text)
    with pytest.raises(EngineUnavailable, match="index") as error:
        load(folder)
    one_line(error)


def _link(name: str, target: str) -> Break:
    def change(folder: Path) -> None:
        shutil.move(folder / name, folder.parent / "outside")
        (folder / name).symlink_to(target)

    return change


def _write(name: str, text: str) -> Break:
    return lambda folder: (folder / name).write_text(text)


def _pipe(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()
    os.mkfifo(folder / "tokenizer.json")


def _two_sets(folder: Path) -> None:
    shutil.copy(folder / SINGLE_FILE, folder / "copy.safetensors")
    with_index(folder, "a.safetensors")
    (folder / "copy.safetensors").rename(folder / SINGLE_FILE)


def _setting(name: str, value: object, file: str = "config.json") -> Break:
    def change(folder: Path) -> None:
        settings = json.loads((folder / file).read_text())
        (folder / file).write_text(json.dumps({**settings, name: value}))

    return change


STRANGE: dict[str, tuple[Break, str]] = {
    "weights link out": (_link(SINGLE_FILE, "../outside"), "model.safetensors: is a link"),
    "weights link to a device": (_link(SINGLE_FILE, "/dev/zero"), "model.safetensors: is a link"),
    "weights link nowhere": (_link(SINGLE_FILE, "gone"), "is not there"),
    "weights link to themselves": (_link(SINGLE_FILE, SINGLE_FILE), "model.safetensors"),
    "configuration links out": (_link("config.json", "../outside"), "config.json: is a link"),
    "tokenizer links out": (_link("tokenizer.json", "../outside"), "tokenizer.json: is a link"),
    "a small file is a device": (lambda folder: (folder / "more.json").symlink_to("/dev/zero"), "more.json: is a link"),
    "tokenizer is a pipe": (_pipe, "tokenizer.json: is no plain file"),
    "an adapter": (_write("adapter_config.json", "{}"), "adapter"),
    "a pickled adapter": (_write("adapter_model.bin", "x"), "adapter"),
    "two sets of weights": (_two_sets, "two sets of weights"),
    "weights named in config.json": (_setting("transformers_weights", "x.safetensors"), "transformers_weights"),
    "a pickle named in config.json": (_setting("transformers_weights", "adapter_model.bin"), "transformers_weights"),
    "a kernel of the Hub": (_setting("_attn_implementation", "someone/kernel"), "kernel"),
    "another kernel of the Hub": (_setting("experts_implementation", "someone/kernel"), "kernel"),
    "no JSON": (_write("config.json", "{"), "config.json: is not JSON"),
    "a list": (_write("config.json", "[]"), "config.json: must hold a JSON object"),
    "nested": (_write("config.json", "[" * 100_000), "config.json"),
    "not UTF-8": (lambda folder: (folder / "config.json").write_bytes(b'{"a": "\xff"}'), "config.json"),
    "empty": (_write("config.json", ""), "config.json: is not JSON"),
    "an unknown kind": (_setting("model_type", "no_such_model"), "config.json"),
    "a kind that is a number": (_setting("model_type", 7), "model folder|config.json"),
    "code of its own": (_setting("auto_map", {"AutoConfig": "evil.Evil"}), ""),
    "layers without end": (_setting("num_hidden_layers", 10**9), "num_hidden_layers = 1000000000"),
    "more layers than tensors": (_setting("num_hidden_layers", 5000), "config.json"),
    "experts without end": (_setting("num_experts", 10**12), "num_experts = 1000000000000"),
    "layers that are a text": (_setting("num_hidden_layers", "2"), "config.json"),
    "another width": (_setting("hidden_size", 10**12), "model folder|config.json"),
    "another vocabulary": (_setting("vocab_size", 10**10), "embed_tokens.weight is .64, 32. and should be"),
    "no positions": (_setting("max_position_embeddings", None), "config.json"),
    "negative positions": (_setting("max_position_embeddings", -1), "max_position_embeddings = -1"),
    "positions as text": (_setting("max_position_embeddings", "128"), "config.json"),
    "no object of generation": (_write("generation_config.json", "[1]"), "generation_config.json"),
    "half a file of generation": (_write("generation_config.json", "{"), "generation_config.json"),
    "end token is a text": (_setting("eos_token_id", "x", "generation_config.json"), "eos_token_id = 'x'"),
    "end token is negative": (_setting("eos_token_id", [-1], "generation_config.json"), "eos_token_id = '-1'"),
    "end token is huge": (_setting("eos_token_id", 10**30, "generation_config.json"), "eos_token_id"),
    "end token is nested": (_setting("eos_token_id", [[1]], "generation_config.json"), "eos_token_id"),
    "end token is true": (_setting("eos_token_id", True, "generation_config.json"), "eos_token_id"),
    "tokenizer without JSON": (_write("tokenizer.json", "{"), "tokenizer"),
    "tokenizer of a list": (_write("tokenizer.json", "[]"), "tokenizer"),
    "tokenizer settings of a list": (_write("tokenizer_config.json", "[]"), "tokenizer_config.json"),
    "tokenizer settings cut": (_write("tokenizer_config.json", '{"a'), "tokenizer_config.json"),
    "tokenizer settings nested": (_write("tokenizer_config.json", '{"a":' * 9999), "tokenizer_config.json"),
    "length is a text": (_setting("model_max_length", "x", "tokenizer_config.json"), ""),
    "files of the tokenizer": (_setting("fast_tokenizer_files", ["../x"], "tokenizer_config.json"), "fast_tokenizer"),
}


@pytest.mark.parametrize(("change", "message"), STRANGE.values(), ids=STRANGE)
def test_a_strange_file_ends_in_one_line(folder: Path, change: Break, message: str) -> None:
    """Without a message the model may load: what the file says is not used."""
    change(folder)
    if not message:
        return load(folder)
    with pytest.raises(EngineUnavailable, match=message) as error:
        load(folder)
    assert str(folder) in one_line(error)


def header(text: bytes, data: bytes = b"", length: int | None = None) -> bytes:
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def entry(shape: list[int], offsets: list[int], dtype: str = "F32") -> bytes:
    return json.dumps({"x": {"dtype": dtype, "shape": shape, "data_offsets": offsets}}).encode()


HEADERS: dict[str, bytes] = {
    "empty": b"",
    "three bytes": b"abc",
    "no header": header(b""),
    "no JSON": header(b"{"),
    "a list": header(b"[]"),
    "too long": header(b"{}", length=2**63),
    "longer than the file": header(b"{}", length=10_000),
    "more data than the file": header(entry([2], [0, 8]), b"1234"),
    "less data than the file": header(entry([1], [0, 4]), b"12345678"),
    "another size": header(entry([3], [0, 4]), b"1234"),
    "negative": header(entry([-1], [0, 4]), b"1234"),
    "overflow": header(entry([2**62, 2**62], [0, 4]), b"1234"),
    "backwards": header(entry([1], [4, 0]), b"1234"),
    "unknown dtype": header(entry([1], [0, 4], "PICKLE"), b"1234"),
    "a pickle": b"\x80\x04cos\nsystem\n(S'touch pwned'\ntR.",
    "a ZIP": b"PK\x03\x04" + b"\0" * 100,
    "text": b"version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 1\n",
    "nested": header(b'{"x":' * 50_000),
}


@pytest.mark.parametrize("content", HEADERS.values(), ids=HEADERS)
def test_a_header_that_lies_ends_in_one_line(folder: Path, content: bytes) -> None:
    (folder / SINGLE_FILE).write_bytes(content)
    for attempt in (load, train):
        with pytest.raises(EngineUnavailable, match=r"model\.safetensors: is damaged") as error:
            attempt(folder)
        one_line(error)


def test_a_file_that_was_cut_is_damaged(folder: Path) -> None:
    whole = (folder / SINGLE_FILE).read_bytes()
    for size in (8, 100, len(whole) // 2, len(whole) - 1):
        (folder / SINGLE_FILE).write_bytes(whole[:size])
        with pytest.raises(EngineUnavailable, match="is damaged"):
            load(folder)


Q_PROJ = "model.layers.1.self_attn.q_proj.weight"
TENSORS: dict[str, tuple[Callable[[dict[str, torch.Tensor]], dict[str, torch.Tensor]], str]] = {
    "one missing": (lambda state: {k: v for k, v in state.items() if k != Q_PROJ}, f"lack {Q_PROJ}"),
    "a layer missing": (lambda state: {k: v for k, v in state.items() if "layers.1" not in k}, "lack .*layers.1.*more"),
    "both tied ones missing": (lambda state: {k: v for k, v in state.items() if "embed" not in k}, "embed_tokens"),
    "other names": (lambda state: {f"other.{k}": v for k, v in state.items()}, "lack .* and .* more"),
    "no tensor": (lambda state: {}, "num_hidden_layers = 2, but the weights have only 0"),
    "one more": (lambda state: {**state, "model.layers.2.x": torch.ones(2)}, "hold model.layers.2.x"),
    "a head of another task": (lambda state: {**state, "score.weight": torch.ones(2)}, "hold score.weight"),
    "another shape": (lambda state: {**state, "model.norm.weight": torch.ones(31)}, r"\(31,\) and should be \(32,\)"),
    "a scalar": (lambda state: {**state, "model.norm.weight": torch.tensor(1.0)}, r"\(\) and should be"),
    "transposed": (lambda state: {**state, Q_PROJ: state[Q_PROJ].T.contiguous()}, "q_proj.weight is"),
}


@pytest.mark.parametrize(("change", "message"), TENSORS.values(), ids=TENSORS)
def test_tensors_that_are_not_the_models_are_named(folder: Path, change: Any, message: str) -> None:
    save_file(change(load_file(folder / SINGLE_FILE)), folder / SINGLE_FILE, metadata={"format": "pt"})
    for attempt in (load, train, check_tensors):
        with pytest.raises(EngineUnavailable, match=message) as error:
            attempt(folder)
        one_line(error)


def test_tensors_that_are_harmless_are_accepted(folder: Path) -> None:
    state = load_file(folder / SINGLE_FILE)
    old = {f"model.layers.{layer}.self_attn.rotary_emb.inv_freq": torch.ones(16) for layer in range(2)}
    head = {"lm_head.weight": state["model.embed_tokens.weight"].clone()}
    masks = {
        "model.layers.0.attention.bias": torch.ones(1, 1, 4, 4, dtype=torch.bool),
        "model.layers.0.attention.masked_bias": torch.tensor(-1e9),
    }
    for more in (old, head, masks):
        save_file(state | more, folder / SINGLE_FILE, metadata={"format": "pt"})
        check_tensors(folder)
        load(folder)
    del state["model.embed_tokens.weight"]
    save_file(state | head, folder / SINGLE_FILE, metadata={"format": "pt"})
    check_tensors(folder)


MODELS: dict[str, Any] = {
    "qwen3, untied": Qwen3Config(**SMALL, head_dim=16),
    "phi, with biases": PhiConfig(**SMALL),
    "gpt-neox": GPTNeoXConfig(**SMALL),
    "gpt2": GPT2Config(vocab_size=64, n_positions=64, n_embd=32, n_layer=2, n_head=2),
    "mixtral, with experts that are merged": MixtralConfig(**SMALL, num_local_experts=4),
}


@pytest.mark.parametrize("config", MODELS.values(), ids=MODELS)
@pytest.mark.parametrize("files", ["one", "several"])
def test_whole_models_of_other_kinds_are_accepted_and_cut_ones_refused(tmp_path: Path, config: Any, files: str) -> None:
    model = AutoModelForCausalLM.from_config(config)
    model.save_pretrained(tmp_path, max_shard_size="1GB" if files == "one" else "20KB")
    check_tensors(tmp_path)
    paths = weight_files(tmp_path)
    assert (len(paths) > 1) is (files == "several")
    state = load_file(paths[0])
    lost = max(state, key=lambda name: state[name].numel())
    del state[lost]
    save_file(state, paths[0], metadata={"format": "pt"})
    with pytest.raises(EngineUnavailable, match=r"lack|tensors that its files do not hold|not those of"):
        check_tensors(tmp_path)


def test_an_encoder_may_lack_its_pooler_and_have_heads(tmp_path: Path) -> None:
    config = BertConfig(vocab_size=64, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=2)
    BertForMaskedLM(config).save_pretrained(tmp_path)
    load_base_model(tmp_path)
    state = load_file(tmp_path / SINGLE_FILE)
    for change, message in (
        ({k: v for k, v in state.items() if "layer.1.output.dense" not in k}, "lack encoder.layer.1"),
        ({**state, "bert.encoder.layer.7.x": torch.ones(1)}, "hold"),
    ):
        save_file(change, tmp_path / SINGLE_FILE, metadata={"format": "pt"})
        with pytest.raises(EngineUnavailable, match=message):
            load_base_model(tmp_path)


def test_a_quantised_checkpoint_must_have_every_layer(folder: Path) -> None:
    _setting("quantization_config", {"quant_method": "awq", "bits": 4})(folder)
    state = load_file(folder / SINGLE_FILE)
    packed = {k.replace("proj.weight", "proj.qweight"): v for k, v in state.items()}
    save_file(packed, folder / SINGLE_FILE)
    check_tensors(folder)
    save_file({k: v for k, v in packed.items() if "layers.1.self_attn.q_proj" not in k}, folder / SINGLE_FILE)
    with pytest.raises(EngineUnavailable, match=r"lack the layers model.layers.1.self_attn.q_proj"):
        check_tensors(folder)


def test_the_fingerprint_covers_what_is_loaded_and_nothing_else(folder: Path) -> None:
    before = fingerprint_of(folder)
    for name in ("weights.bin", "other.safetensors", "modeling.py", "README.md"):
        (folder / name).write_bytes(b"x")
        assert fingerprint_of(folder) == before, name
    for name in (SINGLE_FILE, "config.json", "tokenizer.json", "generation_config.json"):
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content + b" ")
        assert fingerprint_of(folder) != before, name
        (folder / name).write_bytes(content)
    (folder / "chat_templates").mkdir()
    (folder / "chat_templates" / "default.jinja").write_text("{{ messages }}")
    assert fingerprint_of(folder) != before


def test_only_the_cache_of_the_hub_has_fingerprints_by_name(folder: Path) -> None:
    fake = folder.parent / "snapshots" / "0123456789abcdef"
    shutil.copytree(folder, fake)
    assert fingerprint_of(fake) == fingerprint_of(folder)


def test_links_into_the_blobs_of_the_hubs_cache_are_followed(folder: Path) -> None:
    repository = folder.parent / "models--someone--tiny"
    snapshot = repository / "snapshots" / ("0123456789" * 4)
    snapshot.mkdir(parents=True)
    (repository / "blobs").mkdir()
    for number, path in enumerate(folder.iterdir()):
        shutil.copy(path, repository / "blobs" / f"{number:064x}")
        (snapshot / path.name).symlink_to(f"../../blobs/{number:064x}")
    assert model_files(ModelSpec(model=str(snapshot))).identity.fingerprint == snapshot.name
    load(snapshot)
    (snapshot / SINGLE_FILE).unlink()
    (snapshot / SINGLE_FILE).symlink_to(folder / SINGLE_FILE)
    with pytest.raises(EngineUnavailable, match="is a link"):
        load(snapshot)


def test_a_link_to_a_folder_of_a_model_is_a_model(folder: Path) -> None:
    (folder.parent / "link").symlink_to(folder)
    load(folder.parent / "link")
    load_tokenizer(folder.parent / "link")


def test_the_evaluation_refuses_what_the_engines_refuse(folder: Path) -> None:
    check_local_model({"pretrained": str(folder), "dtype": "float32"})
    state = load_file(folder / SINGLE_FILE)
    save_file({k: v for k, v in state.items() if k != Q_PROJ}, folder / SINGLE_FILE, metadata={"format": "pt"})
    with pytest.raises(EngineUnavailable, match=f"lack {Q_PROJ}"):
        check_local_model({"pretrained": str(folder)})
    (folder / SINGLE_FILE).unlink()
    torch.save(state, folder / "pytorch_model.bin")
    with pytest.raises(EngineUnavailable, match="only safetensors weights are loaded"):
        check_local_model({"pretrained": str(folder)})


@pytest.mark.parametrize(
    "words",
    [
        ["--model_args", "pretrained=x,trust_remote_code=True"],
        ["--model_args", "pretrained=x", "trust_remote_code=true", "--limit", "1"],
        ["--model_args=pretrained=x,trust_remote_code=1"],
        ["-a", '{"pretrained": "x", "trust_remote_code": true}'],
        ["--trust_remote_code", "--model_args", "pretrained=x"],
        ["--model_args", "pretrained=x,peft=adapter"],
    ],
)
def test_the_evaluation_runs_no_code_and_loads_no_adapter(words: list[str]) -> None:
    with pytest.raises(EngineUnavailable, match=r"is not run here|adapters are not loaded"):
        check_local_model(model_arguments(["run", *words]))
