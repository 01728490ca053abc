"""Disturb training runs in some fifty ways, and see that each ends right or in a message whose remedy works.

    python -m benchmarks.training_faults [--kinds local ray] [--only WORD] [--work DIR]

Every fault is tried in a run of one process (`pocket-local`), in which the result has to be the undisturbed run's to
the last bit, and in a run with Ray, vLLM and DeepSpeed (`pocket`). Each trial is kept in the work folder, so a stopped
command continues when it is repeated. The command exits with 1 if a run ended otherwise than it should.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.hostile.__main__ import machine
from benchmarks.hostile.kills import Undisturbed, undisturbed
from benchmarks.hostile.trials import Row, Trials
from benchmarks.hostile.works import Work
from benchmarks.measuring.results_files import read_results, results_file
from benchmarks.training_faults.attempt import attempt, works_of
from benchmarks.training_faults.faults import FAULTS, KINDS
from sure_math.command_line.terminal import say
from sure_math.storage.files import write_whole

RESULTS = results_file(str(Path(__file__).parent))


def try_kind(kind: str, folder: Path, only: str) -> Row:
    """Try all faults of a kind of run; return one row per fault."""
    faults = {fault.name: fault for fault in FAULTS if kind in fault.kinds and only in fault.name}
    trials = Trials(folder, kind, {"kind": kind})
    place = folder / f"work-{kind}"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    opened: list[tuple[Work, Undisturbed]] = []

    def disturb(name: str) -> Row:
        if not opened:
            work = works_of(kind, place)
            opened.append((work, undisturbed(work, place / "undisturbed")))
        return attempt(faults[name], *opened[0], place / "disturbed")

    rows = []
    for row in trials.each(list(faults), disturb):
        rows.append(row)
        say(f"{kind}, {row['fault']}: {'; '.join(row['wrong']) or 'as it should be'}")
    return {"faults": [{"fault": row["fault"], "wrong": row["wrong"]} for row in rows]}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.training_faults", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS), help="kinds of runs")
    parser.add_argument("--only", default="", help="faults with this in their name")
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "benchmarks-training-faults")
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args(arguments)
    wrong = []
    for kind in options.kinds:
        facts, started = machine(), time.monotonic()
        section = try_kind(kind, options.work, options.only)
        section |= {"machine": facts, "seconds": round(time.monotonic() - started)}
        if not options.only:
            results = read_results(options.out) | {kind: section}
            write_whole(options.out, (json.dumps(results, indent=1, ensure_ascii=False) + "\n").encode())
        wrong += [f"{kind}, {row['fault']}" for row in section["faults"] if row["wrong"]]
    say(f"not as it should be: {'; '.join(wrong)}" if wrong else "every run ended as it should")
    return int(bool(wrong))


if __name__ == "__main__":
    raise SystemExit(main())
