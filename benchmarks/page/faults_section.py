"""Make the section on faults in training runs, from the results file."""

from __future__ import annotations

from benchmarks.page.parts import Result, Section, machine_line, table

TITLES = {"local": "one process", "ray": "Ray, vLLM, DeepSpeed"}


def section(result: Result) -> Section:
    """Make the section: one row per fault, one column per kind of run."""
    kinds = [kind for kind in TITLES if kind in result]
    ends = {kind: {row["fault"]: row["wrong"] for row in result[kind]["faults"]} for kind in kinds}
    names = list(dict.fromkeys(name for kind in kinds for name in ends[kind]))
    rows = [[name, *(_word(ends[kind].get(name)) for kind in kinds)] for name in names]
    wrong = sum(bool(found) for kind in kinds for found in ends[kind].values())
    tried = sum(len(ends[kind]) for kind in kinds)
    return Section(
        title="Faults in training runs",
        what="Each fault is put into a short run of the pocket models. The run ends with the weights of a run without "
        "the fault, to the last bit in one process; or it leaves out one step and says so; or it ends in a message, "
        "and the message's remedy leads to those weights. `benchmarks/training_faults/faults.py` says which of them, "
        "for each fault.",
        command="python -m benchmarks.training_faults",
        blocks=[
            *(f"{TITLES[kind].capitalize()}. {machine_line(result[kind]['machine'])}" for kind in kinds),
            f"{tried} trials, {wrong} of them ended otherwise than they should.",
            table(["fault", *(TITLES[kind] for kind in kinds)], rows),
        ],
    )


def _word(wrong: list[str] | None) -> str:
    if wrong is None:
        return "-"
    return "; ".join(wrong) if wrong else "as it should"
