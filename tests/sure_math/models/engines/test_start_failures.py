"""A start that fails says why, in one line with a remedy; everything else that was printed is in a file.

Pinned: each known cause by the words of vLLM 0.32, torch or the system, between the lines of other processes; an
unknown cause is shown by its first error and the last lines; what the engine's processes print goes into the file and
what the command itself prints does not; without a folder for logs, and with `--verbose`, it goes to the screen. Two
causes are provoked with vLLM, really starting.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest
from huggingface_hub import errors

from sure_math.models.engines import EngineUnavailable
from sure_math.models.engines.engine_output import EngineOutput, engine_logs, kept_output, shown
from sure_math.models.engines.load import load_engine
from sure_math.models.engines.spec import ModelSpec
from sure_math.models.engines.start_failures import explain, explained_start, why_not_started

SPEC = ModelSpec(model="some/model", engine="vllm")
PREFIX = "(Worker pid=77) ERROR 12-01 07:35:43 [multiproc_executor.py:912] "
TAIL = "RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {'EngineCore': 1}"

CAUSES = {
    "memory share on a CPU": (
        "ValueError: Available memory on node 0 (6.10/23.42 GiB) on startup is less than desired CPU memory "
        "utilization (0.92, 21.55 GiB). On the CPU backend, ...",
        "6.1 of 23.42 GiB of memory are free and 21.55 GiB are wanted; set gpu_memory_utilization: 0.24 in "
        "engine_options",
    ),
    "memory share on a GPU": (
        "ValueError: Free memory on device cuda:0 (30.25/79.11 GiB) on startup is less than desired GPU memory "
        "utilization (0.92, 72.78 GiB). Decrease GPU memory utilization or reduce ...",
        "30.25 of 79.11 GiB of memory are free and 72.78 GiB are wanted; set gpu_memory_utilization: 0.36 in "
        "engine_options",
    ),
    "no memory at all": (
        "ValueError: Free memory on device cuda:0 (0.40/79.11 GiB) on startup is less than desired GPU memory "
        "utilization (0.92, 72.78 GiB). Decrease GPU memory utilization or reduce ...",
        "0.4 of 79.11 GiB of memory are free and 72.78 GiB are wanted; end what else uses the memory",
    ),
    "one sequence": (
        "ValueError: To serve at least one request with the model's max seq len (32768), (3.50 GiB KV cache is needed, "
        "which is larger than the available KV cache memory (1.20 GiB). Based on the available memory, the estimated "
        "maximum model length is 11200. Try increasing ...",
        "the cache of one sequence of 32768 positions takes 3.50 GiB and 1.20 GiB are left for it; set "
        "max_model_len=11200, or raise gpu_memory_utilization",
    ),
    "one sequence, nothing fits": (
        "ValueError: To serve at least one request with the model's max seq len (2048), (0.50 GiB KV cache is needed, "
        "which is larger than the available KV cache memory (0.01 GiB). Try increasing ...",
        "0.01 GiB are left for it; raise gpu_memory_utilization",
    ),
    "cache on a CPU": (
        "ValueError: Available memory on node 0 (3.10/23.42 GiB) on kv cache allocation is less than requested memory "
        "for kv (8.00 GiB). Decrease ...",
        "3.10 of 23.42 GiB of memory are free and the cache should take 8.00 GiB; lower kv_cache_memory_bytes",
    ),
    "no cache": ("ValueError: No available memory for the cache blocks. Try", "weights leave no memory for the cache"),
    "GPU full": (
        "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 79.11 "
        "GiB of which 1.25 GiB is free. Process 1 has",
        "the GPU's memory is full (1.25 GiB free, 2.00 GiB more wanted); lower gpu_memory_utilization",
    ),
    "host full": (
        "RuntimeError: [enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: you "
        "tried to allocate 68719476736 bytes. Error code 12",
        "the memory is full (68719476736 more bytes wanted)",
    ),
    "killed": (
        "RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): "
        "{'EngineCore_DP0': -9}",
        "killed by the system (SIGKILL), as happens when the memory is full",
    ),
    "length": (
        "Value error, User-specified max_model_len (65536) is greater than the derived max_model_len "
        "(max_position_embeddings=32768.0 or model_max_length=None in model's config.json). ",
        "max_model_len=65536 is beyond the 32768 positions of the model; set max_model_len=32768 or less",
    ),
    "dtype": (
        "ValueError: Bfloat16 is only supported on GPUs with compute capability of at least 8.0. Your Tesla V100 GPU "
        "has compute capability 7.0. You can use float16 instead by explicitly setting",
        "this GPU has no bfloat16 (compute capability 7.0); set dtype=float16",
    ),
    "quantised": (
        "ValueError: torch.bfloat16 is not supported for quantization method awq. Supported dtypes: [torch.float16]",
        "dtype bfloat16 does not go with the model's quantization awq; set dtype to one of torch.float16",
    ),
    "kernel": ("RuntimeError: \"rms_norm\" not implemented for 'Half'", "cannot compute in Half; set dtype=float32"),
    "architecture": (
        "Value error, Model architectures ['MyForCausalLM'] are not supported for now. Supported architectures: dict_",
        "this version of vLLM does not know the architecture 'MyForCausalLM'; set engine=transformers",
    ),
    "architecture of transformers": (
        "ValueError: MyForCausalLM has no vLLM implementation and the Transformers implementation is not compatible",
        "does not know the architecture MyForCausalLM; set engine=transformers",
    ),
    "heads": (
        "Value error, Total number of attention heads (14) must be divisible by tensor parallel size (4).",
        "tensor_parallel_size 4 does not divide the 14 attention heads of the model",
    ),
    "compiler of torch": (
        "torch._inductor.exc.InductorError: InvalidCxxCompiler: No working C++ compiler found in "
        "torch._inductor.config.cpp.cxx: (None, 'g++')",
        "finds no C++ compiler or no headers of Python; install them (Debian, Ubuntu: apt install g++ python3-dev)",
    ),
    "compiler of Triton": (
        "RuntimeError: Failed to find C compiler. Please specify via CC environment variable or set triton.knobs",
        "finds no C++ compiler",
    ),
    "port": (
        "torch.distributed.DistNetworkError: The server socket has failed to listen on any local network address. "
        "port: 29500, useIpv6: false, code: -98, name: EADDRINUSE, message: address already in use",
        "a network port that it takes is in use; repeat the command",
    ),
    "disk": ("OSError: [Errno 28] No space left on device", "a disk is full; make room there"),
    "old CPU": (
        "RuntimeError: Engine core initialization failed. Failed core proc(s): {'EngineCore_DP0': -4}",
        "this vLLM was built for a newer CPU",
    ),
    "unknown option": (
        "TypeError: EngineArgs.__init__() got an unexpected keyword argument 'enforce_eagre'",
        "engine_options.enforce_eagre is no option of this version of vLLM",
    ),
    "wrong value": (
        "pydantic_core._pydantic_core.ValidationError: 1 validation error for SchedulerConfig\nmax_num_seqs\n  Input "
        "should be greater than or equal to 1 [type=greater_than_equal, input_value=-3, input_type=int]",
        "engine_options.max_num_seqs: Input should be greater than or equal to 1",
    ),
}


@pytest.mark.parametrize("name", CAUSES)
def test_a_known_cause_is_said_with_what_to_do(name: str, tmp_path: Path) -> None:
    words, expected = CAUSES[name]
    log = tmp_path / "vllm.log"
    lines = [f"{PREFIX}WorkerProc failed to start.", *(f"{PREFIX}{line}" for line in words.splitlines()), TAIL]
    log.write_text("\n".join(lines) + "\n")
    error = why_not_started(RuntimeError("Engine core initialization failed."), SPEC, EngineOutput(log))
    assert str(error).startswith("model 'some/model': vLLM did not start: ")
    assert expected in str(error)
    assert str(error).endswith(f"; everything that vLLM printed is in {log}")
    assert "\n" not in str(error)
    assert explain(words, SPEC) is not None


def test_an_unknown_cause_is_shown_by_its_first_error_and_the_last_lines(tmp_path: Path) -> None:
    log = tmp_path / "vllm.log"
    noise = "".join(f"(EngineCore pid=7) INFO 12-01 07:35:43 [core.py:1] line {number}\n" for number in range(40))
    log.write_text(f"{noise}{PREFIX}KeyError: 'the true cause'\n{PREFIX}Traceback\n(EngineCore pid=7) {TAIL}\n")
    error = str(why_not_started(RuntimeError("Engine core initialization failed."), SPEC, EngineOutput(log)))
    first, *rest = error.splitlines()
    assert first == (
        "model 'some/model': vLLM did not start: KeyError: 'the true cause'; everything that vLLM printed is in "
        + str(log)
    )
    assert len(rest) == 12 and TAIL in rest[-1] and "line 39" in rest[-4]


def test_an_unknown_cause_without_a_log_is_what_the_exception_says() -> None:
    error = str(why_not_started(OSError("the cable\nis broken"), SPEC, EngineOutput(None)))
    assert error == "model 'some/model': vLLM did not start: OSError: the cable"


SCRIPT = """
import os, subprocess, sys
from pathlib import Path
from sure_math.models.engines.engine_output import engine_logs, kept_output
from sure_math.models.engines.spec import ModelSpec
from sure_math.models.engines.start_failures import explained_start

