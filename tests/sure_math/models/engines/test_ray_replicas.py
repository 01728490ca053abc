"""Replicas of the transformers engine in Ray actors, really running, on a cluster of several nodes on this machine.

Pinned for the engine: it passes the contract tests of every engine; two replicas answer as one process does; chunks
are cut by the requests alone; a replica or a machine that dies in mid-run costs nothing but time; a chunk that kills
whoever answers it ends the call with all other answers; replicas come under load and go afterwards; errors keep the
engine's own words; nothing is left of Ray when it is closed.
Pinned for a build: with two replicas, one of them killed, it publishes what one process publishes; begun by one
process and continued by replicas it asks nothing again; killed with -9 it keeps SPEC 5's promise and leaves no process
behind. A model with `keep_loaded` runs from its first question to the end of the build.
"""

import contextlib
import dataclasses
import multiprocessing
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest

pytest.importorskip("ray", reason="pip install 'sure-math[ray]'")
import torch
from ray.cluster_utils import Cluster
from transformers import AutoModelForCausalLM

from sure_math.build import run_build
from sure_math.config import ModelConfig, ReplicasConfig, load_config
from sure_math.models.engines import (
    Completion,
    Engine,
    EngineUnavailable,
    Finished,
    Refusal,
    Request,
    RequestResult,
    gathered,
    generate,
    whole_answer,
)
from sure_math.models.engines.chunks import Chunks, cut_requests
from sure_math.models.engines.load import load_engine, model_identity
from sure_math.models.engines.ray_replicas.capacity import capacity, check_capacity
from sure_math.models.engines.ray_replicas.pool import TRIES, RayReplicas
from sure_math.models.engines.ray_replicas.session import check_address
from sure_math.models.engines.spec import ModelSpec, ReplicasSpec
from sure_math.models.responders.chat import Message, Question
from sure_math.models.responders.roles import LazyResponder, resolve_model
from tests.helpers import scripted_build
from tests.helpers.process_trees import GONE_SECONDS, running
from tests.helpers.scripted_models import IDENTITY, ScriptedResponder
from tests.sure_math.models.engines import test_engines, test_streams
from tests.sure_math.test_resume import finished_shards, logged, published

pytestmark = pytest.mark.ray

SAMPLED = test_engines.SAMPLED
GREEDY = test_engines.GREEDY
TOLERANCE = 1e-5
"""Nats over a completion, SPEC 5."""
PATIENCE = 300.0
CHUNK = 16
ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_worker_niceness": "0",  # Ray's workers would wait for whatever else the machine does
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "TORCH_COMPILE_DISABLE": "1",
}
CONTRACT = [
    test_engines.test_one_completion_per_seed_in_order,
    test_engines.test_more_long_prompts_than_one_step_of_an_engine_takes,
    test_engines.test_answers_belong_to_their_prompts,
    test_engines.test_the_same_seeds_repeat_and_other_seeds_differ,
    test_engines.test_a_repeated_seed_repeats_its_sample,
    test_engines.test_the_seed_does_not_matter_at_temperature_0,
    test_engines.test_ends,
    test_engines.test_empty_and_over_long_prompts_are_refused_and_the_rest_is_served,
    partial(test_streams.test_every_seed_of_every_request_is_answered_once, size=3),
    test_streams.test_a_refused_request_gives_a_refusal_per_seed,
    test_streams.test_an_engine_without_work_gives_its_caller_control,
    test_streams.test_a_stream_that_is_closed_leaves_an_engine_that_answers_as_before,
    test_streams.test_an_error_of_the_caller_ends_what_is_running,
]
CONTRACT_WITH_MODEL = [
    test_engines.test_log_probabilities_are_the_models_own,
    test_engines.test_greedy_is_the_argmax,
]
LOAD = [
    Request(token_ids=(9, 10 + number % 40, 11), seeds=tuple(range(100 * number, 100 * number + 8)), sampling=SAMPLED)
    for number in range(200)
]
"""Some seconds of work for two replicas."""


