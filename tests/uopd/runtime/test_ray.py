"""A run's parts in Ray actors, really running: student and teacher on transformers, two vLLM engines, a tiny model.

Pinned for the whole, whose teacher hands on hidden states: after every sync both engines' log-probabilities are the
student's; each prompt's responses come in the order of its seeds, half from each engine; an engine killed with -9 while
it samples, and one killed while it is idle, are replaced with the right weights and nothing is missing; the death of
the scorer or the student ends the run with what to do; two ranks under DeepSpeed are one student.
Pinned with small parts in place of models: the paper's placement, threads, what does not fit, errors in the words of
whoever made them, engines that die again and again, a version that is not the one that was sent.
"""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, cast

import psutil
import pytest

pytest.importorskip("ray", reason="pip install 'sure-math[ray]'")
import ray
from ray.cluster_utils import Cluster

from sure_math.models.engines import EngineUnavailable, Refusal, Request, Sampling
from tests.helpers.components_without_models import (
    DIE,
    DIE_ONCE,
    FAIL,
    SmallEngine,
    SmallRank,
    SmallScorer,
    config_of,
    need,
    refuse,
)
from tests.helpers.tiny_model import VOCABULARY, save_tiny_model
from tests.sure_math.models.engines.test_ray_replicas import wait_for, without_preloads
from uopd.methods import make_method
from uopd.model.errors import StepFailed
from uopd.protocols import Components
from uopd.rows import Share, TrainingRow, UpdateReport, opened
from uopd.runtime.factories import Factories, make_factories
from uopd.runtime.ray.actor_process import ActorProcess
from uopd.runtime.ray.calls import PartLost
from uopd.runtime.ray.cluster import start_components, start_ray
from uopd.runtime.ray.messages import pack
from uopd.runtime.ray.sampler import RemoteSampler
from uopd.runtime.ray.scorer import RemoteScorer
from uopd.runtime.ray.student import RemoteStudent
from uopd.runtime.specs import scorer_spec, student_spec
from uopd.student.reference import load_student
from uopd.teacher.scorer import ScorerSpec, load_scorer
from uopd.weight_sync.in_step import OutOfStep, StepCheck

pytestmark = pytest.mark.ray

TOLERANCE = 1e-4
"""Nats per token between vLLM and transformers in float32."""
TEXT = tuple((7 * index * index + 3 * index) % VOCABULARY for index in range(100))
SAMPLED = Sampling(max_new_tokens=12, temperature=1.0)
LONG = Sampling(max_new_tokens=100, temperature=1.0)
LEARNING_RATE = 0.02
"""AdamW moves every weight by about as much, norms and all, so that a sync has something to bring."""
PROMPTS = [
    Request(token_ids=TEXT[start : start + 5], seeds=tuple(range(4 * start, 4 * start + 4)), sampling=SAMPLED)
    for start in range(8)
]
LOAD = [
    Request(token_ids=TEXT[start % 90 : start % 90 + 5], seeds=tuple(range(8)), sampling=LONG) for start in range(250)
]
"""Some seconds of work for two engines."""
ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_worker_niceness": "0",
    "TORCH_COMPILE_DISABLE": "1",
}


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Four GPUs that are only counted, so that the paper's placement can be asked for."""
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    node = {"num_cpus": 16, "num_gpus": 4, "object_store_memory": 256 * 2**20, "include_dashboard": False}
    with without_preloads():
        cluster = Cluster(initialize_head=True, head_node_args=node)
    yield cluster
    cluster.shutdown()


# ---- a run ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tmp_path_factory.mktemp("run") / "model")


@pytest.fixture(scope="module")
def components(cluster: Cluster, folder: Path) -> Iterator[Components]:
    config = config_of(folder, cluster.address, teacher={"sends": "hidden"})
    components = start_ray(config, make_method(config))
    yield components
    components.close()
    assert not ray.is_initialized()


