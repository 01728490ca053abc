"""Checks: what a run refuses at its start, before anything expensive, and what it remarks on while it goes on."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import fmean

import torch

from sure_math.dry_run.machine import memory_bytes
from sure_math.models.engines.files import fingerprint_of, model_folder, positions_of
from uopd.config import TrainConfig
from uopd.dataset import DataError, Dataset
from uopd.dry_run.layout import refuse_layout
from uopd.dry_run.memory import GIB, TrainingAssumptions
from uopd.dry_run.plan import make_plan
from uopd.dry_run.syncable import sync_problem
from uopd.methods import Method, reward_signal
from uopd.rows import Prompt, Rollout

MANY_CUT = 0.5
"""If at least this share of a step's responses was cut at the limit of new tokens, the run remarks on it."""


class RefusedError(RuntimeError):
    """The run would not do what its configuration says; the message says why, and what to do."""


def check_teacher_of_weights(dataset: Dataset, config: TrainConfig, method: Method) -> None:
    """Check that the dataset's weights come from the run's teacher, if the method uses weights.

    Raises:
        DataError: they come from another model.
    """
    if "weight" not in method.needs or config.data.allow_other_teacher:
        return
    folder = model_folder(config.teacher.model, config.teacher.revision)
    if dataset.teacher == config.teacher.model or dataset.teacher_fingerprint == fingerprint_of(folder):
        return
    raise DataError(
        f"data.path = {config.data.path}: its weights are those of {dataset.teacher}, and teacher.model = "
        f"{config.teacher.model}: annotate the problems with this teacher (`python -m sure_math.build --config "
        "annotate`), or accept its weights with data.allow_other_teacher=true"
    )


def check_mode_of_weights(dataset: Dataset, config: TrainConfig, method: Method) -> None:
    """Check that the teacher of the dataset's weights was asked in the run's thinking mode, if the method uses weights.

    A dataset that does not say how its teacher was asked passes.

    Raises:
        DataError: it was asked in the other mode, in which its answers have another distribution.
    """
    mode, run_mode = dataset.enable_thinking, config.student.enable_thinking
    if "weight" not in method.needs or config.data.allow_other_mode or mode in (None, run_mode):
        return
    asked, asks = (str(value).lower() for value in (mode, run_mode))
    raise DataError(
        f"data.path = {config.data.path}: its weights are those of {dataset.teacher} asked with "
        f"enable_thinking={asked}, and this run asks student and teacher with enable_thinking={asks}: set "
        f"student.enable_thinking={asked}, annotate the problems with enable_thinking={asks}, or accept the weights "
        "with data.allow_other_mode=true"
    )


def check_prompt(dataset: Dataset, prompt: str, say: Callable[[str], None]) -> None:
    """Say so if the dataset's teacher was asked with a different prompt."""
    sha256 = hashlib.sha256(prompt.encode()).hexdigest()
    if dataset.prompt_sha256 not in (None, sha256):
        say("note: the prompt of this run is not the one the dataset's teacher answered (prompts=...)")


def check_positions(
    prompts: Sequence[Prompt], student: Path, scorer: tuple[str, Path], new_tokens: int, *, spare: int = 0
) -> None:
    """Check that the scorer has positions for its prompt and every response; transformers would not warn.

    Args:
        student: folder of the model that responds.
        scorer: name and folder of the model that reads.
        new_tokens: tokens of a response, at most.
        spare: positions that the scorer's engine needs beside the text; 1 for vLLM, which reads a text only to
            continue it.

    Raises:
        RefusedError: the message names the problem with the longest text.
    """
    name, folder = scorer
    most, room = (positions_of(path) for path in (student, folder))

    def needed(prompt: Prompt) -> int:
        return len(prompt.scorer_ids) + max(0, min(new_tokens, most - len(prompt.token_ids)))

    longest = max(prompts, key=needed)
    if needed(longest) > room - spare:
        beside = f", of which its engine needs {spare} beside a text" if spare else ""
        raise RefusedError(
            f"{name} has {room:,} positions{beside}, and {longest.problem_id} may take {needed(longest):,} of them: "
            f"{len(longest.scorer_ids):,} of the scorer's prompt and a response of up to {new_tokens:,} tokens; lower "
            "rollouts.max_new_tokens or data.max_prompt_tokens, or take a scorer of longer texts"
        )


def check_layout(config: TrainConfig) -> None:
    """Check that the run has enough GPUs and memory: on this machine, or on a cluster as `--dry-run` assumes it.

    Raises:
        ConfigError: the run asks for more GPUs than there are.
        RefusedError: the run does not fit by the estimate; the message says by how much.
    """
    on_this_machine = config.runtime.address is None
    gpus = torch.cuda.device_count()
    if on_this_machine:
        refuse_layout(config, gpus)
    measured = {"host_memory_gib": memory_bytes() / GIB} if on_this_machine else {}
    if on_this_machine and gpus:
        measured["gpu_memory_gib"] = min(torch.cuda.mem_get_info(gpu)[1] for gpu in range(gpus)) / GIB
    plan = make_plan(config, TrainingAssumptions(**measured))
    if plan.overfull and config.runtime.check_memory:
        raise RefusedError(
            f"{'; '.join(plan.overfull)} (--dry-run shows every item of this estimate, and "
            "runtime.check_memory=false starts the run all the same)"
        )


def check_syncable(config: TrainConfig) -> None:
    """Check that the student's weights can be brought to the engines.

    Raises:
        RefusedError: the student is of a kind whose new weights vLLM does not load rightly.
    """
    problem = sync_problem(config)
    if problem is not None:
        raise RefusedError(problem)


def remarks(rollouts: Sequence[Rollout], config: TrainConfig, method: Method) -> Iterator[tuple[str, str]]:
    """Yield what keeps a step from teaching what it could: a kind, and a sentence with what to do about it."""
    limit = f"rollouts.max_new_tokens = {config.rollouts.max_new_tokens}"
    empty = sum(not rollout.response_ids for rollout in rollouts)
    cut = sum(rollout.finish_reason == "length" for rollout in rollouts)
    if not any(rollout.prompt.weight for rollout in rollouts):
        yield (
            "weights",
            "every prompt drawn has weight 0, so this step teaches nothing (only the optimizer's momentum moves "
            "the weights); more prompts per step (data.prompts_per_step) make such steps rarer",
        )
    if method.rewards is not None and not reward_signal(rollouts).effective_responses:
        reward = fmean(rollout.reward or 0.0 for rollout in rollouts)
        yield (
            "signal",
            f"the responses of each prompt all have the same reward (mean {reward:.2g}), so this step learns nothing "
            "from rewards; more responses per prompt (rollouts.per_prompt), more prompts per step "
            "(data.prompts_per_step), or problems that the student solves sometimes make such steps rarer",
        )
    if empty:
        yield (
            "empty",
            f"{empty} of {len(rollouts)} responses are empty and teach nothing: the model has no room for the prompt "
            f"and {limit} more; lower it, or data.max_prompt_tokens",
        )
    if cut >= MANY_CUT * len(rollouts):
        yield "cut", f"{cut} of {len(rollouts)} responses were cut at {limit}; raise it if they are to end"
