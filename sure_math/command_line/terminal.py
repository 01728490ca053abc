r"""Print on the terminal: what a model, a file or a server wrote is shown, and never run or styled.

Every command prints through `terminal_console` or `say`, and starts with `prepare_output`. A text with `[red]` is no
markup, a text with ESC moves no cursor, half a character stops no print, and an error shows no secret.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterable
from types import TracebackType

from rich.console import Console, ConsoleOptions, ConsoleRenderable, RenderableType, RenderHook, RenderResult
from rich.control import Control
from rich.segment import Segment

from sure_math.escaping import terminal
from sure_math.redaction import hidden


def terminal_console(*, stderr: bool = False, width: int | None = None) -> Console:
    r"""Make a console that takes no text for markup and shows control characters as escapes.

    >>> console = terminal_console(width=40)
    >>> console.print("[red] \x1b[31m")
    [red] \x1b[31m
    """
    console = Console(stderr=stderr, width=width, markup=False, emoji=False)
    console.push_render_hook(_Shown())
    return console


def say(text: object, *, stderr: bool = False) -> None:
    r"""Print a text without secrets, and with its control characters shown.

    >>> say("a\x1b[2Jb")
    a\x1b[2Jb
    """
    print(terminal(hidden(text)), file=sys.stderr if stderr else sys.stdout)


def prepare_output() -> None:
    """Let no character stop a print, let no traceback show a secret or run a control sequence, and let an interrupt
    end the command with one line.
    """
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")
    sys.excepthook = _print_traceback


class _Shown(RenderHook):
    """A hook of rich: what it renders is escaped after the layout, so that all renderables are, tables included."""

    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        return [one if isinstance(one, Control) else _Escaped(one) for one in renderables]


class _Escaped:
    def __init__(self, renderable: RenderableType) -> None:
        self._renderable = renderable

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield from _escaped(console.render(self._renderable, options))


def _escaped(segments: Iterable[Segment]) -> Iterable[Segment]:
    for segment in segments:
        yield segment if segment.control else Segment(terminal(segment.text), segment.style)


def _print_traceback(kind: type[BaseException], error: BaseException, place: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        say("interrupted: repeat the command to go on", stderr=True)
        return
    say("".join(traceback.format_exception(kind, error, place)).rstrip("\n"), stderr=True)
