"""Models as plain values.

Pins: the sections of the configuration have the fields and the defaults of the specs that engines take; a model that
is on this disk under its own name is found without the Hub; the results of pieces of requests come back per request.
"""

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from sure_math.config import ModelConfig, ReplicasConfig, ServerConfig
from sure_math.models.engines import Completion, EngineUnavailable, Refusal, Request, RequestResult, Sampling
from sure_math.models.engines.chunks import merge_results
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


def test_results_of_pieces_come_back_per_request() -> None:
    def completion(seed: int) -> Completion:
        return Completion(token_ids=(seed,), sum_logprob=-1.0, finish_reason="stop")

    def piece(number: int, *seeds: int) -> Request:
        sampling = Sampling(max_new_tokens=1, temperature=1.0)
        return Request(token_ids=(1,), seeds=seeds, sampling=sampling, number=number)

    requests = [piece(0, 1, 2, 3), piece(1, 4, 5), piece(2)]
    first, second = (Refusal(reason="empty_prompt", detail=detail) for detail in ("first", "second"))
    pieces: list[tuple[Request, RequestResult]] = [
        (piece(1, 5), second),
        (piece(0, 3), (completion(3),)),
        (piece(1, 4), first),
        (piece(0, 1, 2), (completion(1), completion(2))),
    ]
    assert merge_results(requests, pieces) == [(completion(1), completion(2), completion(3)), first, ()]
