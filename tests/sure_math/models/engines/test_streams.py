"""Engines as streams: the same contract for transformers, vLLM, the server engine and the scripted fake.

Pinned for all four: every seed of every request is answered once, with its number, whatever its sampling and however
requests are cut into batches; a refused request gives one refusal per seed; an engine without work gives its caller
control; a stream that is closed leaves an engine that answers as before.
Pinned for the continuous engines, vLLM and the server: they take no more batches than they have room for, hand over a
short answer before a long one that came earlier, and take requests while others are being answered.
"""

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, cast

import pytest

from sure_math.models.engines import (
    Completion,
    Engine,
    EngineUnavailable,
    Finished,
    Refusal,
    Request,
    Sampling,
    gathered,
    generate,
)
from tests.helpers.tiny_model import POSITIONS
from tests.sure_math.models.engines.test_engines import GREEDY, PROMPTS, SAMPLED, requests_of

LONG = Sampling(max_new_tokens=100, temperature=1.0)
SHORT = Sampling(max_new_tokens=1, temperature=1.0)
CONTINUOUS = [pytest.param(name, marks=pytest.mark.vllm) for name in ("vllm_engine", "server_engine")]


@pytest.fixture(params=CONTINUOUS)
def continuous(request: pytest.FixtureRequest) -> Engine:
    chosen: Engine = request.getfixturevalue(request.param)
    return chosen


def request_of(number: int, *seeds: int, sampling: Sampling = SAMPLED) -> Request:
    return Request(token_ids=PROMPTS[number % len(PROMPTS)], seeds=seeds, sampling=sampling, number=number)


LONG_REQUEST, SHORT_REQUEST = request_of(0, *range(8), sampling=LONG), request_of(1, *range(8), sampling=SHORT)


def tokens_of(answer: Sequence[Completion | Refusal] | Refusal) -> list[tuple[int, ...]]:
    assert not isinstance(answer, Refusal)
    return [item.token_ids for item in answer if isinstance(item, Completion)]


def everything(engine: Engine, batches: Sequence[Sequence[Request]]) -> list[Finished]:
    return [finished for group in engine.stream(batches) for finished in group]


@pytest.mark.parametrize("size", [1, 3, 100])
def test_every_seed_of_every_request_is_answered_once(engine: Engine, size: int) -> None:
    requests = [
        request_of(number, *range(1 + number % 3), sampling=(SAMPLED, GREEDY)[number % 2]) for number in range(9)
    ]
    batches = [requests[start : start + size] for start in range(0, len(requests), size)]
    finished = everything(engine, [(), *batches, ()])
    assert Counter((item.request.number, item.seed) for item in finished) == Counter(
        (request.number, seed) for request in requests for seed in request.seeds
    )
    answers = {(item.request.number, item.seed): item.answer for item in finished}
    for request, alone in zip(requests, generate(engine, requests), strict=True):
        assert not isinstance(alone, Refusal)
        together = [answers[request.number, seed] for seed in request.seeds]
        assert [item.token_ids for item in together if isinstance(item, Completion)] == [
            item.token_ids for item in alone
        ]


def test_a_refused_request_gives_a_refusal_per_seed(engine: Engine) -> None:
    long = Request(token_ids=(9,) * POSITIONS, seeds=(4, 5), sampling=SAMPLED, number=7)
    finished = everything(engine, [[long, request_of(8, 1)]])
    refusals = {(item.request.number, item.seed) for item in finished if isinstance(item.answer, Refusal)}
    assert refusals == {(7, 4), (7, 5)} and len(finished) == 3


def test_an_engine_without_work_gives_its_caller_control(engine: Engine) -> None:
    def batches() -> Iterator[Sequence[Request]]:
        yield ()
        yield [request_of(0, 1)]
        while True:
            yield ()

    stream = engine.stream(batches())
    assert list(next(stream)) == []
    while not (group := next(stream)):
        pass
    assert [item.seed for item in group] == [1]
    assert [list(next(stream)) for _ in range(3)] == [[]] * 3
    stream.close()


def test_a_stream_that_is_closed_leaves_an_engine_that_answers_as_before(engine: Engine) -> None:
    before = generate(engine, requests_of(2))
    endless: Iterator[Sequence[Request]] = (
        [request_of(number, *range(20), sampling=LONG)] for number in itertools.count()
    )
    stream = engine.stream(endless)
    next(stream)
    stream.close()
    assert [
        [item.token_ids for item in answer]
        for answer in generate(engine, requests_of(2))
        if not isinstance(answer, Refusal)
    ] == [[item.token_ids for item in answer] for answer in before if not isinstance(answer, Refusal)]


def test_an_error_of_the_caller_ends_what_is_running(engine: Engine) -> None:
    def batches() -> Iterator[Sequence[Request]]:
        yield [request_of(0, *range(10), sampling=LONG)]
        raise KeyError("no more")

    with pytest.raises(KeyError, match="no more"):
        everything(engine, batches())  # type: ignore[arg-type]
    assert len(everything(engine, [[request_of(0, 1)]])) == 1


