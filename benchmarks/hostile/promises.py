"""What is promised of hostile input, faults and crashes, as counts that have to be zero, and where they are broken."""

from __future__ import annotations

from benchmarks.hostile.damage import GOOD
from benchmarks.hostile.trials import Row


def counts(part: str, section: Row) -> dict[str, int]:
    """Return the counts of a part that are promised to be zero, by what they count."""
    if part == "answers":
        return {
            'false "equal"': len(section["wrong"]),
            "pairs over 2 s of CPU time": section["over_the_bound"],
            "exceptions": len(section["exceptions"]),
            "pairs whose process died": section["died"],
            "verdicts that depend on the order": section["asymmetric"],
            "side effects": sum(section["effects"].values()) + sum(section["workers"].values()) + section["canary"],
            "other processes": len(section["strangers"]),
        }
    if part == "secrets":
        return {
            "secrets in files": section["found_in_files"],
            "secrets in the output": section["found_in_output"],
            "tracebacks": section["tracebacks"],
            "commands that did not end as they should": section["not_as_expected"],
        }
    kinds = section["kinds"].values()
    if part == "kills":
        return {
            "commands that did not end well after the kills": sum(kind["failed"] for kind in kinds),
            "results that differ": sum(kind["different"] for kind in kinds),
            "rows lost": sum(kind["rows_lost"] for kind in kinds),
            "requests repeated whose answers were stored": sum(kind["repeated_beyond_flight"] for kind in kinds),
            "requests never asked": sum(kind["never_asked"] for kind in kinds),
            "processes left behind after 10 s": sum(kind["processes_left"] for kind in kinds),
        }
    outcomes = [item for kind in kinds for item in kind["outcomes"].items()]
    return {
        "folders that end otherwise than right or in one line": sum(n for name, n in outcomes if name not in GOOD),
        "tracebacks": sum(count for name, count in outcomes if name == "a traceback"),
        "files of the user touched": sum(kind["user_files_touched"] for kind in kinds),
    }


def broken(part: str, section: Row) -> list[str]:
    """List the promises of a part that its section does not keep.

    >>> broken("secrets", {"found_in_files": 0, "found_in_output": 1, "tracebacks": 0, "not_as_expected": 0})
    ['secrets: 1 secrets in the output']
    """
    return [f"{part}: {count:,} {what}" for what, count in counts(part, section).items() if count]
