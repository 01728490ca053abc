"""The folder that a command writes into: whose it is, and which of its files the command wrote.

Three rules keep what a user has in a folder safe.

1. A folder with content that is not ours is refused by name, before anything in it is touched.
2. A command replaces and removes only files that it wrote itself. It knows them from a list of names and digests.
3. A file that stands where a new file must go, and is not as the command wrote it, is kept: it gets the ending `.kept`.
   This holds for a file of ours that the user has changed by hand, too.

No command writes through a symbolic link inside the folder. The folder itself may be a link.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Callable, Iterable, Mapping, Set
from pathlib import Path

from sure_math.storage.files import explain_os_error, file_digest, write_synced

LIST = ".written.json"
"""Name of the list of written files in a folder."""
STAGING = ".sure-math-new"
"""Folder inside an output folder in which new files are made before they are moved into place."""
WORK = ".build"
"""Folder of what a build keeps to resume."""
IGNORED = frozenset({"lost+found", ".DS_Store", STAGING, LIST})
"""Names that do not make a folder somebody's: of file systems, and ours."""
_NAMED = 5

Written = Mapping[str, Set[str]]
"""Path in the folder -> digests (SHA-256) under which a command has written the file. A command that was killed between
two files leaves the digests of its old and of its new files."""


class OutputError(RuntimeError):
    """The place of an output cannot be used. The message names it, says why, and says what to do."""


def check_place(folder: Path, option: str = "--out") -> None:
    """Refuse a place where no folder of ours can be; nothing is created.

    Raises:
        OutputError: the path goes through a file or a broken link, is too long, is not UTF-8, lies in the work folder
            of a build, or cannot be written.
    """
    name = f"{option} {folder}"
    try:
        os.path.abspath(folder).encode()
    except UnicodeEncodeError:
        raise OutputError(f"{option} {os.fsencode(folder)!r}: is not UTF-8; name another folder") from None
    try:
        existing = folder
        while not _is_there(existing):
            existing = existing.parent
        if existing.is_symlink() and not existing.exists():
            raise OutputError(
                f"{name}: {existing} is a symbolic link to nothing; remove the link, or make the folder it points to"
            )
        if not existing.is_dir():
            raise OutputError(f"{name}: {'' if existing == folder else f'{existing} '}is a file; name a folder")
        real = existing.resolve()
        inside = next((part for part in (real, *real.parents) if part.name == WORK and (part / "lock").is_file()), None)
        if inside is not None:
            raise OutputError(f"{name}: lies in {inside}, the work folder of a build; name another folder")
        if not os.access(existing, os.W_OK | os.X_OK):
            raise OSError(errno.EACCES if not _read_only(existing) else errno.EROFS, "", str(existing))
    except OSError as error:
        raise OutputError(f"{option} {explain_os_error(error, folder) or f'{folder}: {error}'}") from None


def _is_there(path: Path) -> bool:
    """Return whether there is a file, folder or link; an `OSError` says that the path cannot be looked at."""
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def _read_only(path: Path) -> bool:
    return bool(os.statvfs(path).f_flag & os.ST_RDONLY)


def foreign_names(folder: Path, own: Iterable[str] = ()) -> list[str]:
    """List what is in a folder beside the names in `own`; empty for a folder that is not there.

    >>> foreign_names(Path("no-such-folder"))
    []
    """
    if not folder.is_dir():
        return []
    own = {*own, *IGNORED}
    return sorted(name for name in os.listdir(folder) if name not in own)


def refuse_foreign(folder: Path, names: list[str], what: str, option: str = "--out") -> None:
    """Refuse a folder in which `names` are and `what` is not.

    Raises:
        OutputError: there is such a name.
    """
    if names:
        shown = ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else "")
        raise OutputError(
            f"{option} {folder}: holds {shown}, and no {what}; name a new or empty folder, so that nothing of yours is "
            "touched"
        )


def refuse_links(folder: Path, names: Iterable[str], option: str = "--out") -> None:
    """Refuse a symbolic link at a name where a command writes.

    Raises:
        OutputError: a name in `folder` is a link.
    """
    for name in names:
        if (folder / name).is_symlink():
            raise OutputError(
                f"{option} {folder}: {folder / name} is a symbolic link, and nothing is written through a link; remove "
                "the link, or name another folder"
            )


