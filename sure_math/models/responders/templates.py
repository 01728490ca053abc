"""Render chat templates in a process of their own, which ends if a template takes too long or too much memory.

One process serves all threads and all models; a thread waits while another one renders. After a fork, and after the
process has ended, the next conversation starts a new one. The process ends by itself when its parent does: its input
ends, and a template that is being rendered ends at its limit of time.
"""

from __future__ import annotations

import atexit
import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sure_math.models.responders import template_worker

WAIT_SECONDS = 120.0
"""For a reply or a start: far more than the limit of processor time, because the machine may be busy."""


class TemplateFailure(Exception):
    """A template cannot be rendered; the message says why, as the end of a sentence about the template."""

    def __init__(self, message: str, kind: str = "") -> None:
        """`kind`: the class of the template's own error, such as `TemplateError`; empty if a limit was met."""
        super().__init__(message)
        self.kind = kind


def apply_chat_template(tokenizer: Any, messages: Sequence[Mapping[str, str]], options: Mapping[str, Any]) -> str:
    """Write a conversation and the header of the reply as the tokenizer's own method does, within the limits.

    >>> from sure_math.models.engines.files import load_tokenizer, model_folder
    >>> tokenizer = load_tokenizer(model_folder("pocket:teacher"))
    >>> apply_chat_template(tokenizer, [{"role": "user", "content": "Compute 2 + 2."}], {}).splitlines()[0]
    '<|user|>Compute 2 + 2.<|assistant|>'

    Raises:
        TemplateFailure: the template fails, or meets a limit.
    """
    from transformers import PreTrainedTokenizerBase

    if getattr(type(tokenizer), "apply_chat_template", None) is not PreTrainedTokenizerBase.apply_chat_template:
        # A tokenizer with its own rendering, in its library's code, has no template that could run for ever.
        return str(tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True, **options))
    try:
        source = tokenizer.get_chat_template()
    except (ValueError, KeyError, TypeError) as error:
        raise TemplateFailure(f"cannot be chosen ({' '.join(str(error).split())[:200]})") from None
    variables = {**tokenizer.special_tokens_map, **options}
    variables |= {"messages": list(messages), "tools": None, "documents": None, "add_generation_prompt": True}
    return render(source, variables)


def render(source: str, variables: Mapping[str, Any]) -> str:
    """Render a template with variables that JSON can hold.

    >>> render("{{ word }}!", {"word": "yes"})
    'yes!'

    Raises:
        TemplateFailure: the template fails, or meets a limit.
    """
    try:
        request = json.dumps([source, dict(variables)])
    except (TypeError, ValueError) as error:
        raise TemplateFailure(f"has an option that is no JSON value ({error})") from None
    reply = _renderer.ask(request)
    if "text" not in reply:
        raise TemplateFailure(str(reply.get("failed")), str(reply.get("kind", "")))
    return str(reply["text"])


class _Renderer:
    """The process, started by the first request."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._received = bytearray()

    def ask(self, request: str) -> dict[str, Any]:
        with self._lock:
            try:
                return self._ask(request)
            except BaseException:  # an interrupt too: the reply that is on its way belongs to no later request
                self.stop()
                raise

    def stop(self) -> None:
        """End the process; the next request starts a new one."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()

    def _ask(self, request: str) -> dict[str, Any]:
        process = self._process
        if process is None or process.poll() is not None:
            self.stop()
            process = self._start()
        try:
            self._write(process, request.encode() + b"\n")
            reply: dict[str, Any] = json.loads(self._line(process))
            return reply
        except BrokenPipeError:
            raise TemplateFailure(_why_ended(process)) from None

    def _start(self) -> subprocess.Popen[bytes]:
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        # Not `-m`: that would import the package, and `-P` keeps the folder of the file out of the search for modules.
        process = subprocess.Popen(
            [sys.executable, "-P", str(Path(template_worker.__file__))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            bufsize=0,
        )
        self._process, self._received = process, bytearray()
        try:
            ready = self._line(process)
        except (BrokenPipeError, TemplateFailure):
            ready = b""
        if ready != b"ready":
            raise TemplateFailure(f"was not tried: the process that renders it did not start ({_why_ended(process)})")
        return process

    def _write(self, process: subprocess.Popen[bytes], data: bytes) -> None:
        assert process.stdin is not None
        view = memoryview(data)
        while view:
            view = view[process.stdin.write(view) :]

    def _line(self, process: subprocess.Popen[bytes]) -> bytes:
        """Return the next line of output. BrokenPipeError if the process has ended."""
        assert process.stdout is not None
        descriptor, deadline = process.stdout.fileno(), time.monotonic() + WAIT_SECONDS
        poller = select.poll()
        poller.register(descriptor, select.POLLIN | select.POLLHUP)
        while (end := self._received.find(b"\n")) < 0:
            if not poller.poll(max(0.0, deadline - time.monotonic()) * 1000):
                raise TemplateFailure(f"gave no text within {WAIT_SECONDS:g} s")
            piece = os.read(descriptor, 1 << 20)
            if not piece:
                raise BrokenPipeError
            self._received += piece
        line = bytes(self._received[:end])
        del self._received[: end + 1]
        return line


def _why_ended(process: subprocess.Popen[bytes]) -> str:
    code = process.wait()
    if code == -signal.SIGPROF:
        return f"runs longer than {template_worker.CPU_SECONDS:g} s"
    return f"ended its process ({signal.Signals(-code).name if code < 0 else f'exit code {code}'})"


def _forget() -> None:
    """Leave the process to the parent of a fork; its pipes stay open here, since closing them might wait for a lock."""
    global _renderer
    _left_to_parents.append(_renderer)
    _renderer = _Renderer()


_renderer = _Renderer()
_left_to_parents: list[_Renderer] = []
os.register_at_fork(after_in_child=_forget)
atexit.register(lambda: _renderer.stop())
