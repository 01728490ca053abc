"""Export a published dataset in the format of another trainer, with a recipe for a weighted loss there.

    python -m sure_math.export sure-math --to trl
    python -m sure_math.export sure-math --to verl --split test --out rows

Rows are read and written in batches: of all rows, only the ids stay in memory. The folder is written under another
name and then renamed.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Literal, get_args

import pyarrow as pa
import pyarrow.parquet as pq

from sure_math.command_line.arguments import output_path
from sure_math.command_line.terminal import prepare_output, say
from sure_math.escaping import file_bytes
from sure_math.prompts import load_prompt
from sure_math.prompts.template import solve_messages
from sure_math.publication.published import DatasetError, PublishedDataset, open_dataset
from sure_math.reporting.templates import environment
from sure_math.storage.files import explain_os_error
from sure_math.storage.output_folder import OutputError, check_place, foreign_names, fresh_staging

Unlabelled = Literal["keep", "drop"]
BATCH_ROWS = 1024
TRL = "1.16"
"""Version of TRL that the recipe was written for and is tested with."""

COLUMNS = (
    "problem_id",
    "problem",
    "system",
    "answer",
    "solution",
    "weight",
    "semantic_entropy",
    "source",
    "license",
    "overlaps",
)
"""Columns of a published dataset that are read."""

_MESSAGES = pa.list_(pa.struct([pa.field("role", pa.string()), pa.field("content", pa.string())]))
_TEXTS = pa.list_(pa.string())

TRL_SCHEMA = pa.schema(
    [
        pa.field("problem_id", pa.string(), nullable=False),
        pa.field("prompt", _MESSAGES, nullable=False),
        pa.field("answer", pa.string()),
        pa.field("solution", pa.string()),
        pa.field("weight", pa.float64(), nullable=False),
        pa.field("semantic_entropy", pa.float64(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("license", pa.string(), nullable=False),
        pa.field("overlaps", _TEXTS, nullable=False),
    ]
)
VERL_SCHEMA = pa.schema(
    [
        pa.field("data_source", pa.string(), nullable=False),
        pa.field("prompt", _MESSAGES, nullable=False),
        pa.field("ability", pa.string(), nullable=False),
        pa.field(
            "reward_model",
            pa.struct([pa.field("style", pa.string()), pa.field("ground_truth", pa.string())]),
            nullable=False,
        ),
        pa.field(
            "extra_info",
            pa.struct(
                [
                    pa.field("index", pa.int64()),
                    pa.field("split", pa.string()),
                    pa.field("problem_id", pa.string()),
                    pa.field("weight", pa.float64()),
                    pa.field("semantic_entropy", pa.float64()),
                    pa.field("license", pa.string()),
                    pa.field("overlaps", _TEXTS),
                ]
            ),
            nullable=False,
        ),
    ]
)


class ExportError(RuntimeError):
    """Rows cannot be exported; the message says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportRow:
    """One row of a published dataset, and its place in it."""

    values: Mapping[str, Any]
    prompt: list[dict[str, str]]
    """The conversation that asks for a solution."""
    index: int
    """From 0, in its split."""
    split: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainerFormat:
    """The format of one trainer."""

    schema: pa.Schema
    row: Callable[[ExportRow], dict[str, Any]]
    unlabelled: Unlabelled
    """What happens to rows without a reference answer by default."""
    recipe: str
    """Module of `sure_math.publication.recipes`."""
    recipe_file: str
    """Name of the recipe beside the rows."""
    readme: str
    """Template in `cards/`."""


def _trl(row: ExportRow) -> dict[str, Any]:
    return {name: row.values[name] for name in TRL_SCHEMA.names if name != "prompt"} | {"prompt": row.prompt}


def _verl(row: ExportRow) -> dict[str, Any]:
    columns = ("problem_id", "weight", "semantic_entropy", "license", "overlaps")
    return {
        "data_source": f"sure-math/{row.values['source']}",
        "prompt": row.prompt,
        "ability": "math",
        # verl turns a null into a missing key or a NaN; an empty text is never a right answer.
        "reward_model": {"style": "rule", "ground_truth": row.values["answer"] or ""},
        "extra_info": {"index": row.index, "split": row.split, **{name: row.values[name] for name in columns}},
    }


