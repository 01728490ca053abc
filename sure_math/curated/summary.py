"""The numbers on the dataset card about the curated problems of a run, from the packaged file and its templates."""

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
"""An integer of at most 999 in size: the easiest kind of answer to guess, and the only kind that AIME has."""


def curated_summary(ids: Collection[str]) -> dict[str, object]:
    """Return counts over the curated problems with these ids, as JSON types."""
    packaged, templates = curated_problems(), load_templates()
    problems = [problem for problem in packaged if problem.problem_id in ids]
    cells = Counter((problem.topic, problem.tier) for problem in problems)
    lengths = {
        "characters of a statement": [len(problem.problem) for problem in problems],
        "steps of a solution": [len(problem.solution.splitlines()) for problem in problems],
    }
    return {
        "packaged": len(packaged),
        "sha256": curated_digest(),
        "problems": len(problems),
        "splits": {split: sum(problem.split == split for problem in problems) for split in ("train", "test")},
        "templates": len({problem.template for problem in problems}),
        "topics": {
            topic: {tier: cells[topic, tier] for tier in TIERS}
            for topic in sorted({problem.topic for problem in problems})
        },
        "answer_types": dict(sorted(Counter(templates[problem.template].answer_type for problem in problems).items())),
        "small_integers": sum(SMALL_INTEGER.fullmatch(problem.answer) is not None for problem in problems),
        "lengths": {name: {"median": median_low(values), "longest": max(values)} for name, values in lengths.items()},
        "graded": sum(
            is_correct(problem.answer, f"\\boxed{{{problem.answer}}}", unboxed="reject") for problem in problems
        ),
    }
