"""The files of a model on this disk: the folder, the fingerprint, and the settings that are read from them.

A model is a folder, a Hub id, or `pocket:ROLE`. Each is first resolved to a local folder (of a Hub id, the snapshot of
one commit), so that all engines load the same files and the fingerprint is known before the model is started. For a
model behind a server, only the tokenizer and the small files beside it are fetched.
"""

import errno
import hashlib
import re
from pathlib import Path
from typing import Any, NamedTuple

from sure_math.identity import digest
from sure_math.models.engines import EngineUnavailable
from sure_math.models.engines.pocket_files import is_pocket, pocket_folder
from sure_math.models.engines.spec import ModelSpec, ServerSpec
from sure_math.models.engines.tokenizer_file import check_tokenizer_file
from sure_math.models.engines.weight_files import (
    in_one_line,
    is_snapshot,
    plain_file,
    read_json_object,
    refuse_adapter,
    weight_files,
)

_TOKENIZER_FILES = ("*.json", "*.jinja", "*.model", "*.txt", "chat_templates/*.jinja")
_MODEL_FILES = ("*.safetensors", *_TOKENIZER_FILES)
"""The files of a model that are fetched. Pickled weights and Python files are neither fetched nor read."""
_LARGEST_TOKEN = 2**31
LAYERS = ("num_hidden_layers", "num_layers", "n_layers", "n_layer", "encoder_layers", "decoder_layers")
EXPERTS = ("num_experts", "num_local_experts", "n_routed_experts", "moe_num_experts", "n_shared_experts")
"""Settings of `config.json` for which transformers makes lists or modules before it looks at any weight."""
_MOST_PARTS = 10_000
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[\w.-]+)?")


def model_folder(model: str, revision: str | None = None, *, weights: bool = True) -> Path:
    """Return the folder with the model's files; a Hub model is downloaded if it is not on this disk.

    Weights are only looked for here. `weight_files` says which files they are, and `check_tensors` of `checked_load`
    whether they are the model's.

    Args:
        weights: False for a model whose weights are not needed here; they are then not fetched.

    Raises:
        EngineUnavailable: the model is not there, or it has no safetensors weights.

    >>> model_folder("pocket:teacher").name
    'teacher'
    """
    folder = _locate(model, revision, weights)
    for pattern, remedy in (
        ("config.json", "is it the folder that `save_pretrained` wrote?"),
        ("*.safetensors", "only safetensors weights are loaded; save the model again in that format"),
    ):
        if not any(folder.glob(pattern)) and (weights or pattern != "*.safetensors"):
            raise EngineUnavailable(f"model {model!r}: no {pattern} in {folder}; {remedy}")
    if weights:
        refuse_adapter(folder)
    return folder


class PinnedModel(NamedTuple):
    """A model as every machine of a cluster can name it."""

    model: str
    revision: str | None


def pin_model(model: str, revision: str | None, *, commit: str | None = None) -> PinnedModel:
    """Name a model so that every machine finds the same one.

    A folder is named by its full path, and a Hub model by the commit that this machine has. The models of the package
    keep their names.

    Args:
        commit: of a Hub model, if it is known already; otherwise it is read from the files on this machine.
    """
    if is_pocket(model):
        return PinnedModel(model, revision)
    folder = Path(model).expanduser()
    if folder.is_dir():
        return PinnedModel(str(folder.resolve()), revision)
    return PinnedModel(model, fingerprint_of(model_folder(model, revision)) if commit is None else commit)


def fingerprint_of(folder: Path) -> str:
    """Return the commit of a Hub snapshot, else the SHA-256 over names, sizes and contents of the model's files.

    The files are those of the weights that an engine loads, and all small files beside them.

    Raises:
        EngineUnavailable: a file of the weights is not there, or a file is a link out of the folder.
    """
    weights = weight_files(folder)
    return folder.name if is_snapshot(folder) else _contents({*weights, *_small_files(folder)})


def folder_digest(folder: Path) -> str:
    """Return the fingerprint of a model's folder; of a folder without weights, the SHA-256 over its small files.

    Raises:
        EngineUnavailable: as in `fingerprint_of`.
    """
    if any(folder.glob("*.safetensors")) and not any(folder.glob("adapter_*")):
        return fingerprint_of(folder)
    return _contents(_small_files(folder))


def served_fingerprint(spec: ModelSpec, server: ServerSpec) -> str:
    """Return the SHA-256 over the served name, the revision in the config, and the tokenizer's files on this disk.

    The address is not included: the same model may move to another machine. No message of a server can prove which
    weights it runs, so these are not included either. If other weights are served under the same name, change
    `revision`.
    """
    files = None
    if server.api == "completions":
        paths = _small_files(model_folder(spec.model, spec.revision, weights=False))
        files = _contents({path for path in paths if not path.name.endswith(".safetensors.index.json")})
    return digest({"served_name": server.served_name or spec.model, "revision": spec.revision, "tokenizer": files})


