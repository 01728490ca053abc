"""Measure decontamination on real problems: `python -m benchmarks.decontamination --realdata DIR`.

(a) How many of 200 planted overlaps are found: problems of the benchmarks, 50 in each of four ways of writing
    (`compared/planted_overlaps.py`). Then the same for all ways at once, for other people's copies of the benchmarks,
    and for MATH against MATH-500.
(b) Which problems of Omni-MATH and OlympiadBench are flagged for MATH-500, with the verdict of a reader.
(c) Time and memory of the searches for duplicates and for overlaps, on 100,000 problems made from real problems.

The thresholds were chosen on the planted seeds 1 and 2, on MATH train against MATH-500 and on the copies. The seed
reported here is another one.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import random
import re
import resource
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.compared.planted_overlaps import WAYS, at_once
from benchmarks.measuring.results_files import results_file
from sure_math.command_line.terminal import prepare_output, say
from sure_math.escaping import file_bytes
from sure_math.problems.contamination.decontaminate import decontaminate
from sure_math.problems.contamination.duplicates import Distinct
from sure_math.problems.contamination.overlap_index import NEAR, RETOLD, SHINGLE, BenchmarkIndex, Entry
from sure_math.rows import Problem
from sure_math.storage.files import write_whole

RESULTS = results_file(__file__)
NGRAM, CONTAINMENT, NEAR_DUPLICATES = 8, 0.6, 0.8
PLANTED_SEED = 2026
PER_WAY = {
    "math500": 18,
    "aime24": 6,
    "aime25": 6,
    "hmmt_feb25": 6,
    "hmmt_nov25": 6,
    "gsm8k": 4,
    "amo_bench": 4,
}
"""Planted problems of each benchmark, for each way of writing."""
LARGE, SHARD = 100_000, 64
SHOWN = 160
"""Characters of a statement in the list of flagged pairs."""

BENCHMARKS = {
    "math500": ("math500/test.jsonl", "problem"),
    "aime24": ("aime24/matharena_aime_2024_I.jsonl aime24/matharena_aime_2024_II.jsonl", "problem"),
    "aime25": ("aime25/matharena_aime_2025_I.jsonl aime25/matharena_aime_2025_II.jsonl", "problem"),
    "amo_bench": ("amo_bench/prompts_one_per_type.jsonl", "prompt"),
    "hmmt_feb25": ("hmmt_feb_2025/matharena.jsonl", "problem"),
    "hmmt_nov25": ("hmmt_nov_2025/test.jsonl", "problem"),
    "gsm8k": ("gsm8k/test.jsonl", "question"),
}
"""Name -> files in the folder of real data, and the column of the statement."""
COPIES = {
    "aime24": ("aime24/qwen_test.jsonl", "problem"),
    "aime24 (NeMo)": ("aime24/nemo_skills_test.txt", "problem"),
    "aime25": ("aime25/evalchemy_aime25.json", "problem"),
    "aime25 (NeMo)": ("aime25/nemo_skills_test.txt", "problem"),
    "hmmt_feb25": ("hmmt_feb_2025/fire_opd_test.jsonl", "problem"),
    "math500": ("math500/math500_open_reasoner_zero.json", "prompt"),
}
"""The same benchmarks from other repositories, transcribed or edited by other people."""
CLEAN = {
    "omni_math": ("omni_math/omni_math_rule.jsonl", "problem"),
    "olympiadbench": ("olympiadbench/OE_TO_maths_en_COMP.jsonl", "question"),
}
OTHERS = {
    "math train": ("math/rllm_train_math.json", "problem"),
    "math test": ("math/tora_test.jsonl", "problem"),
    "gsm8k train": ("gsm8k/train_first3000.jsonl", "question"),
    "scalequest": ("scalequest/samples.jsonl", "query"),
}
VERDICTS = {
    "omni_math-1517 math500-494": "true overlap: the same problem, taken from the same contest",
    "omni_math-2614 math500-394": "true overlap: the same problem, taken from the same contest",
}
"""What a reader found of the flagged pairs of (b)."""


def statements(realdata: Path, table: tuple[str, str]) -> list[str]:
    """Read the statements of a real data set."""
    files, column = table
    return [statement(row[column]) for file in files.split() for row in rows_of(realdata / file)]


def rows_of(path: Path) -> list[dict[str, Any]]:
    """Read the rows of a file that holds JSON lines or one JSON list."""
    text = path.read_text(encoding="utf-8")
    if text.lstrip().startswith("["):
        return json.loads(text)
    return [json.loads(line) for line in text.splitlines() if line.strip()]


def statement(value: Any) -> str:
    """Return a statement. A conversation stands for its first turn."""
    return value if isinstance(value, str) else str(next(turn for turn in value if turn.get("value"))["value"])


def entries(realdata: Path, names: Sequence[str] = tuple(BENCHMARKS)) -> list[Entry]:
    """Read the problems of the benchmarks."""
    return [
        Entry(benchmark=name, problem_id=f"{name}-{number}", text=text)
        for name in names
        for number, text in enumerate(statements(realdata, BENCHMARKS[name]))
    ]


def make_index(problems: Sequence[Entry]) -> BenchmarkIndex:
    """Build the index with the settings of a build."""
    return BenchmarkIndex(problems, ngram=NGRAM, containment=CONTAINMENT)


def planted(realdata: Path, seed: int) -> Iterator[tuple[str, Entry, str]]:
    """Yield the way of writing, the benchmark problem and its new text: 50 for each way, from all benchmarks."""
    everything = entries(realdata)
    others = statements(realdata, OTHERS["math train"])
    for way, write in {**WAYS, "all at once": at_once}.items():
        for benchmark, count in PER_WAY.items():
            pool = [entry for entry in everything if entry.benchmark == benchmark]
            for entry in random.Random(f"{seed}/{way}/{benchmark}").sample(pool, count):
                yield way, entry, write(entry.text, random.Random(f"{seed}/{way}/{entry.problem_id}"), others)


def recall(realdata: Path, seed: int) -> dict[str, Any]:
    """(a) Count the planted overlaps that are found as overlaps with the right problem."""
    index = make_index(entries(realdata))
    planted_by_way, found_by_way, kinds, missed = Counter[str](), Counter[str](), Counter[str](), []
    for way, entry, text in planted(realdata, seed):
        planted_by_way[way] += 1
        match = next((match for match in index.overlaps(text) if match.problem_id == entry.problem_id), None)
        if match is None:
            missed.append({"way": way, "problem": entry.problem_id, "text": text})
        else:
            found_by_way[way] += 1
            kinds[f"{way}: {match.kind}"] += 1
    count = sum(planted_by_way[way] for way in WAYS)
    return {
        "seed": seed,
        "planted": count,
        "found": sum(found_by_way[way] for way in WAYS),
        "by_way": {way: f"{found_by_way[way]} of {planted_by_way[way]}" for way in planted_by_way},
        "kinds": dict(sorted(kinds.items())),
        "missed": missed,
    }


def copies(realdata: Path) -> dict[str, Any]:
    """(a) Count the problems of each benchmark that are found in other people's copies of it."""
    index = make_index(entries(realdata))
    result = {}
    for name, table in COPIES.items():
        benchmark = name.split(" ")[0]
        texts = statements(realdata, table)
        hits = [any(match.benchmark == benchmark for match in index.overlaps(text)) for text in texts]
        result[f"{name}: {table[0]}"] = f"{sum(hits)} of {len(texts)}"
    return result