folder = None if sys.argv[1] == "-" else Path(sys.argv[1])
with engine_logs(folder):
    print("before")
    try:
        with explained_start(ModelSpec(model="some/model", engine="vllm")):
            kept = sys.stderr
            subprocess.run([sys.executable, "-c", "print('of the engine'); import os; os.write(2, b'its error')"])
            os.write(1, b"of a library in C\\n")
            print("of the command")
            print("its error too", file=sys.stderr)
            raise RuntimeError("Engine core initialization failed.")
    except Exception as error:
        print(type(error).__name__)
    print("after")
    print("of a library that keeps the stream", file=kept)
"""


def test_the_engines_lines_go_into_the_file_and_the_commands_onto_the_screen(tmp_path: Path) -> None:
    run = subprocess.run([sys.executable, "-c", SCRIPT, str(tmp_path / "logs")], capture_output=True, text=True)
    assert run.stdout.splitlines() == ["before", "of the command", "EngineUnavailable", "after"]
    assert run.stderr.splitlines() == ["its error too", "of a library that keeps the stream"]
    (log,) = (tmp_path / "logs").iterdir()
    assert log.name == "vllm-model.log"
    head, *lines = log.read_text().splitlines()
    assert re.fullmatch(r"---- \d{4}-\d\d-\d\d \d\d:\d\d:\d\d, process \d+", head)
    text = "\n".join(lines)
    assert all(words in text for words in ("of the engine", "its error", "of a library in C", "Traceback (most recent"))
    assert "of the command" not in text


def test_with_verbose_everything_is_on_the_screen(tmp_path: Path) -> None:
    run = subprocess.run([sys.executable, "-c", SCRIPT, "-"], capture_output=True, text=True, cwd=tmp_path)
    assert all(words in run.stdout for words in ("of the engine", "of a library in C", "of the command"))
    assert os.listdir(tmp_path) == []


def test_only_the_output_of_this_start_counts(tmp_path: Path) -> None:
    with engine_logs(tmp_path):
        assert not shown()
        for word in ("first", "second"):
            with kept_output("one") as output:
                os.write(1, f"the {word} start\n".encode())
            assert f"the {word} start" in output.text()
        assert "first" not in output.text()
    with engine_logs(None):
        assert shown()
    assert not shown()


def test_a_log_that_cannot_be_written_does_not_stop_a_start(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "one.log").symlink_to(tmp_path / "of-somebody")
    with engine_logs(tmp_path / "logs"), kept_output("one") as output:
        assert output.path is None and output.text() == ""
    assert not (tmp_path / "of-somebody").exists()


def test_an_error_of_our_own_stays_as_it_is(tmp_path: Path) -> None:
    with engine_logs(tmp_path), pytest.raises(EngineUnavailable, match=r"^as it is$"), explained_start(SPEC):
        raise EngineUnavailable("as it is")


@pytest.mark.vllm
@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"gpu_memory_utilization": 0.999},
            r"GiB of memory are free and .* GiB are wanted; set gpu_memory_utilization",
        ),
        ({"kv_cache_memory_bytes": 20_000}, r"kv_cache_memory_bytes = 20000 holds no block of the cache; raise it"),
        ({"no_such_option": 1}, r"engine_options\.no_such_option is no option of this version of vLLM; remove it"),
    ],
)
def test_vllm_itself_does_not_start(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, object], message: str
) -> None:
    monkeypatch.delenv("VLLM_CPU_KVCACHE_SPACE", raising=False)
    monkeypatch.setenv("TORCH_COMPILE_DISABLE", "1")
    spec = ModelSpec(
        model=str(tiny_model),
        engine="vllm",
        dtype="float32",
        options={"enforce_eager": True, "max_num_seqs": 4} | options,
    )
    with engine_logs(tmp_path), pytest.raises(EngineUnavailable, match=message) as caught:
        load_engine(spec)
    assert len(str(caught.value).splitlines()) == 1
    (log,) = tmp_path.iterdir()
    assert "Traceback (most recent call last)" in log.read_text()


HUB = {
    "gated": (
        lambda response: errors.GatedRepoError("403 Client Error", response=response),
        r"it is gated: accept its terms at https://huggingface.co/some/model, then log in with `hf auth login`",
    ),
    "absent": (
        lambda response: errors.RepositoryNotFoundError("404 Client Error", response=response),
        r"there is no such model, or it is private: check the name",
    ),
    "revision": (
        lambda response: errors.RevisionNotFoundError("404 Client Error", response=response),
        r"it has no such revision: check revision",
    ),
    "half downloaded": (
        lambda response: errors.LocalEntryNotFoundError("no file in the cache"),
        r"it is not whole on this disk, and the Hub was not reached: check the connection and HF_HUB_OFFLINE",
    ),
    "disk": (
        lambda response: OSError(28, "No space left on device"),
        r"the disk is full: make room, or set HF_HOME",
    ),
    "else": (lambda response: ConnectionError("refused"), r"check the name and the connection"),
}


@pytest.mark.parametrize("name", HUB)
def test_a_model_that_the_hub_does_not_give_says_why(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    make, message = HUB[name]

    def refuse(*arguments: object, **options: object) -> str:
        raise make(httpx2.Response(403, request=httpx2.Request("GET", "https://huggingface.co/api")))

    monkeypatch.setattr("huggingface_hub.snapshot_download", refuse)
    with pytest.raises(EngineUnavailable, match=message) as caught:
        load_engine(SPEC)
    assert str(caught.value).startswith("model 'some/model': no such folder here, and the Hub did not give it")