def processes(actors: Sequence[Any]) -> list[ActorProcess]:
    """Where actors run, in their order."""
    return cast(list[ActorProcess], ray.get([actor.process.remote() for actor in actors]))


def engine_processes(components: Components) -> list[ActorProcess]:
    return processes([engine.actor for engine in sampler_of(components).engines])


def sampler_of(components: Components) -> RemoteSampler:
    assert isinstance(components.sampler, RemoteSampler)
    return components.sampler


def learn(components: Components, requests: Sequence[Request] = PROMPTS) -> UpdateReport:
    """One step: roll out, score, update; no sync."""
    rows = []
    for request, answer in zip(requests, components.sampler.generate(requests), strict=True):
        assert not isinstance(answer, Refusal)
        weight = 1 / (len(requests) * len(answer))
        rows += [
            TrainingRow(
                prompt_ids=request.token_ids,
                response_ids=completion.token_ids,
                scorer_ids=request.token_ids,
                token_weight=weight / len(completion.token_ids),
            )
            for completion in answer
        ]
    assert components.scorer is not None
    return components.student.update([Share(rows=tuple(rows), scores=components.scorer.score(rows))], LEARNING_RATE)


def assert_of_the_student(
    components: Components, requests: Sequence[Request], answers: Sequence[Any], count: int
) -> None:
    """The log-probabilities of the first samples are those of the student's weights."""
    for request, answer in list(zip(requests, answers, strict=True))[:count]:
        assert len(answer) == len(request.seeds)
        for completion in (answer[0], answer[-1]):
            text = [*request.token_ids, *completion.token_ids]
            logprobs = components.student.logprobs(text)[len(request.token_ids) - 1 :]
            mean = sum(logprobs) / len(logprobs)
            assert mean == pytest.approx(completion.sum_logprob / len(logprobs), abs=TOLERANCE)


@pytest.mark.vllm
def test_after_every_sync_both_engines_have_the_students_weights(components: Components) -> None:
    assert components.sync() == 0
    assert StepCheck(TEXT, TOLERANCE)(components.student, components.sampler) < TOLERANCE
    for version in (1, 2, 3):
        before = components.student.logprobs(TEXT)
        report = learn(components)
        assert report.gradient_norm > 0
        after = components.student.logprobs(TEXT)
        assert (
            sum(abs(first - second) for first, second in zip(before, after, strict=True)) / len(after) > 100 * TOLERANCE
        )
        with pytest.raises(OutOfStep, match=f"version {version - 1}, the student is at {version}"):
            StepCheck(TEXT, TOLERANCE)(components.student, components.sampler)
        assert components.sync() == version
        assert len(components.sampler.logprobs(TEXT)) == 2
        assert StepCheck(TEXT, TOLERANCE)(components.student, components.sampler) < TOLERANCE
    answers = components.sampler.generate(PROMPTS)
    assert_of_the_student(components, PROMPTS, answers, len(PROMPTS))
    assert len({process.pid for process in engine_processes(components)}) == 2


@pytest.mark.vllm
def test_a_checkpoint_of_the_student_is_loaded_and_reaches_the_engines(components: Components, tmp_path: Path) -> None:
    version = components.student.version
    components.student.save(tmp_path / "checkpoint")
    kept = components.student.logprobs(TEXT)
    learn(components)
    assert components.sync() == version + 1
    components.student.load(tmp_path / "checkpoint")
    assert components.student.version == version
    assert components.sync() == version
    assert components.student.logprobs(TEXT) == pytest.approx(kept, abs=1e-6)
    assert StepCheck(TEXT, TOLERANCE)(components.student, components.sampler) < TOLERANCE


def busy(pid: int) -> bool:
    """Whether an engine is sampling; Ray puts that into the title of its process."""
    try:
        return "EngineActor.generate" in " ".join(psutil.Process(pid).cmdline())
    except psutil.Error:
        return False


