"""Writing whole files, digests of files, and what went wrong with the disk, in one line."""

import errno
import fcntl
import hashlib
import os
import shutil
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path


def write_whole(path: Path, content: bytes | memoryview) -> None:
    """Write under a temporary name and rename. A file with the final name is thus complete, but for a power cut.

    A link or any other file that stands at the temporary name is removed, never written through.
    """
    _write(path, content, sync=False)


def write_synced(path: Path, content: bytes | memoryview) -> None:
    """Write as `write_whole` does, so that the file survives a power cut too: for files that no digest checks.

    That takes milliseconds.
    """
    _write(path, content, sync=True)


def _write(path: Path, content: bytes | memoryview, *, sync: bool) -> None:
    temporary = path.with_name(path.name + ".tmp")
    temporary.unlink(missing_ok=True)
    with named_in_errors(temporary):
        with open_new(temporary) as descriptor, os.fdopen(descriptor, "wb", closefd=False) as file:
            file.write(content)
            file.flush()
            if sync:
                os.fsync(descriptor)
        os.replace(temporary, path)
        if sync:
            sync_folder(path.parent)


@contextmanager
def open_new(path: Path) -> Iterator[int]:
    """Open a file that must not exist yet, and close it at the end."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def unshare(path: Path) -> None:
    """Give a file that will be written in place a copy of its own, if it is a hard link of another file.

    `cp -al` and some backups make hard links: what is written into one of them would be in all of them. A path at
    which no plain file is stays as it is.

    >>> unshare(Path("no-such-file"))
    """
    try:
        there = path.stat(follow_symlinks=False)
    except OSError:
        return
    if not stat.S_ISREG(there.st_mode) or there.st_nlink == 1:
        return
    temporary = path.with_name(path.name + ".tmp")
    temporary.unlink(missing_ok=True)
    with named_in_errors(temporary):
        with open_new(temporary) as descriptor, os.fdopen(descriptor, "wb", closefd=False) as copy:
            with path.open("rb") as file:
                shutil.copyfileobj(file, copy, 1 << 20)
            copy.flush()
            os.fsync(descriptor)
        os.chmod(temporary, stat.S_IMODE(there.st_mode))
        os.replace(temporary, path)


@contextmanager
def locked_folder(folder: Path) -> Iterator[None]:
    """Let no other process into this section for the same folder, while this lasts; nothing is written there."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def named_in_errors(path: Path) -> Iterator[None]:
    """Name the file in an `OSError` that names none: a full disk must be told by its file."""
    try:
        yield
    except OSError as error:
        if error.filename is None and error.errno is not None:
            error.filename = str(path)
        raise


def sync_folder(folder: Path) -> None:
    """Have the names in a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # a file system that cannot
            raise
    finally:
        os.close(descriptor)


def sync_tree(folder: Path) -> None:
    """Have all files and names below a folder survive a power cut."""
    for path in sorted(folder.rglob("*")):
        if path.is_dir():
            sync_folder(path)
        else:
            with path.open("rb") as file:
                os.fsync(file.fileno())
    sync_folder(folder)


def strange_files(folder: Path) -> Iterator[Path]:
    """List what is neither a folder nor a plain file, at any depth: links, pipes, devices. No link is followed."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from strange_files(Path(entry.path))
            elif not stat.S_ISREG(entry.stat(follow_symlinks=False).st_mode):
                yield Path(entry.path)


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


def os_error_of(error: BaseException) -> OSError | None:
    """Return the error of the file system behind an error of a library; None if there is none."""
    current: BaseException | None = error
    while current is not None:
        if isinstance(current, OSError) and current.errno is not None:
            return current
        current = current.__cause__ or current.__context__
    return None


_REMEDIES: Iterable[tuple[tuple[int, ...], str]] = (
    ((errno.EROFS,), "name a folder on a disk that can be written"),
    ((errno.EACCES, errno.EPERM), "give yourself the right to it (chmod, chown), or name another place"),
    ((errno.ENAMETOOLONG,), "name a shorter path"),
    ((errno.ENOENT,), "it was moved or deleted, or its folder is not there: put it back, or name its new place"),
    ((errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENOTEMPTY), "move what is there away, or name another place"),
    ((errno.ELOOP,), "remove the symbolic link, or name another place"),
    ((errno.EIO, errno.ESTALE), "the disk has failed: check it, or name a place on another disk"),
    ((errno.EMFILE, errno.ENFILE), "too many files are open: raise the limit (ulimit -n)"),
)


def explain_os_error(error: OSError, place: Path) -> str | None:
    """Say in one line what is wrong with a file and what to do; None if the error is not of the file system.

    Args:
        place: where the command writes; it is named if a full disk is told without a file.

    >>> explain_os_error(OSError(errno.EROFS, "Read-only file system", "/mnt/x"), Path("out"))
    '/mnt/x: read-only file system; name a folder on a disk that can be written'
    """
    if error.errno is None or isinstance(error, ConnectionError | TimeoutError):
        return None
    if error.filename is None and not disk_full(error):
        return None  # without a file, it is no state of the disk that a user could mend
    name = error.filename if error.filename is not None else place
    where = os.fsdecode(name) if isinstance(name, (str, bytes, os.PathLike)) else str(name)
    if disk_full(error):
        return f"no space left on the disk of {where}: free some and repeat the command"
    remedy = next((text for numbers, text in _REMEDIES if error.errno in numbers), None)
    if remedy is None:
        return None
    reason = os.strerror(error.errno)
    return f"{where}: {reason[0].lower()}{reason[1:]}; {remedy}"
