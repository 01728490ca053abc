"""An address that speaks the OpenAI protocol: many requests open at a time, each tried again while there is hope.

`Endpoint.ask` blocks its caller, in any thread and inside a running event loop too; the requests run in an event loop
on the endpoint's own thread, at most `max_concurrency` of them open. One that waits for its next try keeps its place.
The first one to lose patience, or to meet an error that no further try can mend, cancels the others; what was answered
until then leaves with the error.
"""

import asyncio
import email.utils
import json
import os
import threading
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

import httpx2

from sure_math.identity import digest
from sure_math.models.engines import EngineUnavailable, Interrupted, Refusal
from sure_math.models.engines.spec import ServerSpec

T = TypeVar("T")
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 15.0
"""Seconds between two tries of a request; they double from the first on."""
CONNECT_SECONDS = 30.0
INTERNAL_ERRORS = 8
"""A request that met so many internal errors (500) while others were answered is at fault itself, and is refused."""
LONGEST_ANSWER = 64 * 2**20
"""Bytes; 32,000 tokens with their log-probabilities are about 5 MB."""
LONGEST_DETAIL = 300
"""Characters of a server's own words in a message."""


class Incomplete(ValueError):
    """An answer that lacks something that was asked for. It is asked for once more, then refused with this message."""


class Unanswered(ValueError):
    """No answer, but another try may bring one: no connection, too busy, or broken off."""

    def __init__(self, message: str, *, status: int | None = None, wait: float = 0.0) -> None:
        """`wait`: seconds the server asked for before the next try."""
        super().__init__(message)
        self.status = status
        self.wait = wait


class _Rejected(ValueError):
    """The server understood the request and will not serve it."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.detail)
        self.refusal = refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request: POST of a body, or GET where there is none."""

    path: str
    """Behind the endpoint's address, with its slash."""
    body: Mapping[str, Any] | None = None


class Endpoint:
    """A client of one server; the key is read from the environment, and leaves this object only as a header."""

    def __init__(self, server: ServerSpec, *, longest_pause: float = LONGEST_PAUSE) -> None:
        self.url = _checked(server.url)
        self._longest_pause = longest_pause
        self._server = server
        self._key = _key(server.key_variable)
        self._slots = asyncio.Semaphore(server.max_concurrency)
        self._last_answer = float("-inf")
        self._client = httpx2.AsyncClient(
            base_url=server.url,
            headers={"Authorization": f"Bearer {self._key}"} if self._key else None,
            timeout=httpx2.Timeout(server.timeout, connect=min(CONNECT_SECONDS, server.timeout), pool=None),
            limits=httpx2.Limits(
                max_connections=server.max_concurrency, max_keepalive_connections=server.max_concurrency
            ),
        )
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="endpoint", daemon=True)
        self._thread.start()

    def ask(
        self, groups: Sequence[Sequence[Call] | Refusal], read: Callable[[Any], T | Refusal]
    ) -> list[tuple[T, ...] | Refusal]:
        """One entry per group, in order: what `read` makes of each call's JSON, or the first refusal among them.

        `read` raises `Incomplete` or `Unanswered` for an answer that is none; a group that is a refusal stays one.

        Raises:
            Interrupted: the server is gone for longer than patience, or wants no request of ours; with all answers.
        """
        return self._wait_for(self._ask(groups, read))

    def ask_one(self, call: Call, read: Callable[[Any], T | Refusal]) -> T | Refusal:
        """The answer to a single call; EngineUnavailable where `ask` is interrupted, for there is nothing to keep."""
        try:
            [answer] = self.ask([[call]], read)
        except Interrupted as stopped:
            raise EngineUnavailable(str(stopped)) from None
        return answer if isinstance(answer, Refusal) else answer[0]

    def close(self) -> None:
        """Drop the connections and end the thread; a second call does nothing."""
        if self._loop.is_closed():
            return
        self._wait_for(self._client.aclose())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _wait_for(self, work: Coroutine[Any, Any, T]) -> T:
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()  # an interrupt from the keyboard ends the wait, and must end the requests too
            raise

    async def _ask(
        self, groups: Sequence[Sequence[Call] | Refusal], read: Callable[[Any], T | Refusal]
    ) -> list[tuple[T, ...] | Refusal]:
        answers: list[list[T | Refusal | None]] = [[] if isinstance(g, Refusal) else [None] * len(g) for g in groups]

        async def answer(call: Call, group: int, index: int) -> None:
            async with self._slots:
                answers[group][index] = await self._answer(call, read)

        try:
            async with asyncio.TaskGroup() as tasks:
                for number, group in enumerate(groups):
                    for index, call in enumerate([] if isinstance(group, Refusal) else group):
                        tasks.create_task(answer(call, number, index))
        except BaseExceptionGroup as failed:
            first = failed.exceptions[0]
            if not isinstance(first, EngineUnavailable):
                raise first from None
            raise Interrupted(str(first), _gathered(groups, answers)) from None
        return _gathered(groups, answers)

    async def _answer(self, call: Call, read: Callable[[Any], T | Refusal]) -> T | Refusal:
        """Try until there is an answer, a refusal, or no more patience (EngineUnavailable)."""
        first_failure, failures, incomplete = 0.0, 0, 0
        while True:
            try:
                answer = read(await self._send(call))
                self._last_answer = time.monotonic()
                return answer
            except _Rejected as rejected:
                return rejected.refusal
            except Incomplete as error:
                incomplete += 1
                if incomplete == 2:
                    return Refusal(reason="no_completion", detail=self._shown(str(error)))
            except Unanswered as error:
                now = time.monotonic()
                first_failure = first_failure or now
                failures += 1
                if error.status == 500 and failures >= INTERNAL_ERRORS and self._last_answer > first_failure:
                    return Refusal(reason="no_completion", detail=f"{failures} times: {self._shown(str(error))}")
                left = max(first_failure, self._last_answer) + self._server.patience - now
                if left <= 0:
                    raise EngineUnavailable(self._gone(failures, error)) from None
                await asyncio.sleep(min(error.wait + _back_off(call, failures, self._longest_pause), left))

    async def _send(self, call: Call) -> Any:
        """The JSON of one try."""
        method = "GET" if call.body is None else "POST"
        try:
            async with (
                asyncio.timeout(self._server.timeout),
                self._client.stream(method, call.path, json=call.body) as response,
            ):
                content = await _content(response)
        except TimeoutError:
            raise Unanswered(f"no answer within {self._server.timeout:g} s") from None
        except httpx2.RequestError as error:
            raise Unanswered(f"{type(error).__name__}: {error}") from None
        if response.status_code != 200:
            self._reject(response, content.decode(errors="replace"))
        try:
            return json.loads(content)
        except (ValueError, RecursionError):
            raise Unanswered("an answer that is not JSON", status=200) from None

    def _reject(self, response: httpx2.Response, text: str) -> None:
        status = response.status_code
        said = f"HTTP {status}: {self._shown(_message(text))}"
        if status in (408, 409, 425, 429) or status >= 500:
            raise Unanswered(said, status=status, wait=_retry_after(response.headers.get("Retry-After")))
        if status in (400, 413, 422):
            too_long = status == 413 or any(words in text.lower() for words in ("context length", "context_length"))
            raise _Rejected(Refusal(reason="prompt_too_long" if too_long else "no_completion", detail=said))
        raise EngineUnavailable(f"server {self.url}: {said}; {self._remedy(status)}")

    def _remedy(self, status: int) -> str:
        if status in (401, 403):
            state = "is set, but not a key it accepts" if self._key else "is not set"
            return f"the environment variable {self._server.key_variable} (server.key_variable) {state}"
        if status == 404:
            return (
                "server.url must end with the version (http://host:8000/v1) and server.served_name be a model it serves"
            )
        return "check server.url, and the server's own log"

    def _gone(self, tries: int, error: Unanswered) -> str:
        return (
            f"server {self.url}: nothing answered for server.patience={self._server.patience:g} s; the last of "
            f"{tries} tries of a request: {self._shown(str(error))}. See that it runs, and repeat the command: what is "
            "answered is kept"
        )

    def _shown(self, text: str) -> str:
        """A server's words on one line, cut, and without the key, which some servers repeat."""
        if self._key:
            text = text.replace(self._key, "[key]")
        text = " ".join(text.split())
        return text if len(text) <= LONGEST_DETAIL else f"{text[:LONGEST_DETAIL]}..."