def load_tokenizer(folder: Path) -> Any:
    """Load the tokenizer from a model's folder. Code in the folder is never run.

    Raises:
        EngineUnavailable: a file of the tokenizer is damaged, or names a file out of the folder.
    """
    from transformers import AutoTokenizer

    text_config(folder)  # transformers reads it for the tokenizer too; its errors name config.json
    _small_files(folder)
    settings = folder / "tokenizer_config.json"
    if settings.is_file():
        _check_tokenizer_settings(settings)
    if (folder / "tokenizer.json").is_file():
        check_tokenizer_file(folder / "tokenizer.json")
    try:
        return AutoTokenizer.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
    except BaseException as error:  # transformers, tokenizers and sentencepiece each raise their own
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":  # of the library in Rust
            raise
        raise EngineUnavailable(
            f"model folder {folder}: its tokenizer cannot be loaded ({type(error).__name__}: {in_one_line(error)}); "
            "download tokenizer.json and tokenizer_config.json again"
        ) from error


def check_config(folder: Path) -> dict[str, Any]:
    """Read `config.json` of a model's folder, and refuse settings that would load something from elsewhere.

    >>> check_config(model_folder("pocket:teacher"))["model_type"]
    'qwen3'

    Raises:
        EngineUnavailable: it is damaged, or names a file of weights or a kernel from the Hub.
    """
    path = folder / "config.json"
    config = read_json_object(path)
    if config.get("transformers_weights") is not None:
        raise EngineUnavailable(
            f"{path}: transformers_weights = {str(config['transformers_weights'])[:100]!r}: only model.safetensors and "
            "the files of its index are loaded; remove this line and give the weights that name"
        )
    for name, value in config.items():
        if name.endswith("_implementation") and "/" in str(value):
            raise EngineUnavailable(
                f"{path}: {name[:60]} = {str(value)[:100]!r}: a kernel from the Hub is code, which is not loaded for a "
                "model; remove this line"
            )
    for part in (config, *(part for part in config.values() if isinstance(part, dict))):
        for name in (*LAYERS, *EXPERTS):
            if type(part.get(name)) is int and not 0 <= part[name] <= _MOST_PARTS:
                raise EngineUnavailable(
                    f"{path}: {name} = {str(part[name])[:60]} must be 0 to {_MOST_PARTS:,}; download the file again"
                )
    return config


def _check_tokenizer_settings(path: Path) -> None:
    """Refuse settings of a tokenizer that name files in another folder, which transformers would open."""
    for name, value in read_json_object(path).items():
        files = value if isinstance(value, list) else [value]
        if name.endswith("_files") and any("/" in str(file) for file in files):
            raise EngineUnavailable(
                f"{path}: {name[:60]} = {str(value)[:100]!r} is out of the model's folder; remove this line"
            )


def _small_files(folder: Path) -> set[Path]:
    """The files beside the weights that describe a model; EngineUnavailable for a link that leads out of the folder."""
    paths = {path for pattern in _TOKENIZER_FILES for path in folder.glob(pattern)}
    return {plain_file(path, folder) for path in paths if not path.is_dir()}


def _contents(paths: set[Path]) -> str:
    total = hashlib.sha256()
    for path in sorted(paths):
        total.update(f"{path.name}\0{path.stat().st_size}\0".encode())
        with path.open("rb") as file:
            total.update(hashlib.file_digest(file, "sha256").digest())
    return total.hexdigest()


def local_folder(model: str) -> Path | None:
    """Return the folder of a model that is on this disk under its own name; None for a Hub id.

    The name is `pocket:ROLE` or a folder. EngineUnavailable if no model of the package has that role.
    """
    if is_pocket(model):
        return pocket_folder(model)
    folder = Path(model).expanduser()
    return folder if folder.is_dir() else None


def _locate(model: str, revision: str | None, weights: bool) -> Path:
    folder = local_folder(model)
    if folder is not None:
        return folder
    if not _HUB_ID.fullmatch(model):
        raise EngineUnavailable(f"model folder {model!r} is not there; name a folder, a Hub id, or pocket:ROLE")
    return _download(model, revision, _MODEL_FILES if weights else _TOKENIZER_FILES)


def _download(model: str, revision: str | None, patterns: tuple[str, ...]) -> Path:
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(model, revision=revision, allow_patterns=list(patterns)))
    except Exception as error:  # the Hub client raises errors of its own, of its HTTP library, and OSError
        where = f"model {model!r}: no such folder here, and the Hub did not give it"
        raise EngineUnavailable(
            f"{where} (revision {revision or 'main'}): {_why_not_given(model, error)} "
            f"({type(error).__name__}: {in_one_line(error)})"
        ) from error


