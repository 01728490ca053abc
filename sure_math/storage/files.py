"""Writing whole files, digests of files, and recognising a full disk."""

import errno
import hashlib
import os
from pathlib import Path


def write_whole(path: Path, content: bytes | memoryview) -> None:
    """Write under a temporary name and rename. A file with the final name is thus always complete."""
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_bytes(content)
    os.replace(temporary, path)


def file_digest(path: Path) -> str:
    """Compute the SHA-256 (hex) of a file's content. The file is read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_if_file(path: Path | None) -> str | None:
    """Compute `file_digest`, or return None without such a file. The next reader of the file reports the error."""
    return file_digest(path) if path is not None and path.is_file() else None


def disk_full(error: BaseException) -> bool:
    """Return whether an error says that there is no space left."""
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
