"""A client of an address that speaks the OpenAI protocol: many requests are open at a time, and each is tried again.

Concurrency: `Endpoint.stream` runs in its caller's thread, also inside a running event loop. The requests run in an
event loop on the endpoint's own thread, at most `max_concurrency` at a time; each puts its answer into a queue, on
which the caller waits. A request that waits for its next try keeps its place among the open ones. If the server answers
nothing for `patience` seconds, or rejects a request for good, all other requests are cancelled, and the error comes
after the answers.
"""

import asyncio
import contextlib
import email.utils
import json
import os
import queue
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

import httpx2

from sure_math.escaping import terminal_line
from sure_math.identity import digest
from sure_math.models.engines import EngineUnavailable, Refusal
from sure_math.models.engines.spec import ServerSpec
from sure_math.redaction import hidden

T = TypeVar("T")
C = TypeVar("C")
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 15.0
"""Seconds between two tries of a request: the first pause, which doubles with each try, and the longest."""
CONNECT_SECONDS = 30.0
INTERNAL_ERRORS = 8
"""Internal errors (500) of a request, while others are answered, after which the request itself is refused."""
LONGEST_ANSWER = 64 * 2**20
"""Bytes. 32,000 tokens with their log-probabilities are about 5 MB."""
POLL_SECONDS = 0.5
"""How long `stream` waits for an answer before it gives its caller control."""
LONGEST_DETAIL = 300
"""Characters of a server's own words that a message repeats."""


class Incomplete(ValueError):
    """An answer lacks something that was asked for. The request is sent once more, then refused with this message."""


class Unanswered(ValueError):
    """There is no answer, but another try may bring one: no connection, a busy server, or an answer broken off."""

    def __init__(self, message: str, *, status: int | None = None, wait: float = 0.0) -> None:
        """`wait`: seconds that the server asks its client to wait before the next try."""
        super().__init__(message)
        self.status = status
        self.wait = wait


class _Rejected(ValueError):
    """The server understood the request and will not serve it."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.detail)
        self.refusal = refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Generic[T]):
    """One request: POST with a body, GET without."""

    path: str
    """The part after the endpoint's address, with its slash."""
    body: Mapping[str, Any] | None = None
    read: Callable[[Any], T | Refusal]
    """Makes an answer of the JSON. Raises `Incomplete` or `Unanswered` if it cannot be used."""


