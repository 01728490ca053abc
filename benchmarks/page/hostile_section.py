"""Make the section and the page of the documentation on hostile input, from the results file."""

from __future__ import annotations

from benchmarks.hostile.promises import counts
from benchmarks.page.parts import Result, Section, machine_line, table

COMMAND = "python -m benchmarks.hostile --realdata DIR"
TITLES = {
    "answers": "Hostile answers",
    "kills": "Commands that are killed",
    "damage": "Damaged folders",
    "secrets": "Secrets",
}


def section(result: Result) -> Section:
    """Make the section on hostile input."""
    return Section(
        title="Hostile input, kills, damage and secrets",
        what="What a stranger's text, a crash and a damaged disk can do. `docs/hostile_input.md` says what is promised "
        "and how it is tested.",
        command=COMMAND,
        blocks=[machine_line(_machine(result)), _promises(result)],
    )


def docs_page(result: Result) -> str:
    """Write the page of the documentation."""
    parts = {"answers": _answers, "kills": _kills, "damage": _damage, "secrets": _secrets}
    blocks = [
        "# Hostile input",
        f"The numbers come from `{COMMAND}`; they are in `benchmarks/results/hostile.json`. Small runs of all parts "
        "are tests (`tests/benchmarks/test_hostile.py`), and `tests/hostile/` has a test for each fault that was "
        "found.",
        "## What is promised",
        "- **Answers are data.** No answer of a model runs code, writes a file, opens a connection or starts a "
        "process. A pair takes at most 2 s of CPU time. An answer that could not be read as a whole is never equal to "
        "another answer.",
        "- **A command that was killed goes on.** Repeated, it ends with the result of a run that nothing disturbed. "
        "It asks a model again only for what was in flight, or was answered in the last second and not stored.",
        "- **A damaged folder costs no file of yours.** The repeated command ends with the right result, or in one "
        "line that names the file and says what to do.",
        "- **Secrets stay where you put them.** No key or token is in a file that a command writes, or in what it "
        "prints.",
        "## The last figures",
        "Each number is promised to be 0.",
        _promises(result),
        machine_line(_machine(result)),
        *(block for part, write in parts.items() if part in result for block in write(result[part])),
    ]
    return "\n\n".join(blocks) + "\n"


def _machine(result: Result) -> Result:
    return next((result[part]["machine"] for part in TITLES if part in result), {})


def _promises(result: Result) -> str:
    rows = [
        [TITLES[part], what, f"{count:,}"]
        for part in TITLES
        if part in result
        for what, count in counts(part, result[part]).items()
    ]
    return table(["part", "what is counted", "found"], rows, text={"what is counted"})


def _answers(part: Result) -> list[str]:
    kinds = [
        [kind, *(verdicts.get(verdict, 0) for verdict in ("equal", "different", "undecided"))]
        for kind, verdicts in part["kinds"].items()
    ]
    slowest = max((row[0] for row in part["slowest"]), default=0.0)
    return [
        f"## {TITLES['answers']}",
        f"{part['pairs']:,} pairs with a hostile answer are decided by `same_answer` in both orders and graded by "
        f"`is_correct`. {part['differ']:,} of them are different by construction: changed golds dressed in characters "
        "that nobody sees, braces and HTML; an answer and the same answer with code, macros, markup or shell commands "
        "behind it; values in nests, powers, sums and long runs of digits. Of the others (random mutations, texts that "
        "attack viewers) only the behaviour counts.",
        f"Our reading decides most of them; {part['asked_workers']:,} pairs of formulas reach the workers of the "
        f"symbolic check, and {part['stopped']:,} pairs are given up. The slowest takes {slowest:.2f} s of CPU time, "
        f"all together {part['cpu_seconds']:,.0f} s. Memory at the peak: {part['parent_peak_mb']:,.0f} MB for the "
        f"process, {part['worker_peak_mb']:,.0f} MB for a worker.",
        f"The process and its {part['workers_seen']:,} workers are watched by Python's audit hooks: files that are "
        "opened for writing, processes, sockets, and compiled source. SymPy compiles the digits of numbers, which is "
        "not counted. The answers also try to write a file of a certain name, which is looked for at the end.",
        table(["kind of pair", "equal", "different", "undecided"], kinds),
    ]


