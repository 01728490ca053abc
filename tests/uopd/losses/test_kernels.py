"""Pins of `uopd/losses/kernels.py`, on a machine without a GPU:

- Triton's interpreter runs the kernels on CPU tensors (`tests/helpers/kernels_interpreted.py`): the losses, the policy
  gradient and the teacher's top-k are what PyTorch's path and Eq. 7 in float64 say, in float32 and bfloat16, over
  chunks, blocks with a rest, weights of 0, bias and repeated ids;
- they compile for three generations of GPUs, with loads of 16 bytes and no spilled registers;
- a device that computes something else, or fails, is left to PyTorch with a warning; a broken Triton is none.
"""

import os
import re
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
import torch

from tests.helpers.repository import ROOT
from uopd.losses import kernels

needs_triton = pytest.mark.skipif(kernels.MISSING is not None, reason="Triton is not installed")


@pytest.mark.slow
@needs_triton
def test_the_kernels_by_triton_s_interpreter() -> None:
    file = ROOT / "tests" / "helpers" / "kernels_interpreted.py"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "TRITON_INTERPRET": "1"})
    assert done.returncode == 0, done.stdout[-3000:]
    assert re.search(r"\b13 passed", done.stdout), done.stdout[-300:]


# ---- without running them -------------------------------------------------------------------------------------------

POINTERS = {
    "_statistics_kernel": ("fp32",) * 4,
    "_softmax_kernel": ("bf16", "fp32", "fp32", "fp32"),
    "_pair_statistics_kernel": ("fp32",) * 9,
    "_pair_softmax_kernel": ("bf16", *("fp32",) * 7),
}
CONSTANTS = {"BLOCK": {"pair": kernels.PAIR_BLOCK, "row": kernels.BLOCK}, "LOWEST": kernels.LOWEST}


@needs_triton
@pytest.mark.parametrize("name", POINTERS)
@pytest.mark.parametrize("generation", [80, 90, 100])
@pytest.mark.parametrize("even", [True, False], ids=["vocabulary of 16s", "any vocabulary"])
def test_they_compile_for_gpus_with_wide_loads_and_no_spills(
    name: str, generation: int, even: bool, tmp_path: Path
) -> None:
    import triton
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    function = getattr(kernels, name)
    types, constants = {}, {}
    pointers = iter(POINTERS[name])
    for index, argument in enumerate(function.arg_names):
        if argument in CONSTANTS:
            value = CONSTANTS[argument]
            constants[index,] = value["pair" if "pair" in name else "row"] if isinstance(value, dict) else value
            types[argument] = "constexpr"
        else:
            types[argument] = "i32" if "stride" in argument or argument == "vocabulary" else f"*{next(pointers)}"
    whole = {
        (index,): [["tt.divisibility", 16]]
        for index, type_ in enumerate(types.values())
        if type_ != "constexpr" and (even or type_.startswith("*"))
    }
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="TRITON_DEFAULT_FP_FUSION")
        compiled = triton.compile(
            ASTSource(fn=function, signature=types, constexprs=constants, attrs=whole),
            target=GPUTarget("cuda", generation, 32),
            options={"num_warps": kernels.WARPS},
        )
    assert bool(re.search(r"ld\.global[\w.]*\.v4", compiled.asm["ptx"])) == even
    binary = tmp_path / "kernel.cubin"
    binary.write_bytes(compiled.asm["cubin"])
    tool = Path(triton.__file__).parent / "backends" / "nvidia" / "bin" / "cuobjdump"
    used = subprocess.run([tool, "--dump-resource-usage", binary], capture_output=True, text=True, check=True).stdout
    assert re.search(r"STACK:0\b", used) and re.search(r"LOCAL:0\b", used), used


@pytest.mark.parametrize(
    ("outcome", "message"),
    [
        (float("nan"), "differ from PyTorch by nan"),
        (0.5, r"differ from PyTorch by 5\.0e-01"),
        (RuntimeError("no driver"), "RuntimeError: no driver"),
    ],
)
def test_a_device_where_they_fail_is_left_to_pytorch(monkeypatch, outcome: float | Exception, message: str) -> None:
    def difference(device: torch.device, dtype: torch.dtype) -> float:
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    monkeypatch.setattr(kernels, "_difference", difference)
    kernels._agrees.cache_clear()
    with pytest.warns(UserWarning, match=message):
        assert not kernels._agrees(torch.device("cpu"), torch.bfloat16)
    kernels._agrees.cache_clear()


def test_a_broken_triton_is_none(tmp_path: Path) -> None:
    (tmp_path / "triton.py").write_text("raise OSError('no libcuda')")
    code = (
        "import torch; from uopd import losses; from uopd.losses import kernels; "
        "print(repr(kernels.MISSING), kernels.usable(torch.zeros(2, 2)), losses.topk_cross_entropy.__name__)"
    )
    path = os.pathsep.join([str(tmp_path), str(ROOT)])
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env={"PYTHONPATH": path})
    assert done.stdout.split("\n")[0] == "OSError('no libcuda') False topk_cross_entropy", done.stderr[-500:]


def test_a_cpu_has_pytorch() -> None:
    assert not kernels.usable(torch.zeros(2, 2)) and not kernels.usable(torch.zeros(2, 2, dtype=torch.float64))
