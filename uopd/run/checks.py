"""What a run refuses at its start, before anything expensive, and what it remarks on as it goes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch

from sure_math.models.engines.files import fingerprint_of, model_folder, text_config
from uopd.config import TrainConfig
from uopd.dataset import DataError, Dataset
from uopd.dry_run.memory import GIB, TrainingAssumptions, machine_bytes
from uopd.dry_run.plan import make_plan, refuse_layout
from uopd.methods import Method
from uopd.protocols import Scorer
from uopd.rows import Prompt, Rollout, TrainingRow

PROBED_ROWS = 4
"""Responses that are scored twice."""
MANY_CUT = 0.5
"""Share of a step's responses cut at their limit from which on that is remarked on."""


class RefusedError(RuntimeError):
    """A run that would not do what it says; the message says why and what to do."""


def check_teacher_of_weights(dataset: Dataset, config: TrainConfig, method: Method) -> None:
    """The stored weights must be those of the run's teacher, where the method uses them.

    Raises:
        DataError: they are another model's.
    """
    if "weight" not in method.needs or config.data.allow_other_teacher:
        return
    folder = model_folder(config.teacher.model, config.teacher.revision)
    if dataset.teacher == config.teacher.model or dataset.teacher_fingerprint == fingerprint_of(folder):
        return
    raise DataError(
        f"data.path = {config.data.path}: its weights are those of {dataset.teacher}, and teacher.model = "
        f"{config.teacher.model}: annotate the problems with this teacher (`python -m sure_math.build --config "
        "annotate`), or accept the other one's with data.allow_other_teacher=true"
    )


def check_prompt(dataset: Dataset, prompt: str, say: Any) -> None:
    """Say so where the teacher was asked in other words than the student is."""
    sha256 = hashlib.sha256(prompt.encode()).hexdigest()
    if dataset.prompt_sha256 not in (None, sha256):
        say("note: the prompt of this run is not the one the dataset's teacher answered (prompts=...)")


def check_vocabularies(student: tuple[str, Path, Any], scorer: tuple[str, Path, Any]) -> None:
    """A teacher's token ids must mean the same to the student.

    Args:
        student, scorer: name, folder and tokenizer.

    Raises:
        RefusedError: naming the first difference.
    """
    (name, folder, mine), (other_name, other_folder, theirs) = student, scorer
    where = f"student {name} and teacher {other_name}"
    remedy = "distillation by token needs one tokenizer: choose models of one family"
    own, other = mine.get_vocab(), theirs.get_vocab()
    if own != other:
        different = sorted(token for token in own.keys() | other.keys() if own.get(token) != other.get(token))
        raise RefusedError(
            f"{where}: {len(different):,} tokens differ, such as {different[0]!r} ({own.get(different[0])} and "
            f"{other.get(different[0])}); {remedy}"
        )
    rows, other_rows = (text_config(path).vocab_size for path in (folder, other_folder))
    if other_rows > rows:
        raise RefusedError(
            f"{where}: heads of {rows:,} and {other_rows:,} rows; the teacher names tokens that the student "
            f"lacks; {remedy}"
        )


def check_positions(prompts: Sequence[Prompt], student: Path, scorer: tuple[str, Path], new_tokens: int) -> None:
    """A scorer must have room for its prompt and every response, beyond which it would read without a warning.

    Args:
        student: folder of the model that responds. scorer: name and folder of the one that reads.
        new_tokens: most tokens of a response.

    Raises:
        RefusedError: naming the problem with the longest text.
    """
    name, folder = scorer
    most, room = (text_config(path).max_position_embeddings for path in (student, folder))

    def needed(prompt: Prompt) -> int:
        return len(prompt.scorer_ids) + max(0, min(new_tokens, most - len(prompt.token_ids)))

    longest = max(prompts, key=needed)
    if needed(longest) > room:
        raise RefusedError(
            f"{name} has {room:,} positions, and {longest.problem_id} may take {needed(longest):,} of them: "
            f"{len(longest.scorer_ids):,} of the scorer's prompt and a response of up to {new_tokens:,} tokens; lower "
            "rollouts.max_new_tokens or data.max_prompt_tokens, or take a scorer of longer texts"
        )


def check_layout(config: TrainConfig) -> None:
    """Refuse what this machine, or a cluster of machines such as `--dry-run` assumes, has no room for.

    Raises:
        ConfigError: more GPUs are asked for than there are.
        RefusedError: by the estimate the layout does not fit; it says by how much.
    """
    here = config.runtime.address is None
    gpus = torch.cuda.device_count()
    if here:
        refuse_layout(config, gpus)
    given = {"host_memory_gib": machine_bytes() / GIB} if here else {}
    if here and gpus:
        given["gpu_memory_gib"] = min(torch.cuda.mem_get_info(gpu)[1] for gpu in range(gpus)) / GIB
    plan = make_plan(config, TrainingAssumptions(**given))
    if plan.overfull and config.runtime.check_memory:
        raise RefusedError(
            f"{'; '.join(plan.overfull)} (--dry-run shows every item of this estimate, and "
            "runtime.check_memory=false starts the run all the same)"
        )


def check_determinism(scorer: Scorer, rows: Sequence[TrainingRow], limit: float) -> float:
    """Score the same texts twice; the mean difference in nats.

    Raises:
        RefusedError: it is above `limit`.
    """
    probe = [row for row in rows if row.response_ids][:PROBED_ROWS]
    difference = scorer.repeat_difference(probe) if probe else 0.0
    if not difference <= limit:
        raise RefusedError(
            f"teacher.determinism_nats = {limit:g}: scoring the same text twice differs by {difference:.2g} nats per "
            "token on average, which is more than the signal is worth; use teacher.dtype=float32 or "
            "teacher.engine=transformers, or raise the limit"
        )
    return difference


def remarks(rollouts: Sequence[Rollout], config: TrainConfig) -> Iterator[tuple[str, str]]:
    """What keeps a step from teaching what it could: a kind, and a sentence with what to do about it."""
    limit = f"rollouts.max_new_tokens = {config.rollouts.max_new_tokens}"
    empty = sum(not rollout.response_ids for rollout in rollouts)
    cut = sum(rollout.finish_reason == "length" for rollout in rollouts)
    if not any(rollout.prompt.weight for rollout in rollouts):
        yield (
            "weights",
            "every prompt drawn has weight 0, so that this step teaches nothing (only the optimizer's momentum moves "
            "the weights); more prompts per step (data.prompts_per_step) make it rarer",
        )
    if empty:
        yield (
            "empty",
            f"{empty} of {len(rollouts)} responses are empty and teach nothing: the model has no room for the prompt "
            f"and {limit} more; lower it, or data.max_prompt_tokens",
        )
    if cut >= MANY_CUT * len(rollouts):
        yield "cut", f"{cut} of {len(rollouts)} responses were cut at {limit}; raise it if they are to end"
