"""The dataset card: a template filled from the manifest of a run and from nothing else."""

from collections.abc import Mapping
from importlib import resources
from pathlib import Path

import jinja2
import pyarrow as pa
import yaml

CONFIGS: Mapping[str, Mapping[str, str]] = {
    "default": {"train": "train", "test": "test"},
    "samples": {"train": "samples"},
    "rejected": {"train": "rejected"},
}
"""Configuration -> split -> table. A table is stored in `data/TABLE-*.parquet`."""

TEMPLATE = "dataset_card.md.j2"
MARKDOWN_CELL = str.maketrans({"\\": "\\\\", "|": "\\|", "\n": " ", "\r": " "})

# Identifiers that the Hub accepts in a card's metadata; any other licence is `other` there and spelt out in the text.
HUB_LICENSES = frozenset(
    {"apache-2.0", "mit", "bsd-3-clause", "cc0-1.0", "cc-by-4.0", "cc-by-3.0", "cc-by-2.0", "cc-by-sa-4.0"}
    | {"cc-by-sa-3.0", "cc-by-nc-4.0", "cc-by-nc-sa-4.0", "cc-by-nc-nd-4.0", "cc-by-nd-4.0", "odc-by", "odbl"}
    | {"pddl", "gpl-3.0", "unknown"}
)
SIZES = ((10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M"), (10**7, "1M<n<10M"))
FEATURE_TYPES = {pa.string(): "string", pa.int64(): "int64", pa.float64(): "float64", pa.bool_(): "bool"}


def render_card(manifest: Mapping, schemas: Mapping[str, pa.Schema]) -> str:
    """The card of a dataset: metadata for the Hub and `datasets`, then the text.

    Args:
        manifest: as `publish` writes it; every number of the text is one of its values or a ratio of two.
        schemas: table -> Arrow schema, for the explicit features of each configuration.
    """
    front = yaml.safe_dump(_metadata(manifest, schemas), sort_keys=False, allow_unicode=True, width=120)
    return f"---\n{front}---\n\n{environment().get_template(TEMPLATE).render(**manifest)}"


def environment() -> jinja2.Environment:
    """The templates of `cards/`: package data of an installed wheel, the repository's folder otherwise."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_template_folder()),
        undefined=jinja2.StrictUndefined,  # a number that is not there is an error, never an empty place
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # Markdown, not HTML
    )
    made.filters.update(cell=cell, percent=percent, count=count, number=number, yaml=_yaml)
    return made


def cell(value: object) -> str:
    """Any text as one cell of a Markdown table."""
    return str(value).translate(MARKDOWN_CELL)


def percent(part: float, whole: float = 1.0) -> str:
    """`12.3 %`; `-` where there is nothing to divide by."""
    return f"{100 * part / whole:.1f} %" if whole else "-"


def count(value: int) -> str:
    """`8,800`."""
    return f"{value:,}"


def number(value: float | None, digits: int = 3) -> str:
    """Fixed digits; `-` for None."""
    return "-" if value is None else f"{value:.{digits}f}"


def _yaml(value: object) -> str:
    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=120).rstrip()


def _template_folder() -> Path:
    packaged = Path(str(resources.files("sure_math"))) / "cards"
    repository = Path(__file__).resolve().parents[2] / "cards"
    for folder in (packaged, repository):
        if (folder / TEMPLATE).is_file():
            return folder
    raise FileNotFoundError(f"no {TEMPLATE} in {packaged} or {repository}; reinstall sure-math")


def _metadata(manifest: Mapping, schemas: Mapping[str, pa.Schema]) -> dict[str, object]:
    rows = manifest["dataset"]["rows"]
    present = {
        config: {split: table for split, table in splits.items() if rows[table]} for config, splits in CONFIGS.items()
    }
    present = {config: splits for config, splits in present.items() if splits}
    problems = rows["train"] + rows["test"]
    licenses = sorted({_hub_license(name) for name in manifest["numbers"]["kinds"]["license"]})
    return {
        "pretty_name": "SURE-Math",
        "license": licenses[0] if len(licenses) == 1 else licenses,
        "language": ["en"],
        "task_categories": ["text-generation", "question-answering"],
        "tags": ["mathematics", "semantic-entropy", "uncertainty", "distillation", "sure-math"],
        "size_categories": [next((name for limit, name in SIZES if problems < limit), "n>10M")],
        "configs": [_config(name, splits) for name, splits in present.items()],
        "dataset_info": [
            {"config_name": name, "features": _features(schemas[next(iter(splits.values()))])}
            for name, splits in present.items()
        ],
    }


def _config(name: str, splits: Mapping[str, str]) -> dict[str, object]:
    files = [{"split": split, "path": f"data/{table}-*.parquet"} for split, table in splits.items()]
    return {"config_name": name, **({"default": True} if name == "default" else {}), "data_files": files}


def _features(schema: pa.Schema) -> list[dict[str, object]]:
    return [_feature(field) for field in schema]


def _feature(field: pa.Field) -> dict[str, object]:
    if pa.types.is_list(field.type):
        return {"name": field.name, "sequence": FEATURE_TYPES[field.type.value_type]}
    return {"name": field.name, "dtype": FEATURE_TYPES[field.type]}


def _hub_license(name: str) -> str:
    return name.lower() if name.lower() in HUB_LICENSES else "other"
