"""The page's sections on data, grading and the pocket models."""

from __future__ import annotations

from functools import partial
from typing import Any

from benchmarks.page.parts import Figure, Result, Section, bars, draw_panels, machine_line, table


def grading(found: Result) -> Section:
    rows = []
    for name, ours in found["ours"].items():
        theirs = found["minerva_math"][name]
        speeds = [f"{side['per_second']:,.0f}" for side in (ours, theirs)]
        slowest = [f"{side['slowest_s']:.3f} s" for side in (ours, theirs)]
        ratio = f"{found['times_as_fast'][name]:,.0f}×"
        rows.append([name, f"{ours['responses']:,}", *speeds, ratio, *slowest])
    agrees = found["math_verify_agrees"]
    same = agrees["both"] + agrees["neither"]
    return Section(
        title="Grading",
        what="Real responses graded by `is_correct` and by the functions of lm-eval's `minerva_math`, the same "
        "responses in the same order, one process each; the start of our worker processes is apart "
        f"({found['worker_start_seconds']:.2f} s). Both accept, or neither does, {same:,} of "
        f"{sum(side['responses'] for side in found['ours'].values()):,} responses.",
        command="python benchmarks/grading_speed.py --realdata DIR",
        blocks=[
            machine_line({"processor": found["machine"], "versions": found["versions"]}),
            table(
                ["", "responses", "ours, per second", "theirs", "ratio", "slowest, ours", "slowest, theirs"],
                rows,
            ),
        ],
    )


def equivalence(found: Result) -> Section:
    values = {
        "ours": found["ours_seconds"],
        "Math-Verify, parsed once": found["math_verify_parsed_once_seconds"],
    }
    drawing = Figure(
        name="equivalence",
        alt="Seconds to compare all answers of 50 problems, ours and Math-Verify",
        draw=partial(
            draw_panels,
            [
                partial(
                    bars,
                    values=values,
                    label=lambda value: f"{value:.3g} s",
                    title=f"{found['pairs']:,} pairs of answers",
                    xlabel="seconds",
                )
            ],
        ),
    )
    rows = [
        [f"ours, {found['problems']} problems", f"{found['ours_seconds']:.2f} s", "-"],
        [
            "Math-Verify, each answer parsed once",
            f"{found['math_verify_parsed_once_seconds']:.2f} s",
            f"{found['ratio_parsed_once']:.1f}×",
        ],
        [f"ours, {found['slow_problems']} problems", f"{found['ours_seconds_on_slow_problems']:.3f} s", "-"],
        [
            f"Math-Verify, both parsed for every pair, {found['slow_problems']} problems",
            f"{found['math_verify_parsed_per_pair_seconds']:.2f} s",
            f"{found['ratio_parsed_per_pair']:.1f}×",
        ],
    ]
    return Section(
        title="Which answers are the same",
        what=f"All {found['pairs']:,} pairs of real answers to each problem, compared by `same_answers` on distinct "
        "canonical strings and by Math-Verify on all pairs; the start of our worker processes is apart. The two differ "
        f"on {len(found['differences'])} of {found['distinct_pairs']:,} distinct pairs, in either direction.",
        command="python benchmarks/equivalence_speed.py --realdata DIR",
        blocks=[machine_line({"processor": found["machine"]}), drawing, table(["", "time", "times ours"], rows)],
    )


def build_memory(found: Result) -> Section:
    rows = [
        [f"{int(size):,}", f"{run['peak_mb']:.0f} MB", f"{run['seconds']:.0f} s"]
        for size, run in found["sizes"].items()
    ]
    return Section(
        title="Memory of a build",
        what="Peak resident memory of a build from stored samples, worker processes included: with ten times the "
        f"problems it is {found['ratio']:.2f} times as much.",
        command="python -m benchmarks.build_memory",
        blocks=[machine_line(None), table(["problems", "peak memory", "time"], rows)],
    )


def decontamination(found: Result) -> Section:
    planted, load, clean = found["planted"], found["load"], found["clean"]
    rows = [
        *([f"planted: {way}", count] for way, count in planted["by_way"].items()),
        *([f"other people's copy: {name.split(':')[0]}", count] for name, count in found["copies"].items()),
        ["MATH test problems flagged for MATH-500", found["math"]["math_test_flagged"]],
        ["MATH train problems flagged for MATH-500", found["math"]["math_train_flagged"]],
        [
            "Omni-MATH and OlympiadBench flagged for MATH-500",
            f"{clean['flagged_rows']} of {clean['rows']:,}",
        ],
    ]
    speed = (
        f"{load['problems']:,} problems through the search for duplicates and against {load['benchmark_problems']:,} "
        f"benchmark problems: {load['seconds']:.0f} s, peak memory {load['peak_rss_gb']:.2f} GB."
    )
    versions = {name: load[name] for name in ("python", "datasketch", "numpy")}
    return Section(
        title="Overlap with benchmarks",
        what=f"{planted['planted']} overlaps planted in several ways of writing ({planted['found']} found), other "
        "people's copies of the benchmarks, MATH against MATH-500, and problems that should not be flagged.",
        command="python -m benchmarks.decontamination --realdata DIR",
        blocks=[
            machine_line({"processor": load["machine"], "cores": load["cores"], "versions": versions}),
            table(["", "found or flagged"], rows),
            speed,
        ],
    )


