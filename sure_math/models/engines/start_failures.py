"""Why an engine did not start, in a line that says what to do.

vLLM reports a failure in its processes' output, over a hundred lines and more; the exception that reaches us says only
that there was one. Each row of `FAILURES` knows one cause by vLLM's, torch's or the system's own words.
"""

from __future__ import annotations

import contextlib
import math
import os
import re
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from sure_math.models.engines import EngineUnavailable
from sure_math.models.engines.engine_output import EngineOutput, kept_output, logs_of_library
from sure_math.models.engines.spec import ModelSpec

LAST_LINES = 12
"""Lines of the output that are shown if the cause is not known."""

Groups = dict[str, str]
"""The parts of a message that a pattern names."""


@contextlib.contextmanager
def explained_start(spec: ModelSpec) -> Iterator[None]:
    """Import and start vLLM in this block: what it prints is kept (`engine_output.py`), and an error says why.

    Raises:
        EngineUnavailable: it did not start.
    """
    with kept_output(f"vllm-{Path(spec.model).name}") as output:
        if output.path is not None:  # the log of this process goes where the output of the others goes
            os.environ.setdefault("VLLM_LOGGING_STREAM", "ext://sys.__stdout__")
        logs_of_library("vllm", output.path)
        try:
            yield
        except EngineUnavailable:
            raise
        except Exception as error:  # whatever vLLM, torch, a kernel or a driver raises
            output.add("".join(traceback.format_exception(error)))
            raise why_not_started(error, spec, output) from error
        finally:
            logs_of_library("vllm", output.path)


@dataclass(frozen=True, slots=True)
class Failure:
    """A cause that is known by its words."""

    pattern: str
    """Regular expression; its named groups are filled into the message."""
    message: str | Callable[[Groups, ModelSpec], str]
    """What to tell, or a function that says it."""


def why_not_started(error: BaseException, spec: ModelSpec, output: EngineOutput) -> EngineUnavailable:
    """Say why the engine of `spec` did not start.

    Args:
        error: what its start raised.
        output: what its processes have printed.
    """
    text = _plain(f"{output.text()}\n{_chain(error)}")
    where = "" if output.path is None else f"; everything that vLLM printed is in {output.path}"
    known = explain(text, spec)
    if known is not None:
        return EngineUnavailable(f"model {spec.model!r}: vLLM did not start: {known}{where}")
    last = "" if output.path is None else "".join(f"\n  {line}" for line in _last_lines(output.text()))
    return EngineUnavailable(f"model {spec.model!r}: vLLM did not start: {_cause(text, error)}{where}{last}")


def explain(text: str, spec: ModelSpec) -> str | None:
    """Return cause and remedy if the output of an engine has the words of a known cause.

    >>> explain("ValueError: World size (2) is larger than the number of available GPUs (1)", ModelSpec(model="m"))
    'it should use 2 GPUs and there are 1; lower tensor_parallel_size in engine_options'
    """
    for failure in FAILURES:
        match = re.search(failure.pattern, text)
        if match is not None:
            groups = {name: value or "" for name, value in match.groupdict().items()}
            return (
                failure.message.format(**groups) if isinstance(failure.message, str) else failure.message(groups, spec)
            )
    return None


def _share(groups: Groups, spec: ModelSpec) -> str:
    free, total = float(groups["free"]), float(groups["total"])
    fits = math.floor(100 * free / total - 2) / 100
    remedy = (
        f"set gpu_memory_utilization: {fits:g} in engine_options" if fits >= 0.05 else "end what else uses the memory"
    )
    return f"{free:g} of {total:g} GiB of memory are free and {groups['wanted']} GiB are wanted; {remedy}"


def _one_sequence(groups: Groups, spec: ModelSpec) -> str:
    fits = int(groups["fits"] or 0)
    shorter = f"set max_model_len={fits}, or " if fits else ""
    return (
        f"the cache of one sequence of {groups['length']} positions takes {groups['needed']} GiB and "
        f"{groups['available']} GiB are left for it; {shorter}raise gpu_memory_utilization in engine_options (or "
        "kv_cache_memory_bytes, if it is set there)"
    )