@contextlib.contextmanager
def without_preloads() -> Iterator[None]:
    """vLLM, once started in this process, hands its own OpenMP to every child, and another OpenMP sums otherwise.

    How many threads this process may use is not for the actors either: that follows from their `num_cpus`.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("LD_PRELOAD", raising=False)
        patch.delenv("OMP_NUM_THREADS", raising=False)
        yield


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    node = {"num_cpus": 4, "object_store_memory": 128 * 2**20, "include_dashboard": False}
    with without_preloads():
        cluster = Cluster(initialize_head=True, head_node_args=node)
    yield cluster
    cluster.shutdown()


@pytest.fixture(scope="module")
def spec(tiny_model: Path) -> ModelSpec:
    return ModelSpec(model=str(tiny_model))


@pytest.fixture(scope="module")
def pool(cluster: Cluster, spec: ModelSpec) -> Iterator[RayReplicas]:
    pool = RayReplicas(spec, ReplicasSpec(min=2, max=2, chunk=CHUNK, address=cluster.address))
    yield pool
    pool.close()


_ENGINES: dict[str, Engine] = {}


def generate_alone(spec: ModelSpec, requests: Sequence[Request]) -> list[Any]:
    """What one process answers, chunk by chunk as replicas are asked, on one thread as they have."""
    torch.set_num_threads(1)
    if spec.model not in _ENGINES:
        _ENGINES[spec.model] = load_engine(spec)
    engine = _ENGINES[spec.model]
    answers = [item for group in engine.stream(cut_requests(requests, CHUNK)) for item in group]
    return list(gathered(requests, answers))


@dataclasses.dataclass(frozen=True)
class OneProcess:
    """The engine in a process of its own: what other tests have set in this one (threads, kernels) changes no float."""

    spec: ModelSpec
    executor: ProcessPoolExecutor

    def generate(self, requests: Sequence[Request]) -> list[Any]:
        numbered = [dataclasses.replace(request, number=number) for number, request in enumerate(requests)]
        return self.executor.submit(generate_alone, self.spec, numbered).result(PATIENCE)


@pytest.fixture(scope="module")
def one_process(spec: ModelSpec) -> Iterator[OneProcess]:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as executor:
        process = OneProcess(spec, executor)
        with without_preloads():
            process.generate([LOAD[0]])
        yield process


@pytest.fixture(scope="module")
def answers_to_load(one_process: OneProcess) -> list[Any]:
    """What one process answers to LOAD."""
    return one_process.generate(LOAD)


def wait_for(condition: Callable[[], bool], what: str, seconds: float = PATIENCE) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.02)


def nobody_runs(processes: Iterable[psutil.Process]) -> bool:
    return not running(processes)


def answering(pid: int) -> bool:
    """Whether a replica is at work; Ray puts that into the title of its process."""
    try:
        return "Replica.exchange" in " ".join(psutil.Process(pid).cmdline())
    except psutil.Error:
        return False


def deaths_in(caplog: pytest.LogCaptureFixture) -> list[str]:
    """The warnings about replicas that died."""
    return [message for message in caplog.messages if "a replica died" in message]


def limit_cpu(pid: int, seconds: int) -> None:
    """The kernel kills the process once it has used that much more of a CPU."""
    process = psutil.Process(pid)
    used = process.cpu_times()
    bound = int(used.user + used.system) + seconds + 1
    process.rlimit(psutil.RLIMIT_CORE, (0, 0))
    process.rlimit(psutil.RLIMIT_CPU, (bound, bound))


def assert_equal(answers: list[RequestResult], others: list[RequestResult]) -> None:
    assert len(answers) == len(others)
    for answer, other in zip(answers, others, strict=True):
        if isinstance(answer, Refusal) or isinstance(other, Refusal):
            assert answer == other
            continue
        assert [(item.token_ids, item.finish_reason) for item in answer] == [
            (item.token_ids, item.finish_reason) for item in other
        ]
        assert [item.sum_logprob for item in answer] == pytest.approx(
            [item.sum_logprob for item in other], abs=TOLERANCE
        )


# ---- the engine -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("contract", CONTRACT, ids=lambda contract: getattr(contract, "__name__", "batches of three"))
def test_the_contract_of_an_engine(contract: Callable[[Engine], None], pool: RayReplicas) -> None:
    contract(pool)


@pytest.mark.parametrize("contract", CONTRACT_WITH_MODEL, ids=lambda contract: contract.__name__)
def test_the_contract_of_a_real_engine(
    contract: Callable[[Engine, object], None], pool: RayReplicas, spec: ModelSpec
) -> None:
    contract(pool, AutoModelForCausalLM.from_pretrained(spec.model, dtype=torch.float32).eval())


def test_two_replicas_answer_as_one_process(pool: RayReplicas, one_process: OneProcess, spec: ModelSpec) -> None:
    requests = [
        *LOAD[:40],
        Request(token_ids=(), seeds=(1,), sampling=SAMPLED),
        Request(token_ids=(9, 9), seeds=tuple(range(50)), sampling=SAMPLED),
    ]
    assert_equal(generate(pool, requests), one_process.generate(requests))
    assert len(pool.running()) == 2
    assert pool.identity == model_identity(spec)


def test_a_killed_replica_costs_nothing_but_time(
    pool: RayReplicas, answers_to_load: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    killed: list[int] = []

    def kill() -> None:
        wait_for(lambda: all(answering(place.pid) for place in pool.running()), "replicas at work")
        killed.append(pool.running()[0].pid)
        os.kill(killed[0], signal.SIGKILL)

    thread = threading.Thread(target=kill)
    thread.start()
    answers = generate(pool, LOAD)
    thread.join()
    assert len(deaths_in(caplog)) == 1
    assert killed[0] not in [place.pid for place in pool.running()]
    assert_equal(answers, answers_to_load)


def test_an_error_of_the_engine_keeps_its_words_and_the_pool_its_use(pool: RayReplicas) -> None:
    with pytest.raises(IndexError, match=r"^index out of range in self$"):
        generate(pool, [Request(token_ids=(10**6,), seeds=(1,), sampling=SAMPLED)])
    assert len(test_engines.served(generate(pool, [LOAD[0]])[0])) == 8


def test_a_chunk_that_kills_its_replicas_ends_the_call_with_the_other_answers(
    cluster: Cluster, spec: ModelSpec, one_process: OneProcess
) -> None:
    """Each replica may use two more seconds of a CPU: the small request needs a fraction of one, the large one more."""
    settings = ReplicasSpec(min=TRIES, max=TRIES, chunk=8000, num_cpus=0.5, address=cluster.address)
    pool = RayReplicas(spec, settings)
    sampling = dataclasses.replace(SAMPLED, max_new_tokens=100)
    small = dataclasses.replace(LOAD[0], sampling=sampling)
    large = Request(token_ids=(9, 10), seeds=tuple(range(8000)), sampling=sampling, number=1)
    done = threading.Event()

    def limit() -> None:
        limited: set[int] = set()
        while not done.is_set():
            for pid in {place.pid for place in pool.running()} - limited:
                limit_cpu(pid, seconds=2)
                limited.add(pid)
            time.sleep(0.02)

    thread = threading.Thread(target=limit)
    thread.start()
    message = f"{TRIES} replicas died over the same .* what is answered is kept"
    finished: list[Finished] = []
    with pytest.raises(EngineUnavailable, match=message):
        for group in pool.stream([[small, large]]):
            finished += group
    done.set()
    thread.join()
    pool.close()
    assert [(item.request.number, item.seed) for item in finished] == [(0, seed) for seed in small.seeds]
    assert_equal([whole_answer([item.answer for item in finished])], one_process.generate([small]))


def test_replicas_come_under_load_and_go_afterwards(cluster: Cluster, spec: ModelSpec) -> None:
    settings = ReplicasSpec(min=1, max=2, chunk=CHUNK, num_cpus=0.5, address=cluster.address)
    pool = RayReplicas(spec, settings, idle_seconds=2)
    assert len(pool.running()) == 1
    generate(pool, LOAD[:2])
    assert len(pool.running()) == 1, "one chunk is not a load"
    end = time.monotonic() + PATIENCE
    while len(pool.running()) == 1:
        assert time.monotonic() < end
        generate(pool, LOAD)
    pids = [place.pid for place in pool.running()]
    wait_for(lambda: len(pool.running()) == 1, "the second replica is still there", 30)
    wait_for(lambda: [psutil.pid_exists(pid) for pid in pids].count(True) == 1, "its process is still there", 30)
    assert len(test_engines.served(generate(pool, [LOAD[0]])[0])) == 8
    pool.close()


def test_a_chunk_moves_to_another_machine_when_its_own_dies(
    cluster: Cluster, spec: ModelSpec, answers_to_load: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    """Two nodes with one GPU each, as Ray counts them: a replica that asks for 0.65 of one fits once on each."""
    with without_preloads():
        nodes = [cluster.add_node(num_cpus=1, num_gpus=1, object_store_memory=128 * 2**20) for _ in range(2)]
    settings = ReplicasSpec(min=2, max=2, chunk=CHUNK, num_cpus=0.5, num_gpus=0.65, address=cluster.address)
    pool = RayReplicas(dataclasses.replace(spec, device="cpu"), settings)

    def stop() -> None:
        wait_for(lambda: len(pool.running()) == 2 and all(answering(p.pid) for p in pool.running()), "both at work")
        cluster.remove_node(nodes[1], allow_graceful=False)

    thread = threading.Thread(target=stop)
    thread.start()
    end = time.monotonic() + PATIENCE
    while thread.is_alive():
        assert time.monotonic() < end
        answers = generate(pool, LOAD)
    assert len(deaths_in(caplog)) == 1
    assert_equal(answers, answers_to_load)
    assert len(pool.running()) == 1, "no other node has a GPU"
    pool.close()
    cluster.remove_node(nodes[0])


@pytest.mark.parametrize(
    ("changes", "fingerprint", "message"),
    [
        ({"options": {"batch": 3}}, None, r"^engine option 'batch': .* \(a replica with num_cpus = 1, num_gpus = 0 on"),
        ({}, "0" * 64, "has fingerprint [0-9a-f]{64}, this machine has 0{64}; give every machine the same model files"),
    ],
)
def test_a_replica_that_cannot_start_says_why(
    cluster: Cluster, pool: RayReplicas, spec: ModelSpec, changes: dict, fingerprint: str | None, message: str
) -> None:
    identity = dataclasses.replace(pool.identity, fingerprint=fingerprint or pool.identity.fingerprint)
    with pytest.raises(EngineUnavailable, match=message) as refused:
        RayReplicas(dataclasses.replace(spec, **changes), ReplicasSpec(address=cluster.address), identity=identity)
    assert "Traceback" not in str(refused.value)


def test_no_room_for_a_replica_says_what_was_asked_and_what_there_is(cluster: Cluster, spec: ModelSpec) -> None:
    settings = ReplicasSpec(num_gpus=3, address=cluster.address)

    def refusal() -> str:
        with pytest.raises(EngineUnavailable) as refused:
            RayReplicas(spec, settings, placement_seconds=1)
        return str(refused.value)

    message = re.compile(r"no room .* num_gpus = 3, and Ray has \d+ CPUs and 0 GPUs")
    wait_for(lambda: message.search(refusal()) is not None, "Ray still counts the nodes that have left")


@pytest.mark.vllm
def test_vllm_in_an_actor(cluster: Cluster, spec: ModelSpec, one_process: OneProcess) -> None:
    vllm = dataclasses.replace(
        spec, engine="vllm", dtype="float32", options={"enforce_eager": True, "max_num_seqs": 256}
    )
    pool = RayReplicas(vllm, ReplicasSpec(chunk=CHUNK, address=cluster.address))
    requests = test_engines.requests_of(1, GREEDY)
    for answer, other in zip(one_process.generate(requests), generate(pool, requests), strict=True):
        assert test_engines.served(answer)[0].token_ids == test_engines.served(other)[0].token_ids
    test_engines.test_the_same_seeds_repeat_and_other_seeds_differ(pool)
    # In one batch: a second one may reach the actor when a small model has answered the first.
    test_streams.assert_short_before_long(pool, [[test_streams.LONG_REQUEST, test_streams.SHORT_REQUEST]])
    test_streams.test_requests_that_come_later_are_answered_in_the_same_stream(pool)
    test_streams.test_a_stream_that_is_closed_leaves_an_engine_that_answers_as_before(pool)
    family = [process for place in pool.running() for process in family_of(place.pid)]
    pool.close()
    assert psutil.wait_procs(family, timeout=60)[1] == []


# ---- without Ray ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seeds", "size", "expected"),
    [
        ([4, 4, 4], 8, [[(0, 0, 4), (1, 0, 4)], [(2, 0, 4)]]),
        ([5, 4], 8, [[(0, 0, 5)], [(1, 0, 4)]]),  # what fits into a chunk is not cut
        ([10], 4, [[(0, 0, 4)], [(0, 4, 8)], [(0, 8, 10)]]),
        ([3, 10], 4, [[(0, 0, 3)], [(1, 0, 4)], [(1, 4, 8)], [(1, 8, 10)]]),
        ([10, 2], 4, [[(0, 0, 4)], [(0, 4, 8)], [(0, 8, 10), (1, 0, 2)]]),
        ([0, 1, 0], 1, [[(1, 0, 1)]]),
        ([], 4, []),
    ],
)
def test_chunks(seeds: list[int], size: int, expected: list[list[tuple[int, int, int]]]) -> None:
    requests = [
        Request(token_ids=(1,), seeds=tuple(range(count)), sampling=SAMPLED, number=number)
        for number, count in enumerate(seeds)
    ]
    assert [[(piece.number, piece.seeds) for piece in chunk] for chunk in cut_requests(requests, size)] == [
        [(index, tuple(range(begin, end))) for index, begin, end in chunk] for chunk in expected
    ]


def test_what_is_left_of_a_lost_chunk_waits_before_all_others() -> None:
    def completion(seed: int) -> Completion:
        return Completion(token_ids=(seed,), sum_logprob=-1.0, finish_reason="stop")

    first, second = (
        Request(token_ids=(1,), seeds=seeds, sampling=SAMPLED, number=5) for seeds in ((1, 2, 2), (4, 5, 6))
    )
    chunks = Chunks(3)
    chunks.add([first])
    chunks.add([second])
    chunk = chunks.waiting.popleft()
    (asked,) = chunk.requests()
    finished = chunk.answer(asked.number, 2, completion(2))
    assert (finished.request, finished.seed, finished.answer) == (first, 2, completion(2))
    chunks.give_back(chunk)
    assert [(chunk.losses, [piece.seeds for piece in chunk.requests()]) for chunk in chunks.waiting] == [
        (1, [(1, 2)]),
        (0, [(4, 5, 6)]),
    ]
    lost = chunks.waiting[0]
    for seed in (2, 1):
        assert lost.answer(asked.number, seed, completion(seed)).request.number == 5
    assert not lost.unanswered
    numbers = [number for chunk in chunks.waiting for number in chunk.unanswered]
    assert asked.number not in numbers, "no two requests of a stream have one number"


@pytest.mark.parametrize(
    ("needs", "resources", "expected"),
    [
        ({"num_cpus": 1}, {"CPU": 2.0}, 2),
        ({"num_cpus": 0.1}, {"CPU": 1.0}, 10),
        ({"num_cpus": 0}, {"CPU": 1.0}, float("inf")),
        ({"num_cpus": 1, "num_gpus": 0.65}, {"CPU": 8.0, "GPU": 2.0}, 2),  # two shares of 0.65 are on two GPUs
        ({"num_cpus": 1, "num_gpus": 0.2}, {"CPU": 8.0, "GPU": 1.0}, 5),
        ({"num_cpus": 1, "num_gpus": 4}, {"CPU": 8.0, "GPU": 8.0}, 2),
        ({"num_cpus": 1, "num_gpus": 1}, {"CPU": 8.0}, 0),
    ],
)
def test_how_many_replicas_fit(needs: dict[str, Any], resources: dict[str, float], expected: float) -> None:
    assert capacity(ReplicasSpec(**needs), resources) == expected


def test_replicas_that_never_fit_are_refused() -> None:
    replicas = ReplicasSpec(min=3, max=4, num_cpus=1)
    check_capacity(replicas, {"CPU": 3.0})
    with pytest.raises(EngineUnavailable, match=r"replicas.min = 3 do not fit: each asks num_cpus = 1 .* has 2 CPUs"):
        check_capacity(replicas, {"CPU": 2.0})


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("127.0.0.1:1", "nobody answers .*ray start --head.*leave replicas.address out"),
        ("head", "give HOST:PORT of the cluster's head, or auto"),
        ("ray://head:10001", "give HOST:PORT of the cluster's head, or auto"),
    ],
)
def test_an_address_without_a_cluster_is_refused_at_once(address: str, message: str) -> None:
    with pytest.raises(EngineUnavailable, match=f"replicas.address = '{re.escape(address)}': {message}"):
        check_address(address)


def test_without_ray_the_build_says_what_to_install(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(EngineUnavailable, match=r"pip install 'sure-math\[ray\]'"):
        resolve_model(ModelConfig(model=str(tiny_model), replicas=ReplicasConfig()))


# ---- models that stay -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("keep_loaded", "starts"), [(False, 2), (True, 1)])
def test_a_model_that_is_kept_outlives_its_phase(keep_loaded: bool, starts: int) -> None:
    started: list[ScriptedResponder] = []

    def start() -> ScriptedResponder:
        started.append(ScriptedResponder(script=scripted_build.solve))
        return started[-1]

    model = LazyResponder(IDENTITY, start, keep_loaded=keep_loaded)
    for _ in range(2):
        model.ask([Question(messages=(Message(role="user", content="1?"),), seeds=(1,), sampling=GREEDY)])
        model.close()
        assert started[-1].closed is not keep_loaded
    model.stop()
    assert [responder.closed for responder in started] == [True] * starts


def test_the_end_of_a_build_stops_the_models_that_were_kept(tmp_path: Path) -> None:
    seeds = scripted_build.write_problems(tmp_path / "seeds.jsonl", 3)
    load = scripted_build.Scripted()
    scripted_build.run_phases(tmp_path / "out", f"seeds.path={seeds}", "teacher.keep_loaded=true", load=load)
    assert load.asked() > 0
    assert load.responders["teacher"].closed


# ---- the build ------------------------------------------------------------------------------------------------------

SMALL = ("seeds.limit=12", "seeds.test_limit=4", "run.shard_size=8")
"""The pocket build on 16 problems: its three models really run."""
BATCH_SIZE = 4 * CHUNK
REPLICAS = (f"run.batch_size={BATCH_SIZE}", f"teacher.replicas={{min: 2, max: 2, chunk: {CHUNK}}}")
ONE_PROCESS = (f"run.batch_size={CHUNK}",)
"""The model sees the batches that a replica sees: in others, sums over 200 tokens round to 1.1e-5 nats apart."""


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same build in one process, that nothing interrupted."""
    out = tmp_path_factory.mktemp("reference") / "out"
    run_build(load_config("pocket", [*SMALL, *ONE_PROCESS]), out, name="pocket")
    return out


