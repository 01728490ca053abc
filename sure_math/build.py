"""Phase 1: problems in, a dataset with the teacher's semantic entropy out.

    python -m sure_math.build --config pocket
    python -m sure_math.build --config annotate samples.path=rollouts.jsonl

A command that was stopped continues when it is repeated.

`build` lists the phases. Each phase is a file: what it does, its version number, the settings it depends on, and under
which configuration it is left out.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from sure_math.annotation.answers import extract_phase
from sure_math.annotation.clusters import cluster_phase
from sure_math.annotation.grade import grade_phase
from sure_math.annotation.label import label_phase
from sure_math.annotation.sample import sample_phase
from sure_math.annotation.uncertainties import entropy_phase
from sure_math.command_line.arguments import config_parser, plan_settings, print_error, print_os_error, print_plan
from sure_math.command_line.progress import Progress, funnel_table
from sure_math.command_line.settings import ConfigError
from sure_math.command_line.terminal import prepare_output, terminal_console
from sure_math.config import PLACEMENT, BuildConfig, config_names, load_config
from sure_math.dry_run.cost import BuildAssumptions
from sure_math.dry_run.plan import make_plan
from sure_math.dry_run.tables import plan_table
from sure_math.equivalence.worker import WorkerUnavailable
from sure_math.escaping import shell_command
from sure_math.models.engines import EngineUnavailable
from sure_math.models.engines.engine_output import engine_logs
from sure_math.models.engines.processes import recorded_processes
from sure_math.models.responders.journal import CallLog, Journal, JournalError
from sure_math.models.responders.roles import ModelResolver, Models, resolve_model
from sure_math.problems.contamination.duplicates import distinct_phase, unique_phase
from sure_math.problems.contamination.screening import Screening, decontaminate_phase, screen_phase
from sure_math.problems.evolution.choose import choose_phase
from sure_math.problems.evolution.draw import draw_phase
from sure_math.problems.evolution.evolve import evolve_phase
from sure_math.problems.sources.inputs import read_inputs
from sure_math.problems.sources.stored_samples import kind_of
from sure_math.problems.sources.table_files import InputError
from sure_math.prompts import PromptError
from sure_math.publication.publish import publish
from sure_math.publication.published import (
    VALIDATION,
    DatasetError,
    PublishedDataset,
    check_dataset_folder,
    open_dataset,
    published_names,
)
from sure_math.publication.run_facts import BuildTables, run_facts
from sure_math.publication.shard_rows import PublishError
from sure_math.publication.upload import push
from sure_math.storage.files import digest_if_file
from sure_math.storage.output_folder import WORK, OutputError
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
    OutputError,
)
"""Errors whose message says what to do; anything else is a defect and keeps its traceback."""


def build(config: BuildConfig, models: Models, store: Store) -> BuildTables:
    """THE ALGORITHM: each line is a phase and a table, made shard by shard (Sec. 4.1; Algorithm 1, lines 1-7).

    If the configuration leaves a phase out, its line passes the first input on.
    """
    inputs = read_inputs(config, store)
    screening = Screening.of(config, inputs, models)
    distinct = store.map(distinct_phase(config), inputs.seeds)
    screened = store.map(screen_phase(config, screening, models), distinct)
    drawn = store.map(draw_phase(config, screened), screened)
    evolved = store.map(evolve_phase(config, models), drawn)
    unique = store.map(unique_phase(config), evolved, drawn)
    clean = store.map(decontaminate_phase(config, screening, models), unique, evolved)
    chosen = store.map(choose_phase(config, clean), clean)
    problems = store.map(label_phase(config, models), chosen)
    samples = store.map(sample_phase(config, models), problems, *inputs.stored)
    answers = store.map(extract_phase(config), samples)
    clusters = store.map(cluster_phase(config, models), problems, answers)
    uncertainties = store.map(entropy_phase(config), samples, answers, clusters)
    grades = store.map(grade_phase(config, models), problems, answers, uncertainties)
    return BuildTables(
        sources=inputs.facts,
        made=(inputs.seeds, *store.mapped),
        problems=problems,
        samples=samples,
        answers=answers,
        clusters=clusters,
        uncertainties=uncertainties,
        grades=grades,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenBuild:
    """An open output folder with the models of a build."""

    store: Store
    journal: Journal
    models: Models


@contextlib.contextmanager
def open_build(
    config: BuildConfig,
    out: Path,
    progress: Progress,
    *,
    update: bool,
    load: ModelResolver = resolve_model,
    verbose: bool = False,
) -> Iterator[OpenBuild]:
    """Open `out` for this configuration, and close it at the end, also after an error.

    Args:
        verbose: whether engines print onto the screen, and not into `.build/logs/`.
    """
    with contextlib.ExitStack() as stack:
        check_dataset_folder(out)
        store = stack.enter_context(contextlib.closing(Store(out, progress)))
        store.claim(config.model_dump(mode="json"), update=update, harmless=PLACEMENT)
        stack.enter_context(
            recorded_processes(store.folder / "engines.json", lambda line: _say(progress.console, line))
        )
        stack.enter_context(engine_logs(None if verbose else store.folder / "logs"))
        journal = stack.enter_context(contextlib.closing(Journal(store.folder / "journal.sqlite")))
        log = stack.enter_context(contextlib.closing(CallLog(store.folder / "calls.jsonl")))
        stack.callback(progress.stop)
        models = stack.enter_context(contextlib.closing(Models(config, load, journal, log, progress.replied)))
        if config.samples.path is not None and config.samples.kind == "auto":
            kind = kind_of(config.samples, config.limits.plain())
            progress.console.print(f"samples.kind: {kind} (told from the file; samples.kind=text|answer overrides it)")
        yield OpenBuild(store=store, journal=journal, models=models)


def run_build(
    config: BuildConfig,
    out: Path,
    *,
    name: str,
    command: str = "",
    update: bool = False,
    load: ModelResolver = resolve_model,
    console: Console | None = None,
    verbose: bool = False,
) -> PublishedDataset:
    """Build and publish the dataset of `config` in `out`. Continues from what an earlier call left there.

    >>> published = run_build(load_config("pocket"), Path("out"), name="pocket")  # doctest: +SKIP

    Raises:
        OutputError: with a message that says what to do, as the others: StoreError, JournalError, InputError,
            PromptError, EngineUnavailable, WorkerUnavailable and PublishError.
    """
    progress = Progress(console or terminal_console(stderr=True))
    with open_build(config, out, progress, update=update, load=load, verbose=verbose) as opened:
        tables = build(config, opened.models, opened.store)
        stored = digest_if_file(config.samples.path)
        facts = run_facts(config, name, command, tables, opened.models.identities(), stored)
        with progress.phase("publish", tables.problems.kept) as bar:
            opened.store.check_in_place()
            published = publish(tables.shards(bar.advance), facts, out, lambda line: _say(progress.console, line))
        progress.stop()
        _report(progress.console, tables, opened.journal, published)
    return published


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line. Returns 0, or 1 after a message that says what to do."""
    prepare_output()
    words = list(sys.argv[1:] if arguments is None else arguments)
    options = _parser().parse_intermixed_args(words)
    console = terminal_console(stderr=True)
    try:
        config = load_config(options.config, options.overrides)
        if options.dry_run:
            return _dry_run(config, options, console)
        command = shell_command(["python", "-m", "sure_math.build", *words])
        name = Path(options.config).stem
        published = run_build(
            config,
            options.out,
            name=name,
            command=command,
            update=options.update,
            console=console,
            verbose=options.verbose,
        )
        if options.push is not None:
            _say(console, push(published.folder, options.push, private=config.publish.private))
    except EXPECTED as error:
        print_error(console, error)
        return 1
    except OSError as error:
        print_os_error(console, error, options.out, "; what is computed so far is kept")
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


