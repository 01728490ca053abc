"""Open a user's text file: its encoding, its compression, and where it cannot be read.

A byte order mark says which of UTF-8, UTF-16 and UTF-32 a file is. Without one it must be UTF-8. A file of another
encoding is refused, since no reader can tell which one it is; the message has the place and a command that converts it.
"""

from __future__ import annotations

import codecs
import contextlib
import gzip
import io
import shlex
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, TextIO


class InputError(ValueError):
    """A file or dataset that the user named cannot be used; the message says where the problem is and what to do."""


MOST_BLANK = 2_000_000
"""Lines without content, one after another. A compressed file may hold billions; a sheet of Excel has 1,048,576."""
_MARKS = (  # the mark of UTF-32 begins as that of UTF-16
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CONTENTS = (
    (b"PAR1", "a Parquet file; rename it so that it ends in .parquet"),
    (b"\x1f\x8b", "compressed; rename it so that it ends in .gz"),
    (b"PK\x03\x04", "a ZIP archive or an Excel workbook; unpack it, or save it as CSV (UTF-8)"),
    (b"\x28\xb5\x2f\xfd", "compressed; unpack it: zstd -d FILE"),
    (b"BZh", "compressed; unpack it: bunzip2 -k FILE"),
    (b"\xfd7zXZ", "compressed; unpack it: unxz -k FILE"),
    (b"ARROW1", "an Arrow file; write it as Parquet"),
    (b"version https://git-lfs", "a pointer of Git LFS, not the file itself; get it with `git lfs pull`"),
)
"""First bytes of files that are something else than their ending says."""


def refuse_by_content(path: Path, name: str, ending: str) -> None:
    """Refuse a file whose first bytes belong to another format than its ending.

    Raises:
        InputError: they do, or the file cannot be opened.
    """
    try:
        with path.open("rb") as file:
            start = file.read(32)
    except OSError as error:
        raise InputError(f"{name}: cannot be opened ({error.strerror}); check the rights of the file") from None
    expected = {".parquet": b"PAR1"}.get(ending, b"\x1f\x8b" if ending.endswith(".gz") else b"")
    content = next(((mark, what) for mark, what in _CONTENTS if start.startswith(mark)), None)
    if content is not None and content[0] != expected:
        raise InputError(f"{name}: is {content[1]}")
    if ending.endswith(".gz") and not start.startswith(b"\x1f\x8b"):
        raise InputError(f"{name}: is not compressed; rename it so that it does not end in .gz")


def ending_of(path: Path) -> str:
    """Return the ending of a file in small letters, with the one before `.gz`.

    >>> ending_of(Path("my.JSONL")), ending_of(Path("my.csv.gz"))
    ('.jsonl', '.csv.gz')
    """
    last = path.suffix.lower()
    return (path.with_suffix("").suffix.lower() if last == ".gz" else "") + last


def stem_of(path: Path) -> str:
    """Return the name of a file without its endings.

    >>> stem_of(Path("data/my.jsonl.gz")), stem_of(Path("my.v2.csv"))
    ('my', 'my.v2')
    """
    return path.name[: len(path.name) - len(ending_of(path))] or path.stem


@contextlib.contextmanager
def opened_text(path: Path, name: str, newline: str | None = None) -> Iterator[TextIO]:
    """Open a text file that may be compressed (`.gz`).

    Raises:
        InputError: while it is open, for a file that is cut or damaged, or that holds bytes of another encoding.
    """
    encoding = "utf-8"
    try:
        with _opened(path) as binary:
            start = binary.read(4)
            encoding = next((known for mark, known in _MARKS if start.startswith(mark)), "utf-8")
            binary.seek(0)
            yield io.TextIOWrapper(binary, encoding=encoding, newline=newline)
    except UnicodeDecodeError:
        try:
            raise InputError(f"{name}{_undecodable(path, encoding)}") from None
        except _DAMAGED as error:
            raise _damaged(name, error) from None
    except _DAMAGED as error:
        raise _damaged(name, error) from None
    except OSError as error:
        raise InputError(f"{name}: cannot be read ({error.strerror or error}); check the file and its rights") from None


def lines_without_nul(file: TextIO, path: Path, name: str, longest: int = 2**30) -> Iterator[str]:
    """Yield the lines of a text file.

    Args:
        longest: characters of a line. A line that is longer is not read to its end: it is yielded with `longest` + 1
            characters, and its rest as further lines.

    Raises:
        InputError: a line holds a NUL, which no text has: the file is UTF-16 without a mark, or damaged; or so many
            lines are blank that the file is no table.
    """
    number = blank = 0
    while line := file.readline(longest + 1):
        number += 1
        if "\0" in line:
            raise InputError(f"{name}, line {number}: holds a NUL byte; {_nul_remedy(path, line)}")
        blank = blank + 1 if line.isspace() else 0
        if blank > MOST_BLANK:
            raise blank_lines(name, number)
        yield line


def blank_lines(name: str, line: int) -> InputError:
    """Return the error for a file with more than `MOST_BLANK` blank lines one after another, up to a line."""
    return InputError(f"{name}, line {line}: more than {MOST_BLANK:,} lines before it hold nothing; remove these lines")


_DAMAGED = (EOFError, zlib.error, gzip.BadGzipFile)
"""Errors of a compressed file."""


def _damaged(name: str, error: Exception) -> InputError:
    message = " ".join(str(error).split())
    return InputError(f"{name}: the compressed file is damaged ({message}); write or copy it again")


def _opened(path: Path) -> BinaryIO:
    if path.suffix.lower() == ".gz":
        return gzip.open(path)  # type: ignore[return-value]
    return path.open("rb")


def _undecodable(path: Path, encoding: str) -> str:
    """Say where the first byte is that the encoding does not have, and how to convert the file."""
    decoder = codecs.getincrementaldecoder(encoding)()
    before, line, position = "", 1, 0
    with _opened(path) as file:
        while True:
            piece = file.read(1 << 16)
            try:
                text = decoder.decode(piece, final=not piece)
            except UnicodeDecodeError as error:
                position += len(piece) - len(error.object) + error.start
                byte = f"0x{error.object[error.start]:02x}"
                text = error.object[: error.start].decode(encoding, "replace")
                before, line = before + text, line + text.count("\n")
                break
            position += len(piece)
            line += text.count("\n")
            before = (before + text)[: 1 << 16]  # enough to tell what the file is
    where = f", line {line}: the byte {byte} at position {position} of the file"
    if encoding != "utf-8":
        return f"{where} is not {encoding.upper()}, as the mark at its beginning says; save the file again as UTF-8"
    if "\0" in before:
        return f"{where} is not UTF-8; {_nul_remedy(path, before)}"
    if before.isascii():
        command = _command("iconv -f WINDOWS-1252 -t UTF-8", path)
        return f"{where} is not UTF-8; save the file as UTF-8 (if a program for Western text wrote it: {command})"
    command = _command("iconv -c -f UTF-8 -t UTF-8", path)
    return f"{where} is not UTF-8, although the text before it is; mend that place (or leave such bytes out: {command})"


def _nul_remedy(path: Path, line: str) -> str:
    if line.count("\0") > len(line) // 4 and line.strip("\0\r\n"):
        order = "UTF-16BE" if line.startswith("\0") else "UTF-16LE"
        return f"save the file as UTF-8 (if it is {order}: {_command(f'iconv -f {order} -t UTF-8', path)})"
    command = _command(r"tr -d '\000'", path)
    return f"the file is damaged; mend that place (or leave such bytes out: {command})"


def _command(program: str, path: Path) -> str:
    """A command of the shell that writes a converted copy of the file to the current folder."""
    source, ending = shlex.quote(str(path)), ending_of(path)
    new = shlex.quote(f"{stem_of(path)}-utf8{ending.removesuffix('.gz')}")
    if ending.endswith(".gz"):
        return f"gunzip -c {source} | {program} > {new}"
    return f"{program} < {source} > {new}"
