"""The problem in an author's reply.

Pins: what is taken off around a problem and what stays; texts of the pocket world and real problems come back as they
are; hostile replies end in bounded time.
"""

import time
from pathlib import Path
from random import Random

import pytest

from sure_math.pocket.world import read_instance, render, seed_problems
from sure_math.pocket.world.evolution import STRATEGIES, evolve_instance
from sure_math.pocket.world.numbers import WorldError
from sure_math.problems.evolution.problem_in_reply import read_problem
from tests.sure_math.problems.evolution.test_eliminate import real

TEXT = "Let $n > 1$ be an integer with $n^2 < 50$.\n\nFind the sum of all such $n$."

READ = {
    "a sentence about the tags": f"<problem>{TEXT}</problem>\n\nIt stands between <problem> and </problem> as asked.",
    "a tag with an attribute": f'<problem type="new">{TEXT}</problem>',
    "another name of the tag": f"< New_Problem >{TEXT}</new_problem >",
    "bare": TEXT,
    "blank around": f"\n  {TEXT}\n\n",
    "tags": f"<problem>{TEXT}</problem>",
    "tags in capitals": f"<PROBLEM>\n{TEXT}\n</PROBLEM>",
    "chatter around the tags": f"Sure! I made it harder.\n\n<problem>\n{TEXT}\n</problem>\n\nI hope that this helps!",
    "the last pair": f"<problem>Find $1 + 1$.</problem>\nToo easy, so:\n<problem>{TEXT}</problem>",
    "the tags named before": f"I write it between <problem> and </problem>.\n<problem>{TEXT}</problem>",
    "opened twice": f"<problem>\n<problem>{TEXT}</problem>",
    "never closed": f"Here:\n<problem>\n{TEXT}",
    "a pair, then an unclosed one": f"<problem>{TEXT}</problem>\nAnother one: <problem>Find",
    "never opened": f"{TEXT}\n</problem>",
    "thinking before": f"<think>\nMaybe <problem>Find $2$.</problem>\n</think>\n\n<problem>{TEXT}</problem>",
    "thinking opened by the template": f"I should add a step.\n</think>\n{TEXT}",
    "a solution inside the tags": f"<problem>\n{TEXT}\n\n**Solution:** The sum is 27.\n</problem>",
    "a heading inside the tags": f"<problem>\n**New Problem:**\n{TEXT}\n</problem>",
    "new problem": f"New problem: {TEXT}",
    "bold heading": f"**Evolved Problem**\n\n{TEXT}",
    "bold heading with a colon": f"**Rewritten Problem:** {TEXT}",
    "hashes": f"#Rewritten Prompt#:\n{TEXT}",
    "markdown heading": f"### Competition-Style Problem\n\n{TEXT}",
    "old one above": f"## Original Problem\nFind $1 + 1$.\n\n## Modified Problem\n{TEXT}",
    "plain heading": f"Problem: {TEXT}",
    "numbered heading": f"**Problem 1.** {TEXT}",
    "here is": f"Here is the new problem:\n\n{TEXT}",
    "here is, on one line": f"Here's a harder version of the problem: {TEXT}",
    "sure": f"Sure! Here is a more challenging version of your problem:\n\n**Problem:** {TEXT}",
    "certainly alone": f"Certainly!\n\n{TEXT}",
    "below is": f"Below is the rewritten problem:\n{TEXT}",
    "quoted": f'"{TEXT}"',
    "curly quotes": f"“{TEXT}”",
    "bold": f"**{TEXT}**",
    "fence": f"```\n{TEXT}\n```",
    "fence with a language": f"Here is the problem:\n```latex\n{TEXT}\n```\nEnjoy!",
    "solution": f"{TEXT}\n\nSolution: We have $n \\le 7$.",
    "bold solution heading": f"{TEXT}\n\n**Solution**\n\nWe have $n \\le 7$.",
    "answer": f"{TEXT}\n\nAnswer: 27",
    "final answer": f"{TEXT}\n**Final Answer:** $27$",
    "explanation": f"{TEXT}\n\n---\n\n**Explanation:** One condition was added.",
    "changes": f"{TEXT}\n\nChanges made:\n- a bound",
    "a note on the task": f"{TEXT}\n\nNote: This problem needs one more step than the original.",
    "a note on the task in brackets": f"{TEXT}\n\n(Note: the original problem had no bound.)",
}


@pytest.mark.parametrize("reply", READ.values(), ids=READ)
def test_what_is_around_a_problem_is_taken_off(reply: str) -> None:
    assert read_problem(reply) == TEXT


UNCHANGED = (
    f"{TEXT}\n\nNote: $n$ need not be prime.",
    f"{TEXT} (Note: the order does not matter.)",
    "Here are two functions: $f(x) = x$ and $g(x) = x^2$. Where do they meet?",
    '"Ten" is written on one card and "two" on another. How many letters are on "both"?',
    "Ana asks the question: how many primes are below 20?",
    "An equation has more than one solution: $x^2 = 4$. Find the larger one.",
    "```\n1 2\n3 4\n```\nThese are the rows of a matrix. What is its determinant?",
    "Answer the following: what is $2 + 2$?",
    "Solution A is 10% salt and solution B is 30% salt. How much of A makes 10 litres of 25%?",
    "Hints: 3 of 10 envelopes hold one. In how many ways can two of them be drawn?",
    "The new problem book costs 12 dollars. What do 5 of them cost?",
    "A sure bet: 3 heads in 5 tosses? What is the probability?",
)


@pytest.mark.parametrize("text", UNCHANGED)
def test_what_belongs_to_a_problem_stays(text: str) -> None:
    assert read_problem(text) == text


@pytest.mark.parametrize("reply", ["", "  \n", "<think>First <problem>Find 1.</problem>", "<problem></problem>"])
def test_a_reply_without_a_problem(reply: str) -> None:
    assert read_problem(reply) == ""


def test_what_the_pocket_author_writes_stays() -> None:
    rng = Random(0)
    texts = []
    for row in seed_problems(300, split="train", run_seed=1):
        texts.append(row.problem)
        for strategy in STRATEGIES:
            parent = read_instance(row.problem)
            assert parent is not None
            try:
                texts.append(render(evolve_instance(rng, parent, strategy)))
            except WorldError:
                continue
    assert len(texts) > 1500
    assert [text for text in texts if read_problem(text) != text] == []


def test_real_problems_stay(realdata: Path) -> None:
    """Of 9,975 problems two lose a line: a hint, and a definition under the heading `Explanation`."""
    texts = [text.strip() for rows in real(realdata).values() for text in rows]
    changed = [text for text in texts if read_problem(text) != text]
    assert len(texts) > 9_000
    assert len(changed) <= 2, changed


HOSTILE = (
    "<problem>",
    "</problem>",
    "<think>",
    "</think>",
    "Here is a problem ",
    "#",
    "\n",
    '"',
    "```\n",
    "New problem:\n",
    " ",
    "Note ",
)


@pytest.mark.parametrize("piece", HOSTILE)
def test_a_hostile_reply_ends_in_bounded_time(piece: str) -> None:
    start = time.monotonic()
    read_problem(piece * (100_000 // len(piece)))
    read_problem("x" + piece * (100_000 // len(piece)) + "x")
    assert time.monotonic() - start < 20