def relatives(realdata: Path) -> dict[str, Any]:
    """(a) Compare MATH with MATH-500. MATH's test rows contain MATH-500; its training rows contain similar problems."""
    index = make_index(entries(realdata, ["math500"]))
    test = [index.overlaps(text) for text in statements(realdata, OTHERS["math test"])]
    train = [index.overlaps(text) for text in statements(realdata, OTHERS["math train"])]
    return {
        "math500_found_in_math_test": len({match.problem_id for matches in test for match in matches}),
        "math_test_flagged": f"{sum(map(bool, test))} of {len(test)}",
        "math_train_flagged": f"{sum(map(bool, train))} of {len(train)}",
        "math_train_share": round(sum(map(bool, train)) / len(train), 4),
    }


def clean_pairs(realdata: Path) -> dict[str, Any]:
    """(b) List the rows that are flagged in two sources other than MATH."""
    index = make_index(entries(realdata, ["math500"]))
    texts = {entry.problem_id: entry.text for entry in index.entries}
    flagged, count = [], 0
    for source, table in CLEAN.items():
        for number, text in enumerate(statements(realdata, table)):
            count += 1
            for match in index.overlaps(text):
                pair = f"{source}-{number} {match.problem_id}"
                flagged.append(
                    {
                        "pair": pair,
                        "match": str(match),
                        "text": shortened(text),
                        "benchmark": shortened(texts[match.problem_id]),
                        "verdict": VERDICTS.get(pair, "not read yet"),
                    }
                )
    rows = len({pair["pair"].split(" ")[0] for pair in flagged})
    return {"rows": count, "flagged_rows": rows, "flagged_share": round(rows / count, 5), "pairs": flagged}


def shortened(text: str) -> str:
    """Shorten a text for the output."""
    text = " ".join(text.split())
    return text if len(text) <= SHOWN else text[:SHOWN] + " ..."


