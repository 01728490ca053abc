r"""Attacks on the processes of the symbolic check, with real processes and signals.

Pins: a pair takes 2 s at most, the worker that replaces a killed one included; a killed worker, idle or busy, or a
killed starter costs no verdict; a stopped pair is not cached; the answers to one problem have a budget, and one
hanging answer costs the others nothing; what is stopped is counted; no worker outlives its parent, whatever ended it;
a fork under grading threads neither hangs nor loses a verdict; threads, asyncio, spawn and forkserver; no zombie;
memory, CPU time and written files of a worker are limited, and no token is in its environment.
"""

import asyncio
import contextlib
import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import combinations
from pathlib import Path

import psutil
import pytest

import sure_math.equivalence as equivalence
from sure_math.cluster import cluster_answers
from sure_math.equivalence import against_gold, budget, is_correct, same_answer, same_answers, was_stopped, worker
from sure_math.equivalence.symbolic import BOTH, FIRST, SECOND, verdict

PAIRS = [(rf"\sum_{{k=1}}^{{{n}}} k", str(n * (n + 1) // 2)) for n in range(2, 40)]
"""Pairs that our own layers cannot read, so that a worker is asked."""
HANGING = [rf"\sum_{{n=1}}^{{10^{{9}}}} \sin(n!+{number})" for number in range(64)]
CLOSE = PATIENCE = 20.0
"""Seconds that a busy machine may take beside the time of a pair, and until a process has ended. The promise is 2 s."""


def processes(pid: int | None = None) -> list[psutil.Process]:
    """The starter and the workers of a process: the starter comes first."""
    children = psutil.Process(pid).children(recursive=True)
    found = []
    for child in children:
        with contextlib.suppress(psutil.Error):
            if "sure_math.equivalence.symbolic" in child.cmdline():
                found.append(child)
    return found


def wait_until_gone(pids: list[int], seconds: float) -> list[int]:
    """Return the processes that are still there, or are zombies, when the time is over."""
    deadline = time.monotonic() + seconds
    while (left := [pid for pid in pids if psutil.pid_exists(pid)]) and time.monotonic() < deadline:
        time.sleep(0.02)
    return left


@pytest.fixture(autouse=True)
def warm() -> None:
    """Start the symbolic check, and forget what was compared."""
    equivalence._cached_symbolic.cache_clear()
    assert worker.symbolic_verdict(*PAIRS[0], timeout=60.0) == "equal"


# ---------------------------------------------------------------------------------------------------- time


@pytest.mark.slow
def test_a_pair_takes_two_seconds_at_most_and_the_next_one_finds_a_worker() -> None:
    assert worker.TIMEOUT <= 2.0
    for hanging in HANGING[:2]:
        started = time.monotonic()
        assert same_answer(hanging, "5") == "undecided"
        assert time.monotonic() - started < worker.BUSY_FACTOR * worker.TIMEOUT + CLOSE
        assert was_stopped(hanging, "5") and was_stopped("5", hanging)
        started = time.monotonic()
        assert is_correct("55", r"\boxed{\sum_{k=1}^{10} k}")
        assert time.monotonic() - started < CLOSE
        equivalence._cached_symbolic.cache_clear()


def test_a_stopped_pair_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = PAIRS[3]
    monkeypatch.setattr(worker, "check", lambda *pair: _stop(pair))
    assert same_answer(first, second) == "undecided"
    assert was_stopped(first, second)
    monkeypatch.undo()
    assert same_answer(first, second) == "equal"
    assert not was_stopped(first, second)


def _stop(pair: tuple[str, str]) -> None:
    worker.give_up(*pair)
    raise worker.Stopped


def test_the_worker_says_which_answer_it_reads() -> None:
    parts: list[str] = []
    assert verdict(*PAIRS[0], report=parts.append) == "equal"
    assert [parts[0], parts[-1]] == [FIRST, BOTH] and SECOND in parts
    for pair in ((HANGING[0], "5"), ("5", HANGING[0])):
        with pytest.raises(worker.Stopped) as stopped:
            worker.check(*pair, timeout=0.5)
        assert stopped.value.text == HANGING[0]


@pytest.mark.slow
def test_one_hanging_answer_costs_the_others_nothing() -> None:
    answers = [HANGING[0], *(side for pair in PAIRS[:8] for side in pair)]
    started = time.monotonic()
    clusters = cluster_answers(answers)
    assert time.monotonic() - started < 2 * worker.BUSY_FACTOR * worker.TIMEOUT + 2 * CLOSE
    assert clusters.ids == [0, *(number for number in range(1, 9) for _ in range(2))]
    assert clusters.stopped == len(answers) - 1


@pytest.mark.slow
def test_the_answers_to_a_problem_have_a_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget, "SECONDS_STOPPED", 4.0)
    started = time.monotonic()
    verdicts = same_answers(list(combinations(HANGING, 2)))
    assert verdicts == ["undecided"] * 2016
    assert time.monotonic() - started < worker.BUSY_FACTOR * (4.0 + worker.TIMEOUT) + 2 * CLOSE
    started = time.monotonic()
    assert against_gold("5", HANGING) == ["undecided"] * 64
    assert time.monotonic() - started < worker.BUSY_FACTOR * (4.0 + worker.TIMEOUT) + 2 * CLOSE
    pairs = [(HANGING[0], HANGING[1]), PAIRS[1]]
    monkeypatch.setattr(budget, "SECONDS_STOPPED", 0.0)
    assert same_answers(pairs, ["p", "q"]) == ["undecided"] * 2
    monkeypatch.setattr(budget, "SECONDS_STOPPED", 1.0)
    assert same_answers(pairs, ["p", "q"]) == ["undecided", "equal"], "each problem has a budget of its own"


# --------------------------------------------------------------------------------------------------- death


def test_idle_workers_that_were_killed_cost_nothing() -> None:
    with ThreadPoolExecutor(2) as threads:
        list(threads.map(lambda pair: worker.symbolic_verdict(*pair), PAIRS[:4]))
    for process in processes()[1:]:
        process.kill()
    for pair in PAIRS[4:8]:
        assert worker.symbolic_verdict(*pair) == "equal"


def test_a_killed_starter_costs_nothing() -> None:
    workers = [process.pid for process in processes()[1:]]
    processes()[0].kill()
    assert is_correct("55", r"\boxed{\sum_{k=1}^{10} k}")
    assert wait_until_gone(workers, PATIENCE) == []


def test_workers_that_are_killed_all_the_time_cost_no_verdict() -> None:
    over = threading.Event()

    def kill() -> None:
        while not over.wait(1.0):
            for process in processes()[1:]:
                with contextlib.suppress(psutil.Error):
                    process.kill()

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        assert same_answers(PAIRS) == ["equal"] * len(PAIRS)
    finally:
        over.set()
        killer.join()


def test_a_busy_worker_that_is_killed_is_replaced_once() -> None:
    def kill() -> None:
        for process in processes()[1:]:
            with contextlib.suppress(psutil.Error):
                process.kill()

    for seconds in (0.3, 0.6):
        threading.Timer(seconds, kill).start()
    started = time.monotonic()
    with pytest.raises(worker.Stopped):
        worker.check(HANGING[0], "5", timeout=30.0)
    assert time.monotonic() - started < 10.0, "the second death ends the check"
    assert worker.symbolic_verdict(*PAIRS[5]) == "equal"


def test_old_workers_are_replaced_and_none_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "MAX_CALLS", 1)
    for pair in PAIRS[:5]:
        assert worker.symbolic_verdict(*pair) == "equal"
    time.sleep(0.2)
    assert len(processes()) <= 1 + worker.WORKERS
    assert all(process.status() != psutil.STATUS_ZOMBIE for process in processes())
    pids = [process.pid for process in processes()]
    worker.close()
    assert wait_until_gone(pids, PATIENCE) == []
    assert worker.symbolic_verdict(*PAIRS[5], timeout=60.0) == "equal"


PARENT = f"""
    import os, sys, threading, time, signal
    from sure_math.equivalence import worker as w
    assert w.symbolic_verdict({PAIRS[0][0]!r}, {PAIRS[0][1]!r}, timeout=60.0) == "equal"
    ask = lambda: w.symbolic_verdict({HANGING[0]!r}, "5", timeout=60.0)
    threading.Thread(target=ask, daemon=True).start()
    time.sleep(0.5)
    print("busy", flush=True)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "end",
    ["os._exit(1)", "os.kill(os.getpid(), 9)", "os.kill(os.getpid(), 15)", "sys.exit(0)", "1 / 0", "os.abort()"],
)
def test_no_worker_outlives_its_parent(end: str) -> None:
    program = textwrap.dedent(PARENT) + "time.sleep(0.7)\n" + end
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as parent:
        assert parent.stdout is not None and parent.stdout.readline() == "busy\n"
        pids = [process.pid for process in processes(parent.pid)]
        assert len(pids) == 2
        parent.wait(30)
    assert wait_until_gone(pids, PATIENCE) == []


@pytest.mark.slow
def test_a_fork_that_outlives_the_parent_keeps_no_worker_alive() -> None:
    program = textwrap.dedent(PARENT) + "if os.fork():\n    os.kill(os.getpid(), 9)\ntime.sleep(5)"
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None and parent.stdout.readline() == "busy\n"
        pids = [process.pid for process in processes(parent.pid)]
        parent.wait(30)
        assert wait_until_gone(pids, PATIENCE) == []


@pytest.mark.slow
def test_workers_end_when_the_starter_is_killed_in_a_pair() -> None:
    threads = [threading.Thread(target=worker.symbolic_verdict, args=(HANGING[0], "5")) for _ in range(2)]
    for thread in threads:
        thread.start()
    time.sleep(0.3)
    starter, *workers = processes()
    pids = [process.pid for process in workers]
    starter.kill()
    assert wait_until_gone(pids, PATIENCE) == []
    for thread in threads:
        thread.join()
    assert worker.symbolic_verdict(*PAIRS[1]) == "equal"


def test_an_interrupt_from_the_keyboard_ends_no_worker() -> None:
    for process in processes():
        process.send_signal(signal.SIGINT)
    before = [process.pid for process in processes()]
    assert worker.symbolic_verdict(*PAIRS[6]) == "equal"
    assert [process.pid for process in processes()] == before


# --------------------------------------------------------------------------- threads, loops, other processes


@pytest.fixture
def grading() -> Iterator[None]:
    """Four threads that grade."""
    over = threading.Event()

    def grade() -> None:
        while not over.is_set():
            for pair in PAIRS:
                worker.symbolic_verdict(*pair)
                same_answer(r"\frac{1}{\sqrt{2}}", r"\frac{\sqrt{2}}{2}")

    threads = [threading.Thread(target=grade) for _ in range(4)]
    for thread in threads:
        thread.start()
    yield
    over.set()
    for thread in threads:
        thread.join()


def wait_for(pid: int, seconds: float) -> int | None:
    """Return the exit status of a child; kill it and return None if it does not end in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.002)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return None


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.usefixtures("grading")
def test_200_forks_under_grading_threads() -> None:
    endings = []
    for number in range(200):
        pid = os.fork()
        if pid == 0:
            status = 1
            with contextlib.suppress(BaseException):
                first, second = rf"\frac{{{number + 1}}}{{\sqrt{{2}}}}", rf"{number + 1}\sqrt{{0.5}}"
                status = int(same_answer(first, second) != "equal")
            os._exit(status)
        endings.append(wait_for(pid, 30.0))
    assert endings == [0] * 200


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.usefixtures("grading")
def test_a_fork_under_grading_threads_has_workers_of_its_own() -> None:
    for pair in PAIRS[:3]:
        pid = os.fork()
        if pid == 0:
            status = 1
            with contextlib.suppress(BaseException):
                status = int(worker.symbolic_verdict(*pair) != "equal")
                worker.close()
            os._exit(status)
        assert wait_for(pid, 60.0) == 0


