"""Sections of benchmark results with the numbers of an imagined GPU, for tests of the goals and of the page."""

from typing import Any

MACHINE: dict[str, Any] = {
    "processor": "x86_64",
    "gpu": "Made-up GPU",
    "cores": 16,
    "threads": 16,
    "load_before": 0.1,
    "versions": {"python": "3.11.0", "torch": "2.13.0", "trl": "1.16.0", "liger-kernel": "0.8.5"},
    "rounds": 3,
}
VOCABULARY = 151_936
SECONDS = {
    "floor": 0.08,
    "ours": 0.1,
    "ours with scoring": 0.14,
    "plain": 0.2,
    "ours, hidden states": 0.13,
    "plain, hidden states": 0.3,
    "TRL": 0.28,
    "Liger JSD": 0.4,
}
ON_TOP_K, HIDDEN = ("ours", "ours with scoring", "plain"), ("ours, hidden states", "plain, hidden states")
MEGABYTES = {
    "ours": 1100.0,
    "ours with scoring": 1200.0,
    "plain": 9000.0,
    "ours, hidden states": 1300.0,
    "TRL": 2100.0,
    "Liger JSD": 3000.0,
}


def _shape(tokens: int, k: int) -> dict[str, Any]:
    shape = {"tokens": tokens, "hidden": 4096, "vocabulary": VOCABULARY, "k": k}
    return {**shape, "dtype": "bfloat16", "device": "cuda"}


def _time(tokens: int, k: int, without: tuple[str, ...] = ()) -> dict[str, Any]:
    absent = HIDDEN if k < VOCABULARY else ON_TOP_K
    seconds = {name: value * tokens / 8192 for name, value in SECONDS.items() if name not in (*without, *absent)}
    first = seconds.get("ours", seconds.get("ours, hidden states", 1.0))
    return {
        "shape": _shape(tokens, k),
        "gradient_errors": {},
        "skipped": {"Liger KL": "ImportError: no liger", **dict.fromkeys(without, "out of memory")},
        "wall_seconds": seconds,
        "cpu_seconds": seconds,
        "wall_times_ours": {name: value / first for name, value in seconds.items()},
        "cpu_times_ours": {name: value / first for name, value in seconds.items()},
        "floor_share": {name: seconds["floor"] / value for name, value in seconds.items()},
    }


LOSS: dict[str, Any] = {
    "machine": MACHINE,
    "device": "Made-up GPU",
    "time": [
        _time(8192, 512),
        _time(8192, VOCABULARY),
        _time(32_768, 512, ("plain",)),
        {"shape": _shape(32_768, VOCABULARY), "failed": "out of memory"},
    ],
    "memory": [
        *(
            {
                "way": way,
                "shape": _shape(8192, 512 if way in ON_TOP_K else VOCABULARY),
                "extra_megabytes": megabytes,
                "of_fp32_logits": megabytes * 2**20 / (4 * 8192 * VOCABULARY),
            }
            for way, megabytes in MEGABYTES.items()
        ),
        {"way": "plain", "shape": _shape(32_768, 512), "failed": "out of memory"},
    ],
}

SCORING: dict[str, Any] = {
    "machine": MACHINE,
    "shape": {"layers": 36, "hidden": 4096, "vocabulary": VOCABULARY},
    "positions": 24_576,
    "seconds": {"forward": 2.0, "scores": 2.1},
    "ratio": 1.05,
    "travel": {
        "float32": {"entry_bytes_per_position": 4096.0, "microseconds_per_position": 3.0},
        "bfloat16": {"entry_bytes_per_position": 3072.0, "microseconds_per_position": 2.0},
    },
}


def _way(k: int | str, seconds: float, scoring: float | None, megabytes: float) -> dict[str, Any]:
    return {
        "k": k,
        "seconds": seconds,
        "scoring_seconds": scoring,
        "update_seconds": None if scoring is None else seconds - scoring,
        "tokens_per_second": 24_576 / seconds,
        "peak_megabytes": megabytes,
        "times_ours": seconds / 6.0,
    }


STEP: dict[str, Any] = {
    "machine": MACHINE,
    "shape": {
        "student": {"layers": 28, "hidden": 2048},
        "teacher": {"layers": 36, "hidden": 4096},
        "vocabulary": VOCABULARY,
        "prompts": 8,
        "rollouts": 4,
        "prompt": 256,
        "response": 768,
        "rows_at_once": 8,
        "dtype": "bfloat16",
    },
    "ways": {
        "ours, top-k": _way(512, 6.0, 2.0, 52_000.0),
        "TRL": _way("full vocabulary", 7.5, None, 41_000.0),
        "TRL, float32 student": {"failed": "OutOfMemoryError: CUDA out of memory"},
    },
}
