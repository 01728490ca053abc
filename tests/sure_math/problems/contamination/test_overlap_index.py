"""Pins of `sure_math/problems/contamination/overlap_index.py`:

- benchmark problems written in other ways are found, with the right kind; siblings and common phrases are not;
- the rule for problems shorter than an n-gram; the thresholds; names and order of the matches;
- on real files: every one of 200 planted overlaps, all of MATH-500 in MATH test, copies by other people, hardly any
  clean row; a long hostile text takes no time.
"""

import time
from pathlib import Path

import pytest

from benchmarks.decontamination import (
    BENCHMARKS,
    CLEAN,
    OTHERS,
    PLANTED_SEED,
    copies,
    entries,
    make_index,
    recall,
    statements,
)
from sure_math.problems.contamination.overlap_index import BenchmarkIndex, Entry, Match

TANKS = (
    "Let $x$ and $y$ be positive real numbers such that $x + 2y = 12$ and $\\frac{x}{y} \\leq 4$. "
    "Find the greatest possible value of $x\\sqrt{y}$ in simplest form."
)
WALK = (
    "Every day Tom walks 7 miles to the harbor, rests for 35 minutes under the old bridge and then rows 12 miles back "
    "in a wooden boat at 4 miles per hour. For how many minutes is he away from home if he walks 3 miles per hour?"
)
SHORT = "Compute $\\tan 60^\\circ$."
SHORT_RICH = "Simplify $\\frac{1}{5} \\cdot \\frac{8}{7}$."
BENCHMARK = {"tanks": TANKS, "walk": WALK, "short": SHORT, "rich": SHORT_RICH}


def index_of(texts: dict[str, str], ngram: int = 8, containment: float = 0.6) -> BenchmarkIndex:
    entries = [Entry(benchmark="aime25", problem_id=name, text=text) for name, text in texts.items()]
    return BenchmarkIndex(entries, ngram=ngram, containment=containment)


INDEX = index_of(BENCHMARK)
FOUND = [
    (TANKS, "tanks", "exact"),
    (TANKS.upper(), "tanks", "exact"),
    (TANKS.replace("x", "p").replace("y", "q").replace("ep", "ex"), "tanks", "exact"),
    (TANKS.replace("\\frac{x}{y} \\leq 4", "x/y ≤ 4").replace("$", ""), "tanks", "exact"),
    (TANKS + "\n\nPlease reason step by step.", "tanks", "exact"),
    (
        f"Ann reads the following task. {TANKS} She solves it in 5 minutes. How long do ten tasks take her?",
        "tanks",
        "contained",
    ),
    (TANKS.replace("12", "13"), "tanks", "contained"),
    (WALK.replace("harbor", "market").replace("under", "at").replace("boat", "canoe"), "walk", "near"),
    (WALK.replace("the harbor", "the small harbor").replace("and then rows", "before he rows"), "walk", "contained"),
    (
        "Tom walks 7 miles to the harbor every day. He rests for 35 minutes under the old bridge, then rows 12 miles "
        "back in a wooden boat, moving at 4 miles per hour. If he walks 3 miles per hour, how long is he away?",
        "walk",
        "near",
    ),
    (TANKS + " [asy] draw((0,0)--(1,1)); [/asy]", "tanks", "exact"),
    (TANKS.replace("Let", "Suppose").replace("Find", "Determine"), "tanks", "exact"),
    ("Compute tan 60°", "short", "exact"),
    ("Draw a circle. Compute $\\tan(60^{\\circ})$. What do you see?", "short", "contained"),
    ("Work out the following: simplify 1/5 * 8/7 and add 3 to it", "rich", "contained"),
]


@pytest.mark.parametrize(("text", "problem", "kind"), FOUND, ids=range(len(FOUND)))
def test_overlaps_are_found(text: str, problem: str, kind: str) -> None:
    assert [(match.problem_id, match.kind) for match in INDEX.overlaps(text)] == [(problem, kind)]


