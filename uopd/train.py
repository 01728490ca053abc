"""Phase 2: the student learns from its own rollouts, each prompt's loss times the teacher's certainty.

    python -m uopd.train --config pocket
    python -m uopd.train --config pocket method=opd --out opd-run

Repeating a command resumes it from its newest checkpoint.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import transformers

from sure_math.command_line.arguments import config_parser, print_error, print_os_error, print_plan
from sure_math.command_line.settings import ConfigError
from sure_math.command_line.terminal import prepare_output, terminal_console
from sure_math.equivalence.worker import WorkerUnavailable
from sure_math.models.engines import EngineUnavailable
from sure_math.prompts import PromptError
from sure_math.storage.output_folder import OutputError
from uopd.config import TrainConfig, config_names, load_config
from uopd.dataset import DataError
from uopd.methods import training_rows
from uopd.model.errors import StudentError, step_failures
from uopd.model.micro_batches import rows_by_rank
from uopd.protocols import Components
from uopd.rows import Share, TrainingRow
from uopd.run.checks import RefusedError
from uopd.run.folder import RunError, check_run_folder
from uopd.run.metrics import Stopwatch
from uopd.run.open_run import open_run
from uopd.run.training_run import TrainingRun
from uopd.weight_sync.in_step import OutOfStep

EXPECTED = (
    ConfigError,
    DataError,
    EngineUnavailable,
    OutputError,
    FloatingPointError,  # a teacher's logits
    OutOfStep,
    PromptError,
    RefusedError,
    RunError,
    StudentError,
    WorkerUnavailable,
)
"""Errors whose message says what to do. Any other error is a defect and keeps its traceback."""


def train(run: TrainingRun) -> None:
    """THE ALGORITHM (Algorithm 1, lines 9-15): roll out, score, batch, update, sync.

    Example:
        >>> with open_run(load_config("pocket-local"), Path("uopd-run"), Console()) as run:  # doctest: +SKIP
        ...     train(run)
    """
    for step in run.steps():
        watch = Stopwatch()
        with watch.part("rollout"):
            rollouts = run.roll_out(step)
        rows = training_rows(rollouts, run.method)
        with run.leaving_out_failures(step, rollouts):
            with watch.part("score"):
                batch = score(run.components, rows)
            with watch.part("update"):
                report = run.components.student.update(batch, run.learning_rate(step))
            with watch.part("sync"):
                version = run.sync()
            run.record(step, rollouts, report, watch, version)


def score(components: Components, rows: Sequence[TrainingRow]) -> list[Share]:
    """Divide the rows among the ranks, balanced by tokens, and let the scorer score each share.

    Raises:
        StepFailed: the scorer cannot score these rows.
    """
    scored = []
    for indices in rows_by_rank(rows, components.student.ranks):
        part = tuple(rows[index] for index in indices)
        with step_failures("scoring"):
            scores = None if components.scorer is None else components.scorer.score(part)
        scored.append(Share(rows=part, scores=scores))
    return scored


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return 0, or 1 after a message that says what to do."""
    prepare_output()
    words = list(sys.argv[1:] if arguments is None else arguments)
    options = _parser().parse_intermixed_args(words)
    console = terminal_console(stderr=True)
    transformers.utils.logging.disable_progress_bar()  # one bar is enough
    try:
        config = load_config(options.config, options.overrides)
        if options.dry_run:
            check_run_folder(options.out)
            return _dry_run(config, options.assume)
        with open_run(config, options.out, console, verbose=options.verbose) as run:
            train(run)
    except EXPECTED as error:
        print_error(console, error)
        return 1
    except OSError as error:
        print_os_error(console, error, options.out, ", which goes on from the last checkpoint")
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    return config_parser(
        "python -m uopd.train",
        __doc__.split("\n")[0],
        configs=config_names(),
        out=Path("uopd-run"),
        holds="folder of the run",
        assumption="gpu_memory_gib=80",
        setting="method=opd",
    )


def _dry_run(config: TrainConfig, assumptions: Sequence[str]) -> int:
    from uopd.dry_run.memory import TrainingAssumptions
    from uopd.dry_run.plan import make_plan
    from uopd.dry_run.tables import plan_table

    plan = make_plan(config, TrainingAssumptions.with_settings(assumptions))
    print_plan(plan_table(plan))
    return 0 if plan.ready else 1


if __name__ == "__main__":
    raise SystemExit(main())