@pytest.mark.vllm
def test_an_engine_killed_while_it_samples_is_replaced_with_the_right_weights(components: Components) -> None:
    sampler = sampler_of(components)
    learn(components)
    version = components.sync()
    victim, survivor = engine_processes(components)
    killed: list[float] = []

    def kill() -> None:
        wait_for(lambda: busy(victim.pid), "the engine never began")
        time.sleep(0.5)
        os.kill(victim.pid, signal.SIGKILL)
        killed.append(time.monotonic())

    thread = threading.Thread(target=kill)
    thread.start()
    answers = sampler.generate(LOAD)
    thread.join()
    assert killed
    replaced, same = engine_processes(components)
    assert (same.pid, replaced.pid == victim.pid) == (survivor.pid, False)
    assert_of_the_student(components, LOAD, answers, 5)
    assert sampler.version == components.student.version == version
    assert StepCheck(TEXT, TOLERANCE)(components.student, components.sampler) < TOLERANCE
    learn(components)
    assert components.sync() == version + 1
    assert StepCheck(TEXT, TOLERANCE)(components.student, components.sampler) < TOLERANCE


@pytest.mark.vllm
def test_an_engine_that_died_idle_is_replaced_by_the_next_sync(components: Components) -> None:
    learn(components)
    survivor, victim = engine_processes(components)
    os.kill(victim.pid, signal.SIGKILL)
    assert components.sync() == components.student.version
    same, replaced = engine_processes(components)
    assert (same.pid, replaced.pid == victim.pid) == (survivor.pid, False)
    assert StepCheck(TEXT, TOLERANCE)(components.student, components.sampler) < TOLERANCE


@pytest.mark.vllm
def test_a_dead_scorer_and_a_dead_student_end_the_run(components: Components) -> None:
    assert isinstance(components.scorer, RemoteScorer)
    assert isinstance(components.student, RemoteStudent)
    os.kill(processes([components.scorer.actor])[0].pid, signal.SIGKILL)
    with pytest.raises(PartLost, match=r"teacher died: .* repeat the command"):
        learn(components)
    os.kill(processes(components.student.actors)[0].pid, signal.SIGKILL)
    with pytest.raises(PartLost, match=r"student 0 died: .* repeat the command"):
        components.sync()
    with pytest.raises(PartLost, match=r"student 0 died: .* repeat the command"):
        components.student.logprobs(TEXT)


# ---- small parts ----------------------------------------------------------------------------------------------------


SMALL = Factories(student=SmallRank, engine=SmallEngine, teacher=SmallScorer, scorer="teacher")


@pytest.fixture(scope="module")
def small(cluster: Cluster, folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Components]:
    """The paper's placement, with the reference that no method of it asks."""
    config = config_of(
        folder,
        cluster.address,
        student={"num_gpus": 0.8, "num_cpus": 2},
        reference={"num_gpus": 0.2, "num_cpus": 0.5, "load": "always"},
        teacher={"num_gpus": 1},
        rollouts={"num_gpus": 1},
    )
    engine = partial(SmallEngine, tmp_path_factory.mktemp("small") / "died")
    with without_preloads():  # the student has a thread per CPU of its own, however few this process may use
        components = start_components(config, replace(SMALL, engine=engine, reference=SmallScorer))
    yield components
    components.close()


def row(*response: int) -> TrainingRow:
    return TrainingRow(prompt_ids=(1,), response_ids=response, scorer_ids=(1,), token_weight=1.0)


def test_the_papers_placement(small: Components) -> None:
    """A.1: the student and its frozen reference share GPU 0, the teacher has GPU 1, the engines have 2 and 3."""
    assert isinstance(small.student, RemoteStudent)
    assert isinstance(small.scorer, RemoteScorer)
    (student,), (teacher,) = processes(small.student.actors), processes([small.scorer.actor])
    engines = engine_processes(small)
    devices = [student.gpus, teacher.gpus, *(engine.gpus for engine in engines)]
    assert all(len(gpus) == 1 for gpus in devices)
    assert len({gpus[0] for gpus in devices}) == 4
    assert [process.threads for process in (student, teacher, *engines)] == [2, 1, 1, 1]
    assert len({process.pid for process in (student, teacher, *engines)}) == 4


