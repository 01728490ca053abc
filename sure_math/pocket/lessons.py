"""Lessons for the pocket models: conversations drawn from the pocket world. A lesson depends on its index alone."""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from sure_math.models.responders.chat import Message
from sure_math.pocket.pairs import AnswerPair, draw_pair
from sure_math.pocket.world import Instance, draw_core, is_held_out, render, to_problem, work_out
from sure_math.pocket.world.evolution import FOLLOW_UPS, STRATEGIES, evolve_instance
from sure_math.pocket.world.numbers import WorldError, surface_forms
from sure_math.prompts import load_prompt
from sure_math.prompts.template import fill

LEVEL_SHARES = (0.4, 0.3, 0.2, 0.1)
ROUND_SHARES = (0.40, 0.27, 0.16, 0.09, 0.05, 0.03)
"""Shares of problems after 0, 1, ... 5 rounds of evolution: a build draws up to five."""
NARROW_FAMILIES = frozenset({"sum", "percent_of", "equation"})


@dataclass(frozen=True, slots=True)
class Lesson:
    """A conversation and the reply that the model learns."""

    messages: tuple[Message, ...]
    reply: str


def draw_problem(rng: Random, *, rounds: int | None = None, held_out: bool = False, narrow: bool = False) -> Instance:
    """Draw a problem and evolve it for some rounds.

    Args:
        rounds: rounds of evolution; None draws their number by `ROUND_SHARES`.
        held_out: whether the core must be held out; otherwise it must not be.
        narrow: draw from the three families that the student is trained on.
    """
    while True:
        level = rng.choices((1, 2, 3, 4), LEVEL_SHARES)[0]
        instance = draw_core(rng, level)
        if is_held_out(instance) == held_out and (not narrow or instance.family in NARROW_FAMILIES):
            break
    if rounds is None:
        rounds = rng.choices(range(len(ROUND_SHARES)), ROUND_SHARES)[0]
    for done in range(rounds):
        try:
            instance = evolve_instance(rng, instance, rng.choice(FOLLOW_UPS if done else STRATEGIES))
        except WorldError:
            break
    return instance


def teacher_lesson(rng: Random, *, narrow: bool = False) -> Lesson:
    """Draw a problem and its worked solution, with the answer in a form that people write."""
    instance = draw_problem(rng, narrow=narrow, rounds=0 if narrow else None)
    forms = surface_forms(work_out(instance).value)
    form = rng.choices([text for text, _ in forms], [share for _, share in forms])[0]
    solution = to_problem(instance, "easy", form).solution
    return Lesson((Message(role="user", content=solve_prompt(render(instance))),), solution)


def author_lesson(rng: Random) -> Lesson:
    """Draw a problem and its child by a named strategy."""
    while True:
        rounds = rng.choices(range(5), (0.6, 0.17, 0.1, 0.07, 0.06))[0]
        parent = draw_problem(rng, rounds=rounds)
        strategy = rng.choice(FOLLOW_UPS if parent.steps else STRATEGIES)
        try:
            child = evolve_instance(rng, parent, strategy)
        except WorldError:
            continue
        return Lesson(author_messages(strategy, render(parent)), render(child))


def judge_lesson(rng: Random) -> Lesson:
    """Draw a pair of answers and the verdict on it."""
    pair = held_pair(rng, held_out=False)
    return Lesson(judge_messages(pair.problem, pair.first, pair.second), pair.reply)


def held_pair(rng: Random, *, held_out: bool) -> AnswerPair:
    """Draw a pair of answers; half of the pairs are equal."""
    equal = rng.random() < 0.5
    while True:
        rounds = rng.choices(range(4), (0.6, 0.2, 0.1, 0.1))[0]
        try:
            pair = draw_pair(rng, draw_problem(rng, rounds=rounds, held_out=held_out), equal=equal)
        except WorldError:
            continue
        if pair is not None:
            return pair


def lesson(role: str, seed: int, index: int) -> Lesson:
    """Return lesson `index` of a role. It depends on the role, the seed and the index alone.

    >>> lesson("teacher", 0, 7) == lesson("teacher", 0, 7)
    True
    """
    rng = Random(f"pocket-lessons/{seed}/{role}/{index}")
    if role == "author":
        return author_lesson(rng)
    if role == "judge":
        return judge_lesson(rng)
    return teacher_lesson(rng, narrow=role == "student")


def lessons(role: str, seed: int, start: int, count: int) -> Iterator[Lesson]:
    """Yield `count` lessons of a role, from number `start` on."""
    return (lesson(role, seed, index) for index in range(start, start + count))


def solve_prompt(problem: str) -> str:
    """Return the prompt that asks for the solution of a problem."""
    return fill(load_prompt("pocket", "solve"), problem=problem)


def author_messages(strategy: str, parent: str) -> tuple[Message, ...]:
    """Return the conversation that asks the author to evolve a problem by a strategy."""
    return (
        Message(role="system", content=load_prompt("pocket", strategy)),
        Message(role="user", content=parent),
    )


def judge_messages(problem: str, first: str, second: str) -> tuple[Message, ...]:
    """Return the conversation that asks the judge about two answers to a problem."""
    content = fill(load_prompt("pocket", "judge"), problem=problem, first=first, second=second)
    return (Message(role="user", content=content),)