def _in_child(pair: tuple[str, str]) -> str:
    return worker.symbolic_verdict(*pair)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_usable_in_pools_of_processes(method: str) -> None:
    with multiprocessing.get_context(method).Pool(2) as pool:
        assert pool.map(_in_child, PAIRS[:4]) == ["equal"] * 4
        pids = [process.pid for child in psutil.Process().children() for process in processes(child.pid)]
    assert wait_until_gone([pid for pid in pids if pid not in {own.pid for own in processes()}], PATIENCE) == []


def test_usable_from_16_threads() -> None:
    with ThreadPoolExecutor(16) as threads:
        verdicts = list(threads.map(lambda pair: worker.symbolic_verdict(*pair), PAIRS * 2))
    assert verdicts == ["equal"] * len(verdicts)
    assert len(processes()) <= 1 + worker.WORKERS


def test_usable_from_asyncio() -> None:
    async def grade() -> list[str]:
        inside = same_answer(*PAIRS[0])
        return [inside, *await asyncio.gather(*(asyncio.to_thread(same_answer, *pair) for pair in PAIRS))]

    assert asyncio.run(grade()) == ["equal"] * (len(PAIRS) + 1)


def test_the_thread_that_started_a_worker_may_end() -> None:
    worker.close()
    thread = threading.Thread(target=worker.symbolic_verdict, args=PAIRS[0])
    thread.start()
    thread.join()
    before = [process.pid for process in processes()]
    time.sleep(0.3)
    assert worker.symbolic_verdict(*PAIRS[1]) == "equal"
    assert [process.pid for process in processes()] == before


