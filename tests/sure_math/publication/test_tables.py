"""Pins: the columns of the published tables with their types, to the letter."""

import pytest

from sure_math.publication.tables import SCHEMAS

PROBLEMS = """
problem_id: string not null, problem: string not null, system: string, answer: string, answer_source: string,
solution: string, source: string not null, tier: string not null, strategy: string not null, round: int64 not null,
seed_id: string not null, parent_id: string, author: string, num_samples: int64 not null,
semantic_entropy: double not null, weight: double not null, weight_kind: string not null,
discrete_entropy: double not null, intra_cluster_entropy: double not null, majority_answer: string,
majority_share: double not null, num_clusters: int64 not null, num_missing: int64 not null,
num_truncated: int64 not null, mean_tokens: double not null, teacher: string, teacher_answer: string,
teacher_correct: bool, overlaps: list<item: string> not null, license: string not null
"""
SAMPLES = """
problem_id: string not null, sample_index: int64 not null, text: string not null, answer: string, cluster_id: int64,
sum_logprob: double, token_count: int64 not null, finish_reason: string not null, logprob_mode: string not null
"""
REJECTED = """
problem_id: string not null, phase: string not null, reason: string not null, detail: string not null,
problem: string not null, source: string not null, strategy: string not null, system: string
"""


@pytest.mark.parametrize(
    ("table", "expected"), [("train", PROBLEMS), ("test", PROBLEMS), ("samples", SAMPLES), ("rejected", REJECTED)]
)
def test_columns_and_types(table: str, expected: str) -> None:
    described = [f"{item.name}: {item.type}{'' if item.nullable else ' not null'}" for item in SCHEMAS[table]]
    assert described == " ".join(expected.split()).split(", ")