def read_list(path: Path, allowed: Iterable[str] = ()) -> dict[str, frozenset[str]]:
    """Read the list of written files; a list that is missing or damaged is empty.

    Args:
        allowed: the first parts that a path may have. Names that leave the folder are left out in any case.

    >>> read_list(Path("no-such-folder") / LIST)
    {}
    """
    try:
        stored = json.loads(path.read_bytes()) if path.is_file() else {}
    except (ValueError, RecursionError):
        stored = {}
    files = stored.get("files") if isinstance(stored, dict) else None
    return own_files(files, allowed)


def own_files(files: object, allowed: Iterable[str] = ()) -> dict[str, frozenset[str]]:
    """Take what is well-formed from a list of names with a digest or several digests each.

    >>> own_files({"data/a": "1f", "../b": "2e", "c": 3}, allowed=["data"])
    {'data/a': frozenset({'1f'})}
    """
    first_parts = set(allowed)
    written = {}
    for name, digests in files.items() if isinstance(files, dict) else ():
        several = [digests] if isinstance(digests, str) else digests
        if not isinstance(several, list) or not all(isinstance(digest, str) for digest in several):
            continue
        if is_plain(name) and (not first_parts or name.split("/")[0] in first_parts):
            written[name] = frozenset(several)
    return written


def is_plain(name: object) -> bool:
    """Return whether a name is a relative path that stays in its folder.

    >>> [is_plain(name) for name in ("data/a", "../a", "/a", "a//b", "")]
    [True, False, False, False, False]
    """
    return isinstance(name, str) and "\0" not in name and all(part not in ("", ".", "..") for part in name.split("/"))


def write_list(path: Path, written: Written) -> None:
    """Write the list of written files; it survives a power cut."""
    files = {name: sorted(digests) for name, digests in sorted(written.items())}
    write_synced(path, (json.dumps({"files": files}, indent=1) + "\n").encode())


def as_written(path: Path, digests: Set[str]) -> bool:
    """Return whether a file is one that the command wrote and nobody has changed."""
    return path.is_file() and not path.is_symlink() and bool(digests) and file_digest(path) in digests


