"""What the dataset card says of the curated problems of a run, computed from the packaged file and its templates."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection
from statistics import median_low

from sure_math.config import TIERS
from sure_math.curated.generate import load_templates
from sure_math.curated.problems import curated_digest, curated_problems
from sure_math.equivalence import is_correct

SMALL_INTEGER = re.compile(r"-?\d{1,3}")
"""At most 999 in size: what a guess of an answer hits most easily, and all that AIME has."""


def summary(ids: Collection[str]) -> dict[str, object]:
    """Counts over the curated problems with these ids, as JSON types."""
    packaged, templates = curated_problems(), load_templates()
    here = [each for each in packaged if each.problem_id in ids]
    cells = Counter((each.topic, each.tier) for each in here)
    lengths = {
        "characters of a statement": [len(each.problem) for each in here],
        "steps of a solution": [len(each.solution.splitlines()) for each in here],
    }
    return {
        "packaged": len(packaged),
        "sha256": curated_digest(),
        "problems": len(here),
        "splits": {split: sum(each.split == split for each in here) for split in ("train", "test")},
        "templates": len({each.template for each in here}),
        "topics": {
            topic: {tier: cells[topic, tier] for tier in TIERS} for topic in sorted({each.topic for each in here})
        },
        "answer_types": dict(sorted(Counter(templates[each.template].answer_type for each in here).items())),
        "small_integers": sum(SMALL_INTEGER.fullmatch(each.answer) is not None for each in here),
        "lengths": {name: {"median": median_low(some), "longest": max(some)} for name, some in lengths.items()},
        "graded": sum(is_correct(each.answer, f"\\boxed{{{each.answer}}}", unboxed="reject") for each in here),
    }
