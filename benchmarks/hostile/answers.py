"""Part 1: hostile answers through all three layers of the equivalence, in a process that is watched.

Each pair is decided by `same_answer` in both orders, and its first side is graded against the second by `is_correct`.
Pairs that are different by construction must never be equal. What counts as the time of a pair is the CPU time of the
process and of its workers for the first verdict.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import random
import re
import select
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import psutil

from benchmarks.hostile.answer_pairs import HostilePair, hostile_answers
from benchmarks.hostile.audit import CANARY, WORKER, WORKER_SEEN, watch, worker_hook
from benchmarks.hostile.trials import Row, Trials
from sure_math.equivalence import is_correct, same_answer, was_stopped, worker
from tests.helpers.answer_changes.golds import OWN, load

BOUND_SECONDS = 2.0
"""CPU seconds that a pair may take."""
CHUNK = 500
"""Pairs of one process; what was done is kept by chunks."""
PATIENCE = 3600.0
LOOK_SECONDS = 0.05
SHOWN = 100
_TICK = os.sysconf("SC_CLK_TCK")


def _cpu_seconds(processes: Sequence[psutil.Process]) -> float:
    """CPU time of processes and of those of their children that have ended."""
    total = 0
    for process in processes:
        try:
            text = Path(f"/proc/{process.pid}/stat").read_text(encoding="ascii", errors="replace")
        except OSError:
            continue
        total += sum(map(int, text.rpartition(")")[2].split()[11:15]))
    return total / _TICK


def _peak_bytes(process: psutil.Process) -> int:
    try:
        text = Path(f"/proc/{process.pid}/status").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return 0
    found = re.search(r"VmHWM:\s+(\d+)", text)
    return 1024 * int(found[1]) if found else 0


class _Family:
    """This process, the process that starts the workers, and the workers: their CPU time, memory and reports."""

    def __init__(self, pipe: Path) -> None:
        self.parent_peak = self.worker_peak = 0
        self.strangers: set[str] = set()
        """Processes that are not of the symbolic check."""
        self.reports: list[str] = []
        """What the workers say that they have done."""
        self.workers_seen = 0
        self._me = psutil.Process()
        self._looking = 0.0
        """CPU seconds of the thread that looks."""
        self._pipe = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look_often)

    def __enter__(self) -> _Family:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._thread.join()
        self._read()
        os.close(self._pipe)

    def cpu_seconds(self) -> float:
        """CPU time of all, without that of looking at them."""
        return _cpu_seconds([self._me, *self._others()]) - self._looking

    def _others(self) -> list[psutil.Process]:
        try:
            return list(self._me.children(recursive=True))
        except psutil.Error:
            return []

    def _look_often(self) -> None:
        while not self._over.wait(LOOK_SECONDS):
            self._looking = time.thread_time()
            self.parent_peak = max(self.parent_peak, _peak_bytes(self._me))
            for process in self._others():
                self.worker_peak = max(self.worker_peak, _peak_bytes(process))
                try:
                    line = process.cmdline()
                except psutil.Error:
                    continue
                # Between fork and exec, the process that starts the workers still has our own command line.
                if line and WORKER not in line and line != self._me.cmdline():
                    self.strangers.add(" ".join(line)[:SHOWN])
            self._read()

    def _read(self) -> None:
        while select.select([self._pipe], [], [], 0)[0] and (chunk := os.read(self._pipe, 65_536)):
            lines = chunk.decode("utf-8", "replace").splitlines()
            self.workers_seen += lines.count(WORKER_SEEN)
            self.reports += [line for line in lines if line != WORKER_SEEN]


def _decide(pair: HostilePair, family: _Family) -> Row:
    """Decide one pair in all ways."""
    before, started = family.cpu_seconds(), time.monotonic()
    row: Row = {"kind": pair.kind, "differs": pair.differs}
    try:
        verdict = same_answer(pair.first, pair.second)
        row |= {"cpu": family.cpu_seconds() - before, "wall": time.monotonic() - started, "verdict": verdict}
        row["stopped"] = was_stopped(pair.first, pair.second)
        if not row["stopped"]:  # a pair that was given up is asked again, and nothing else comes of it
            row["other_order"] = same_answer(pair.second, pair.first) == verdict
            row["credit"] = is_correct(pair.second, rf"So it is \boxed{{{pair.first}}}.")
    except Exception as error:
        row["exception"] = f"{type(error).__name__}: {error}"[:SHOWN]
    return row


def _count_checks() -> list[tuple[str, str]]:
    """Return a list that gets each pair of formulas that the workers are asked about."""
    asked: list[tuple[str, str]] = []
    check = worker.check

    def counted(first: str, second: str, timeout: float = worker.TIMEOUT) -> worker.Checked:
        asked.append((first, second))
        return check(first, second, timeout)

    worker.check = counted
    return asked


def _endure(pairs: Sequence[HostilePair], folder: Path, send: Any) -> None:
    """Decide pairs in this process, which is watched from now on."""
    os.chdir(folder)
    pipe = worker_hook(folder / "hook")
    sys.path.insert(0, str(folder / "hook"))
    found: list[str] = []
    with _Family(pipe) as family:
        worker.symbolic_verdict("1", "1", timeout=60.0)
        gc.collect()
        watch(found)
        asked = _count_checks()
        rows = [_decide(pair, family) for pair in pairs]
        effects = list(found)
        worker.close()
    send.send(
        {
            "rows": rows,
            "asked_workers": len(asked),
            "effects": Counter(effects),
            "workers": Counter(family.reports),
            "workers_seen": family.workers_seen,
            "strangers": sorted(family.strangers),
            "parent_peak": family.parent_peak,
            "worker_peak": family.worker_peak,
        }
    )


def _in_a_process(pairs: Sequence[HostilePair], folder: Path) -> Row:
    """Decide pairs in a new process, and look for the file that the answers try to write."""
    folder.mkdir()
    receive, send = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("spawn").Process(target=_endure, args=(pairs, folder, send))
    process.start()
    send.close()
    try:
        answered = receive.poll(PATIENCE)
        result: Row = receive.recv() if answered else {"rows": [], "hangs": True}
    except EOFError:
        result = {"rows": []}
    process.kill() if not result["rows"] else None
    process.join()
    result["died"] = len(pairs) - len(result["rows"])
    result["canary"] = sum(path.name == CANARY for place in (folder, Path("/"), Path.cwd()) for path in place.iterdir())
    return result


def _chunk(pairs: Sequence[HostilePair], folder: Path) -> Row:
    """Decide a chunk of pairs; return what the results file needs of it."""
    result = _in_a_process(pairs, folder)
    rows = result["rows"]
    wrong = [
        [row["kind"], _shown(pair.first), _shown(pair.second)]
        for pair, row in zip(pairs, rows, strict=False)
        if row["differs"] and (row.get("verdict") == "equal" or row.get("credit"))
    ]
    kinds: dict[str, Counter[str]] = {}
    for row in rows:
        kind = row["kind"].partition(":")[0]
        kinds.setdefault(kind, Counter())[row.get("verdict", "exception")] += 1
    slowest = sorted(
        (
            [round(row["cpu"], 2), round(row["wall"], 2), row["kind"], _shown(pair.first), _shown(pair.second)]
            for pair, row in zip(pairs, rows, strict=False)
            if "cpu" in row
        ),
        reverse=True,
    )
    return {
        "pairs": len(pairs),
        "differ": sum(pair.differs for pair in pairs),
        "wrong": wrong,
        "exceptions": [row["exception"] for row in rows if "exception" in row],
        "asymmetric": sum(not row.get("other_order", True) for row in rows),
        "stopped": sum(row.get("stopped", False) for row in rows),
        "over_the_bound": sum(row.get("cpu", 0.0) > BOUND_SECONDS for row in rows),
        "cpu": sum(row.get("cpu", 0.0) for row in rows),
        "slowest": slowest[:10],
        "kinds": kinds,
        **{key: value for key, value in result.items() if key != "rows"},
    }


def _shown(text: str) -> str:
    return text[:SHOWN].encode("utf-8", "backslashreplace").decode("utf-8")


def run(folder: Path, count: int, seed: int, realdata: Path | None, say: Callable[[str], None]) -> Row:
    """Decide `count` pairs; return the counts."""
    golds = OWN if realdata is None else load(realdata)
    pairs = hostile_answers(count, seed, golds)
    trials = Trials(folder, "answers", {"count": count, "seed": seed, "golds": len(golds)})
    work = folder / "answers"
    work.mkdir(exist_ok=True)

    def attempt(name: str) -> Row:
        place = work / f"{name}-{random.randrange(10**9)}"
        start = int(name) * CHUNK
        return _chunk(pairs[start : start + CHUNK], place)

    rows = []
    for row in trials.each([str(number) for number in range(-(-count // CHUNK))], attempt):
        rows.append(row)
        say(f"answers: {sum(row['pairs'] for row in rows):,} of {count:,} pairs, {len(row['wrong'])} wrong in the last")
    return {"seed": seed, "golds": len(golds), **summary(rows)}


def summary(rows: Sequence[Row]) -> Row:
    """Add up the chunks."""
    total: Row = {
        name: sum(row[name] for row in rows)
        for name in ("pairs", "differ", "asymmetric", "stopped", "over_the_bound", "died", "canary")
    }
    total["cpu_seconds"] = round(sum(row["cpu"] for row in rows), 1)
    for name in ("wrong", "exceptions"):
        total[name] = [item for row in rows for item in row[name]]
    total["slowest"] = sorted((item for row in rows for item in row["slowest"]), reverse=True)[:10]
    total["kinds"] = {kind: dict(sorted(counts.items())) for kind, counts in sorted(_added(rows, "kinds"))}
    for name in ("effects", "workers"):
        counts: Counter[str] = sum((Counter(row.get(name, {})) for row in rows), Counter())
        total[name] = dict(counts.most_common(20))
    for name in ("workers_seen", "asked_workers"):
        total[name] = sum(row.get(name, 0) for row in rows)
    total["strangers"] = sorted({name for row in rows for name in row.get("strangers", ())})
    for name in ("parent_peak", "worker_peak"):
        total[f"{name}_mb"] = round(max((row.get(name, 0) for row in rows), default=0) / 2**20, 1)
    return total


def _added(rows: Sequence[Row], name: str) -> Iterator[tuple[str, Counter[str]]]:
    added: dict[str, Counter[str]] = {}
    for row in rows:
        for kind, counts in row[name].items():
            added.setdefault(kind, Counter()).update(counts)
    yield from added.items()