def fresh_staging(folder: Path, is_own: Callable[[str], object] = bool) -> Path:
    """Make the empty folder `STAGING` in an output folder, and the output folder if it is missing.

    Args:
        is_own: as in `clear_staging`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    staging = folder / STAGING
    clear_staging(staging, is_own)
    staging.mkdir()
    return staging


def clear_staging(staging: Path, is_own: Callable[[str], object] = bool) -> None:
    """Remove a folder of work in progress that a command has left. A link is removed, not followed.

    Args:
        is_own: whether the command makes a file of this name (relative path) there. Any other file is the user's, and
            is moved into a folder beside this one, with the ending `.kept`.
    """
    if staging.is_symlink() or staging.is_file():
        staging.unlink()
    elif staging.is_dir():
        names = [str(path.relative_to(staging)) for path in sorted(staging.rglob("*")) if not path.is_dir()]
        kept = _free_name(staging)
        for name in names:
            if not is_own(name):
                (kept / name).parent.mkdir(parents=True, exist_ok=True)
                (staging / name).rename(kept / name)
        shutil.rmtree(staging)


def install(
    staging: Path, folder: Path, *, written: Written, list_path: Path, last: str | None = None
) -> dict[str, str]:
    """Move everything in `staging` to its place in `folder`; remove the written files that have no successor.

    The list is on disk before the first file moves, so a command that is killed here knows its files again.

    Args:
        written: what the command knows to have written here. Other files are kept under another name.
        list_path: where the list is stored.
        last: this file goes away first and comes last, so a folder without it is not complete.

    Returns:
        The files of the user that stood in the way: old name -> new name.
    """
    new = {str(path.relative_to(staging)): file_digest(path) for path in sorted(staging.rglob("*")) if path.is_file()}
    parents = {str(parent) for name in (*new, *written) for parent in Path(name).parents if str(parent) != "."}
    refuse_links(folder, sorted(parents))
    write_list(list_path, {name: {*written.get(name, ()), *_one(new, name)} for name in {*written, *new}})
    order = sorted({*written, *new}, key=lambda name: (name != last, name))
    kept = {}
    for name in order:
        moved = _make_way(folder, name, {*written.get(name, ()), *_one(new, name)})
        if moved is not None:
            kept[name] = moved
    for parent in sorted(parents):
        if any(name.startswith(f"{parent}/") for name in new) and not (folder / parent).is_dir():
            moved = _make_way(folder, parent, frozenset())
            if moved is not None:
                kept[parent] = moved
            (folder / parent).mkdir()
    for name in sorted(new, key=lambda name: (name == last, name)):
        (staging / name).rename(folder / name)
    for parent in sorted(parents, reverse=True):
        path = folder / parent
        if path.is_dir() and not any(path.iterdir()):
            path.rmdir()
    write_list(list_path, {name: {digest} for name, digest in new.items()})
    clear_staging(staging)
    return kept


def remove_written(folder: Path, written: Written) -> None:
    """Remove the files of a list that nobody has changed, and the folders that are empty then."""
    for name, digests in written.items():
        if as_written(folder / name, digests):
            (folder / name).unlink()
    (folder / LIST).unlink(missing_ok=True)
    for parent in sorted({parent for name in written for parent in (folder / name).parents}, reverse=True):
        if parent.is_relative_to(folder) and parent.is_dir() and not any(parent.iterdir()):
            parent.rmdir()


def check_report_folder(folder: Path, own: Iterable[str], what: str, option: str = "--out") -> None:
    """Refuse a folder in which a command may not write its files; nothing in it is touched.

    The folder may be missing or empty, may have a list of files that the command wrote, or may have only files with the
    names in `own`, as early versions left them without a list. Folders in it that have a list are ours, too.

    Args:
        what: what the command writes, for the message.

    Raises:
        OutputError: the folder cannot be used, or holds something else.
    """
    check_place(folder, option)
    own = tuple(own)
    refuse_links(folder, (LIST, STAGING, *own), option)
    if folder.is_dir() and not (folder / LIST).is_file():
        foreign = [name for name in foreign_names(folder, own) if not (folder / name / LIST).is_file()]
        refuse_foreign(folder, foreign, what, option)


def check_new_file(path: Path, option: str = "--out", *, ours: bool = False) -> None:
    """Refuse a file that exists already, unless it is `ours`; nothing is touched.

    Raises:
        OutputError: something is there, or no file can be there.
    """
    name = f"{option} {path}"
    check_place(path.parent, option)
    try:
        there = _is_there(path)
    except OSError as error:
        raise OutputError(f"{option} {explain_os_error(error, path) or f'{path}: {error}'}") from None
    if path.is_dir():
        raise OutputError(f"{name}: is a folder; name a file")
    if there and (path.is_symlink() or not ours):
        raise OutputError(f"{name}: exists already, and is not as this command wrote it; move it away, or name another")


def kept_line(folder: Path, kept: Mapping[str, str]) -> str:
    """Say which files of the user were kept under another name.

    >>> kept_line(Path("out"), {"README.md": "README.md.kept"})
    'out: kept what was not as written here: README.md is now README.md.kept'
    """
    names = ", ".join(f"{old} is now {new}" for old, new in sorted(kept.items()))
    return f"{folder}: kept what was not as written here: {names}"


def _one(files: Mapping[str, str], name: str) -> tuple[str, ...]:
    return (files[name],) if name in files else ()


def _make_way(folder: Path, name: str, digests: Set[str]) -> str | None:
    """Remove a file that the command wrote. Rename any other to the first free name with `.kept`, and return it."""
    path = folder / name
    if not os.path.lexists(path):
        return None
    if as_written(path, digests):
        path.unlink()
        return None
    kept = _free_name(path)
    path.rename(kept)
    return str(kept.relative_to(folder))


def _free_name(path: Path) -> Path:
    """Return the first free name for a file or folder of the user that has to make way."""
    ending, number = ".kept", 1
    while os.path.lexists(kept := path.with_name(path.name + ending)):
        number += 1
        ending = f".kept-{number}"
    return kept