def _why_not_given(model: str, error: Exception) -> str:
    """Say in words what an error of the Hub's client means, and what to do."""
    from huggingface_hub import errors

    if isinstance(error, errors.GatedRepoError):
        return f"it is gated: accept its terms at https://huggingface.co/{model}, then log in with `hf auth login`"
    if isinstance(error, errors.RepositoryNotFoundError):
        return "there is no such model, or it is private: check the name, and log in with `hf auth login`"
    if isinstance(error, errors.RevisionNotFoundError):
        return "it has no such revision: check revision"
    if isinstance(error, (errors.LocalEntryNotFoundError, errors.IncompleteSnapshotError, errors.OfflineModeIsEnabled)):
        return (
            "it is not whole on this disk, and the Hub was not reached: check the connection and HF_HUB_OFFLINE, and "
            "repeat the command, which goes on with the download"
        )
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return "the disk is full: make room, or set HF_HOME to a folder on a larger disk, and repeat the command"
    return "check the name and the connection, and repeat the command"


def stop_token_ids(folder: Path) -> tuple[int, ...]:
    """Return the tokenizer's end token and those of `generation_config.json`, ascending.

    If `generation_config.json` names none, those of `config.json` count, as in transformers.

    >>> stop_token_ids(model_folder("pocket:teacher"))
    (1,)

    Raises:
        EngineUnavailable: there is none, or a file is damaged.
    """
    eos = load_tokenizer(folder).eos_token_id
    stops = set() if eos is None else {eos}
    paths = [path for name in ("generation_config.json", "config.json") if (path := folder / name).is_file()]
    stops |= next((tokens for path in paths if (tokens := _end_tokens(path))), set())
    if not stops:
        raise EngineUnavailable(
            f"model folder {folder}: no end token in the tokenizer, generation_config.json or config.json; name one as "
            "eos_token_id in generation_config.json"
        )
    return tuple(sorted(stops))


def _end_tokens(path: Path) -> set[int]:
    """The end tokens that a file names; a model with several parts names them in `text_config`."""
    content = read_json_object(path)
    text = content.get("text_config")
    listed = content.get("eos_token_id", text.get("eos_token_id") if isinstance(text, dict) else None)
    tokens = listed if isinstance(listed, list) else [] if listed is None else [listed]
    wrong = [token for token in tokens if type(token) is not int or not 0 <= token < _LARGEST_TOKEN]
    if wrong:
        raise EngineUnavailable(
            f"{path}: eos_token_id = {str(wrong[0])[:60]!r} must be the number of a token, or a list of such "
            "numbers; mend the file, or download it again"
        )
    return set(tokens)


def known_ids(tokenizer: Any) -> int:
    """Return how many ids a tokenizer knows, counted from 0. Rows of a head behind them stand for no token.

    >>> known_ids(load_tokenizer(model_folder("pocket:teacher")))
    1024
    """
    return 1 + max(tokenizer.get_vocab().values(), default=-1)


def text_config(folder: Path) -> Any:
    """Return the configuration of a model folder: that of its language model, if the model has other parts.

    Raises:
        EngineUnavailable: `config.json` is damaged, or of a kind of model that transformers does not have.
    """
    from transformers import AutoConfig

    check_config(folder)
    try:
        return AutoConfig.from_pretrained(folder, trust_remote_code=False, local_files_only=True).get_text_config()
    except Exception as error:  # each architecture checks its configuration in its own way
        raise EngineUnavailable(
            f"{folder / 'config.json'}: cannot be used ({type(error).__name__}: {in_one_line(error)}); download it "
            "again, or install the version of transformers that the model needs"
        ) from None


def positions_of(folder: Path) -> int:
    """Return the positions that a model has.

    >>> positions_of(model_folder("pocket:teacher"))
    2048

    Raises:
        EngineUnavailable: `config.json` does not say how many, or says something else than a number of them.
    """
    positions = getattr(text_config(folder), "max_position_embeddings", None)
    if type(positions) is not int or not 0 < positions < _LARGEST_TOKEN:
        raise EngineUnavailable(
            f"{folder / 'config.json'}: max_position_embeddings = {str(positions)[:60]} must be the number of "
            "positions, 1 or more; mend the file, or download it again"
        )
    return positions


def max_length(spec: ModelSpec, folder: Path) -> int:
    """Return the positions to use; EngineUnavailable if `spec` asks for more than the model has."""
    positions = positions_of(folder)
    if spec.max_model_len is None or spec.server is not None:  # a server has a limit of its own, which may be larger
        return positions
    if not 0 < spec.max_model_len <= positions:
        raise EngineUnavailable(
            f"max_model_len {spec.max_model_len}: model {spec.model!r} has {positions} positions; give 1 to {positions}"
        )
    return spec.max_model_len
