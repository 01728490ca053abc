"""A training run while it goes on: what surrounds the five calls of a step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from uopd.config import TrainConfig
from uopd.methods import Method, reward_signal
from uopd.model.errors import DeviceLost, StepFailed
from uopd.protocols import Components
from uopd.rollouts.prompt_pool import PromptPool
from uopd.rollouts.sources import RolloutSource
from uopd.rows import Rollout, UpdateReport
from uopd.run.checkpoints import Checkpoints
from uopd.run.checks import remarks
from uopd.run.evaluation import Evaluator
from uopd.run.folder import FATAL_STEPS, METRICS, RunError
from uopd.run.log import RunLog
from uopd.run.metrics import Stopwatch, step_metrics
from uopd.run.summary import write_summary
from uopd.student.learning_rate import learning_rate
from uopd.weight_sync.in_step import StepCheck


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingRun:
    """Everything that `train.train` needs; `open_run` makes it."""

    config: TrainConfig
    method: Method
    components: Components
    pool: PromptPool
    source: RolloutSource
    evaluator: Evaluator
    checkpoints: Checkpoints
    log: RunLog
    in_step: StepCheck
    """Compares engines and student after a sync."""

    def steps(self) -> Iterator[int]:
        """Yield the steps that are left.

        Before the first step the newest checkpoint is loaded. After the last step the summary is written.
        """
        done = self.checkpoints.restore(self.components.student, self.log.say)
        if done:
            self.log.say(f"going on after {done} steps")
        self.log.begin(done)
        self.sync()
        self._evaluate(done)
        for step in range(done, self.config.steps):
            if (reason := self.log.ended_a_process(step)) is None:
                yield step
            else:
                self.log.left_out(step, self.components.student.version, reason)
            self._after(step + 1)
        write_summary(self.log.folder, self.config, self.components.student, self.log.say)

    def roll_out(self, step: int) -> list[Rollout]:
        """Sample the responses of a step, and remark on what keeps them from teaching."""
        rollouts = self.source(step)
        for kind, text in remarks(rollouts, self.config, self.method):
            self.log.remark(kind, f"step {step}: {text}")
        return rollouts

    @contextmanager
    def leaving_out_failures(self, step: int, rollouts: Sequence[Rollout]) -> Iterator[None]:
        """Leave a step out if it cannot be taken: the weights stay as they are, and the log gets the reason.

        Raises:
            RunError: too many steps were left out, or the process cannot take another one.
        """
        try:
            yield
        except StepFailed as error:
            self.log.left_out(step, self.components.student.version, str(error), rollouts)
            if isinstance(error, DeviceLost):
                self.log.ends_the_process(step, str(error))
                raise RunError(
                    f"step {step} has made the GPU unusable for this process: {error}. Repeat the command: it goes on "
                    f"without this step (delete its line in {self.log.folder / FATAL_STEPS} to try it again)"
                ) from error
            limit, count = self.config.run.max_failed_steps, self.log.failed_steps()
            if count > limit:
                self.checkpoints.save(self.components.student, step + 1)
                raise RunError(
                    f"run.max_failed_steps = {limit}: {count} steps could not be taken, the last one, step {step}, "
                    f"because of {error}; {self.log.folder / METRICS} has the reason of each. Look for the common "
                    "cause; then repeat the command with a larger run.max_failed_steps to go on without these steps, "
                    "or train anew in another --out, for instance with a lower optimizer.learning_rate"
                ) from error

    def learning_rate(self, step: int) -> float:
        """The learning rate of a step, from 0."""
        return learning_rate(step, self.config.steps, self.config.optimizer)

    def sync(self) -> int:
        """Bring the weights to the engines, check that they arrived, and return their version."""
        self.source.pause()
        version = self.components.sync()
        every = self.config.sync.check_every
        if version == 0 or (every and version % every == 0):
            self.in_step(self.components.student, self.components.sampler)
        return version

    def record(
        self, step: int, rollouts: Sequence[Rollout], report: UpdateReport, watch: Stopwatch, version: int
    ) -> None:
        """Log a step; `version` is what the engines have after it."""
        rate = self.learning_rate(step)
        signal = None if self.method.rewards is None else reward_signal(rollouts)
        self.log.step(step_metrics(step, rollouts, report, watch, learning_rate=rate, version=version, signal=signal))

    def _after(self, done: int) -> None:
        last = done == self.config.steps
        self._evaluate(done)
        if last or (self.config.checkpoint.every and done % self.config.checkpoint.every == 0):
            self.checkpoints.save(self.components.student, done)

    def _evaluate(self, done: int) -> None:
        """Evaluate before the first step, every `eval.every` steps and after the last; a resumed run repeats none."""
        every = self.config.eval.every
        due = every and (done % every == 0 or done == self.config.steps)
        if due and not self.log.evaluated(done):
            self.source.pause()
            self.log.evaluation(done, self.evaluator(self.components.sampler))