def _kills(part: Result) -> list[str]:
    kinds = part["kinds"].values()
    rows = [
        [
            kind["work"],
            kind["kills"],
            kind["kills"] - kind["points"].get("random", 0),
            f"{kind['folders'] - kind['failed'] - kind['different']} of {kind['folders']}",
            f"{kind['to_the_last_bit']} of {kind['folders']}",
            kind["rows_lost"],
            f"{kind['repeated']} of {kind['asked']:,}" if kind["asked"] else "-",
            f"{kind['kills_with_processes_left']} ({kind['processes_left']})",
        ]
        for kind in kinds
    ]
    points: dict[str, int] = {}
    for kind in kinds:
        for point, count in kind["points"].items():
            points[point] = points.get(point, 0) + count
    columns = [
        *("command", "kills", "at exact points", "same result", "to the last bit", "rows lost"),
        *("requests asked again", "kills that left processes (how many)"),
    ]
    return [
        f"## {TITLES['kills']}",
        f"Commands are killed with SIGKILL {sum(kind['kills'] for kind in kinds)} times, at random times and at exact "
        "points: the process stops itself at the n-th event of a kind and is killed there. A folder takes up to four "
        "kills, each followed by the same command, which is then left to end. Its tables, weights, metrics and scores "
        "are compared with those of a run that was not killed; numbers may differ by 0.00001. With vLLM, what is "
        "sampled anew may be another text: the run with Ray is compared by its steps, its files, and the rollouts that "
        "were logged before a kill, and the build under vLLM by the ids of its rows. Requests are counted by the "
        "servers, or by the log that a build writes before it commits a batch; what the journal held at the kill may "
        "not be asked again. Processes count as left behind if they are there 10 s after the kill.",
        table(columns, rows),
        table(
            ["where the kill came", "kills"],
            [[point, points[point]] for point in sorted(points, key=lambda point: -points[point])],
        ),
    ]


def _damage(part: Result) -> list[str]:
    kinds = part["kinds"].values()
    outcomes = list(dict.fromkeys(outcome for kind in kinds for outcome in kind["outcomes"]))
    rows = [
        [kind["work"], kind["folders"], kind["finished"], *(kind["outcomes"].get(name, 0) for name in outcomes)]
        for kind in kinds
    ]
    damages: dict[str, dict[str, int]] = {}
    for kind in kinds:
        for name, counted in kind["damages"].items():
            for outcome, count in counted.items():
                damages.setdefault(name, {})[outcome] = damages.get(name, {}).get(outcome, 0) + count
    return [
        f"## {TITLES['damage']}",
        f"{sum(kind['folders'] for kind in kinds)} folders of commands that have ended, or were killed, get one to "
        "three damages each, and files of the user beside them. The command is repeated, without the right of root to "
        "read everything. In a training, a line of a log that was damaged may be missing afterwards; the weights may "
        "not differ.",
        table(["command", "folders", "of finished commands", *outcomes], rows),
        table(
            ["damage", *outcomes], [[name, *(damages[name].get(o, 0) for o in outcomes)] for name in sorted(damages)]
        ),
    ]


def _secrets(part: Result) -> list[str]:
    return [
        f"## {TITLES['secrets']}",
        f"{part['commands']} commands run with {part['sentinels']} sentinels: in the environment, in settings, and in "
        "the user, fragment and query of URLs. Servers repeat all secrets of the environment in their errors. "
        f"{part['bytes_searched'] / 1e6:,.0f} MB in {part['files_searched']:,} files and everything printed are "
        "searched for the sentinels as they are, in base64, reversed and in UTF-16; Parquet is also searched as it is "
        f"read. Weights & Biases: {part['wandb']}.",
    ]