def _gathered(groups: Sequence[Sequence[Call] | Refusal], answers: Sequence[Sequence[T | Refusal | None]]) -> list[Any]:
    """One entry per group; an answer that is not there is None."""
    gathered: list[Any] = []
    for group, some in zip(groups, answers, strict=True):
        refusals = [group] if isinstance(group, Refusal) else [item for item in some if isinstance(item, Refusal)]
        gathered.append(refusals[0] if refusals else tuple(some))
    return gathered


async def _content(response: httpx2.Response) -> bytes:
    content = bytearray()
    async for piece in response.aiter_bytes():
        content += piece
        if len(content) > LONGEST_ANSWER:
            raise Incomplete(f"an answer of more than {LONGEST_ANSWER} bytes")
    return bytes(content)


def _back_off(call: Call, failures: int, longest: float) -> float:
    """Seconds until the next try, doubled by each failure; requests that failed together do not come back together."""
    share = int(digest([call.body, failures])[:8], 16) / 2**32
    return min(longest, FIRST_PAUSE * 2 ** min(failures - 1, 30)) * (1 + share) / 2


def _retry_after(value: str | None) -> float:
    """Seconds in a `Retry-After` header, which holds seconds or a date; 0 where it says neither."""
    if value is None:
        return 0.0
    if value.strip().isdecimal():
        return float(value)
    try:
        return max(0.0, (email.utils.parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):  # not a date, or one without a time zone
        return 0.0


def _message(text: str) -> str:
    """The sentence in an error body of the protocol, else the body."""
    try:
        error = json.loads(text)["error"]
        return str(error["message"] if isinstance(error, dict) else error)
    except (ValueError, KeyError, TypeError, RecursionError):
        return text


def _checked(url: str) -> str:
    """The address as it may be shown; EngineUnavailable where it is none, or holds a secret."""
    try:
        parsed = httpx2.URL(url)
    except httpx2.InvalidURL as error:
        raise EngineUnavailable(f"server.url is not an address ({error}); it looks like http://host:8000/v1") from None
    if parsed.userinfo or parsed.query:
        raise EngineUnavailable(
            "server.url must hold no user name, password or query: put the key into an environment variable and name "
            "it in server.key_variable"
        )
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise EngineUnavailable(f"server.url={url!r}: it looks like http://host:8000/v1")
    return str(parsed)


def _key(variable: str) -> str:
    key = os.environ.get(variable, "").strip()
    if not (key.isascii() and key.isprintable()):
        raise EngineUnavailable(f"the environment variable {variable} holds characters that no HTTP header can carry")
    return key
