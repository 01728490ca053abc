"""Models as plain values.

Pins: the sections of the configuration have the fields and the defaults of the specs that engines take; a model that
is on this disk under its own name is found without the Hub.
"""

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from sure_math.config import ModelConfig, ReplicasConfig, ServerConfig
from sure_math.models.engines import EngineUnavailable
from sure_math.models.engines.files import local_folder
from sure_math.models.engines.pocket_files import ROLES, pocket_folder
from sure_math.models.engines.spec import ModelSpec, ReplicasSpec, ServerSpec
from sure_math.models.responders.roles import model_spec

SECTIONS: list[tuple[Any, Any]] = [
    (ServerConfig(url="http://host/v1"), ServerSpec(url="http://host/v1")),
    (ReplicasConfig(), ReplicasSpec()),
]


@pytest.mark.parametrize(("section", "spec"), SECTIONS, ids=["server", "replicas"])
def test_a_section_has_the_fields_and_the_defaults_of_its_spec(section: Any, spec: Any) -> None:
    assert section.model_dump() == dataclasses.asdict(spec)


def test_a_model_has_the_defaults_of_its_spec() -> None:
    assert model_spec(ModelConfig(model="m")) == ModelSpec(model="m")


def test_a_model_on_this_disk_is_found_without_the_hub(tmp_path: Path) -> None:
    assert local_folder(str(tmp_path)) == tmp_path
    assert [local_folder(f"pocket:{role}") for role in ROLES] == [pocket_folder(role) for role in ROLES]
    assert local_folder("Qwen/Qwen3-1.7B") is None
    with pytest.raises(EngineUnavailable, match="'oracle' does not exist; there are author, teacher"):
        local_folder("pocket:oracle")
