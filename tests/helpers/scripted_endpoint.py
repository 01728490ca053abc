"""A small HTTP server that acts as an OpenAI endpoint and makes the mistakes that a test asks for.

vLLM would not make these mistakes. The server's model continues a prompt with tokens that depend on the prompt and the
seed alone; all tokens have the same log-probability.
"""

import json
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from sure_math.identity import digest
from tests.helpers.scripted_models import LOGPROB_PER_TOKEN
from tests.helpers.tiny_model import END, POSITIONS, VOCABULARY

NAME = "scripted"


@dataclass(frozen=True, kw_only=True)
class Fault:
    """A mistake in the answer to one try of a request."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None
    """Bytes that are sent in place of the answer."""
    cut: bool = False
    """The connection ends in the middle of the answer."""
    delay: float = 0.0
    change: Callable[[dict[str, Any]], None] | None = None
    """Changes the answer before it is sent."""


class ScriptedEndpoint:
    """The endpoint at `url`, until `close`. `faults[seed]` holds the mistakes of the first tries with that seed."""

    def __init__(self, encode: Callable[[str], Sequence[int]], port: int = 0) -> None:
        """`encode` is the tokenizer of the server."""
        self.encode = encode
        self.faults: dict[int, list[Fault]] = defaultdict(list)
        self.change: Callable[[dict[str, Any], dict[str, Any]], None] = lambda body, answer: None
        """Changes every answer; called with the body of the request and the answer."""
        self.models: Any = {"object": "list", "data": [{"id": NAME, "max_model_len": POSITIONS}]}
        self.tries: list[dict[str, Any]] = []
        """The body of every POST."""
        self.keys: set[str | None] = set()
        """The values of the header `Authorization`."""
        self.most_open = 0
        self._open = 0
        self._closed = False
        self._lock = threading.Lock()
        self._server = QuietServer(("127.0.0.1", port), self._handler())
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/v1"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def seeds(self) -> list[int]:
        """Return the seeds of all tries, in order."""
        return [body["seed"] for body in self.tries]

    def close(self) -> None:
        """Accept no more connections, and answer no more requests on open connections."""
        self._closed = True
        self._server.shutdown()
        self._server.server_close()

    def _answer(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        if path.endswith("/chat/completions"):
            prompt = list(self.encode(body["messages"][-1]["content"]))
            tokens, ended = continuation(prompt, body["seed"], body["max_completion_tokens"], [END])
            entries = [{"token": f"w{token}", "logprob": LOGPROB_PER_TOKEN} for token in tokens]
            text = " ".join(f"w{token}" for token in tokens if token != END)
            choice = {"message": {"role": "assistant", "content": text}, "logprobs": {"content": entries}}
        else:
            prompt = list(self.encode(body["prompt"]) if isinstance(body["prompt"], str) else body["prompt"])
            tokens, ended = continuation(prompt, body["seed"], body["max_tokens"], body["stop_token_ids"])
            choice = {"token_ids": tokens, "prompt_token_ids": prompt}
            choice["logprobs"] = {"token_logprobs": [LOGPROB_PER_TOKEN] * len(tokens)}
        return {"choices": [{"index": 0, "finish_reason": ended, **choice}], "usage": {"prompt_tokens": len(prompt)}}

    def _post(self, handler: BaseHTTPRequestHandler) -> None:
        body = json.loads(handler.rfile.read(int(handler.headers["Content-Length"])))
        with self._lock:
            self.tries.append(body)
            self.keys.add(handler.headers.get("Authorization"))
            self._open += 1
            self.most_open = max(self.most_open, self._open)
            faults = self.faults[body["seed"]]
            fault = faults.pop(0) if faults else Fault()
        try:
            time.sleep(fault.delay)
            answer = self._answer(handler.path, body)
            self.change(body, answer)
            if fault.change is not None:
                fault.change(answer)
        finally:
            with self._lock:
                self._open -= 1
        content = json.dumps(answer).encode() if fault.body is None else fault.body
        _send(handler, content[: len(content) // 2] if fault.cut else content, fault, length=len(content))

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                missing = endpoint.models is None
                _send(self, json.dumps(endpoint.models).encode(), Fault(status=404 if missing else 200))

            def do_POST(self) -> None:
                if endpoint._closed:
                    self.close_connection = True
                else:
                    endpoint._post(self)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        return Handler


class QuietServer(ThreadingHTTPServer):
    """A server that says nothing about clients that have gone."""

    request_queue_size = 256
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore them."""


def continuation(prompt: Sequence[int], seed: int, limit: int, stops: Sequence[int]) -> tuple[list[int], str]:
    """Return tokens and the reason why they end. About one in 16 tokens is a stop token, so both reasons occur."""
    tokens: list[int] = []
    while len(tokens) < limit:
        number = int(digest([list(prompt), seed, len(tokens)])[:8], 16)
        tokens.append(END if number % 16 == 0 else 8 + number % (VOCABULARY - 8))
        if tokens[-1] in stops:
            return tokens, "stop"
    return tokens, "length"


def _send(handler: BaseHTTPRequestHandler, content: bytes, fault: Fault, length: int | None = None) -> None:
    handler.send_response(fault.status)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", str(len(content) if length is None else length))
    for name, value in fault.headers.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(content)
    handler.wfile.flush()
    if length is not None and length != len(content):
        handler.close_connection = True
