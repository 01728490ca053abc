"""Commands of the packages in processes that begin with the large libraries imported.

Importing them takes longer than most commands of a test. Nothing of the packages themselves is imported beforehand.
"""

import multiprocessing
import os
import runpy
import signal
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from multiprocessing.context import ForkServerProcess
from pathlib import Path

LIBRARIES = ("torch", "transformers.models.qwen3.modeling_qwen3", "pyarrow.parquet", "datasets", "scipy.stats", "sympy")


INTERRUPTED = 128 + signal.SIGINT
"""Exit status of a command that SIGINT has ended, as a shell shows it."""
Around = Callable[[], AbstractContextManager[object]]
"""Makes the context in which a command runs, in its own process."""


def start_module(module: str, *arguments: str, log: Path, around: Around = nullcontext) -> ForkServerProcess:
    """Start `python -m module arguments` on one thread, with its output in `log`."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(LIBRARIES))
    process = context.Process(target=_run_module, args=(module, arguments, log, around))
    process.start()
    return process


def _run_module(module: str, arguments: tuple[str, ...], log: Path, around: Around) -> None:
    with log.open("w") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    import torch

    torch.set_num_threads(1)
    sys.argv = [module, *arguments]
    signal.signal(signal.SIGINT, signal.default_int_handler)  # the jobs in the background of a shell ignore it
    with around():
        try:
            runpy.run_module(module, run_name="__main__", alter_sys=True)
        except KeyboardInterrupt:  # as Python ends a command, which multiprocessing does otherwise
            sys.excepthook(*sys.exc_info())
            raise SystemExit(INTERRUPTED) from None