def _no_cache(groups: Groups, spec: ModelSpec) -> str:
    chosen = spec.options.get("kv_cache_memory_bytes")
    if chosen is not None:
        return f"engine_options.kv_cache_memory_bytes = {chosen} holds no block of the cache; raise it, or leave it out"
    return (
        "the model's weights leave no memory for the cache; raise gpu_memory_utilization in engine_options, take more "
        "GPUs (tensor_parallel_size), or take a smaller model"
    )


def _dtype(groups: Groups, spec: ModelSpec) -> str:
    return f"this GPU has no bfloat16 (compute capability {groups['capability'] or 'below 8.0'}); set dtype=float16"


def _option(groups: Groups, spec: ModelSpec) -> str:
    return f"engine_options.{groups['name']} is no option of this version of vLLM; remove it, or correct its name"


def _killed(groups: Groups, spec: ModelSpec) -> str:
    return (
        "a process of it was killed by the system (SIGKILL), as happens when the memory is full; lower max_model_len, "
        "max_num_seqs or kv_cache_memory_bytes in engine_options, or end what else uses the memory"
    )


FAILURES = (
    # ---- memory ----
    Failure(
        r"(?:Free|Available) memory on (?:device|node) \S+ \((?P<free>[\d.]+)/(?P<total>[\d.]+) GiB\) on startup is "
        r"less than desired (?:GPU|CPU) memory utilization \([\d.]+, (?P<wanted>[\d.]+) GiB\)",
        _share,
    ),
    Failure(
        r"max seq len \((?P<length>\d+)\), \((?P<needed>[\d.]+) GiB KV cache is needed, which is larger than the "
        r"available KV cache memory \((?P<available>[\d.]+) GiB\)\."
        r"(?: Based on the available memory, the estimated maximum model length is (?P<fits>\d+))?",
        _one_sequence,
    ),
    Failure(
        r"\((?P<free>[\d.]+)/(?P<total>[\d.]+) GiB\) on kv cache allocation is less than requested memory for kv "
        r"\((?P<wanted>[\d.]+)",
        "{free} of {total} GiB of memory are free and the cache should take {wanted} GiB; lower kv_cache_memory_bytes "
        "in engine_options or the environment variable VLLM_CPU_KVCACHE_SPACE, or leave both out",
    ),
    Failure(
        r"No available memory for the cache blocks",
        _no_cache,
    ),
    Failure(
        r"CUDA out of memory\. Tried to allocate (?P<wanted>[\d.]+ [KMG]iB)"
        r"(?:.*?of which (?P<free>[\d.]+ [KMG]iB) is free)?",
        "the GPU's memory is full ({free} free, {wanted} more wanted); lower gpu_memory_utilization, max_num_seqs or "
        "max_model_len, take more GPUs (tensor_parallel_size), or end what else uses the GPU",
    ),
    Failure(
        r"can't allocate memory: you tried to allocate (?P<wanted>\d+) bytes",
        "the memory is full ({wanted} more bytes wanted); lower max_model_len, max_num_seqs or kv_cache_memory_bytes "
        "in engine_options, or end what else uses the memory",
    ),
    # ---- what the model needs ----
    Failure(
        r"User-specified max_model_len \((?P<wanted>\d+)\) is greater than the derived max_model_len \D*(?P<most>\d+)",
        "max_model_len={wanted} is beyond the {most} positions of the model; set max_model_len={most} or less",
    ),
    Failure(
        r"Bfloat16 is only supported on GPUs with compute capability of at least 8\.0\."
        r"(?:.*?compute capability (?P<capability>\d\.\d))?",
        _dtype,
    ),
    Failure(
        r"torch\.(?P<dtype>\w+) is not supported for quantization method (?P<method>\w+)\. Supported dtypes: "
        r"\[(?P<supported>[^\]]*)\]",
        "dtype {dtype} does not go with the model's quantization {method}; set dtype to one of {supported}",
    ),
    Failure(
        r"not implemented for '(?P<dtype>Half|BFloat16)'",
        "this CPU or GPU cannot compute in {dtype}; set dtype=float32",
    ),
    Failure(
        r"Model architectures? \[?(?P<names>[^\]\n]*?)\]? (?:are|is) not supported",
        "this version of vLLM does not know the architecture {names}; set engine=transformers, or install a newer vLLM",
    ),
    Failure(
        r"(?P<names>\w+) has no vLLM implementation",
        "this version of vLLM does not know the architecture {names}; set engine=transformers, or install a newer vLLM",
    ),
    Failure(
        r"World size \((?P<wanted>\d+)\) is larger than the number of available GPUs \((?P<there>\d+)\)",
        "it should use {wanted} GPUs and there are {there}; lower tensor_parallel_size in engine_options",
    ),
    Failure(
        r"attention heads \((?P<heads>\d+)\) must be divisible by tensor parallel size \((?P<size>\d+)\)",
        "tensor_parallel_size {size} does not divide the {heads} attention heads of the model; set one that does",
    ),
    # ---- the machine ----
    Failure(
        r"InvalidCxxCompiler|No working C\+\+ compiler|Failed to find C compiler|Python\.h: No such file|"
        r"(?:FileNotFoundError|not found)\S*.*?(?:g\+\+|gcc|clang)|(?:g\+\+|gcc|c\+\+): (?:command )?not found",
        "torch compiles a part of it and finds no C++ compiler or no headers of Python; install them (Debian, Ubuntu: "
        "apt install g++ python3-dev), or set the environment variable TORCH_COMPILE_DISABLE=1 and enforce_eager: true "
        "in engine_options",
    ),
    Failure(
        r"(?i)EADDRINUSE|address already in use",
        "a network port that it takes is in use; repeat the command, and if this comes again, remove VLLM_PORT and "
        "MASTER_PORT from the environment, or set VLLM_PORT to a free port",
    ),
    Failure(
        r"No space left on device",
        "a disk is full; make room there (vLLM uses ~/.cache/vllm, /tmp and /dev/shm)",
    ),
    Failure(
        r"(?:EngineCore|Worker)\w*': -4\b|Illegal instruction",
        "this vLLM was built for a newer CPU (a process ended with SIGILL); install a build for this CPU, or set "
        "engine=transformers",
    ),
    Failure(r"(?:EngineCore|Worker)\w*': -9\b", _killed),
    # ---- the options ----
    Failure(r"unexpected keyword argument '(?P<name>\w+)'", _option),
    Failure(
        r"validation errors? for \w+\s+(?P<name>[\w.]+)\s+(?P<why>[^\n\[]+)",
        "engine_options.{name}: {why}; correct it",
    ),
)
"""In the order in which they are tried: a cause before what it leads to."""

