"""The files of a model on this disk: the folder, the fingerprint, and the settings that are read from them.

A model is a folder, a Hub id, or `pocket:ROLE`. Each is first resolved to a local folder (of a Hub id, the snapshot of
one commit), so that all engines load the same files and the fingerprint is known before the model is started. For a
model behind a server, only the tokenizer and the small files beside it are fetched.
"""

import hashlib
import json
import re
from pathlib import Path
from typing import Any, NamedTuple

from sure_math.identity import digest
from sure_math.models.engines import EngineUnavailable
from sure_math.models.engines.pocket_files import is_pocket, pocket_folder
from sure_math.models.engines.spec import ModelSpec, ServerSpec

_TOKENIZER_FILES = ("*.json", "*.jinja", "*.model", "*.txt")
_MODEL_FILES = ("*.safetensors", *_TOKENIZER_FILES)
"""The files of a model. Pickled weights and Python files are neither fetched nor read."""
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[\w.-]+)?")


def model_folder(model: str, revision: str | None = None, *, weights: bool = True) -> Path:
    """Return the folder with the model's files; a Hub model is downloaded if it is not on this disk.

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
    """Return the commit of a Hub snapshot, else the SHA-256 over names, sizes and contents of the model's files."""
    if folder.parent.name == "snapshots":
        return folder.name
    return _contents({path for pattern in _MODEL_FILES for path in folder.glob(pattern)})


def served_fingerprint(spec: ModelSpec, server: ServerSpec) -> str:
    """Return the SHA-256 over the served name, the revision in the config, and the tokenizer's files on this disk.

    The address is not included: the same model may move to another machine. No message of a server can prove which
    weights it runs, so these are not included either. If other weights are served under the same name, change
    `revision`.
    """
    files = None
    if server.api == "completions":
        paths = {
            path
            for pattern in _TOKENIZER_FILES
            for path in model_folder(spec.model, spec.revision, weights=False).glob(pattern)
        }
        files = _contents({path for path in paths if not path.name.endswith(".safetensors.index.json")})
    return digest({"served_name": server.served_name or spec.model, "revision": spec.revision, "tokenizer": files})


def load_tokenizer(folder: Path) -> Any:
    """Load the tokenizer from a model's folder. Code in the folder is never run."""
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(folder, trust_remote_code=False, local_files_only=True)


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
        where = f"model {model!r}: no such folder here, and the Hub gave no such model"
        raise EngineUnavailable(
            f"{where} (revision {revision or 'main'}): {_first_line(error)}; check the name, the connection and, "
            "for a gated model, `hf auth login`"
        ) from error


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else 'no message'}"


def stop_token_ids(folder: Path) -> tuple[int, ...]:
    """Return the tokenizer's end token and those of `generation_config.json`, ascending."""
    eos = load_tokenizer(folder).eos_token_id
    stops = set() if eos is None else {eos}
    path = folder / "generation_config.json"
    if path.is_file():
        listed = json.loads(path.read_text(encoding="utf-8")).get("eos_token_id")
        stops |= {listed} if isinstance(listed, int) else set(listed or ())
    if not stops:
        raise EngineUnavailable(f"model folder {folder}: no end token in the tokenizer or generation_config.json")
    return tuple(sorted(stops))


def text_config(folder: Path) -> Any:
    """Return the configuration of a model folder: that of its language model, if the model has other parts."""
    from transformers import AutoConfig

    return AutoConfig.from_pretrained(folder, trust_remote_code=False, local_files_only=True).get_text_config()


def max_length(spec: ModelSpec, folder: Path) -> int:
    """Return the positions to use; EngineUnavailable if `spec` asks for more than the model has."""
    positions = int(text_config(folder).max_position_embeddings)
    if spec.max_model_len is None or spec.server is not None:  # a server has a limit of its own, which may be larger
        return positions
    if not 0 < spec.max_model_len <= positions:
        raise EngineUnavailable(
            f"max_model_len {spec.max_model_len}: model {spec.model!r} has {positions} positions; give 1 to {positions}"
        )
    return spec.max_model_len