def many(realdata: Path, count: int) -> list[str]:
    """Make distinct texts from real texts: unchanged, with other numbers, or joined with another text."""
    choose = random.Random(PLANTED_SEED)
    real = list(
        dict.fromkeys(text for table in (*CLEAN.values(), *OTHERS.values()) for text in statements(realdata, table))
    )
    texts = dict.fromkeys(real)
    while len(texts) < count:
        text = choose.choice(real)
        if choose.random() < 0.5:
            text = re.sub(r"\d+", lambda match: str(int(match.group()[:6]) + choose.randint(1, 9)), text)
        else:
            text = f"{text} {choose.choice(real)}"
        texts[text] = None
    return list(texts)[:count]


def problem(number: int, text: str) -> Problem:
    """Make a problem of a text."""
    return Problem(
        problem_id=f"{number:016x}",
        problem=text,
        system=None,
        answer=None,
        answer_source=None,
        solution=None,
        source="real",
        tier="medium",
        strategy="seed",
        round=0,
        seed_id=f"{number:016x}",
        parent_id=None,
        author=None,
        license="unknown",
        split="train",
        overlaps=(),
    )


def load(realdata: Path, count: int) -> dict[str, Any]:
    """(c) Run both searches over many problems in this process. Its peak memory includes the texts."""
    problems = [problem(number, text) for number, text in enumerate(many(realdata, count))]
    before = peak_memory()
    start, cpu = time.perf_counter(), time.process_time()
    index = make_index(entries(realdata))
    indexed = time.perf_counter()
    distinct = Distinct(near_duplicates=NEAR_DUPLICATES)
    shards = [problems[first : first + SHARD] for first in range(0, count, SHARD)]
    kept = [distinct(shard) for shard in shards]
    compared = time.perf_counter()
    checked = [decontaminate(output.rows, index, mode="drop") for output in kept]
    # The search for duplicates drops rows. They are compared with the benchmarks as well, so that all problems are.
    rest = [row for shard, output in zip(shards, kept, strict=True) for row in left_out(shard, output.rows)]
    checked.append(decontaminate(rest, index, mode="drop"))
    end = time.perf_counter()
    return {
        "problems": count,
        "benchmark_problems": len(index.entries),
        "seconds": round(end - start, 1),
        "seconds_of_one_core": round(time.process_time() - cpu, 1),
        "seconds_index": round(indexed - start, 1),
        "seconds_distinct": round(compared - indexed, 1),
        "seconds_benchmarks": round(end - compared, 1),
        "peak_rss_gb": round(peak_memory(), 2),
        "rss_gb_before": round(before, 2),
        "dropped": dict(Counter(row.reason for output in [*kept, *checked] for row in output.dropped)),
    }


def left_out(shard: Sequence[Problem], rows: Sequence[Problem]) -> list[Problem]:
    """Return the problems of a shard that are not among its rows."""
    kept_ids = {row.problem_id for row in rows}
    return [row for row in shard if row.problem_id not in kept_ids]


def peak_memory() -> float:
    """Measure the peak memory of this process, GiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2


def machine() -> dict[str, Any]:
    """Describe the machine and its packages."""
    versions = {name: importlib.metadata.version(name) for name in ("datasketch", "numpy")}
    return {"cores": os.cpu_count(), "machine": platform.machine(), "python": platform.python_version(), **versions}


def main() -> None:
    """Run the command line."""
    prepare_output()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--realdata", type=Path, required=True, help="folder with the benchmark files")
    parser.add_argument("--load", type=int, metavar="COUNT", help="run only (c), in this process, and print its JSON")
    options = parser.parse_args()
    if options.load:
        print(json.dumps(load(options.realdata, options.load)))
        return
    thresholds = {"ngram": NGRAM, "containment": CONTAINMENT, "shingle": SHINGLE, "near": NEAR, "retold": RETOLD}
    results = {"thresholds": {**thresholds, "near_duplicates": NEAR_DUPLICATES}}
    results["planted"] = recall(options.realdata, PLANTED_SEED)
    results["copies"] = copies(options.realdata)
    results["math"] = relatives(options.realdata)
    results["clean"] = clean_pairs(options.realdata)
    # A separate process, so that the peak memory is that of this part.
    command = [sys.executable, "-m", "benchmarks.decontamination", "--realdata", str(options.realdata)]
    done = subprocess.run([*command, "--load", str(LARGE)], check=True, capture_output=True, text=True)
    results["load"] = {**json.loads(done.stdout), **machine()}
    write_whole(RESULTS, file_bytes(json.dumps(results, indent=1, ensure_ascii=False) + "\n"))
    say(json.dumps(results, indent=1, ensure_ascii=False))


if __name__ == "__main__":
    main()
