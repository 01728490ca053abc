"""The engines that pass the contract tests: transformers, vLLM, the server engine and the scripted fake."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from sure_math.models.engines import Engine
from sure_math.models.engines.load import load_engine
from sure_math.models.engines.spec import ModelSpec, ServerSpec
from tests.helpers.scripted_models import ScriptedEngine
from tests.helpers.tiny_model import END, POSITIONS
from tests.helpers.vllm_server import SERVED_NAME, VllmServer


def scripted_tokens(prompt: tuple[int, ...], seed: int) -> list[int]:
    """Reproducible tokens that differ between prompts from the first on, and sometimes end."""
    rng = np.random.default_rng([seed, *prompt])
    return [10 + sum(prompt) % 50, *(int(token) for token in rng.integers(END, 40, size=60))]


@pytest.fixture(scope="session")
def transformers_engine(tiny_model: Path) -> Iterator[Engine]:
    engine = load_engine(ModelSpec(model=str(tiny_model)))
    yield engine
    engine.close()


@pytest.fixture(scope="session")
def server_engine(tiny_model: Path, vllm_server: VllmServer) -> Iterator[Engine]:
    server = ServerSpec(url=vllm_server.url, served_name=SERVED_NAME)
    engine = load_engine(ModelSpec(model=str(tiny_model), engine="server", server=server))
    yield engine
    engine.close()


VLLM = [pytest.param(name, marks=pytest.mark.vllm) for name in ("vllm", "server")]


@pytest.fixture(params=["transformers", *VLLM, "scripted"])
def engine(request: pytest.FixtureRequest) -> Engine:
    if request.param == "scripted":
        return ScriptedEngine(script=scripted_tokens, stop_token_id=END, max_length=POSITIONS)
    chosen: Engine = request.getfixturevalue(f"{request.param}_engine")
    return chosen


@pytest.fixture(params=["transformers", *VLLM])
def real_engine(request: pytest.FixtureRequest) -> Engine:
    chosen: Engine = request.getfixturevalue(f"{request.param}_engine")
    return chosen
