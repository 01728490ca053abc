"""The dataset card: a template that is filled from the manifest and from nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pyarrow as pa

from sure_math.publication.tables import CONFIGS
from sure_math.reporting.templates import environment

if TYPE_CHECKING:
    from huggingface_hub import DatasetCardData

TEMPLATE = "dataset_card.md.j2"

# Identifiers that the Hub accepts in a card's metadata. Any other licence is `other` there; the text names it.
HUB_LICENSES = frozenset(
    {"apache-2.0", "mit", "bsd-3-clause", "cc0-1.0", "cc-by-4.0", "cc-by-3.0", "cc-by-2.0", "cc-by-sa-4.0"}
    | {"cc-by-sa-3.0", "cc-by-nc-4.0", "cc-by-nc-sa-4.0", "cc-by-nc-nd-4.0", "cc-by-nd-4.0", "odc-by", "odbl"}
    | {"pddl", "gpl-3.0", "unknown"}
)
METADATA_ORDER = (
    *("pretty_name", "license", "language", "task_categories", "tags", "size_categories"),
    *("configs", "dataset_info"),
)
SIZES = ((10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M"), (10**7, "1M<n<10M"))


def render_card(manifest: Mapping, schemas: Mapping[str, pa.Schema]) -> str:
    """Render the card of a dataset: metadata for the Hub and `datasets`, then the text.

    >>> dataset = open_dataset(Path("sure-math"))  # doctest: +SKIP
    >>> card = render_card(dataset.manifest, SCHEMAS)  # doctest: +SKIP

    Args:
        manifest: as `publish` writes it; every number of the text is one of its values or a ratio of two.
        schemas: table -> Arrow schema, for the explicit features of each configuration.
    """
    front = _metadata(manifest, schemas).to_yaml(original_order=list(METADATA_ORDER))
    return f"---\n{front}\n---\n\n{environment().get_template(TEMPLATE).render(**manifest)}"


def _metadata(manifest: Mapping, schemas: Mapping[str, pa.Schema]) -> DatasetCardData:
    # Both take seconds to import, which a command that writes no card does not need.
    from datasets import DatasetInfo, Features
    from datasets.info import DatasetInfosDict
    from huggingface_hub import DatasetCardData

    rows = manifest["dataset"]["rows"]
    present = {
        config: {split: table for split, table in splits.items() if rows[table]} for config, splits in CONFIGS.items()
    }
    present = {config: splits for config, splits in present.items() if splits}
    problems = rows["train"] + rows["test"]
    licenses = sorted({_hub_license(name) for name in manifest["numbers"]["kinds"]["license"]})
    metadata = DatasetCardData(
        pretty_name="SURE-Math",
        license=licenses[0] if len(licenses) == 1 else licenses,
        language=["en"],
        task_categories=["text-generation", "question-answering"],
        tags=["mathematics", "semantic-entropy", "uncertainty", "distillation", "sure-math"],
        size_categories=[next((name for limit, name in SIZES if problems < limit), "n>10M")],
        configs=[_config(name, splits) for name, splits in present.items()],
    )
    features = {
        name: Features.from_arrow_schema(schemas[next(iter(splits.values()))]) for name, splits in present.items()
    }
    DatasetInfosDict({name: DatasetInfo(features=kinds) for name, kinds in features.items()}).to_dataset_card_data(
        metadata
    )
    return metadata


def _config(name: str, splits: Mapping[str, str]) -> dict[str, object]:
    files = [{"split": split, "path": f"data/{table}-*.parquet"} for split, table in splits.items()]
    return {"config_name": name, **({"default": True} if name == "default" else {}), "data_files": files}


def _hub_license(name: str) -> str:
    return name.lower() if name.lower() in HUB_LICENSES else "other"
