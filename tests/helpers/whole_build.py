"""A small build in which every phase works, run by the transformers engine, and what it leaves on the disk."""

import json
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import yaml

from sure_math.problems.sources.catalogue import BENCHMARKS

BATCH_SIZE = 12
NUM_SAMPLES = 4
SHARDS = 3


def write_build(folder: Path, tiny_model: Path) -> Path:
    """Write its configuration and inputs: some words of the tiny model are boxed answers, some ask a question."""
    model = shutil.copytree(tiny_model, folder / "model")
    tokenizer = json.loads((model / "tokenizer.json").read_text())
    words = tokenizer["model"]["vocab"]
    for index in range(10, 50):
        words[rf";\boxed{{{index % 7}}}" + f";x{index}"] = words.pop(f"w{index}")
    (model / "tokenizer.json").write_text(json.dumps(tokenizer))
    prompts = folder / "prompts"
    prompts.mkdir()
    for name in ("harder", "rewrite", "compose"):
        (prompts / f"{name}.txt").write_text(name)
    seeds = folder / "seeds.jsonl"
    rows = [{"problem": f"w{first} w{second}?"} for first in range(1, 5) for second in range(1, 4)]
    seeds.write_text("".join(json.dumps(row) + "\n" for row in rows))
    benchmark = folder / "benchmark.jsonl"
    benchmark.write_text(json.dumps({"problem": "W1  W2", "answer": "3"}))
    model_config = {"model": str(model), "dtype": "float32", "device": "cpu"}
    path = folder / "resume.yaml"
    path.write_text(
        yaml.safe_dump(
            {
                "run": {"shard_size": len(rows) // SHARDS, "batch_size": BATCH_SIZE},
                "prompts": str(prompts),
                "seeds": {"path": str(seeds), "per_tier": {"medium": 11}},
                "decontaminate": {
                    "mode": "drop",
                    "benchmarks": {"math500": {"path": str(benchmark)}},
                    "skip": [name for name in BENCHMARKS if name != "math500"],
                    "near_duplicates": 1.0,
                },
                "label": {"by": "model", "model": model_config, "max_new_tokens": 16},
                "evolve": {
                    "author": model_config,
                    "weights": {
                        tier: {"harder": 1, "rewrite": 1, "compose": 1}
                        for tier in ("easy", "medium", "hard", "competition")
                    },
                    "max_new_tokens": 12,
                    "min_chars": 1,
                    "eliminate": [],
                    "keep": 18,
                },
                "teacher": model_config,
                "judge": model_config,
                "sample": {"num_samples": NUM_SAMPLES, "max_new_tokens": 16},
                "cluster": {"procedure": "paper", "equivalence": "judge"},
            }
        )
    )
    return path


def logged(out: Path) -> list[tuple[str, str]]:
    """Role and key of every answered request; a torn line was never answered as far as anybody knows."""
    path = out / ".build" / "calls.jsonl"
    lines = path.read_text().split("\n") if path.is_file() else []
    rows = [json.loads(line) for line in lines if line.endswith("}")]
    return [(row["role"], row["key"]) for row in rows]


def finished_shards(out: Path) -> dict[str, bytes]:
    """Contents of every shard that has its manifest."""
    return {
        str(path.relative_to(out)): path.read_bytes()
        for manifest in (out / ".build" / "shards").glob("*/[0-9]*.json")
        for path in manifest.parent.glob(f"{manifest.stem}*.parquet")
    }


def published(out: Path, table: str) -> list[dict]:
    """Rows of a published table, in a fixed order."""
    rows = [
        row for path in sorted((out / "data").glob(f"{table}-*.parquet")) for row in pq.read_table(path).to_pylist()
    ]
    return sorted(rows, key=lambda row: (row["problem_id"], row.get("sample_index", 0), row.get("reason", "")))
