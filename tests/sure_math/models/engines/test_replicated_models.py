"""Models and processes on several machines, without Ray.

Pins: how a model is named so that every machine finds the same one; threads, GPUs and vLLM's process in the environment
of an actor.
"""

from pathlib import Path

import pytest

from sure_math.models.engines.files import pin_model
from sure_math.models.engines.ray_replicas.environment import actor_environment


def test_a_model_has_one_name_on_every_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "model").mkdir()
    monkeypatch.chdir(tmp_path)
    assert pin_model("pocket:teacher", None) == ("pocket:teacher", None)
    assert pin_model("model", None, commit="abc") == (str(tmp_path / "model"), None)
    assert pin_model("Org/Model-8B", "main", commit="abc") == ("Org/Model-8B", "abc")


@pytest.mark.parametrize(
    ("threads", "gpu", "inherited", "expected"),
    [
        (4, True, {}, {"OMP_NUM_THREADS": "4"}),
        (4, True, {"OMP_NUM_THREADS": "2"}, {"OMP_NUM_THREADS": "2"}),
        (4, True, {"OMP_NUM_THREADS": "0"}, {"OMP_NUM_THREADS": "4"}),
        (1, False, {"OMP_NUM_THREADS": "8"}, {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}),
        (1, True, {"VLLM_ENABLE_V1_MULTIPROCESSING": "1"}, {"VLLM_ENABLE_V1_MULTIPROCESSING": "1"}),
    ],
)
def test_the_environment_of_an_actor(
    threads: int, gpu: bool, inherited: dict[str, str], expected: dict[str, str]
) -> None:
    usual = {"OMP_NUM_THREADS": str(threads), "VLLM_ENABLE_V1_MULTIPROCESSING": "0"}
    assert actor_environment(threads=threads, gpu=gpu, inherited=inherited) == usual | expected
