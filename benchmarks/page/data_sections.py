"""Make the page's sections on data, grading and the pocket models, each from its results file."""

from __future__ import annotations

from functools import partial
from typing import Any

from benchmarks.page.parts import Figure, Result, Section, bars, draw_panels, machine_line, table


def grading(result: Result) -> Section:
    """Make the section on grading."""
    rows = []
    for name, our in result["ours"].items():
        their = result["minerva_math"][name]
        speeds = [f"{side['per_second']:,.0f}" for side in (our, their)]
        slowest = [f"{side['slowest_s']:.3f} s" for side in (our, their)]
        ratio = f"{result['times_as_fast'][name]:,.0f}×"
        rows.append([name, f"{our['responses']:,}", *speeds, ratio, *slowest])
    agrees = result["math_verify_agrees"]
    same = agrees["both"] + agrees["neither"]
    return Section(
        title="Grading",
        what="Real responses are graded by `is_correct` and by the functions of lm-eval's `minerva_math`: the same "
        "responses in the same order, one process each. The start of our worker processes is timed separately "
        f"({result['worker_start_seconds']:.2f} s). Both sides accept, or both reject, {same:,} of "
        f"{sum(side['responses'] for side in result['ours'].values()):,} responses.",
        command="python benchmarks/grading_speed.py --realdata DIR",
        blocks=[
            machine_line({"processor": result["machine"], "versions": result["versions"]}),
            table(
                ["", "responses", "ours, per second", "theirs", "ratio", "slowest, ours", "slowest, theirs"],
                rows,
            ),
        ],
    )


def equivalence(result: Result) -> Section:
    """Make the section on comparing answers."""
    values = {
        "ours": result["ours_seconds"],
        "Math-Verify, parsed once": result["math_verify_parsed_once_seconds"],
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
                    title=f"{result['pairs']:,} pairs of answers",
                    xlabel="seconds",
                )
            ],
        ),
    )
    rows = [
        [f"ours, {result['problems']} problems", f"{result['ours_seconds']:.2f} s", "-"],
        [
            "Math-Verify, each answer parsed once",
            f"{result['math_verify_parsed_once_seconds']:.2f} s",
            f"{result['ratio_parsed_once']:.1f}×",
        ],
        [f"ours, {result['slow_problems']} problems", f"{result['ours_seconds_on_slow_problems']:.3f} s", "-"],
        [
            f"Math-Verify, both parsed for every pair, {result['slow_problems']} problems",
            f"{result['math_verify_parsed_per_pair_seconds']:.2f} s",
            f"{result['ratio_parsed_per_pair']:.1f}×",
        ],
    ]
    return Section(
        title="Which answers are the same",
        what=f"All {result['pairs']:,} pairs of real answers are compared, by `same_answers` on distinct canonical "
        "strings and by Math-Verify on all pairs. The start of our worker processes is timed separately. The two "
        f"differ on {len(result['differences'])} of {result['distinct_pairs']:,} distinct pairs, in either direction.",
        command="python benchmarks/equivalence_speed.py --realdata DIR",
        blocks=[machine_line({"processor": result["machine"]}), drawing, table(["", "time", "times ours"], rows)],
    )


def changes(result: Result) -> Section:
    """Make the section on changed answers, other notations and hostile strings."""
    names = {
        "differing": "changed answers, none may be equal",
        "respelled": "the same answers in another notation",
        "hostile": "hostile strings",
    }
    rows = [
        [
            name,
            f"{result[part]['pairs']:,}",
            *(f"{result[part]['verdicts'].get(verdict, 0):,}" for verdict in ("equal", "different", "undecided")),
            f"{result[part]['seconds']:.0f} s",
        ]
        for part, name in names.items()
    ]
    hostile = result["hostile"]
    return Section(
        title="Changed answers and other notations",
        what=f"{result['golds']:,} reference answers of public sets are changed in one place, put into systems, "
        "chains, units and sentences of many languages, and written in another notation, by a seeded generator that "
        "proves that changed answers differ. The slowest verdict on hostile strings took "
        f"{hostile['slowest'][0][0]:.1f} s; "
        f"{len(hostile['exceptions'])} raised an exception, {hostile['asymmetric']} depended on the order.",
        command="python -m benchmarks.equivalence_changes --realdata DIR",
        blocks=[
            machine_line(result["machine"]),
            table(["pairs", "number", "equal", "different", "undecided", "time"], rows),
        ],
    )


