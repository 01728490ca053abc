"""The pocket world: problems that can be drawn, worded, read back from text and solved exactly.

A problem is a family with its numbers, worded by a template of the family, and a chain of appended operations. Every
wording can be read back. Therefore the answer of any text that a model writes in this language is known, and a text
outside the language is recognised. One core in twenty (by a digest of family and numbers) is held out: no model of this
package is trained on a problem with such a core.
"""

import functools
import hashlib
import re
from dataclasses import dataclass, replace
from random import Random

from sure_math.pocket.world.families import BY_NAME, FAMILIES, WORD_SLOTS, Family
from sure_math.pocket.world.numbers import LETTER, N, Num, WorldError, WorldValue, as_num, surface_forms
from sure_math.pocket.world.operations import OPERATION_BY_NAME, OPERATIONS, Operation
from sure_math.pocket.world.workings import NumberSlots, WordSlots, Working
from sure_math.rows import Split, Tier

TIERS: tuple[Tier, ...] = ("easy", "medium", "hard", "competition")
TIER_SHARES = (0.5, 0.3, 0.15, 0.05)
_LARGEST = 99_999
_LARGEST_DENOMINATOR = 400
_HELD_OUT_ONE_IN = 20


@dataclass(frozen=True, slots=True)
class AppendedStep:
    """One appended operation with its numbers and wording."""

    operation: str
    slots: tuple[tuple[str, Num], ...]
    wording: int


@dataclass(frozen=True, slots=True)
class Instance:
    """The structure of a problem: a family with its numbers and wording, and the appended operations."""

    family: str
    style: str
    """`plain` or `story`."""
    wording: int
    slots: tuple[tuple[str, Num], ...]
    words: tuple[tuple[str, str], ...]
    steps: tuple[AppendedStep, ...] = ()

    @property
    def template(self) -> str:
        return getattr(BY_NAME[self.family], self.style)[self.wording]


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldProblem:
    """One problem with its solution."""

    problem: str
    answer: str
    """The reference form of the answer."""
    solution: str
    """Worked lines; the last one ends in a box."""
    tier: Tier
    family: str
    num_steps: int
    """Number of worked lines."""
    value: WorldValue


def render(instance: Instance) -> str:
    """Return the text of a problem.

    >>> render(read_instance("Compute 37 + 48."))
    'Compute 37 + 48.'
    """
    parts = [_fill(instance.template, dict(instance.slots), dict(instance.words))]
    for step in instance.steps:
        parts.append(_fill(OPERATION_BY_NAME[step.operation].texts[step.wording], dict(step.slots), {}))
    return " ".join(parts)


def work_out(instance: Instance) -> Working:
    """Work a problem out: all worked lines and the final value; `WorldError` if a step has no meaning."""
    work = BY_NAME[instance.family].work(dict(instance.slots), dict(instance.words))
    lines, value = work.lines, work.value
    _bounded(value)
    for step in instance.steps:
        work = OPERATION_BY_NAME[step.operation].work(value, dict(step.slots))
        lines, value = lines + work.lines, work.value
        _bounded(value)
    return Working(lines, value)


def read_instance(text: str) -> Instance | None:
    """Read the structure of a text; None if the text is not a problem of this world."""
    text = text.strip()
    for pattern, family, style, wording in _core_patterns():
        match = pattern.match(text)
        if match is None or (steps := _read_steps(text[match.end() :])) is None:
            continue
        slots, words = _read_slots(match)
        return Instance(family.name, style, wording, slots, words, steps)
    return None


def solve(text: str) -> WorldProblem | None:
    """Solve the problem that a text states: answer and worked solution; None if the text is not of this world.

    >>> solve("Compute 37 + 48. Then multiply by 3.").answer
    '255'
    """
    instance = read_instance(text)
    if instance is None:
        return None
    try:
        return to_problem(instance, "easy")
    except WorldError:
        return None


def to_problem(instance: Instance, tier: Tier, form: str | None = None) -> WorldProblem:
    """Return an instance with its solution, whose box has the answer as `form` (None: in its reference form)."""
    work = work_out(instance)
    answer = surface_forms(work.value)[0][0]
    return WorldProblem(
        problem=render(instance),
        answer=answer,
        solution=f"{' '.join(work.lines)} \\boxed{{{form or answer}}}",
        tier=tier,
        family=instance.family,
        num_steps=len(work.lines),
        value=work.value,
    )


def draw_core(rng: Random, level: int, style: str | None = None) -> Instance:
    """Draw a problem without appended operations, of level 1 (easy) to 4 (competition)."""
    family = rng.choice(FAMILIES)
    slots = tuple((key, as_num(number)) for key, number in family.draw(rng, level).items())
    blank = Instance(family.name, "", 0, slots, ())
    return reworded(rng, blank, style or rng.choice(("plain", "story")))


