"""Read datasets on the Hub, or in a folder laid out like one: rows, commits, and errors in plain words.

No code of a dataset runs: `datasets` reads data files only. No error shows a signed address or a token.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sure_math.problems.sources.limits import DEFAULT, Limits
from sure_math.problems.sources.table_files import InputError, Row, Rows, peek_columns

_PATIENCE = 30
"""Seconds within which the Hub must say that a dataset exists."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HubSplit:
    """One split of a dataset, and how messages name it."""

    key: str
    """The setting that names the dataset, such as `seeds.public.math`."""
    dataset: str
    """Name on the Hub, or a folder."""
    subset: str | None
    split: str | None
    revision: str | None
    remedy: str
    """What a user can do if the split cannot be read."""

    def __str__(self) -> str:
        parts = {"revision": self.revision, "subset": self.subset, "split": self.split}
        named = ", ".join(f"{name} {value}" for name, value in parts.items() if value is not None)
        return f"{self.key}: {self.dataset}" + (f" ({named})" if named else "")


def open_split(place: HubSplit, limits: Limits = DEFAULT) -> Rows:
    """Stream the rows of a split; images stay undecoded.

    Raises:
        InputError: the split does not exist, is gated, cannot be reached, is empty, or cannot be read. The error may
            come while the rows are read.
    """
    import datasets  # takes seconds to import, which a build from a file does not need
    from huggingface_hub import HfApi

    try:
        if not Path(place.dataset).is_dir():  # fails at once; the reader retries for minutes
            HfApi().dataset_info(place.dataset, revision=place.revision, timeout=_PATIENCE)
        rows = datasets.load_dataset(
            place.dataset, place.subset, split=place.split, revision=place.revision, streaming=True
        )
        if rows.features is not None:  # JSON files have no features before they are read, and no images
            rows = rows.decode(False)
    except Exception as error:  # the Hub client, its HTTP library and the readers each raise their own
        raise _unreadable(place, error) from None
    return peek_columns(str(place), _guarded(iter(rows), place), limits)


def commit_at(place: HubSplit) -> str:
    """Look up the commit that the revision of a dataset on the Hub stands for now.

    Raises:
        InputError: the dataset does not exist, is gated, or cannot be reached.
    """
    if re.fullmatch(r"[0-9a-f]{40}", place.revision or ""):
        return str(place.revision)
    from huggingface_hub import HfApi

    try:
        return str(HfApi().dataset_info(place.dataset, revision=place.revision, timeout=_PATIENCE).sha)
    except Exception as error:  # as above
        raise _unreadable(place, error) from None


def _guarded(rows: Iterator[Row], place: HubSplit) -> Iterator[Row]:
    try:
        yield from rows
    except Exception as error:  # as above: a stream goes on reading files while it is consumed
        raise _unreadable(place, error) from None


def _unreadable(place: HubSplit, error: Exception) -> InputError:
    return InputError(f"{place}: {_in_words(error)}; {place.remedy}")


def _in_words(error: BaseException) -> str:
    """Say what went wrong. The whole chain of exceptions is looked at: the reader's own error often hides the Hub's."""
    from datasets.exceptions import DatasetNotFoundError
    from huggingface_hub import errors

    chain = list(_chain(error))
    message = _clean(f"{type(error).__name__}: {error}")

    def among(*types: type[BaseException]) -> bool:
        return any(isinstance(link, types) for link in chain)

    # `datasets` has one exception for a dataset that is gated and for one that is not there.
    if among(errors.GatedRepoError) or (among(DatasetNotFoundError) and "gated dataset" in message):
        return f"it is gated: accept its terms on the Hub and log in with `hf auth login` ({message})"
    if among(errors.RevisionNotFoundError):
        return f"the revision does not exist ({message})"
    if among(errors.RepositoryNotFoundError, DatasetNotFoundError):
        return f"the Hub knows no such dataset, or it is private ({message})"
    if among(ConnectionError, TimeoutError, socket.gaierror, errors.LocalEntryNotFoundError):
        return f"the Hub cannot be reached ({message})"
    return f"cannot be read ({message})"


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _clean(text: str) -> str:
    """Make one line without secrets: a signed address loses its query, a token is replaced."""
    text = re.sub(r"(https?://[^\s?]+)\?\S+", r"\1", " ".join(text.split()))
    text = re.sub(r"hf_\w{6,}|(?i:bearer) \S+", "[token]", text)
    return text if len(text) <= 400 else f"{text[:400]} ..."