FORMATS: dict[str, TrainerFormat] = {
    "trl": TrainerFormat(
        schema=TRL_SCHEMA,
        row=_trl,
        unlabelled="keep",
        recipe="trl_weighted",
        recipe_file="weighted_distillation.py",
        readme="export_trl.md.j2",
    ),
    "verl": TrainerFormat(
        schema=VERL_SCHEMA,
        row=_verl,
        unlabelled="drop",
        recipe="verl_weighted",
        recipe_file="weighted_reward.py",
        readme="export_verl.md.j2",
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportResult:
    """The folder that was written."""

    folder: Path
    rows: int
    readme: str


def export(
    folder: Path, to: str, out: Path, *, split: str = "train", unlabelled: Unlabelled | None = None
) -> ExportResult:
    """Write `out` (SPLIT.parquet, a recipe, README.md) from the finished dataset in `folder`.

    >>> export(Path("sure-math"), "trl", Path("sure-math-trl")).rows  # doctest: +SKIP
    800

    Args:
        to: a key of `FORMATS`.
        unlabelled: what happens to rows without a reference answer; None takes the format's own.

    Raises:
        ExportError: `folder` is not a finished dataset or lacks the split, no row is left, or `out` exists already.
        DatasetError: two problems have the same `problem_id`, or a file cannot be read.
        OutputError: no folder can be at `out`.
    """
    chosen = FORMATS[to]
    dataset = _checked(folder, split)
    if out.is_file() or foreign_names(out):
        raise ExportError(f"--out {out}: exists already; remove it, or name another folder")
    check_place(out)
    prompt = dataset.prompt("solve").get("text")
    rows = _rows(dataset, split, prompt or load_prompt("default", "solve"))
    there = out.is_dir()
    if there:
        staging = fresh_staging(out)
    else:
        out.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=".sure-math-", dir=out.parent))
    try:
        counts = _write(rows, chosen, staging / f"{split}.parquet", drop=(unlabelled or chosen.unlabelled) == "drop")
        if not counts["rows"]:
            raise ExportError(
                f"{folder}: no row of the split {split!r} has a reference answer: use --unlabelled keep, or build with "
                "label.by=model label.model.model=..."
            )
        readme = (
            environment()
            .get_template(chosen.readme)
            .render(
                name=out.name,
                split=split,
                trl=TRL,
                fingerprint=dataset.fingerprint,
                teacher=dataset.teacher.get("name", "unknown"),
                assumed_prompt=prompt is None,
                **{name: counts[name] for name in ("rows", "left_out", "unlabelled", "overlapping")},
            )
        )
        (staging / "README.md").write_bytes(file_bytes(readme))
        recipes = resources.files("sure_math.publication.recipes")
        recipe = recipes.joinpath(f"{chosen.recipe}.py").read_text(encoding="utf-8")
        (staging / chosen.recipe_file).write_text(recipe, encoding="utf-8")
        if there:
            for path in sorted(staging.iterdir()):
                path.rename(out / path.name)
            staging.rmdir()
        else:
            staging.chmod(0o755)  # mkdtemp's folder is closed to others
            staging.rename(out)
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise
    return ExportResult(folder=out, rows=counts["rows"], readme=readme)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line. Returns 0, or 1 after a message that says what to do."""
    prepare_output()
    options = _parser().parse_args(arguments)
    out = options.out or options.folder.resolve().with_name(f"{options.folder.resolve().name}-{options.to}")
    try:
        made = export(options.folder, options.to, out, split=options.split, unlabelled=options.unlabelled)
    except (ExportError, DatasetError, OutputError) as error:
        say(f"error: {error}", stderr=True)
        return 1
    except OSError as error:
        line = explain_os_error(error, out)
        if line is None:
            raise
        say(f"error: {line}", stderr=True)
        return 1
    say(made.readme)
    say(f"{made.folder}: {made.rows:,} rows", stderr=True)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sure_math.export", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("folder", type=Path, metavar="DIR", help="a dataset that `sure_math.build` has finished")
    parser.add_argument("--to", required=True, choices=sorted(FORMATS), help="trainer whose format is written")
    parser.add_argument(
        "--out", type=output_path, metavar="FOLDER", help="folder to make (default: DIR-trl or DIR-verl)"
    )
    parser.add_argument("--split", default="train", help="split of the dataset (default: train)")
    parser.add_argument(
        "--unlabelled",
        choices=get_args(Unlabelled),
        help="rows without a reference answer (default: keep for trl; drop for verl, which needs it for a reward)",
    )
    return parser


def _checked(folder: Path, split: str) -> PublishedDataset:
    """Open the dataset and check that the files of the split are as they were published."""
    try:
        dataset = open_dataset(folder)
        if split not in dataset.splits:
            raise ExportError(f"{folder} has no split {split!r}: choose one of {', '.join(dataset.splits) or 'none'}")
        dataset.check_files(split)
    except DatasetError as error:
        raise ExportError(str(error)) from None
    return dataset


def _rows(dataset: PublishedDataset, split: str, prompt: str) -> Iterator[ExportRow]:
    for index, (_, values) in enumerate(dataset.problems([split], COLUMNS)):
        messages = solve_messages(values["problem"], values["system"], prompt)
        yield ExportRow(
            values=values,
            prompt=[{"role": message.role, "content": message.content} for message in messages],
            index=index,
            split=split,
        )


def _write(rows: Iterator[ExportRow], chosen: TrainerFormat, path: Path, *, drop: bool) -> Counter[str]:
    """Write the rows. Returns the counts `rows`, `left_out` and, of the written, `unlabelled` and `overlapping`."""
    counts: Counter[str] = Counter()
    pending: list[dict[str, Any]] = []
    with pq.ParquetWriter(path, chosen.schema, compression="zstd") as writer:
        for row in rows:
            labelled = row.values["answer"] is not None
            if drop and not labelled:
                counts["left_out"] += 1
                continue
            counts["rows"] += 1
            counts["unlabelled"] += not labelled
            counts["overlapping"] += bool(row.values["overlaps"])
            pending.append(chosen.row(row))
            if len(pending) == BATCH_ROWS:
                writer.write_table(pa.Table.from_pylist(pending, schema=chosen.schema))
                pending.clear()
        if pending:
            writer.write_table(pa.Table.from_pylist(pending, schema=chosen.schema))
    return counts


if __name__ == "__main__":
    raise SystemExit(main())
