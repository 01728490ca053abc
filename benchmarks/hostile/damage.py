"""Part 3: folders of builds, trainings and evaluations are damaged, and the command is repeated.

A folder is finished, or was left by a kill. One to three of its files are damaged, and files of the user are put beside
them. The command must then end with the right result, or in one line that names a file and says what to do; and the
files of the user must be as they were, in their places or under another name.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import os
import random
import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.hostile import works
from benchmarks.hostile.kills import PATIENCE, TOLERANCE, Started, Undisturbed, undisturbed
from benchmarks.hostile.trials import Row, Trials
from benchmarks.hostile.works import LOGS, Work, differences
from tests.helpers.processes import Around

HALF_FINISHED = 4
"""Folders that were left by a kill, per kind of command."""
MOST_DAMAGED = 3
REMEDY = re.compile(
    r"\b(mv|rm|move|remove|delete|repeat|choose|name a|name another|give|chmod|chown|put it back|make|write|set|build|"
    r"use|train|take|raise|free|copy|start|undo|is asked again|--\w+)\b"
)
"""A word of what to do, in the line that a command ends with."""
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@dataclass(frozen=True, slots=True)
class Plan:
    """How many folders of one kind of command are damaged."""

    make: Callable[[Path], Work]
    folders: int
    in_line: str
    """What the last line of an error starts with."""


PLANS: Mapping[str, Plan] = {
    "served": Plan(works.served_build, 110, "error: "),
    "local": Plan(works.local_training, 70, "error: "),
    "evaluation": Plan(works.evaluation, 20, ""),
}


def _flip(path: Path, draw: random.Random) -> None:
    content = bytearray(path.read_bytes())
    for _ in range(draw.choice((1, 1, 8, 100)) if content else 0):
        content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
    path.write_bytes(content)


def _cut(path: Path, draw: random.Random) -> None:
    os.truncate(path, draw.randrange(path.stat().st_size + 1))


def _empty(path: Path, draw: random.Random) -> None:
    os.truncate(path, 0)


def _zeros(path: Path, draw: random.Random) -> None:
    path.write_bytes(bytes(path.stat().st_size))


def _garbage(path: Path, draw: random.Random) -> None:
    path.write_bytes(draw.randbytes(draw.choice((1, 100, 5000))))


def _delete(path: Path, draw: random.Random) -> None:
    path.unlink()


def _folder(path: Path, draw: random.Random) -> None:
    path.unlink()
    path.mkdir()


def _longer(path: Path, draw: random.Random) -> None:
    with path.open("ab") as file:
        file.write(draw.choice((b"\0" * 100, b'{"half": ', b"\xff\xfe", path.read_bytes())))


def _delete_folder(path: Path, draw: random.Random) -> None:
    shutil.rmtree(path.parent)


def _no_rights(path: Path, draw: random.Random) -> None:
    path.chmod(0)


def _no_rights_of_folder(path: Path, draw: random.Random) -> None:
    path.parent.chmod(draw.choice((0, 0o500)))


DAMAGES: Mapping[str, Callable[[Path, random.Random], None]] = {
    "flipped bits": _flip,
    "cut off": _cut,
    "emptied": _empty,
    "zeros": _zeros,
    "garbage": _garbage,
    "lengthened": _longer,
    "deleted": _delete,
    "folder deleted": _delete_folder,
    "replaced by a folder": _folder,
    "replaced by a link": lambda path, draw: None,  # the link leads to a file of the user, see `_damage`
    "no rights": _no_rights,
    "no rights to the folder": _no_rights_of_folder,
}


@contextlib.contextmanager
def without_rights_of_root(around: Around) -> Iterator[None]:
    """Give up the right of root to read and write what has no rights, in this process for ever."""
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # _LINUX_CAPABILITY_VERSION_3, this process
    data = (ctypes.c_uint32 * 6)()
    libc = ctypes.CDLL(None, use_errno=True)
    if os.geteuid() == 0 and libc.capget(header, data) == 0:
        for index in (0, 1, 2):
            data[index] &= ~0b110  # CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH
        libc.capset(header, data)
    with around():
        yield


def _own_files(out: Path) -> list[Path]:
    return sorted(path for path in out.rglob("*") if path.is_file() and not path.is_symlink())


def _put_files_of_the_user(out: Path, outside: Path, draw: random.Random) -> dict[str, str]:
    """Put files of the user into the folder and beside it; return digest -> name."""
    folders = [out, *sorted(path for path in out.rglob("*") if path.is_dir())]
    files = {}
    for number in range(draw.randint(1, 4)):
        folder = draw.choice(folders)
        name = draw.choice(("notes-{}.txt", ".env-{}", "precious-{}.csv", "{}.parquet", "model-{}.safetensors"))
        path = folder / name.format(number)
        path.write_bytes(b"of the user " + draw.randbytes(20))
        files[_digest(path)] = str(path.relative_to(out.parent))
    outside.write_bytes(b"outside " + draw.randbytes(20))
    files[_digest(outside)] = outside.name
    return files


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _damage(out: Path, outside: Path, own: list[Path], draw: random.Random) -> list[str]:
    """Damage some files; return what was done."""
    done = []
    for _ in range(draw.randint(1, MOST_DAMAGED)):
        there = [path for path in own if path.is_file() and not path.is_symlink() and os.access(path, os.R_OK)]
        if not there:
            break
        path, how = draw.choice(there), draw.choice(sorted(DAMAGES))
        if how in ("folder deleted", "no rights to the folder") and path.parent == out:
            how = "deleted"
        if how == "folder deleted" and any(_is_of_the_user(other, own) for other in path.parent.rglob("*")):
            how = "cut off"
        DAMAGES[how](path, draw)
        if how == "replaced by a link":
            path.unlink()
            path.symlink_to(outside)
        done.append(f"{how}: {path.relative_to(out)}")
        own = [other for other in own if other != path]
        if how.startswith("no rights"):
            break
    return done


def _is_of_the_user(path: Path, own: Sequence[Path]) -> bool:
    return path.is_file() and path not in own


def _give_rights_back(out: Path) -> None:
    """Let what has no rights be read again."""
    for folder, names, files in os.walk(out, topdown=True):
        for name in (*names, *files):
            path = Path(folder) / name
            if not path.is_symlink():
                path.chmod(0o755)


def _missing(files: Mapping[str, str], folder: Path) -> list[str]:
    """Name the files of the user whose content is nowhere below a folder any more."""
    there = {_digest(path) for path in _own_files(folder)}
    return sorted(name for digest, name in files.items() if digest not in there)


def _outcome(status: int | None, text: str, out: Path, plan: Plan) -> str:
    """Say how a command ended that did not succeed: `one line`, or what is wrong with how it ended."""
    if status is None:
        return "it hangs"
    if "Traceback (most recent call last)" in text:
        return "a traceback"
    lines = [line for line in _CONTROL.sub("", text).splitlines() if line.strip()]
    if not lines or not lines[-1].startswith(plan.in_line):
        return "no line that says why"
    if str(out) not in lines[-1]:
        return "a line that names no file"
    return "one line" if REMEDY.search(lines[-1]) else "a line without a remedy"


def attempt(work: Work, expected: dict[str, Any], folders: Sequence[Path], place: Path, plan: Plan, seed: str) -> Row:
    """Damage a copy of one of the folders, repeat the command, and look at what came of it."""
    draw = random.Random(seed)
    if place.is_dir():
        _give_rights_back(place)
        shutil.rmtree(place)
    place.mkdir(parents=True)
    out, outside = place / "out", place / "outside.bin"
    source = draw.choice(folders)
    shutil.copytree(source, out)
    own = _own_files(out)
    files = _put_files_of_the_user(out, outside, draw)
    done = _damage(out, outside, own, draw)
    work.forget()
    command = Started(work, out, within=lambda around: partial(without_rights_of_root, around))
    status = command.wait(PATIENCE)
    if status is None:
        command.kill()
    _give_rights_back(place)
    text = command.log.read_text(errors="replace")
    missing = _missing(files, place)
    different: list[str] = []
    outcome = "right result"
    if status == 0:
        different = _different(expected, _made(work, out))
        outcome = "wrong result" if different else outcome
    else:
        outcome = _outcome(status, text, out, plan)
    row: Row = {
        "folder": source.name,
        "damage": done,
        "outcome": outcome,
        "different": different[:5],
        "missing": missing,
        "said": text[-1500:] if outcome not in ("right result",) else "",
    }
    return row


def _made(work: Work, out: Path) -> dict[str, Any]:
    try:
        return work.made_of_damaged(out)
    except Exception as error:
        return {"unreadable": f"{type(error).__name__}: {error}"[:300]}


def _different(expected: dict[str, Any], found: dict[str, Any]) -> list[str]:
    """Name what differs. A damaged line of a training's log is gone; the lines that are there have to be right."""
    logs = {name for name in expected if name in LOGS and name in found}
    wrong = [f"{log}: {line['step']}" for log in sorted(logs) for line in found[log] if line not in expected[log]]
    others, rest = ({name: made[name] for name in made.keys() - logs} for made in (expected, found))
    return wrong + differences(others, rest, TOLERANCE)


