"""Run the whole pipeline on real seeds, with pocket models.

    python -m benchmarks.real_seeds --realdata DIR [--out DIR]

Rows of seven public sources go through `--config default`: readers of the sources, overlap with every benchmark, six
strategies, all checks of a child, labels by a model, sampling, clustering, and the published folder. The models are far
too small for these problems. The benchmark shows how many rows each phase keeps, and that every phase runs.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console

from benchmarks.measuring.results_files import results_file
from sure_math.build import run_build
from sure_math.command_line.terminal import prepare_output, terminal_console
from sure_math.config import BuildConfig, load_config
from sure_math.storage.files import write_whole

RESULTS = results_file(__file__)

SEEDS = {
    "scalequest": ("scalequest/samples.jsonl", 100),
    "math": ("math/tora_test.jsonl", 150),
    "omni_math": ("omni_math/omni_math_rule.jsonl", 150),
    "olympiadbench": ("olympiadbench/OE_TO_maths_en_COMP.jsonl", 100),
    "aimo_aime": ("aimo_validation/aimo-validation-aime.jsonl", 90),
    "aimo_amc": ("aimo_validation/aimo-validation-amc.jsonl", 83),
    "hmmt_feb25": ("hmmt_feb_2025/matharena.jsonl", 30),
}
"""Source -> a local copy and how many of its rows are read. The MATH rows are of the test split, to have overlaps."""

BENCHMARKS = {
    "math500": "math500/test.jsonl",
    "aime24": "aime24/qwen_test.jsonl",
    "aime25": "aime25/evalchemy_aime25.json",
    "amo_bench": "amo_bench/prompts_one_per_type.jsonl",
    "hmmt_feb25": "hmmt_feb_2025/matharena.jsonl",
    "hmmt_nov25": "hmmt_nov_2025/test.jsonl",
    "gsm8k": "gsm8k/test.jsonl",
}


def overrides(realdata: Path, share: float, samples: int) -> list[str]:
    """Return the settings that replace the Hub by local copies and the large models by pocket models."""
    seeds = {
        name: {"path": str(realdata / file), "rows": max(1, round(rows * share))}
        for name, (file, rows) in SEEDS.items()
    }
    benchmarks = {name: {"path": str(realdata / file)} for name, file in BENCHMARKS.items()}
    author, teacher, judge = (
        {"model": f"pocket:{role}", "engine_options": {"cpu_threads": 1}} for role in ("author", "teacher", "judge")
    )
    sections: dict[str, Any] = {
        "prompts": "pocket",
        "seeds.public": seeds,
        "seeds.per_tier": None,
        "seeds.curated": False,
        "decontaminate.benchmarks": benchmarks,
        "evolve.author": author,
        "evolve.max_new_tokens": 128,
        "evolve.keep": None,
        "label.model": teacher,
        "label.max_new_tokens": 128,
        "teacher": teacher,
        "judge": judge,
        "sample.num_samples": samples,
        "sample.max_new_tokens": 128,
        "run.shard_size": 64,
        "run.batch_size": 512,
    }
    return [f"{key}={yaml.safe_dump(value, default_flow_style=True, width=10**6)}" for key, value in sections.items()]


def build(config: BuildConfig, out: Path, console: Console) -> dict[str, Any]:
    """Run the build and return the numbers of rows from its manifest."""
    start = time.perf_counter()
    manifest = run_build(config, out, name="default", console=console).manifest
    numbers = manifest["numbers"]
    return {
        "seconds": round(time.perf_counter() - start),
        "sources": {source["name"]: source["problems"] for source in manifest["sources"] if source["role"] == "seeds"},
        "benchmarks": {
            source["name"]: source["problems"] for source in manifest["sources"] if source["role"] == "benchmark"
        },
        "funnel": manifest["funnel"],
        "rows": manifest["dataset"]["rows"],
        "strategies": {name: group["problems"] for name, group in numbers["groups"]["strategy"].items()},
        "kinds": {name: numbers["kinds"].get(name, {}) for name in ("license", "answer_source", "missing")},
        "versions": manifest["versions"],
    }


def main() -> None:
    """Run the command line."""
    prepare_output()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--realdata", type=Path, required=True, help="folder with the local copies")
    parser.add_argument("--out", type=Path, default=Path("sure-math-real"))
    parser.add_argument("--share", type=float, default=1.0, help="share of the rows to take")
    parser.add_argument("--samples", type=int, default=8)
    options = parser.parse_args()
    config = load_config("default", overrides(options.realdata, options.share, options.samples))
    results = build(config, options.out, terminal_console())
    write_whole(RESULTS, (json.dumps(results, indent=1) + "\n").encode())


if __name__ == "__main__":
    main()
