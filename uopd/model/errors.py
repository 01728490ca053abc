"""The errors of models: loading one, or taking a step with one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from sure_math.models.engines import EngineUnavailable


class StudentError(RuntimeError):
    """A model cannot be loaded or a step cannot be taken; the message says what to do."""


class StepFailed(StudentError):
    """A step cannot be taken. The weights are as they were before it, so a run can leave the step out."""


class DeviceLost(StepFailed):
    """A step has failed in such a way that the process cannot use its GPU any more."""


OF_THE_DATA = (ArithmeticError, IndexError, ValueError, MemoryError, RuntimeError)
"""Errors that a text, a score or a loss can cause. An error of another type is a defect of the program."""


@contextmanager
def step_failures(what: str) -> Iterator[None]:
    """Turn an error that the data of a step can have caused into `StepFailed`; other errors pass.

    >>> with step_failures("update 3"):
    ...     [][1]
    Traceback (most recent call last):
    uopd.model.errors.StepFailed: update 3: IndexError: list index out of range

    Args:
        what: begins the message.

    Raises:
        StepFailed: as above.
        DeviceLost: a kernel of the GPU has failed, after which CUDA answers every call with the same error.
    """
    try:
        yield
    except (StudentError, EngineUnavailable):
        raise
    except OF_THE_DATA as error:
        lost = isinstance(error, torch.AcceleratorError) or str(error).startswith("CUDA error")
        first_line = (str(error).splitlines() or [""])[0]
        text = first_line if isinstance(error, FloatingPointError) else f"{type(error).__name__}: {first_line}"
        raise (DeviceLost if lost else StepFailed)(f"{what}: {text}") from error