def test_every_engine_answers_its_part_and_the_order_is_kept(small: Components) -> None:
    first, second = (process.pid for process in engine_processes(small))
    requests = [
        Request(token_ids=(1, 2), seeds=(7, 5, 3, 1), sampling=SAMPLED),
        Request(token_ids=(), seeds=(1, 2), sampling=SAMPLED),
        Request(token_ids=(3,), seeds=(9,), sampling=SAMPLED),
        Request(token_ids=(3,), seeds=(8,), sampling=SAMPLED),
        Request(token_ids=(3,), seeds=(), sampling=SAMPLED),
    ]
    four, refused, *singles, none = cast(list[Any], small.sampler.generate(requests))
    assert [completion.token_ids[:2] for completion in four] == [(7, first), (5, first), (3, second), (1, second)]
    assert isinstance(refused, Refusal)
    assert sorted(answer[0].token_ids[1] for answer in singles) == sorted((first, second))
    assert [answer[0].token_ids[0] for answer in singles] == [9, 8]
    assert none == ()
    assert small.sampler.generate([]) == []


def test_scores_go_to_the_student_as_a_reference(small: Components) -> None:
    assert small.scorer is not None
    handle = small.scorer.score([row(3, 4), row(5)])
    assert isinstance(handle, ray.ObjectRef)
    report = small.student.update([Share(rows=(row(3, 4), row(5)), scores=handle)], 1.0)
    assert report.sums == {"sampled": 12.0}
    assert small.student.update([Share(rows=(row(3),), scores=None)], 1.0).sums == {"sampled": 0.0}


@pytest.mark.parametrize(
    ("act", "error", "message"),
    [
        (
            lambda components: components.sampler.generate([Request(token_ids=FAIL, seeds=(1,), sampling=SAMPLED)]),
            ValueError,
            "token 13",
        ),
        (
            lambda components: components.student.update([Share(rows=(), scores=None)], -1.0),
            ValueError,
            "rank 0 cannot learn",
        ),
        (
            lambda components: components.student.update(
                [Share(rows=(row(13),), scores=components.scorer.score([row(13)]))], 1.0
            ),
            StepFailed,
            "scoring: row 0: a logit is nan",
        ),
    ],
)
def test_errors_keep_the_words_of_the_part(
    small: Components, act: Callable[[Components], Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        act(small)


def test_answers_are_of_one_version_though_an_engine_is_replaced_after_an_update(small: Components) -> None:
    """As if sampling overlaps an update: the new engine gets newer weights than those of the first answers."""
    sampler = sampler_of(small)
    before = small.sync()
    small.student.update([Share(rows=(), scores=None)], 1.0)
    pids = [process.pid for process in engine_processes(small)]
    answers = sampler.generate([*PROMPTS, Request(token_ids=DIE_ONCE, seeds=(1,), sampling=SAMPLED)])
    assert sum(process.pid not in pids for process in engine_processes(small)) == 1
    assert sampler.version == small.student.version == before + 1
    assert {completion.token_ids[2] for answer in answers for completion in cast(Any, answer)} == {before + 1}


def test_an_engine_that_a_request_kills_is_given_up(small: Components, caplog: pytest.LogCaptureFixture) -> None:
    sampler = sampler_of(small)
    with pytest.raises(EngineUnavailable, match=r"engines died 3 times over the same requests: .* rollouts\.engines"):
        sampler.generate([Request(token_ids=DIE, seeds=(1,), sampling=SAMPLED), *PROMPTS])
    assert [record.getMessage().partition(":")[0] for record in caplog.records] == ["engine 1 died and is replaced"] * 3
    assert len(sampler.generate(PROMPTS)) == len(PROMPTS)


def test_a_version_that_was_not_sent_is_noticed(cluster: Cluster, folder: Path) -> None:
    factories = replace(SMALL, engine=partial(SmallEngine, claims=7), teacher=None, scorer=None)
    components = start_components(config_of(folder, cluster.address, rollouts={"engines": 1}), factories)
    try:
        assert components.scorer is None
        with pytest.raises(OutOfStep, match=r"sent policy version 0, and the engines hold \[7\]"):
            components.sync()
    finally:
        components.close()


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (partial(refuse, "model 'x' is not here"), "model 'x' is not here"),
        (partial(need, "no_such_package"), r"No module named 'no_such_package': pip install 'sure-math\[train,vllm\]'"),
    ],
)
def test_a_part_that_cannot_be_made_says_why_and_leaves_nothing(
    cluster: Cluster, folder: Path, made: Any, message: str
) -> None:
    config = config_of(folder, cluster.address, rollouts={"engines": 1})
    free = free_cpus(cluster)
    with pytest.raises(EngineUnavailable, match=message):
        start_components(config, replace(SMALL, engine=made, teacher=None, scorer=None))
    wait_for(lambda: free_cpus(cluster) == free, "the reservation was not given back")


