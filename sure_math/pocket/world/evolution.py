"""The six evolution strategies in the pocket world: they make the author's lessons and check what the author writes."""

from dataclasses import replace
from random import Random

from sure_math.pocket.world.families import BY_NAME
from sure_math.pocket.world.numbers import N, WorldError, WorldValue
from sure_math.pocket.world.operations import OPERATION_BY_NAME
from sure_math.pocket.world.problems import AppendedStep, Instance, extended, read_instance, reworded, work_out

STRATEGIES = ("harder", "rewrite", "algebraize", "apply", "compose", "competition")
FOLLOW_UPS = ("harder", "compose", "competition")
_BRIDGES = {
    "pair": ("sum_of_two", "product_of_two"),
    "roots": ("sum_of_two", "product_of_two"),
    "day": ("day_number",),
    "power": ("exponent",),
}


def evolve_instance(rng: Random, parent: Instance, strategy: str) -> Instance:
    """Make a child of `parent` by a strategy; `WorldError` if the world has no such child."""
    if strategy == "rewrite":
        return reworded(rng, parent, parent.style)
    if strategy == "apply":
        return reworded(rng, parent, "story")
    if strategy == "algebraize":
        return _algebraized(rng, parent)
    bridged = _bridged(rng, parent)
    if strategy == "harder" and bridged is not parent:
        return bridged
    return extended(rng, bridged, strategy)


def check_child(strategy: str, parent_text: str, child_text: str) -> str | None:
    """Check that a child does what its strategy promises: None if it does, else the reason why it does not.

    >>> check_child("rewrite", "Compute 37 + 48.", "Add 37 and 48.")
    >>> check_child("rewrite", "Compute 37 + 48.", "Add 37 and 49.")
    "another computation than the parent's"
    """
    parent, child = read_instance(parent_text), read_instance(child_text)
    if child is None:
        return "not a problem of the world"
    if parent is None:
        return "parent is not a problem of the world"
    if child_text.strip() == parent_text.strip():
        return "unchanged"
    try:
        before, after = work_out(parent), work_out(child)
    except WorldError as error:
        return f"no answer: {error}"
    if strategy in ("rewrite", "apply"):
        return _check_same_computation(strategy, parent, child)
    if strategy == "algebraize":
        return None if _has_letter(after.value) else "no letter in the answer"
    kept = parent.family == child.family and _prefix(parent, child)
    if not kept:
        return "the parent's computation is gone"
    if len(after.lines) <= len(before.lines):
        return "no more steps than the parent"
    last = OPERATION_BY_NAME[child.steps[-1].operation].group
    if strategy in ("compose", "competition") and last != strategy:
        return f"does not end in a {strategy} step"
    return None


def _check_same_computation(strategy: str, parent: Instance, child: Instance) -> str | None:
    if child.family != parent.family or dict(child.slots) != dict(parent.slots) or child.steps != parent.steps:
        return "another computation than the parent's"
    if strategy == "apply" and child.style != "story":
        return "not a scene"
    return None


def _prefix(parent: Instance, child: Instance) -> bool:
    same_core = dict(parent.slots) == dict(child.slots)
    return same_core and child.steps[: len(parent.steps)] == parent.steps


def _has_letter(value: WorldValue) -> bool:
    return any(part.coef for part in value.parts)


def _algebraized(rng: Random, parent: Instance) -> Instance:
    letter = BY_NAME[parent.family].letter
    if letter is not None and not parent.steps:
        return replace(parent, slots=tuple((key, N if key == letter else number) for key, number in parent.slots))
    bridged = _bridged(rng, parent)
    longer = replace(bridged, steps=(*bridged.steps, AppendedStep("times_letter", (), 0)))
    if not _has_letter(work_out(longer).value):
        raise WorldError("n times zero has no letter")
    return longer


def _bridged(rng: Random, parent: Instance) -> Instance:
    """Append the step that makes one number of the parent's answer, if the answer is not one number."""
    names = _BRIDGES.get(work_out(parent).value.kind)
    if names is None:
        return parent
    for name in rng.sample(names, len(names)):
        longer = replace(parent, steps=(*parent.steps, AppendedStep(name, (), 0)))
        try:
            work_out(longer)
        except WorldError:
            continue
        return longer
    raise WorldError("no bridge fits")
