"""Rows and facts of a small made-up run, for the tests of what is done with a finished run."""

from sure_math.publication.facts import ModelFacts, PhaseCount, RunFacts
from sure_math.publication.shard_rows import ShardRows
from sure_math.rows import Answer, Cluster, Dropped, Grade, Problem, Sample, SourceFacts, Uncertainty


def a_problem(name: str, **changes: object) -> Problem:
    values: dict = {
        "problem_id": name,
        "problem": f"What is {name}?",
        "system": None,
        "answer": "4",
        "answer_source": "pocket-world",
        "solution": None,
        "source": "pocket-world",
        "tier": "easy",
        "strategy": "seed",
        "round": 0,
        "seed_id": name,
        "parent_id": None,
        "author": None,
        "license": "apache-2.0",
        "split": "train",
        "overlaps": (),
    }
    return Problem(**(values | changes))


def an_uncertainty(name: str, **changes: object) -> Uncertainty:
    values: dict = {
        "problem_id": name,
        "num_samples": 2,
        "semantic_entropy": 0.0,
        "weight": 1.0,
        "weight_kind": "weighted",
        "discrete_entropy": 0.0,
        "intra_cluster_entropy": 0.0,
        "majority_answer": "4",
        "majority_share": 1.0,
        "num_clusters": 1,
        "num_missing": 0,
        "num_truncated": 0,
        "mean_tokens": 5.0,
        "mean_logprob": -0.1,
        "note": None,
    }
    return Uncertainty(**(values | changes))


def a_shard(
    problem: Problem,
    answers: tuple[str | None, ...],
    cluster_ids: tuple[int, ...],
    uncertainty: Uncertainty,
    *,
    greedy: str | None = "4",
    correct: bool | None = True,
    majority_correct: bool | None = None,
    judge_calls: int = 0,
    dropped: tuple[Dropped, ...] = (),
) -> ShardRows:
    """One problem as a shard. `greedy` None: no greedy sample."""
    name = problem.problem_id
    indexed = [*enumerate(answers), *([(-1, greedy)] if greedy is not None else [])]
    samples = [
        Sample(
            problem_id=name,
            sample_index=index,
            text=f"so \\boxed{{{answer}}}" if answer is not None else "and then",
            token_count=5,
            sum_logprob=-0.5,
            finish_reason="stop" if answer is not None else "length",
            logprob_mode="raw",
        )
        for index, answer in indexed
    ]
    return ShardRows(
        problems=[problem],
        samples=samples,
        answers=[
            Answer(
                problem_id=name, sample_index=index, answer=answer, missing=None if answer is not None else "truncated"
            )
            for index, answer in indexed
        ],
        clusters=[Cluster(problem_id=name, cluster_ids=cluster_ids, judge_calls=judge_calls, undecided=0, conflicts=0)],
        uncertainties=[uncertainty],
        grades=[
            Grade(
                problem_id=name,
                teacher_answer=greedy,
                teacher_correct=correct,
                majority_correct=majority_correct,
            )
        ],
        dropped=dropped,
    )


def some_facts() -> RunFacts:
    return RunFacts(
        config_name="pocket",
        command="python -m sure_math.build --config pocket",
        config={
            "run": {"seed": 0},
            "sample": {"num_samples": 2},
            "cluster": {"equivalence": "math", "missing": "own"},
            "decontaminate": {"mode": "drop", "skip": ["gsm8k"], "ngram": 8, "check": None, "test_split": True},
        },
        versions={"sure-math": "0.1.0"},
        models=(
            ModelFacts(
                role="teacher", name="pocket:teacher", fingerprint="f" * 64, engine="transformers 5", logprob_mode="raw"
            ),
        ),
        funnel=(
            PhaseCount(phase="seeds", rows_in=3, kept=3, dropped={}),
            PhaseCount(phase="evolve", rows_in=3, kept=2, dropped={"duplicate": 1}),
        ),
        prompts={"solve": "{problem}\n\nPlease reason step by step."},
        sources=(
            SourceFacts(
                name="math",
                role="seeds",
                dataset="EleutherAI/hendrycks_math",
                revision="c" * 40,
                license="mit",
                problems=3,
            ),
            SourceFacts(
                name="aime25",
                role="benchmark",
                dataset="math-ai/aime25",
                revision=None,
                license="apache-2.0",
                problems=30,
            ),
        ),
    )