def build_memory(result: Result) -> Section:
    """Make the section on the memory of a build."""
    rows = [
        [f"{int(size):,}", f"{run['peak_mb']:.0f} MB", f"{run['seconds']:.0f} s"]
        for size, run in result["sizes"].items()
    ]
    return Section(
        title="Memory of a build",
        what="Peak resident memory of a build from stored samples, worker processes included. With ten times the "
        f"problems the peak is {result['ratio']:.2f} times as high.",
        command="python -m benchmarks.build_memory",
        blocks=[machine_line(None), table(["problems", "peak memory", "time"], rows)],
    )


def sampling_stream(result: Result) -> Section:
    """Make the section on how the sampling phase keeps vLLM busy."""
    speed, simulated, memory, prefix = (result[part] for part in ("speed", "simulated", "memory", "prefix"))
    names = {
        "ours": "ours: recorder, chat template, journal, shards",
        "raw": "one raw `LLM.generate`",
        "batches": "raw batches of 128",
    }
    rows = [
        [
            names[way],
            f"{speed['medians'][way]:.1f} s",
            f"{speed['medians'][way] / speed['medians']['raw']:.3f}×",
            ", ".join(f"{run['seconds']:.1f}" for run in runs),
        ]
        for way, runs in speed["runs"].items()
    ]
    ways = next(iter(simulated["times_the_stream"].values()))
    long = [[name, *(f"{times[way]:.2f}×" for way in ways)] for name, times in simulated["times_the_stream"].items()]
    first, last = memory["seen"][0], memory["seen"][-1]
    return Section(
        title="The sampling phase",
        what=f"{speed['requests']} requests of mixed lengths ({speed['limits'][0]} to {speed['limits'][1]} new tokens) "
        f"to {speed['model']} under vLLM with {speed['slots']} slots: as a build asks them, as one raw call, and as "
        f"raw batches of 128. The three take turns, {len(speed['runs']['raw'])} times; the medians are compared.",
        command="python -m benchmarks.sampling_stream --model DIR",
        blocks=[
            machine_line(speed["machine"]),
            table(["", "median", "times the raw call", "seconds"], rows),
            f"Simulated, {simulated['sequences']:,} answers with lengths as models with long thoughts have them (at "
            f"most {simulated['limit']:,} tokens, {simulated['slots']} slots, half of a full step's time is fixed), in "
            "times of one stream:",
            table(["lengths", *ways], long),
            f"Memory over {memory['requests']:,} requests to the pocket teacher: {first['own_mb']:.0f} MB after "
            f"{first['requests']:,} and {last['own_mb']:.0f} MB after {last['requests']:,}; vLLM's processes "
            f"{first['vllm_mb']:.0f} and {last['vllm_mb']:.0f} MB.",
            f"{prefix['samples']} samples of {prefix['new_tokens']} tokens for each of {prefix['prompts']} prompts of "
            f"{prefix['prompt_tokens']:,} tokens ({prefix['model']}): {prefix['medians']['with']:.1f} s with vLLM's "
            f"cache of prefixes, {prefix['medians']['without']:.1f} s without it "
            f"({prefix['times_as_fast']:.2f}× as fast).",
        ],
    )


