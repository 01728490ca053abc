"""vLLM's server killed and started again in the middle of a build.

Pinned, within the build's patience and beyond it: nothing that was answered is asked twice; no process of the server is
left.
"""

import json
import os
import signal
import time
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import pytest
import yaml

from tests.helpers.processes import start_module
from tests.helpers.vllm_server import SERVED_NAME, VllmServer

PROBLEMS, SAMPLES = 40, 16
REQUESTS = PROBLEMS * (SAMPLES + 1)
"""The greedy answer is one more."""
BUILD_SECONDS = 600.0


class Build:
    """A build with a served teacher, as a command in a process of its own."""

    def __init__(self, folder: Path, model: Path, url: str, patience: float) -> None:
        folder.mkdir()
        self._config, self._log, self.out = folder / "build.yaml", folder / "log", folder / "out"
        seeds = folder / "seeds.jsonl"
        rows = [{"problem": f"w{number % 40} w{number // 40} w7?"} for number in range(PROBLEMS)]
        seeds.write_text("".join(json.dumps(row) + "\n" for row in rows))
        server = {"url": url, "served_name": SERVED_NAME, "patience": patience, "max_concurrency": 8}
        config = {
            "run": {"shard_size": 20, "batch_size": 64},
            "seeds": {"path": str(seeds)},
            "decontaminate": {"skip": "all"},
            "teacher": {"model": str(model), "engine": "server", "server": server},
            "sample": {"num_samples": SAMPLES, "max_new_tokens": 40},
            "cluster": {"equivalence": "string"},
        }
        self._config.write_text(yaml.safe_dump(config))

    def start(self) -> ForkServerProcess:
        return start_module("sure_math.build", "--config", str(self._config), "--out", str(self.out), log=self._log)

    def end(self, process: ForkServerProcess) -> tuple[int | None, str]:
        """Wait for the command: its exit status, and what it printed."""
        process.join(BUILD_SECONDS)
        return process.exitcode, self._log.read_text()

    def asked(self) -> list[str]:
        """Keys of the answered requests, in order."""
        path = self.out / ".build" / "calls.jsonl"
        return [json.loads(line)["key"] for line in path.read_text().splitlines()] if path.is_file() else []

    def pause_at(self, count: int, process: ForkServerProcess) -> None:
        """Stop the process (SIGSTOP) as soon as the build has `count` answers; it gets no further on a slow machine."""
        end = time.monotonic() + BUILD_SECONDS
        while len(self.asked()) < count:
            assert process.is_alive() and time.monotonic() < end, self._log.read_text()
            time.sleep(0.02)
        send(process, signal.SIGSTOP)


def send(process: ForkServerProcess, number: signal.Signals) -> None:
    assert process.pid is not None
    os.kill(process.pid, number)


@pytest.mark.vllm
@pytest.mark.slow
def test_a_server_killed_and_started_again_in_the_middle_of_a_build(
    tiny_model: Path, vllm_server: VllmServer, tmp_path: Path
) -> None:
    """One outage, two builds: one has more patience than it takes, the other one less."""
    patient = Build(tmp_path / "patient", tiny_model, vllm_server.url, patience=600)
    hasty = Build(tmp_path / "hasty", tiny_model, vllm_server.url, patience=2)
    waiting = patient.start()
    patient.pause_at(REQUESTS // 8, waiting)
    ending = hasty.start()
    try:
        hasty.pause_at(REQUESTS // 8, ending)
        vllm_server.stop(signal.SIGKILL)
        assert not vllm_server.running(), "a killed server leaves nothing behind"
        for process in (waiting, ending):
            send(process, signal.SIGCONT)
        status, printed = hasty.end(ending)
        before = hasty.asked()
        assert status == 1 and "Traceback" not in printed, printed
        message = " ".join(printed.split())
        assert vllm_server.url in message and "server.patience=2 s" in message and "repeat the command" in message
        for build in (hasty, patient):
            assert REQUESTS // 8 <= len(build.asked()) < REQUESTS
        assert waiting.is_alive(), "the patient one is still there"

        vllm_server.start()
        ending = hasty.start()
        for build, process in ((patient, waiting), (hasty, ending)):
            status, printed = build.end(process)
            assert status == 0, printed
    finally:
        for process in (waiting, ending):
            process.kill()
        if not vllm_server.running():
            vllm_server.start()  # the tests behind this one share the server
    for build in (patient, hasty):
        assert len(build.asked()) == len(set(build.asked())) == REQUESTS, "every request answered once"
    assert hasty.asked()[: len(before)] == before