CLEAN_TEXTS = [
    "Let $x$ and $y$ be positive real numbers such that $xy = 12$. Find the least possible value of $3x + 5y$.",
    "Find the greatest possible value of $a^2 + b^2$ where $a$ and $b$ are the legs of a right triangle.",
    "Every day Tom walks 9 miles to school and back. How many miles does he walk in 4 weeks?",
    "If we compute $\\tan 60^\\circ + \\sin 30^\\circ$, how many digits before the point has the result?",
    "Compute $\\tan 30^\\circ$.",
    "Simplify $\\frac{1}{5}$.",
    "",
    "?",
]


@pytest.mark.parametrize("text", CLEAN_TEXTS)
def test_clean_texts_are_not(text: str) -> None:
    assert INDEX.overlaps(text) == ()


def test_containment_is_the_share_of_the_benchmark_problems_ngrams() -> None:
    text = " ".join(f"word{letter}" for letter in "abcdefghijklmnopqrstuvwxyzß")  # 20 n-grams of 8
    half = " ".join(text.split()[:17]) + " and something else altogether"  # 10 of them
    assert [match.score for match in index_of({"a": text}, containment=0.5).overlaps(half)] == [0.5]
    assert index_of({"a": text}, containment=0.51).overlaps(half) == ()


def test_two_benchmarks_with_one_problem_give_two_matches_in_the_order_of_the_index() -> None:
    entries = [Entry(benchmark=name, problem_id=f"{name}-1", text=WALK) for name in ("math500", "gsm8k")]
    matches = BenchmarkIndex(entries, ngram=8, containment=0.6).overlaps(WALK)
    assert matches == tuple(
        Match(benchmark=name, problem_id=f"{name}-1", kind="exact", score=1.0) for name in ("math500", "gsm8k")
    )
    assert str(matches[0]) == "math500 math500-1 (exact 1.00)"


def test_an_index_of_nothing_finds_nothing() -> None:
    assert index_of({}).overlaps(TANKS) == ()


def test_a_problem_without_words_matches_only_itself() -> None:
    index = index_of({"a": "✓ ✓"})
    assert [match.problem_id for match in index.overlaps("✓  ✓")] == ["a"]
    assert index.overlaps("✗ ✓") == ()


HOSTILE = [f"{TANKS} " * 500, SHORT + " " + "Compute 7. " * 9_000, "\\left( $ " * 11_000, "x " * 50_000, "1 " * 50_000]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_a_long_text_takes_no_time(text: str) -> None:
    start = time.perf_counter()
    matches = INDEX.overlaps(text)
    assert time.perf_counter() - start < 5
    assert ("tanks" in [match.problem_id for match in matches]) == text.startswith(TANKS)


def test_every_planted_overlap_is_found(realdata: Path) -> None:
    result = recall(realdata, PLANTED_SEED)
    assert (result["planted"], result["found"], result["missed"]) == (200, 200, [])
    assert result["by_way"]["all at once"] == "50 of 50"


def test_math_test_contains_all_of_math500(realdata: Path) -> None:
    index = make_index(entries(realdata, ["math500"]))
    problem_ids = {
        match.problem_id for text in statements(realdata, OTHERS["math test"]) for match in index.overlaps(text)
    }
    assert len(problem_ids) == 500


def test_clean_sources_are_hardly_flagged(realdata: Path) -> None:
    index = make_index(entries(realdata, ["math500"]))
    texts = [text for table in CLEAN.values() for text in statements(realdata, table)][::4]
    assert len(texts) == 874
    assert sum(bool(index.overlaps(text)) for text in texts) <= 0.01 * len(texts)


def test_copies_by_other_people_are_found(realdata: Path) -> None:
    """Two or three of thirty AIME problems are told in other words there; those are for the second look."""
    hits_of = {name: [int(part) for part in counts.split(" of ")] for name, counts in copies(realdata).items()}
    assert all(hits >= 0.93 * count for hits, count in hits_of.values()), hits_of


def test_the_amo_prompts_are_found_without_their_suffix(realdata: Path) -> None:
    prompts = statements(realdata, BENCHMARKS["amo_bench"])
    index = make_index(entries(realdata))
    for number, prompt in enumerate(prompts):
        text = prompt.partition("\nAfter solving")[0]
        assert text != prompt
        assert [(match.problem_id, match.kind) for match in index.overlaps(text)] == [(f"amo_bench-{number}", "exact")]