def start_build(out: Path, *arguments: str) -> subprocess.Popen:
    command = [sys.executable, "-m", "sure_math.build", "--config", "pocket", "--out", str(out), *SMALL, *arguments]
    out.parent.mkdir(parents=True, exist_ok=True)
    environment = {**ENVIRONMENT, **os.environ, "OMP_NUM_THREADS": "1"}
    log = (out.parent / "log").open("w")
    return subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT)


def family_of(pid: int) -> list[psutil.Process]:
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.Error:
        return []


def teachers_at_work(build: subprocess.Popen) -> list[psutil.Process]:
    return [process for process in family_of(build.pid) if answering(process.pid)]


def answers_of_teacher(out: Path) -> int:
    return sum(role == "teacher" for role, _ in logged(out))


def more_answers_of_teacher(out: Path, than: int) -> bool:
    return answers_of_teacher(out) > than


def wait_in(build: subprocess.Popen, out: Path, condition: Callable[[], object], what: str) -> None:
    def reached() -> bool:
        assert build.poll() is None, (out.parent / "log").read_text()
        return bool(condition())

    wait_for(reached, what)


def kill(build: subprocess.Popen) -> dict[psutil.Process, str]:
    """SIGKILL the process of the build alone; those it had started, with their names."""
    children = {process: " ".join(process.cmdline()) for process in family_of(build.pid)[1:]}
    build.send_signal(signal.SIGKILL)
    build.wait()
    return children