def free_cpus(cluster: Cluster) -> float:
    ours = not ray.is_initialized()
    if ours:
        ray.init(address=cluster.address, log_to_driver=False)
    try:
        return float(ray.available_resources().get("CPU", 0.0))
    finally:
        if ours:
            ray.shutdown()


def test_more_gpus_than_there_are_is_refused(cluster: Cluster, folder: Path) -> None:
    config = config_of(folder, cluster.address, student={"num_gpus": 1}, rollouts={"num_gpus": 2})
    with pytest.raises(
        EngineUnavailable, match=r"asks for 5 GPUs \(student 0 1, engine 0 2, engine 1 2\), and there are 4"
    ):
        start_components(config, SMALL)


def test_two_ranks_under_deepspeed_are_one_student(cluster: Cluster, folder: Path, tmp_path: Path) -> None:
    """Each takes a share with its scores, and together they learn what one process of plain torch learns.

    First from the teacher's hidden states, with its head in each rank, and then from its top-k.
    """
    config = config_of(
        folder,
        cluster.address,
        student={"engine": "deepspeed", "ranks": 2},
        rollouts={"engines": 1},
        teacher={"sends": "hidden"},
    )
    method = make_method(config)
    hidden = cast(ScorerSpec, scorer_spec(config, method))
    scorer = load_scorer(replace(hidden, sends="topk"))
    senders = {1: load_scorer(hidden), 2: scorer}
    alone = load_student(student_spec(config, method))
    rows = [
        TrainingRow(
            prompt_ids=TEXT[index : index + 5],
            response_ids=TEXT[10 + index : 20 + 2 * index],
            scorer_ids=TEXT[index : index + 5],
            token_weight=1 / (4 * (10 + index)),
        )
        for index in range(4)
    ]
    factories = replace(make_factories(config, method), engine=SmallEngine, teacher=None, scorer=None)
    components = start_components(config, factories)
    try:
        assert components.student.ranks == 2
        for version in (1, 2):
            shares = [tuple(rows[rank::2]) for rank in range(2)]
            handles = [ray.put(pack(opened(senders[version].score(share)))) for share in shares]
            pairs = zip(shares, handles, strict=True)
            two = components.student.update([Share(rows=share, scores=handle) for share, handle in pairs], 1e-3)
            report_alone = alone.update(Share(rows=tuple(rows), scores=scorer.score(rows)), 1e-3)
            assert two.sums == pytest.approx(report_alone.sums, rel=1e-5)
            assert two.gradient_norm == pytest.approx(report_alone.gradient_norm, rel=1e-5)
            assert components.student.version == version
        assert components.student.logprobs(TEXT) == pytest.approx(alone.logprobs(TEXT), abs=TOLERANCE)
        components.student.save(tmp_path / "checkpoint")
        components.student.load(tmp_path / "checkpoint")
        assert components.student.version == 2
    finally:
        components.close()
