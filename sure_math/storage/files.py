"""Files that are whole or not there, their digests, and the error of a disk without room."""

import errno
import hashlib
import os
from pathlib import Path


def write_whole(path: Path, content: bytes | memoryview) -> None:
    """Write under a temporary name and rename, so that a name stands for a whole file."""
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_bytes(content)
    os.replace(temporary, path)


def file_digest(path: Path) -> str:
    """SHA-256 (hex) of a file's content, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_if_file(path: Path | None) -> str | None:
    """`file_digest`, or None if there is no such file: whoever reads the file next says what is wrong with it."""
    return file_digest(path) if path is not None and path.is_file() else None


def disk_full(error: BaseException) -> bool:
    """Whether an error says that there is no space left."""
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