def assert_same_dataset(out: Path, reference: Path) -> None:
    for table in ("train", "test", "samples", "rejected"):
        rows, others = published(out, table), published(reference, table)
        assert len(rows) == len(others)
        for row, other in zip(rows, others, strict=True):
            for key, value in other.items():
                assert row[key] == (pytest.approx(value, abs=TOLERANCE) if isinstance(value, float) else value), key


@pytest.mark.slow
def test_two_replicas_and_a_killed_one_publish_what_one_process_publishes(reference: Path, tmp_path: Path) -> None:
    out = tmp_path / "replicas" / "out"
    build = start_build(out, *REPLICAS)
    wait_in(build, out, lambda: len(teachers_at_work(build)) == 2, "no two replicas at work")
    family = family_of(build.pid)
    teachers_at_work(build)[0].kill()
    assert build.wait(PATIENCE) == 0, (out.parent / "log").read_text()
    assert psutil.wait_procs(family, timeout=60)[1] == []
    assert "a replica died" in (out.parent / "log").read_text()
    assert_same_dataset(out, reference)
    assert len(logged(out)) == len(set(logged(out))) == len(logged(reference))


@pytest.mark.slow
def test_a_build_moves_to_replicas_and_survives_kill_9(reference: Path, tmp_path: Path) -> None:
    """Begun by one process and killed, continued by replicas and killed, continued to the end."""
    out = tmp_path / "killed" / "out"
    lengths = [0]
    kept: dict[str, bytes] = {}
    for arguments in [ONE_PROCESS, (*REPLICAS, "--update")]:
        build = start_build(out, *arguments)
        wait_in(build, out, partial(more_answers_of_teacher, out, answers_of_teacher(out)), "no answer of the teacher")
        children = kill(build)
        assert any("raylet" in name for name in children.values()) == (arguments is not ONE_PROCESS)
        wait_for(partial(nobody_runs, children), "a killed build leaves processes behind", GONE_SECONDS)
        lengths.append(len(logged(out)))
        kept |= finished_shards(out)
    build = start_build(out, *REPLICAS)
    assert build.wait(PATIENCE) == 0, (out.parent / "log").read_text()

    calls = logged(out)
    assert set(calls) == set(logged(reference)), "the same requests, whoever answered them"
    for begin, end in zip(lengths, [*lengths[1:], len(calls)], strict=True):
        again = {key for _, key in calls[:begin]} & {key for _, key in calls[begin:end]}
        assert again <= {key for _, key in calls[max(0, begin - BATCH_SIZE) : begin]}, "more than the batch in flight"
        assert len(calls[begin:end]) == len({key for _, key in calls[begin:end]})
    final = finished_shards(out)
    assert {name: final[name] for name in kept} == kept
    assert_same_dataset(out, reference)
