"""Datasets on the Hub, or in a folder laid out as one: streams of rows, commits, and what went wrong in plain words.

Nothing is executed: `datasets` reads data files only, and no error carries an address with a signature or a token.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sure_math.problems.sources.table_files import InputError, Row, Rows, peek_columns

_PATIENCE = 30
"""Seconds for the Hub to say that a dataset is there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One split of a dataset, and how messages speak of it."""

    key: str
    """What names it in the configuration, such as `seeds.public.math`."""
    dataset: str
    """Name on the Hub, or a folder."""
    subset: str | None
    split: str | None
    revision: str | None
    remedy: str
    """What to do where it cannot be read."""

    def __str__(self) -> str:
        parts = {"revision": self.revision, "subset": self.subset, "split": self.split}
        found = ", ".join(f"{name} {value}" for name, value in parts.items() if value is not None)
        return f"{self.key}: {self.dataset}" + (f" ({found})" if found else "")


def stream(place: Place) -> Rows:
    """The rows of a split, one after the other; images stay undecoded.

    Raises:
        InputError: it is not there, gated, not reachable, empty, or not readable; also while the rows are read.
    """
    import datasets
    from huggingface_hub import HfApi

    try:
        if not Path(place.dataset).is_dir():  # says at once what the reader finds out after minutes of trying again
            HfApi().dataset_info(place.dataset, revision=place.revision, timeout=_PATIENCE)
        rows = datasets.load_dataset(
            place.dataset, place.subset, split=place.split, revision=place.revision, streaming=True
        )
        if rows.features is not None:  # of JSON files nothing is known before they are read, and there are no images
            rows = rows.decode(False)
    except Exception as error:  # the Hub client, its HTTP library and the readers each raise their own
        raise _unreadable(place, error) from None
    return peek_columns(str(place), _guarded(iter(rows), place))


def commit_at(place: Place) -> str:
    """The commit that the revision of a dataset on the Hub stands for now."""
    if re.fullmatch(r"[0-9a-f]{40}", place.revision or ""):
        return str(place.revision)
    from huggingface_hub import HfApi

    try:
        return str(HfApi().dataset_info(place.dataset, revision=place.revision, timeout=_PATIENCE).sha)
    except Exception as error:  # as above
        raise _unreadable(place, error) from None


def _guarded(rows: Iterator[Row], place: Place) -> Iterator[Row]:
    try:
        yield from rows
    except Exception as error:  # as above: a stream goes on reading files while it is consumed
        raise _unreadable(place, error) from None


def _unreadable(place: Place, error: Exception) -> InputError:
    return InputError(f"{place}: {_in_words(error)}; {place.remedy}")


def _in_words(error: BaseException) -> str:
    """What the chain of exceptions comes to: the reader's own error often hides the Hub's."""
    from datasets.exceptions import DatasetNotFoundError
    from huggingface_hub import errors

    chain = list(_chain(error))
    said = _clean(f"{type(error).__name__}: {error}")

    def among(*types: type[BaseException]) -> bool:
        return any(isinstance(link, types) for link in chain)

    # `datasets` has one exception for a dataset that is gated and for one that is not there.
    if among(errors.GatedRepoError) or (among(DatasetNotFoundError) and "gated dataset" in said):
        return f"it is gated: accept its terms on the Hub and log in with `hf auth login` ({said})"
    if among(errors.RevisionNotFoundError):
        return f"there is no such revision ({said})"
    if among(errors.RepositoryNotFoundError, DatasetNotFoundError):
        return f"the Hub knows no such dataset, or it is private ({said})"
    if among(ConnectionError, TimeoutError, socket.gaierror, errors.LocalEntryNotFoundError):
        return f"the Hub cannot be reached ({said})"
    return f"cannot be read ({said})"


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _clean(text: str) -> str:
    """One line without secrets: signed addresses lose their query, tokens their letters."""
    text = re.sub(r"(https?://[^\s?]+)\?\S+", r"\1", " ".join(text.split()))
    text = re.sub(r"hf_\w{6,}|(?i:bearer) \S+", "[token]", text)
    return text if len(text) <= 400 else f"{text[:400]} ..."
