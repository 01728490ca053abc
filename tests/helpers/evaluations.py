"""Run evaluations in tests: a model without weights, a completions server without a model, and lm-eval on them."""

import json
import threading
import time
from collections.abc import Callable, Sequence
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import torch
from lm_eval import evaluator
from lm_eval.api.instance import Instance
from lm_eval.api.model import LM, CachingLM
from lm_eval.api.registry import get_model
from lm_eval.tasks import TaskManager

from tests.helpers.scripted_endpoint import QuietServer

TASKS = Path(__file__).parents[2] / "eval_harness" / "tasks"


class WrittenModel(LM):
    """A model of lm-eval whose responses a test writes: `answer(prompt, settings, number of the request)`."""

    def __init__(self, answer: Callable[[str, dict[str, Any], int], str], *, template: str = "<|user|>{}") -> None:
        super().__init__()
        self.answer = answer
        self.template = template
        self.asked: list[tuple[str, dict[str, Any], int]] = []

    def generate_until(self, requests: Sequence[Instance], disable_tqdm: bool = False) -> list[str]:
        texts = []
        for request in requests:
            prompt, settings = request.args
            self.asked.append((prompt, settings, request.idx))
            texts.append(self.answer(prompt, settings, request.idx))
            self.cache_hook.add_partial("generate_until", (prompt, settings), texts[-1])
        return texts

    def apply_chat_template(self, chat_history: list[dict[str, str]], add_generation_prompt: bool = True) -> str:
        system = "".join(f"<|system|>{turn['content']}" for turn in chat_history if turn["role"] == "system")
        return system + self.template.format(chat_history[-1]["content"])

    @property
    def tokenizer_name(self) -> str:
        return "written"

    def loglikelihood(self, requests: Any) -> Any:
        raise NotImplementedError

    def loglikelihood_rolling(self, requests: Any) -> Any:
        raise NotImplementedError


def evaluate(
    model: LM | str,
    *tasks: str,
    metadata: dict[str, Any] | None = None,
    model_args: dict[str, Any] | None = None,
    use_cache: str | None = None,
    **named: Any,
) -> dict[str, Any]:
    """Evaluate tasks of ours as lm-eval's `simple_evaluate` does, without two steps of it that take seconds.

    These steps are an index of 14,000 files and a description of the machine. `named` is passed to `evaluate`, except
    `gen_kwargs` and the options of a model that is given by name, which are used as `simple_evaluate` uses them.
    """
    manager = TaskManager(
        include_path=str(TASKS), include_defaults=False, metadata={**(model_args or {}), **(metadata or {})}
    )
    if isinstance(model, str):
        options = {name: named.pop(name) for name in ("device", "batch_size") if name in named}
        torch.manual_seed(1234)
        model = get_model(model).create_from_arg_obj(model_args or {}, {"batch_size": 1, **options})
    if use_cache is not None:
        model = CachingLM(model, f"{use_cache}_rank0.db")
    loaded = manager.load(list(tasks))
    for task in loaded["tasks"].values():
        task.set_config("generation_kwargs", named.get("gen_kwargs", {}), update=True)
        if named.get("predict_only"):
            task.override_metric("bypass")
    passed = {name: value for name, value in named.items() if name not in ("gen_kwargs", "predict_only")}
    results = dict(evaluator.evaluate(lm=model, task_dict=loaded, bootstrap_iters=10, **passed))
    return {**results, "config": {"model": "written", "limit": named.get("limit")}}


def benchmark_file(folder: Path, rows: Sequence[dict[str, Any]], name: str = "exam.jsonl") -> Path:
    """Write a benchmark as JSON lines."""
    path = folder / name
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


class CompletionsServer:
    """An endpoint for lm-eval's `local-completions`. It answers with `text(body)` and counts its answers."""

    def __init__(self, text: Callable[[dict[str, Any]], str], *, delay: float = 0.0) -> None:
        self.text, self.delay = text, delay
        self.bodies: list[dict[str, Any]] = []
        self.change: Callable[[dict[str, Any]], None] = lambda reply: None
        """Changes every answer before it is sent."""
        self.answered = 0
        self.lock = threading.Lock()
        self._server = QuietServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v1/completions"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with server.lock:
                    server.bodies.append(body)
                time.sleep(server.delay)
                choice = {"index": 0, "text": server.text(body), "finish_reason": "stop"}
                reply: dict[str, Any] = {"choices": [choice], "usage": {"completion_tokens": 7}}
                server.change(reply)
                content = json.dumps(reply).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)
                with server.lock:
                    server.answered += 1

            def log_message(self, format: str, *args: Any) -> None:
                pass

        return Handler