def reworded(rng: Random, instance: Instance, style: str) -> Instance:
    """Return the same computation in another wording of the given style."""
    taken = instance.wording if style == instance.style else None
    wordings = [w for w in range(len(getattr(BY_NAME[instance.family], style))) if w != taken]
    changed = replace(instance, style=style, wording=rng.choice(wordings))
    words = tuple((slot, _draw_word(rng, instance, slot)) for slot in _slots_of(changed.template) if slot in WORD_SLOTS)
    return replace(changed, words=words)


def extended(rng: Random, instance: Instance, group: str) -> Instance:
    """Append an operation of a group; `WorldError` if no operation fits."""
    names = [operation.name for operation in OPERATIONS if operation.group == group]
    rng.shuffle(names)
    for name in names:
        operation = OPERATION_BY_NAME[name]
        slots = tuple((key, as_num(number)) for key, number in operation.draw(rng).items())
        step = AppendedStep(name, slots, rng.randrange(len(operation.texts)))
        longer = replace(instance, steps=(*instance.steps, step))
        try:
            work_out(longer)
        except WorldError:
            continue
        return longer
    raise WorldError(f"no operation of group {group} fits")


def is_held_out(instance: Instance) -> bool:
    """Return whether the core (family and numbers, not the wording) belongs to the held-out twentieth."""
    key = f"{instance.family}:{sorted((name, str(number)) for name, number in instance.slots)}"
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") % _HELD_OUT_ONE_IN == 0


def seed_problems(count: int, *, split: Split, run_seed: int) -> list[WorldProblem]:
    """Draw `count` distinct problems without appended operations. `test` has held-out cores only, `train` has none.

    >>> [problem.tier for problem in seed_problems(2, split="train", run_seed=0)]
    ['medium', 'hard']
    """
    problems: dict[str, WorldProblem] = {}
    index = 0
    while len(problems) < count:
        rng = Random(f"pocket-world/{run_seed}/{split}/{index}")
        index += 1
        level = rng.choices((1, 2, 3, 4), TIER_SHARES)[0]
        instance = draw_core(rng, level)
        if is_held_out(instance) != (split == "test"):
            continue
        problem = to_problem(instance, TIERS[level - 1])
        problems.setdefault(problem.problem, problem)
        if index > 1000 * count:
            raise ValueError(f"the pocket world has fewer than {count} distinct {split} problems; ask for fewer")
    return list(problems.values())


def _bounded(value: WorldValue) -> None:
    for part in value.parts:
        for number in (part.const, part.coef):
            if abs(number) > _LARGEST or number.denominator > _LARGEST_DENOMINATOR:
                raise WorldError(f"{part} is too large for the pocket world")


def _draw_word(rng: Random, instance: Instance, slot: str) -> str:
    words = dict(instance.words)
    return words[slot] if slot in words and slot in ("unit", "day", "item") else rng.choice(WORD_SLOTS[slot])


def _slots_of(template: str) -> list[str]:
    return list(dict.fromkeys(re.findall(r"\{(\w+)\}", template)))


def _fill(template: str, slots: NumberSlots, words: WordSlots) -> str:
    return re.sub(r"\{(\w+)\}", lambda match: str(slots[match[1]]) if match[1] in slots else words[match[1]], template)


def _pattern(template: str) -> re.Pattern[str]:
    seen: set[str] = set()

    def slot(match: re.Match[str]) -> str:
        name = match[1]
        if name in seen:
            return f"(?P={name})"
        seen.add(name)
        values = "|".join(WORD_SLOTS[name]) if name in WORD_SLOTS else rf"\d{{1,6}}|{LETTER}"
        return f"(?P<{name}>{values})"

    return re.compile(re.sub(r"\\\{(\w+)\\\}", slot, re.escape(template)))


@functools.cache
def _core_patterns() -> tuple[tuple[re.Pattern[str], Family, str, int], ...]:
    return tuple(
        (_pattern(template), family, style, wording)
        for family in FAMILIES
        for style in ("plain", "story")
        for wording, template in enumerate(getattr(family, style))
    )


@functools.cache
def _step_patterns() -> tuple[tuple[re.Pattern[str], Operation, int], ...]:
    return tuple(
        (_pattern(text), operation, wording) for operation in OPERATIONS for wording, text in enumerate(operation.texts)
    )


def _read_steps(text: str) -> tuple[AppendedStep, ...] | None:
    steps: list[AppendedStep] = []
    while text:
        if not text.startswith(" "):
            return None
        for pattern, operation, wording in _step_patterns():
            match = pattern.match(text, 1)
            if match is not None:
                steps.append(AppendedStep(operation.name, _read_slots(match)[0], wording))
                text = text[match.end() :]
                break
        else:
            return None
    return tuple(steps)


def _read_slots(match: re.Match[str]) -> tuple[tuple[tuple[str, Num], ...], tuple[tuple[str, str], ...]]:
    groups = match.groupdict()
    slots = tuple((k, N if v == LETTER else as_num(int(v))) for k, v in groups.items() if k not in WORD_SLOTS)
    return slots, tuple((k, v) for k, v in groups.items() if k in WORD_SLOTS)