def _dry_run(config: BuildConfig, options: argparse.Namespace, console: Console) -> int:
    plan = make_plan(config, BuildAssumptions.with_settings(options.assume))
    print_plan(plan_table(plan))
    check_dataset_folder(options.out)
    print_plan(plan_settings("Files", _files(options.out, options.push)))
    for message in plan.missing:
        console.print(f"missing: {message}", style="red", markup=False, highlight=False, soft_wrap=True)
    return 1 if plan.missing else 0


def _files(out: Path, repo: str | None) -> Iterator[tuple[str, str]]:
    """What a build writes where, and what an upload takes."""
    written = ", ".join(published_names())
    yield "--out", f"{out}: {'goes on there' if (out / WORK).is_dir() else 'is made' if not out.exists() else 'exists'}"
    yield "written", f"{written}; work files in {WORK}/"
    yield "kept", "every other file; one that has the place of a new file gets the ending .kept"
    if repo is None:
        return
    yield "--push", f"to {repo}: the written files, what validate wrote in {VALIDATION}/, and nothing else"
    try:
        yield "there now", ", ".join(open_dataset(out).upload_list())
    except DatasetError as error:
        yield "there now", f"nothing to upload ({error})"


def _report(console: Console, tables: BuildTables, journal: Journal, published: PublishedDataset) -> None:
    console.print(funnel_table(list(tables.funnel())))
    numbers = published.manifest["numbers"]
    console.print(
        f"judge: {numbers['judge_calls']:,} calls, {numbers['judge_undecided']:,} undecided, "
        f"{numbers['cluster_conflicts']:,} conflicts"
    )
    damage = journal.damage()
    if damage is not None:
        _say(console, damage)
    rows = ", ".join(f"{table} {count:,}" for table, count in published.row_counts.items())
    _say(console, f"{published.folder}: {rows}")


def _say(console: Console, line: str) -> None:
    """Print a line as it is: a path may look like markup."""
    console.print(line, soft_wrap=True, markup=False, highlight=False)


if __name__ == "__main__":
    raise SystemExit(main())