def _half_finished(work: Work, reference: Undisturbed, folder: Path, seed: str) -> list[Path]:
    """Leave folders by kills at random times."""
    draw, folders = random.Random(seed), []
    for number in range(HALF_FINISHED):
        place = folder / f"half-{number}"
        place.mkdir()
        out = place / f"half-finished {number}"
        work.forget()
        command = Started(work, out)
        status = command.wait(draw.uniform(0.4, 1.0) * reference.seconds)
        if status is None:
            command.kill()
        if out.is_dir() and _own_files(out):
            folders.append(out)
    return folders


def run(folder: Path, scale: float, seed: int, plans: Sequence[str], say: Callable[[str], None]) -> Row:
    """Damage folders of every kind of command, `scale` times as many as planned; return the counts."""
    trials = Trials(folder, "damage", {"seed": seed, "scale": scale})
    kinds = {}
    for name in plans:
        plan = PLANS[name]
        count = max(1, round(plan.folders * scale))
        rows = _kind(folder / f"damaged-{name}", name, plan, count, seed, trials, say)
        kinds[name] = summary(rows)
    return {"seed": seed, "kinds": kinds}


def _kind(
    folder: Path, name: str, plan: Plan, count: int, seed: int, trials: Trials, say: Callable[[str], None]
) -> list[Row]:
    if folder.is_dir():
        _give_rights_back(folder)
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    opened: list[tuple[Work, dict[str, Any], list[Path]]] = []

    def damage_one(trial: str) -> Row:
        if not opened:
            work = plan.make(folder)
            reference = undisturbed(work, folder / "undisturbed")
            finished = (folder / "undisturbed" / "out").rename(folder / "undisturbed" / "finished")
            left = _half_finished(work, reference, folder, f"{seed}/{name}")
            opened.append((work, work.made_of_damaged(finished), [*[finished] * len(left), *left]))
        work, expected, folders = opened[0]
        return attempt(work, expected, folders, folder / "damaged", plan, f"{seed}/{trial}") | {"work": work.name}

    rows = []
    try:
        for row in trials.each([f"{name}/{number}" for number in range(count)], damage_one):
            rows.append(row)
            say(f"{row['trial']}: {', '.join(row['damage'])}: {row['outcome']}")
    finally:
        for work, _, _ in opened:
            work.close()
    return rows


GOOD = ("right result", "one line")


def summary(rows: Sequence[Row]) -> Row:
    """Count what came of the damaged folders of one kind of command."""
    by_damage: dict[str, Counter[str]] = {}
    for row in rows:
        for damage in row["damage"]:
            by_damage.setdefault(damage.partition(":")[0], Counter())[row["outcome"]] += 1
    return {
        "work": rows[0]["work"],
        "folders": len(rows),
        "finished": sum(row["folder"] == "finished" for row in rows),
        "outcomes": dict(Counter(row["outcome"] for row in rows).most_common()),
        "damages": {name: dict(counts.most_common()) for name, counts in sorted(by_damage.items())},
        "user_files_touched": sum(len(row["missing"]) for row in rows),
        "examples": [
            {key: row[key] for key in ("trial", "folder", "damage", "outcome", "different", "missing")}
            | {"said": row["said"][-300:]}
            for row in rows
            if row["outcome"] not in GOOD or row["missing"]
        ][:10],
    }