_PREFIX = re.compile(r"^\([^()\n]*pid=\d+\)\s*(?:[A-Z]+ [\d-]+ [\d:]+ \[[^\]\n]*\] ?)?", re.M)
"""What vLLM puts in front of each line: process, level, time, file."""
_ERROR_LINE = re.compile(r"^(?:[a-zA-Z_]\w*\.)*(?:\w*(?:Error|Exception)): .*$", re.M)


def _plain(text: str) -> str:
    return _PREFIX.sub("", text)


def _chain(error: BaseException) -> str:
    """Return the messages of an error and of those that led to it."""
    texts: list[str] = []
    seen: BaseException | None = error
    while seen is not None and len(texts) < 10:
        texts.append(f"{type(seen).__name__}: {seen}")
        seen = seen.__cause__ or seen.__context__
    return "\n".join(texts)


def _cause(text: str, error: BaseException) -> str:
    """Return the first error line of the output that names a cause, or what the exception says."""
    lines = [line for line in _ERROR_LINE.findall(text) if "initialization failed" not in line]
    return (lines[0] if lines else " ".join(str(error).split()) or type(error).__name__)[:500]


def _last_lines(text: str) -> list[str]:
    return [line[:200] for line in text.splitlines() if line.strip()][-LAST_LINES:]