def test_answers_are_put_in_order() -> None:
    def answer(number: int, seed: int, answer: Completion | Refusal) -> Finished:
        return Finished(request=request_of(number, seed), seed=seed, answer=answer)

    requests = [request_of(0, 1, 2, 3), request_of(1, 4, 5), request_of(2), request_of(3, 7, 7)]
    four, five = (Refusal(reason="no_completion", detail=detail) for detail in ("seed 4", "seed 5"))
    one, two, three, seven = (
        Completion(token_ids=(seed,), sum_logprob=-1.0, finish_reason="stop") for seed in (1, 2, 3, 7)
    )
    answers = [answer(1, 5, five), answer(0, 3, three), answer(3, 7, seven), answer(1, 4, four), answer(0, 1, one)]
    assert gathered(requests, [*answers, answer(0, 2, two)]) == [(one, two, three), four, (), (seven, seven)]


# ---- the continuous engines -----------------------------------------------------------------------------------------


def test_an_engine_takes_no_more_than_it_has_room_for(continuous: Engine) -> None:
    """vLLM of the tests computes 256 sequences at a time, the server has 256 open calls; both take twice as many."""
    taken: list[int] = []

    def batches() -> Iterator[Sequence[Request]]:
        for number in itertools.count():
            taken.append(number)
            yield [request_of(number, *range(8), sampling=LONG)]

    stream = continuous.stream(batches())
    finished = sum(len(next(stream)) for _ in range(3))
    stream.close()
    assert 512 <= 8 * len(taken) <= 512 + finished + 8


def test_a_short_answer_does_not_wait_for_a_long_one(continuous: Engine) -> None:
    """The later batch is asked only when the earlier one is running."""
    assert_short_before_long(continuous, [[LONG_REQUEST], [SHORT_REQUEST]])


def assert_short_before_long(engine: Engine, batches: Sequence[Sequence[Request]]) -> None:
    """The long request of the batches is request 0, the short one request 1."""
    finished = everything(engine, batches)
    lengths = {(item.request.number, item.seed): item.answer for item in finished}
    longest = max(
        (item.request.number, item.seed)
        for item in finished
        if isinstance(item.answer, Completion) and len(item.answer.token_ids) > 10
    )
    order = list(lengths)
    assert order.index(longest) > max(order.index((1, seed)) for seed in SHORT_REQUEST.seeds)


def test_requests_that_come_later_are_answered_in_the_same_stream(continuous: Engine) -> None:
    asked: list[Request] = []
    answered: list[int] = []

    def batches() -> Iterator[Sequence[Request]]:
        """A request at a time: the next one when the last but one is answered, as a caller does that depends on it."""
        for number in range(6):
            while number > len(answered) + 1:
                yield ()
            asked.append(request_of(number, number))
            yield asked[-1:]

    for group in continuous.stream(batches()):
        answered += [item.request.number for item in group]
    assert sorted(answered) == list(range(6))


@pytest.mark.vllm
def test_a_vllm_that_died_says_what_to_do_after_all_that_had_finished(vllm_engine: Engine) -> None:
    """As if its process were gone: every call of the engine core raises what vLLM raises then."""
    from vllm.v1.engine.exceptions import EngineDeadError

    from sure_math.models.engines.vllm import VllmEngine

    class Dying:
        """vLLM, which dies after its first answer."""

        def __init__(self, llm: Any) -> None:
            self._llm, self.llm_engine, self.answered = llm, self, False
            self.names: list[str] = []

        def __getattr__(self, name: str) -> Any:
            return getattr(self._llm.llm_engine, name)

        def enqueue(self, *arguments: Any, **options: Any) -> list[str]:
            names: list[str] = self._llm.enqueue(*arguments, **options)
            self.names += [name.partition("-")[0] for name in names]
            return names

        def step(self) -> Any:
            if self.answered:
                self._llm.llm_engine.abort_request(self.names)
                raise EngineDeadError
            outputs = self._llm.llm_engine.step()
            self.answered = any(output.finished for output in outputs)
            return outputs

        def abort_request(self, names: Sequence[str]) -> None:
            raise EngineDeadError

    engine = cast(VllmEngine, vllm_engine)
    dying = VllmEngine(
        cast(Any, Dying(engine._llm)), identity=engine.identity, stop_token_ids=[1, 2], max_length=POSITIONS
    )
    finished: list[Finished] = []
    with pytest.raises(EngineUnavailable, match=r"vLLM's engine died; .* Repeat the command: what is answered is kept"):
        for group in dying.stream([[request_of(0, *range(8), sampling=LONG)]]):
            finished += group
    assert 1 <= len(finished) < 8
    assert len(everything(vllm_engine, [[request_of(0, 1)]])) == 1