# -------------------------------------------------------------------------------------------------- limits


def test_limits_of_a_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_sentinel")
    worker.close()
    assert worker.symbolic_verdict(*PAIRS[0], timeout=60.0) == "equal"
    starter, process = processes()
    assert process.rlimit(psutil.RLIMIT_AS)[0] == 2 << 30
    assert process.rlimit(psutil.RLIMIT_FSIZE)[0] == process.rlimit(psutil.RLIMIT_CORE)[0] == 0
    assert process.rlimit(psutil.RLIMIT_CPU)[0] < 200
    for one in (starter, process):
        assert "hf_sentinel" not in str(one.environ())
        assert one.cwd() == "/"
        assert {os.readlink(f"/proc/{one.pid}/fd/{number}") for number in range(3)} == {"/dev/null"}
    assert process.memory_info().rss < 400 << 20


def test_lower_limits_of_the_parent_stay() -> None:
    """A worker under `ulimit -v` and `ulimit -t` keeps these limits; only lower ones are set."""
    code = (
        "import resource\n"
        "resource.setrlimit(resource.RLIMIT_AS, (1536 << 20, 1800 << 20))\n"
        "resource.setrlimit(resource.RLIMIT_CPU, (90, 100))\n"
        "from sure_math.equivalence import starter\n"
        "starter._limit()\n"
        "print(*resource.getrlimit(resource.RLIMIT_AS), *resource.getrlimit(resource.RLIMIT_CORE)[:1])\n"
        "starter.limit_cpu(1000.0)\n"
        "print(*resource.getrlimit(resource.RLIMIT_CPU))\n"
        "starter.limit_cpu(5.0)\n"
        "print(resource.getrlimit(resource.RLIMIT_CPU)[0] < 30)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [f"{1536 << 20} {1800 << 20} 0", "90 100", "True"]


def test_a_folder_of_the_user_is_not_imported_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sympy.py").write_text("raise SystemExit")
    worker.close()
    monkeypatch.chdir(tmp_path)
    assert worker.symbolic_verdict(*PAIRS[0], timeout=60.0) == "equal"


@pytest.mark.slow
@pytest.mark.parametrize(
    "hostile",
    [
        "(" * 100 + "1" + ")" * 100,
        "{" * 150 + "1" + "}" * 150,
        r"\sin(" * 30 + "1" + ")" * 30,
        r"\frac{1}{" * 30 + "x" + "}" * 30,
        r"\sqrt{" * 30 + "2" + "}" * 30,
        "9^{9^{9^{9^{9}}}}",
        r"\sum_{k=1}^{9^{9^{9}}} k^{k}",
        r"\int_{0}^{1} x^{x^{x^{x}}} dx",
        r"\binom{10^{9}}{10^{8}}",
        r"(10^{9})!",
        r"\prod_{k=1}^{10^{8}} k!",
        r"\lim_{x \to 0} x^{x^{x^{x^{x}}}}",
    ],
)
def test_hostile_formulas_take_two_seconds_at_most(hostile: str) -> None:
    started = time.monotonic()
    assert worker.symbolic_verdict(hostile, "5") == "undecided"
    assert time.monotonic() - started < worker.BUSY_FACTOR * worker.TIMEOUT + CLOSE
    assert worker.symbolic_verdict(*PAIRS[7]) == "equal"


def test_long_requests_and_any_characters() -> None:
    for text in ("9" * 300_000, "\x00\n\ud800\u2028", "ä" * 1000, ""):
        assert worker.symbolic_verdict(text, "5") == "undecided"
    assert worker.symbolic_verdict(*PAIRS[8]) == "equal"


@pytest.mark.slow
def test_a_broken_installation_says_so_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    worker.close()
    for broken in ("/does/not/exist", "/bin/false"):
        monkeypatch.setattr(sys, "executable", broken)
        with pytest.raises(worker.WorkerUnavailable, match="the symbolic check did not start"):
            worker.symbolic_verdict("1", "1")
    monkeypatch.undo()
    assert worker.symbolic_verdict(*PAIRS[0], timeout=60.0) == "equal"


@pytest.mark.parametrize("closed", ["<&-", ">&-", "<&- >&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_a_process_without_standard_streams_gets_its_verdict(tmp_path: Path, closed: str) -> None:
    said = tmp_path / "said"
    code = f"""
        from pathlib import Path
        from sure_math.equivalence import same_answer
        Path({str(said)!r}).write_text(same_answer(*{PAIRS[0]!r}))
    """
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(code))
    subprocess.run(["sh", "-c", f'exec "$0" "$1" {closed}', sys.executable, str(script)], check=True, timeout=300)
    assert said.read_text() == "equal"
