"""The weight files of a model's folder: which files they are, and what their headers say. No weight is read here.

A folder may come from a stranger. Only plain files inside the folder are read: a link must lead to a file in the same
folder or, in the cache of the Hub, to a file in the `blobs` of the same model. Weights are `model.safetensors`, or the
files that `model.safetensors.index.json` names; no other file of weights is opened.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from sure_math.models.engines import EngineUnavailable

SINGLE_FILE, INDEX = "model.safetensors", "model.safetensors.index.json"
"""The only file of weights, or the index that names the file of each tensor."""
LARGEST_JSON = 256 * 2**20
"""Bytes of a JSON file of a model. The largest tokenizers have about 35 MB."""
SHOWN = 3
"""Names that a message shows of a long list."""
_COMMIT = re.compile(r"[0-9a-f]{40}")


class TensorShape(NamedTuple):
    """A tensor as the header of its file describes it."""

    file: str
    shape: tuple[int, ...]
    dtype: str
    """As safetensors writes it: `F32`, `BF16`, ..."""


def is_snapshot(folder: Path) -> bool:
    """Return whether a folder is a snapshot in the Hub's cache, whose name is the commit of its files.

    >>> commit = "0123456789" * 4
    >>> is_snapshot(Path("hub/models--Qwen--Qwen3-1.7B/snapshots") / commit), is_snapshot(Path("snapshots/x"))
    (True, False)
    """
    return (
        folder.parent.name == "snapshots"
        and folder.parent.parent.name.startswith("models--")
        and _COMMIT.fullmatch(folder.name) is not None
    )


def plain_file(path: Path, folder: Path | None = None) -> Path:
    """Return the path of a file of a model; EngineUnavailable if it is no plain file inside the model's folder.

    Args:
        folder: of the model; None is the folder of the file.
    """
    folder = folder or path.parent
    try:
        inside, real = folder.resolve(), path.resolve()
    except (OSError, RuntimeError):  # links that lead to each other
        raise EngineUnavailable(f"{path}: is a link that leads nowhere; download or copy the model again") from None
    allowed = [inside]
    if is_snapshot(folder):
        allowed.append((folder.parent.parent / "blobs").resolve())
    if not any(real.is_relative_to(place) for place in allowed):
        raise EngineUnavailable(
            f"{path}: is a link to {real}, out of the model's folder; copy the file into the folder, or name the "
            "folder where the file is"
        )
    if not real.exists():
        raise EngineUnavailable(f"{path}: is not there; download or copy the model again")
    if not real.is_file():
        raise EngineUnavailable(f"{path}: is no plain file; download or copy the model again")
    return path


def read_json_object(path: Path) -> dict[str, Any]:
    """Read a JSON file of a model, which must hold an object.

    Raises:
        EngineUnavailable: it is not there, cannot be read, is too large, or holds something else.
    """
    plain_file(path)
    remedy = "download the model again, or mend the file"
    try:
        if path.stat().st_size > LARGEST_JSON:
            raise EngineUnavailable(f"{path}: has more than {LARGEST_JSON:,} bytes; {remedy}")
        value = json.loads(path.read_bytes())
    except OSError as error:
        raise EngineUnavailable(f"{path}: cannot be read ({error.strerror}); check the rights of the file") from None
    except UnicodeDecodeError as error:
        raise EngineUnavailable(f"{path}: is not UTF-8 (byte {error.start}); {remedy}") from None
    except RecursionError:
        raise EngineUnavailable(f"{path}: is nested too deeply; {remedy}") from None
    except ValueError as error:
        raise EngineUnavailable(f"{path}: is not JSON ({error!s:.120}); {remedy}") from None
    if not isinstance(value, dict):
        raise EngineUnavailable(f"{path}: must hold a JSON object, not {_kind(value)}; {remedy}")
    return value


def indexed_files(index: Path) -> dict[str, Path]:
    """Return the file of every tensor that an index names. The files need not be there.

    Raises:
        EngineUnavailable: the index is damaged, or names something else than safetensors files in its own folder.
    """
    weight_map = read_json_object(index).get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise EngineUnavailable(
            f"{index}: weight_map must name the file of each tensor, not {_kind(weight_map)}; download the model again"
        )
    files = {}
    for tensor, name in weight_map.items():
        if not isinstance(name, str) or not _is_plain_name(name):
            raise EngineUnavailable(
                f"{index}: tensor {tensor[:100]!r} is in {str(name)[:100]!r}, but must be in a safetensors file in the "
                "same folder; download the model again from a place that you trust, or save it again as safetensors"
            )
        files[tensor] = index.parent / name
    return files


def weight_files(folder: Path) -> tuple[Path, ...]:
    """Return the files that hold the weights of a model, in the order of their names: all that an engine opens.

    >>> from sure_math.models.engines.pocket_files import pocket_folder
    >>> [path.name for path in weight_files(pocket_folder("pocket:teacher"))]
    ['model.safetensors']

    Raises:
        EngineUnavailable: there are none, one is missing, one is not in the folder, or two sets of weights are there.
    """
    refuse_adapter(folder)
    single, index = folder / SINGLE_FILE, folder / INDEX
    indexed = sorted(set(indexed_files(index).values())) if os.path.lexists(index) else []
    if os.path.lexists(single):
        others = [path.name for path in indexed if path != single]
        if others:
            raise EngineUnavailable(
                f"{folder}: has two sets of weights, {SINGLE_FILE} and {named(others)} of {INDEX}; remove one of them"
            )
        return (plain_file(single),)
    if not indexed:
        raise EngineUnavailable(
            f"{folder}: has no {SINGLE_FILE} and no {INDEX}; only safetensors weights are loaded: save the model again "
            "in that format"
        )
    file_names = set(os.listdir(folder))
    missing = [path.name for path in indexed if path.name not in file_names]
    if missing:
        raise EngineUnavailable(
            f"{folder}: {INDEX} names {named(missing)}, which {'is' if len(missing) == 1 else 'are'} not there; "
            "download the model again"
        )
    return tuple(plain_file(path) for path in indexed)


def refuse_adapter(folder: Path) -> None:
    """Refuse the folder of an adapter (LoRA), which the libraries would load on top of another model."""
    adapters = sorted(
        path.name for path in folder.glob("adapter_*") if path.suffix in (".json", ".bin", ".safetensors")
    )
    if adapters:
        raise EngineUnavailable(
            f"{folder}: holds an adapter ({named(adapters)}), and adapters are not loaded; merge it into its model "
            "(peft: model.merge_and_unload().save_pretrained(NEW)), or remove these files"
        )


def tensor_shapes(folder: Path) -> dict[str, TensorShape]:
    """Read the headers of all weight files: every tensor with its file, shape and dtype.

    The safetensors library refuses a header that is cut or does not fit its file.

    Raises:
        EngineUnavailable: a file is damaged, holds a tensor that another file holds too, or differs from the index.
    """
    from safetensors import SafetensorError, safe_open

    shapes: dict[str, TensorShape] = {}
    for path in weight_files(folder):
        try:
            with safe_open(path, framework="numpy") as file:
                for name in file.keys():  # noqa: SIM118, no mapping
                    if name in shapes:
                        raise EngineUnavailable(
                            f"{path}: tensor {name[:100]!r} is in {shapes[name].file} too; download the model again"
                        )
                    part = file.get_slice(name)
                    shapes[name] = TensorShape(path.name, tuple(part.get_shape()), str(part.get_dtype()))
        except (SafetensorError, OSError, ValueError, OverflowError) as error:
            raise EngineUnavailable(
                f"{path}: is damaged or was not copied as a whole ({in_one_line(error)}); download or copy it again"
            ) from None
    _compare_with_index(folder, shapes)
    return shapes


def in_one_line(error: BaseException) -> str:
    """Return an error's message in one line of at most 300 printable characters.

    >>> in_one_line(ValueError("a\\x1b[31m b" + chr(10) + "more"))
    'a?[31m b more'
    """
    line = " ".join(str(error).split()) or type(error).__name__
    return "".join(character if character.isprintable() else "?" for character in line[:300])


def named(names: Iterable[str]) -> str:
    """Write the first of many names for a message.

    >>> named(["a", "b", "c", "d", "e"])
    'a, b, c and 2 more'
    """
    names = list(names)
    shown = ", ".join(in_one_line(ValueError(name))[:120] for name in names[:SHOWN])
    return shown + (f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else "")


def _compare_with_index(folder: Path, shapes: Mapping[str, TensorShape]) -> None:
    """Refuse an index whose tensors are not those of the files: a part of the weights would be lost without a word."""
    index = folder / INDEX
    if not index.exists():
        return
    files = {name: path.name for name, path in indexed_files(index).items()}
    wrong = sorted(name for name, file in files.items() if name not in shapes or shapes[name].file != file)
    if wrong:
        raise EngineUnavailable(
            f"{index}: names tensors that its files do not hold ({named(wrong)}); download the model again"
        )


def _is_plain_name(name: str) -> bool:
    return name.endswith(".safetensors") and Path(name).name == name and "\\" not in name and name.isprintable()


def _kind(value: object) -> str:
    kinds = {list: "a list", dict: "an empty object", str: "a text", type(None): "nothing", bool: "true or false"}
    return kinds.get(type(value), "a number")