def decontamination(result: Result) -> Section:
    """Make the section on decontamination."""
    planted, load, clean = result["planted"], result["load"], result["clean"]
    rows = [
        *([f"planted: {way}", count] for way, count in planted["by_way"].items()),
        *([f"other people's copy: {name.split(':')[0]}", count] for name, count in result["copies"].items()),
        ["MATH test problems flagged for MATH-500", result["math"]["math_test_flagged"]],
        ["MATH train problems flagged for MATH-500", result["math"]["math_train_flagged"]],
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


def real_seeds(result: Result) -> Section:
    """Make the section on real seeds."""
    rows = []
    for phase in result["funnel"]:
        reasons = ", ".join(f"{reason} {count}" for reason, count in phase["dropped"].items()) or "-"
        rows.append([phase["phase"], phase["rows_in"], phase["kept"], reasons])
    return Section(
        title="Real seeds through the whole pipeline",
        what="Problems of seven public sources go through every phase, with pocket models that are far too small for "
        f"them. The table shows how many rows each phase keeps. {result['rows']['samples']:,} samples, "
        f"{result['seconds']} s.",
        command="python -m benchmarks.real_seeds --realdata DIR",
        blocks=[
            machine_line({"versions": result["versions"]}),
            table(["phase", "rows in", "kept", "dropped"], rows),
        ],
    )


def entropy(result: Result) -> Section:
    """Make the section on a teacher outside its world."""
    rows = []
    for name in ("pocket", "math500"):
        numbers = result[name]
        accuracy, mean = f"{numbers['accuracy']:.1%}", f"{numbers['mean_normalised_entropy']:.2f}"
        rows.append([name, numbers["problems"], accuracy, mean, numbers["unanimous"]])
    return Section(
        title="A teacher outside its world",
        what="Semantic entropy of the pocket teacher on the problems it was trained for, and on MATH-500, for which it "
        f"was not trained ({result['seconds']} s with {result['engine']}).",
        command="python -m benchmarks.math500_entropy --realdata DIR --pocket DIR",
        blocks=[machine_line(None), table(["", "problems", "accuracy", "mean H / log N", "unanimous"], rows)],
    )


def validation(results: list[Result]) -> Section:
    """Make the section on entropy and the teacher's errors."""
    rows = []
    for run in results:
        score = next(row for row in run["scores"] if row["score"] == "semantic entropy")
        area = f"{score['value']:.3f} [{score['low']:.3f}, {score['high']:.3f}]"
        cells = [run["problems"], score["positives"], f"{run['accuracy']:.1%}", area, run["judge_calls"]]
        rows.append([run["seed"], *cells, f"{run['build_seconds']} s"])
    columns = ["seed", "problems", "wrong", "accuracy", "AUROC [95 %]", "judge calls", "build"]
    return Section(
        title="Entropy and the teacher's errors",
        what="How well semantic entropy predicts which problems the pocket teacher gets wrong, for three run seeds. "
        "The figure shows the first seed.",
        command="python -m benchmarks.pocket_validation",
        blocks=[
            machine_line(None),
            Figure(name="pocket_accuracy", alt="Accuracy of the teacher against semantic entropy"),
            table(columns, rows),
        ],
    )


def pocket_models(result: Result) -> Section:
    """Make the section on the pocket models."""
    rows = [
        [name, f"{counts['right']:,} of {counts['total']:,}", f"{counts['right'] / counts['total']:.1%}"]
        for name, counts in result.items()
        if isinstance(counts, dict) and {"right", "total"} <= set(counts)
    ]
    return Section(
        title="The pocket models",
        what="Shares that the shipped models get right, on problems and pairs that were held out of their training.",
        command="python -m sure_math.pocket.evaluate --out benchmarks/results/pocket_models.json",
        blocks=[machine_line(None), table(["", "right", "share"], rows)],
    )


def points(gap: Result) -> str:
    """Write a difference of shares, in points, with its interval."""
    return f"{100 * gap['value']:+.1f} [{100 * gap['low']:+.1f}, {100 * gap['high']:+.1f}]"


def pocket_training(result: Result) -> Section:
    """Make the section on training the pocket student."""
    rows = []
    for name, kinds in result["models"].items():
        cells: list[Any] = []
        for kind in ("seeds", "evolved"):
            gap = kinds[kind]["difference"]
            cells += [f"{kinds[kind]['accuracy']:.1%}", points(gap)]
        rows.append([name, *cells])
    others = [
        [name, *(points(kinds[kind]["uopd_minus_it"]) for kind in ("seeds", "evolved"))]
        for name, kinds in result["models"].items()
        if "uopd_minus_it" in kinds["seeds"]
    ]
    run = result["runs"]["uopd"]
    return Section(
        title="The pocket student distilled",
        what=f"{run['steps']} steps of UOPD ({result['seconds']['uopd']} s, {run['tokens_per_second']:,.0f} response "
        "tokens per second), beside the student's supervised training continued for as many steps. Greedy accuracy on "
        "held-out problems, and the paired difference from the student before training, in points, with its 95 % "
        "interval.",
        command=f"python -m benchmarks.pocket_training --data DIR --methods {' '.join(result['runs'])}",
        blocks=[
            machine_line(result.get("machine")),
            Figure(name="pocket_training", alt="The pocket student in training"),
            table(["model", "seeds", "difference", "evolved", "difference"], rows),
            *([table(["UOPD less", "seeds", "evolved"], others)] if others else []),
        ],
    )