def real_seeds(found: Result) -> Section:
    rows = []
    for phase in found["funnel"]:
        reasons = ", ".join(f"{reason} {count}" for reason, count in phase["dropped"].items()) or "-"
        rows.append([phase["phase"], phase["rows_in"], phase["kept"], reasons])
    return Section(
        title="Real seeds through the whole pipeline",
        what="Problems of seven public sources through every phase, with pocket models that are far too small for "
        f"them: what is shown is the funnel. {found['rows']['samples']:,} samples, {found['seconds']} s.",
        command="python -m benchmarks.real_seeds --realdata DIR",
        blocks=[
            machine_line({"versions": found["versions"]}),
            table(["phase", "rows in", "kept", "dropped"], rows),
        ],
    )


def entropy(found: Result) -> Section:
    rows = []
    for name in ("pocket", "math500"):
        one = found[name]
        accuracy, mean = f"{one['accuracy']:.1%}", f"{one['mean_normalised_entropy']:.2f}"
        rows.append([name, one["problems"], accuracy, mean, one["unanimous"]])
    return Section(
        title="A teacher outside its world",
        what="Semantic entropy of the pocket teacher on the problems it was trained for, and on MATH-500, which it "
        f"knows nothing of ({found['seconds']} s with {found['engine']}).",
        command="python -m benchmarks.math500_entropy --realdata DIR --pocket DIR",
        blocks=[machine_line(None), table(["", "problems", "accuracy", "mean H / log N", "unanimous"], rows)],
    )


def validation(found: list[Result]) -> Section:
    rows = []
    for run in found:
        score = next(one for one in run["scores"] if one["score"] == "semantic entropy")
        area = f"{score['value']:.3f} [{score['low']:.3f}, {score['high']:.3f}]"
        cells = [run["problems"], score["positives"], f"{run['accuracy']:.1%}", area, run["judge_calls"]]
        rows.append([run["seed"], *cells, f"{run['build_seconds']} s"])
    columns = ["seed", "problems", "wrong", "accuracy", "AUROC [95 %]", "judge calls", "build"]
    return Section(
        title="Entropy and the teacher's errors",
        what="How well semantic entropy tells the problems apart that the pocket teacher gets wrong, for three run "
        "seeds. The figure is of the first.",
        command="python -m benchmarks.pocket_validation",
        blocks=[
            machine_line(None),
            Figure(name="pocket_accuracy", alt="Accuracy of the teacher against semantic entropy"),
            table(columns, rows),
        ],
    )


def pocket_models(found: Result) -> Section:
    rows = [
        [name, f"{one['right']:,} of {one['total']:,}", f"{one['right'] / one['total']:.1%}"]
        for name, one in found.items()
        if isinstance(one, dict) and {"right", "total"} <= set(one)
    ]
    return Section(
        title="The pocket models",
        what="What the shipped models get right on problems and pairs that were held out of their training.",
        command="python -m sure_math.pocket.evaluate --out benchmarks/results/pocket_models.json",
        blocks=[machine_line(None), table(["", "right", "share"], rows)],
    )


def points(gap: Result) -> str:
    """A difference of shares with its interval."""
    return f"{100 * gap['value']:+.1f} [{100 * gap['low']:+.1f}, {100 * gap['high']:+.1f}]"


def pocket_training(found: Result) -> Section:
    rows = []
    for name, kinds in found["models"].items():
        cells: list[Any] = []
        for kind in ("seeds", "evolved"):
            gap = kinds[kind]["difference"]
            cells += [f"{kinds[kind]['accuracy']:.1%}", points(gap)]
        rows.append([name, *cells])
    others = [
        [name, *(points(kinds[kind]["uopd_minus_it"]) for kind in ("seeds", "evolved"))]
        for name, kinds in found["models"].items()
        if "uopd_minus_it" in kinds["seeds"]
    ]
    run = found["runs"]["uopd"]
    return Section(
        title="The pocket student distilled",
        what=f"{run['steps']} steps of UOPD ({found['seconds']['uopd']} s, {run['tokens_per_second']:,.0f} response "
        "tokens per second) beside the student's own supervised training continued for as many; greedy accuracy on "
        "held-out problems, and the paired difference from the student before, in points, with its 95 % interval.",
        command=f"python -m benchmarks.pocket_training --data DIR --methods {' '.join(found['runs'])}",
        blocks=[
            machine_line(found.get("machine")),
            Figure(name="pocket_training", alt="The pocket student in training"),
            table(["model", "seeds", "difference", "evolved", "difference"], rows),
            *([table(["UOPD less", "seeds", "evolved"], others)] if others else []),
        ],
    )