class Endpoint:
    """A client of one server. The key is read from the environment and leaves this object only as a header."""

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

    def stream(
        self, batches: Iterable[Sequence[tuple[C, Call[T] | Refusal]]]
    ) -> Generator[list[tuple[C, T | Refusal]], None, None]:
        """Send calls as there is room for them, and hand over each answer with what came along with its call.

        The rules are those of `Engine.stream`. A refusal in place of a call comes back unchanged.

        Raises:
            EngineUnavailable: no answer for longer than `patience`, or the server rejects our requests.
        """
        waiting = iter(batches)
        running: dict[Future[T | Refusal], C] = {}
        done: queue.SimpleQueue[Future[T | Refusal]] = queue.SimpleQueue()
        more = True
        try:
            while more or running:
                answers: list[tuple[C, T | Refusal]] = []
                while more and len(running) < 2 * self._server.max_concurrency:
                    batch = next(waiting, None)
                    more = batch is not None
                    if not batch:
                        break
                    for given, call in batch:
                        if isinstance(call, Refusal):
                            answers.append((given, call))
                            continue
                        future = self._begin(call)
                        running[future] = given
                        future.add_done_callback(done.put)
                failures = []
                for future in _ended(done, POLL_SECONDS if running and not answers else 0.0):
                    given = running.pop(future)
                    error = future.exception()
                    if error is None:
                        answers.append((given, future.result()))
                    else:
                        failures.append(error)
                yield answers
                if failures:
                    raise failures[0]
        finally:
            for future in running:
                future.cancel()

    def ask_one(self, call: Call[T]) -> T | Refusal:
        """Return the answer to a single call; EngineUnavailable as in `stream`."""
        future = self._begin(call)
        try:
            return future.result()
        except BaseException:
            future.cancel()  # an interrupt from the keyboard ends the wait and must end the request too
            raise

    def close(self) -> None:
        """Close the connections and end the thread. A second call does nothing."""
        if self._loop.is_closed():
            return
        asyncio.run_coroutine_threadsafe(self._client.aclose(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _begin(self, call: Call[T]) -> Future[T | Refusal]:
        async def in_turn() -> T | Refusal:
            async with self._slots:
                return await self._answer(call)

        return asyncio.run_coroutine_threadsafe(in_turn(), self._loop)

    async def _answer(self, call: Call[T]) -> T | Refusal:
        """Try until there is an answer or a refusal; EngineUnavailable after `patience` seconds without any answer."""
        first_failure, failures, incomplete = 0.0, 0, 0
        while True:
            try:
                answer = call.read(await self._send(call))
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

    async def _send(self, call: Call[Any]) -> Any:
        """Try once and return the JSON of the answer."""
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
        message = f"HTTP {status}: {self._shown(_message(text))}"
        if status in (408, 409, 425, 429) or status >= 500:
            raise Unanswered(message, status=status, wait=_retry_after(response.headers.get("Retry-After")))
        if status in (400, 413, 422):
            too_long = status == 413 or any(words in text.lower() for words in ("context length", "context_length"))
            raise _Rejected(Refusal(reason="prompt_too_long" if too_long else "no_completion", detail=message))
        raise EngineUnavailable(f"server {self.url}: {message}; {self._remedy(status)}")

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
        """Return a server's words on one line, cut, without control characters that a terminal would run.

        Some servers repeat the key, and a proxy may repeat other secrets of the environment: none of them is shown.
        """
        if self._key:
            text = text.replace(self._key, "[key]")
        text = terminal_line(" ".join(hidden(text).split()))
        return text if len(text) <= LONGEST_DETAIL else f"{text[:LONGEST_DETAIL]}..."


def _ended(done: queue.SimpleQueue[Future[T]], wait: float) -> Iterator[Future[T]]:
    """Yield what has ended; if nothing has, wait for `wait` seconds at most."""
    with contextlib.suppress(queue.Empty):
        yield done.get(block=wait > 0, timeout=wait)
        while True:
            yield done.get_nowait()


async def _content(response: httpx2.Response) -> bytes:
    content = bytearray()
    async for piece in response.aiter_bytes():
        content += piece
        if len(content) > LONGEST_ANSWER:
            raise Incomplete(f"an answer of more than {LONGEST_ANSWER} bytes")
    return bytes(content)


def _back_off(call: Call[Any], failures: int, longest: float) -> float:
    """Return the seconds until the next try. They double with each failure.

    They also depend on the request, so that requests that failed together are not sent again together.
    """
    share = int(digest([call.body, failures])[:8], 16) / 2**32
    return min(longest, FIRST_PAUSE * 2 ** min(failures - 1, 30)) * (1 + share) / 2


def _retry_after(value: str | None) -> float:
    """Return the seconds in a `Retry-After` header, which holds seconds or a date; 0 if it holds neither."""
    if value is None:
        return 0.0
    if value.strip().isdecimal():
        return float(value)
    try:
        return max(0.0, (email.utils.parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):  # not a date, or one without a time zone
        return 0.0


def _message(text: str) -> str:
    """Return the sentence in the body of an error, or the body if it is not as the protocol says."""
    try:
        error = json.loads(text)["error"]
        return str(error["message"] if isinstance(error, dict) else error)
    except (ValueError, KeyError, TypeError, RecursionError):
        return text


def _checked(url: str) -> str:
    """Return the address as messages may show it; EngineUnavailable if it is not an address or holds a secret."""
    try:
        parsed = httpx2.URL(url)
    except httpx2.InvalidURL as error:
        raise EngineUnavailable(f"server.url is not an address ({error}); it looks like http://host:8000/v1") from None
    if parsed.userinfo or parsed.query or parsed.fragment or any(mark in url for mark in "@?#"):
        raise EngineUnavailable(
            "server.url must hold no user name, password, query or fragment: put the key into an environment variable "
            "and name it in server.key_variable"
        )
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise EngineUnavailable(f"server.url={url!r}: it looks like http://host:8000/v1")
    return str(parsed)


def _key(variable: str) -> str:
    key = os.environ.get(variable, "").strip()
    if not (key.isascii() and key.isprintable()):
        raise EngineUnavailable(f"the environment variable {variable} holds characters that no HTTP header can carry")
    return key
