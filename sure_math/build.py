"""Phase 1: problems in, a dataset with the teacher's semantic entropy out.

    python -m sure_math.build --config pocket
    python -m sure_math.build --config annotate samples.path=rollouts.jsonl

Repeating a command resumes it, wherever it was stopped.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from sure_math.command_line.arguments import config_parser, print_disk_full, print_error, print_plan
from sure_math.command_line.progress import Progress, funnel_table
from sure_math.command_line.settings import ConfigError
from sure_math.config import BuildConfig, config_names, load_config
from sure_math.dry_run.cost import Assumptions, assume
from sure_math.dry_run.plan import make_plan
from sure_math.dry_run.tables import plan_table
from sure_math.equivalence.worker import WorkerUnavailable
from sure_math.models.engines import EngineUnavailable
from sure_math.models.responders.journal import CallLog, Journal, JournalError
from sure_math.models.responders.roles import Loader, Models, load_model
from sure_math.phases import Phases
from sure_math.problems.sources.inputs import read
from sure_math.problems.sources.stored_samples import kind_of
from sure_math.problems.sources.table_files import InputError
from sure_math.prompts import PromptError
from sure_math.publication.publish import Published, PublishError, publish, push
from sure_math.publication.run_facts import Run, run_facts
from sure_math.storage.files import digest_if_file
from sure_math.storage.store import Store, StoreError

EXPECTED = (
    ConfigError,
    InputError,
    PromptError,
    StoreError,
    JournalError,
    EngineUnavailable,
    WorkerUnavailable,
    PublishError,
)
"""Errors whose message says what to do; anything else is a defect and keeps its traceback."""


def build(config: BuildConfig, phases: Phases, store: Store) -> Run:
    """THE ALGORITHM: each line is a phase and a table, made shard by shard (Sec. 4.1; Algorithm 1, lines 1-7)."""
    inputs = read(config, store)
    distinct = store.map(phases.distinct(), inputs.seeds)
    screened = store.map(phases.screen(inputs), distinct)
    drawn = store.map(phases.draw(screened), screened)
    evolved = store.map(phases.evolve(), drawn)
    unique = store.map(phases.unique(), evolved, drawn)
    clean = store.map(phases.decontaminate(inputs), unique, evolved)
    chosen = store.map(phases.choose(clean), clean)
    problems = store.map(phases.label(), chosen)
    samples = store.map(phases.sample(), problems, *inputs.stored)
    answers = store.map(phases.extract(), samples)
    clusters = store.map(phases.cluster(), problems, answers)
    uncertainties = store.map(phases.entropy(), samples, answers, clusters)
    verdicts = store.map(phases.verdict(), problems, answers, uncertainties)
    return Run(
        sources=inputs.facts,
        stages=(inputs.seeds, distinct, screened, drawn, evolved, unique, clean, chosen, problems),
        samples=samples,
        answers=answers,
        clusters=clusters,
        uncertainties=uncertainties,
        verdicts=verdicts,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Workplace:
    """An open output folder with the models of a build."""

    store: Store
    journal: Journal
    models: Models
    phases: Phases


@contextlib.contextmanager
def workplace(
    config: BuildConfig, out: Path, progress: Progress, *, update: bool, load: Loader = load_model
) -> Iterator[Workplace]:
    """Open `out` for this configuration, and close it whatever happens."""
    with contextlib.ExitStack() as stack:
        store = stack.enter_context(contextlib.closing(Store(out, progress)))
        store.claim(config.model_dump(mode="json"), update=update)
        journal = stack.enter_context(contextlib.closing(Journal(store.folder / "journal.sqlite")))
        log = stack.enter_context(contextlib.closing(CallLog(store.folder / "calls.jsonl")))
        stack.callback(progress.stop)
        models = stack.enter_context(contextlib.closing(Models(config, load, journal, log, progress.replied)))
        kind = kind_of(config.samples) if config.samples.path is not None else "text"
        if config.samples.path is not None and config.samples.kind == "auto":
            progress.console.print(f"samples.kind: {kind} (told from the file; samples.kind=text|answer overrides it)")
        yield Workplace(store=store, journal=journal, models=models, phases=Phases(config, models, kind))


def run_build(
    config: BuildConfig,
    out: Path,
    *,
    name: str,
    command: str = "",
    update: bool = False,
    load: Loader = load_model,
    console: Console | None = None,
) -> Published:
    """Build and publish the dataset of `config` in `out`, going on from whatever an earlier call left there.

    Raises:
        StoreError, JournalError, InputError, PromptError, EngineUnavailable, WorkerUnavailable, PublishError: with a
            message that says what to do.
    """
    progress = Progress(console or Console(stderr=True))
    with workplace(config, out, progress, update=update, load=load) as work:
        run = build(config, work.phases, work.store)
        stored = digest_if_file(config.samples.path)
        facts = run_facts(config, name, command, run, work.models.identities(), stored)
        with progress.phase("publish", run.problems.kept) as bar:
            published = publish(run.shards(bar.advance), facts, out)
        progress.stop()
        _report(progress.console, run, work.journal, published)
    return published


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; 0, or 1 after a message that says what to do."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    options = _parser().parse_intermixed_args(given)
    console = Console(stderr=True)
    try:
        config = load_config(options.config, options.overrides)
        if options.dry_run:
            return _dry_run(config, assume(options.assume), console)
        command = " ".join(["python -m sure_math.build", *given])
        name = Path(options.config).stem
        published = run_build(config, options.out, name=name, command=command, update=options.update, console=console)
        if options.push is not None:
            console.print(push(published.folder, options.push, private=config.publish.private))
    except EXPECTED as error:
        print_error(console, error)
        return 1
    except OSError as error:
        print_disk_full(console, error, options.out, "; what is computed so far is kept")
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = config_parser(
        "python -m sure_math.build",
        __doc__.split("\n")[0],
        configs=config_names(),
        out=Path("sure-math"),
        holds="folder of the dataset",
        assumption="survival=0.5",
        setting="sample.num_samples=16",
    )
    parser.add_argument(
        "--update", action="store_true", help="go on in a folder that holds another configuration's build"
    )
    parser.add_argument("--push", metavar="REPO", help="upload the dataset to this repository of the Hub")
    return parser


def _dry_run(config: BuildConfig, assumptions: Assumptions, console: Console) -> int:
    plan = make_plan(config, assumptions)
    print_plan(plan_table(plan))
    for message in plan.missing:
        console.print(f"missing: {message}", style="red", markup=False, highlight=False, soft_wrap=True)
    return 1 if plan.missing else 0


def _report(console: Console, run: Run, journal: Journal, published: Published) -> None:
    console.print(funnel_table(list(run.funnel())))
    judge = run.judge
    console.print(
        f"judge: {judge['judge_calls']:,} calls, {judge['undecided']:,} undecided, {judge['conflicts']:,} conflicts"
    )
    if journal.damaged:
        console.print(f"journal: {journal.damaged:,} damaged rows were asked again")
    rows = ", ".join(f"{table} {count:,}" for table, count in published.rows.items())
    console.print(f"{published.folder}: {rows}", soft_wrap=True)


if __name__ == "__main__":
    raise SystemExit(main())
