"""The responder in front of a model: what is asked, what is stored when, and what a later command asks again.

Pins: replies are stored while others are being computed, and those that had finished survive an error; a batch of
`transformers` that was interrupted is computed again as it was, to the last bit; nothing that has finished is asked
again; questions of later calls reach the model when it has room, and their replies are there when they are asked for;
the order of replies is that of the questions.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from sure_math.command_line.progress import Activity
from sure_math.models.engines import EngineUnavailable, Refusal, Sampling
from sure_math.models.engines.spec import ModelSpec
from sure_math.models.responders import recorded
from sure_math.models.responders.chat import (
    Message,
    Question,
    Replied,
    Reply,
    ReplyStream,
    StreamingResponder,
    ask,
    load_responder,
)
from sure_math.models.responders.journal import Answered, CallLog, Journal
from sure_math.models.responders.recorded import RecordedResponder
from tests.helpers.scripted_models import IDENTITY, ScriptedResponder, last_user_text

SAMPLED = Sampling(max_new_tokens=30, temperature=1.0)
GREEDY = Sampling(max_new_tokens=30, temperature=0.0)
REFUSAL = Refusal(reason="prompt_too_long", detail="9 of 8 tokens")


def question(text: str, *seeds: int, sampling: Sampling = SAMPLED) -> Question:
    return Question(messages=(Message(role="user", content=text),), seeds=seeds, sampling=sampling)


def texts(answers: Iterable[tuple[Reply, ...] | Refusal]) -> list[list[str]]:
    return [[] if isinstance(answer, Refusal) else [reply.text for reply in answer] for answer in answers]


class CountingJournal(Journal):
    """A journal that counts the replies of each commit."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.stored: list[int] = []

    def add(self, replies: Mapping[bytes, Answered]) -> None:
        super().add(replies)
        self.stored.append(len(replies))


@dataclass
class Recorder:
    """A recorder in a folder, with its journal and its log."""

    folder: Path
    model: StreamingResponder
    batch_size: int = 4
    reports: list[Activity] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.journal = CountingJournal(self.folder / "journal.sqlite")
        self.log = CallLog(self.folder / "calls.jsonl")
        self.responder = RecordedResponder(
            self.model,
            role="teacher",
            journal=self.journal,
            log=self.log,
            batch_size=self.batch_size,
            settings={},
            report=self.reports.append,
        )

    @property
    def stored(self) -> list[int]:
        """Replies of each commit."""
        return self.journal.stored

    def close(self) -> None:
        self.responder.close()
        self.journal.close()
        self.log.close()


@dataclass(kw_only=True)
class SlowModel:
    """A continuous model with room for `room` sequences: it answers one at a time, the newest or the oldest first.

    `between` is called after each answer that was handed over, with the number of answers so far.
    """

    room: int = 1000
    oldest_first: bool = False
    between: Callable[[int], None] = lambda answered: None
    identity = IDENTITY
    asked: list[tuple[str, int]] = field(default_factory=list)
    closed: int = 0
    """Streams that were ended."""

    def stream(self, batches: Iterable[Sequence[Question]]) -> ReplyStream:
        running: list[tuple[Question, int]] = []
        waiting = iter(batches)
        answered = 0
        try:
            while True:
                while len(running) < self.room and (batch := next(waiting)):
                    self.asked += [(last_user_text(sent), seed) for sent in batch for seed in sent.seeds]
                    running += [(sent, seed) for sent in batch for seed in sent.seeds]
                if not running:
                    yield ()
                    continue
                sent, seed = running.pop(0 if self.oldest_first else -1)
                yield [Replied(number=sent.number, seed=seed, answer=reply(f"{last_user_text(sent)}{seed}"))]
                answered += 1
                self.between(answered)
        finally:
            self.closed += 1

    def ask(self, questions: Sequence[Question]) -> list[tuple[Reply, ...] | Refusal]:
        return ask(self, questions)

    def close(self) -> None: ...


def reply(text: str) -> Reply:
    return Reply(text=text, token_count=1, sum_logprob=-1.0, finish_reason="stop", logprob_mode="raw")


# ---- what is asked and stored ----------------------------------------------------------------------------------------


def test_replies_are_in_the_order_of_the_questions(tmp_path: Path) -> None:
    model = SlowModel()
    recorder = Recorder(tmp_path, model)
    questions = [question(text, 1, 2, 3) for text in "abcde"]
    assert texts(recorder.responder.ask(questions)) == [[f"{text}{seed}" for seed in (1, 2, 3)] for text in "abcde"]
    assert len(model.asked) == len(set(model.asked)) == 15
    assert texts(recorder.responder.ask(questions[::-1]))[0] == ["e1", "e2", "e3"] and len(model.asked) == 15


def test_a_refused_seed_refuses_its_question_and_no_other(tmp_path: Path) -> None:
    model = ScriptedResponder(script=lambda sent, seed: REFUSAL if seed == 2 else f"answer {seed}")
    recorder = Recorder(tmp_path, model)
    questions = [question("a", 1, 2, 3), question("b", 1)]
    for _ in range(2):
        assert recorder.responder.ask(questions)[0] == REFUSAL
        assert texts(recorder.responder.ask(questions)) == [[], ["answer 1"]]
    assert len(model.asked) == 2


@pytest.mark.parametrize(
    ("seconds", "stored"),
    [(0.0, [1] * 10), (float("inf"), [4, 4, 2])],
    ids=["by time", "by count"],
)
def test_replies_are_stored_by_time_or_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: float, stored: list[int]
) -> None:
    monkeypatch.setattr(recorded, "COMMIT_SECONDS", seconds)
    recorder = Recorder(tmp_path, SlowModel())
    recorder.responder.ask([question("a", *range(10))])
    assert recorder.stored == stored


def test_what_has_finished_is_stored_while_the_rest_is_computed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorded, "COMMIT_SECONDS", 0.0)
    model = SlowModel()
    recorder = Recorder(tmp_path, model)
    seen = []

    def look(answered: int) -> None:
        lines = (tmp_path / "calls.jsonl").read_text().splitlines()
        seen.append((answered, len(lines)))

    model.between = look
    recorder.responder.ask([question("a", *range(5))])
    assert seen == [(number, number) for number in range(1, 5)]


@pytest.mark.parametrize("error", [EngineUnavailable("gone"), KeyboardInterrupt()], ids=["error", "interrupt"])
def test_what_has_finished_survives_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    monkeypatch.setattr(recorded, "COMMIT_SECONDS", float("inf"))

    def fail(answered: int) -> None:
        if answered == 3:
            raise error

    model = SlowModel(between=fail)
    recorder = Recorder(tmp_path, model)
    questions = [question("a", *range(5)), question("b", 7)]
    with pytest.raises(type(error)):
        recorder.responder.ask(questions)
    assert model.closed == 1
    again = SlowModel()
    assert texts(Recorder(tmp_path, again).responder.ask(questions)) == [[f"a{seed}" for seed in range(5)], ["b7"]]
    assert len(again.asked) == 3 and len(set(model.asked)) == 6
    model.between = lambda answered: None
    assert texts(recorder.responder.ask(questions))[1] == ["b7"], "the same recorder can be asked again"


def test_closing_stores_what_has_finished_and_ends_the_stream(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorded, "COMMIT_SECONDS", float("inf"))
    model = SlowModel()
    recorder = Recorder(tmp_path, model, batch_size=100)
    recorder.responder.look_ahead([[question("a", 1)], [question("b", *range(6))]])
    recorder.responder.ask([question("a", 1)])  # the model answers the newest first: all of b, then a
    recorder.close()
    assert recorder.stored == [7] and model.closed == 1


def test_a_stream_that_ends_with_open_questions_is_an_error(tmp_path: Path) -> None:
    class Ending(ScriptedResponder):
        def stream(self, batches: Iterable[Sequence[Question]]) -> ReplyStream:
            yield ()

    with pytest.raises(RuntimeError, match="model 'scripted' ended its stream, but questions are open"):
        Recorder(tmp_path, Ending(script=lambda sent, seed: "")).responder.ask([question("a", 1)])


def test_a_report_says_what_the_model_does(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, SlowModel(room=3, oldest_first=True))
    recorder.responder.ask([question("a", 1)])
    recorder.reports.clear()
    recorder.responder.ask([question("a", 1, 2), question("b", *range(3)), question("c", *range(4))])
    seen = [(report.replies, report.tokens, report.running, report.waiting) for report in recorder.reports]
    # In two batches of 4 sequences; the model takes the second when it has room again, for fewer than 3.
    assert seen == [(1, 1, 3, 4), (1, 1, 2, 4), *[(1, 1, left, 0) for left in (5, 4, 3, 2, 1, 0)]]
    assert [report.share for report in recorder.reports] == pytest.approx([(1 + done) / 9 for done in range(1, 9)])


# ---- looking ahead ---------------------------------------------------------------------------------------------------


def calls(count: int, seeds: int = 2) -> list[list[Question]]:
    return [[question(f"{call}.{number} ", *range(seeds)) for number in range(2)] for call in range(count)]


def test_questions_of_later_calls_reach_a_model_that_has_room(tmp_path: Path) -> None:
    model = SlowModel(room=9, oldest_first=True)
    recorder = Recorder(tmp_path, model)
    asked = calls(20)
    recorder.responder.look_ahead(iter(asked))
    for number, questions in enumerate(asked):
        assert texts(recorder.responder.ask(questions)) == [
            [f"{number}.{index} {seed}" for seed in (0, 1)] for index in (0, 1)
        ]
        if number == 0:
            assert 9 <= len(model.asked) < 80, "as many as it has room for, not all"
    assert len(model.asked) == len(set(model.asked)) == 80
    assert sum(recorder.stored) == 80


def test_questions_are_taken_from_later_calls_one_call_after_the_other(tmp_path: Path) -> None:
    taken: list[int] = []

    def later() -> Iterator[list[Question]]:
        for number, questions in enumerate(calls(20)):
            taken.append(number)
            yield questions

    recorder = Recorder(tmp_path, SlowModel(room=9, oldest_first=True))
    recorder.responder.look_ahead(later())
    assert taken == [], "nothing is read before the model has room"
    recorder.responder.ask(calls(1)[0])
    assert taken == [0, 1, 2], "what there is room for"


def test_a_slow_reply_does_not_keep_the_model_from_later_calls(tmp_path: Path) -> None:
    """The oldest question is answered last: everything else is done and stored by then."""
    model = SlowModel(room=9)
    recorder = Recorder(tmp_path, model)
    recorder.responder.look_ahead(calls(20))
    recorder.responder.ask(calls(1)[0])
    assert sum(recorder.stored) == len(model.asked) == 80


def test_what_the_journal_holds_is_not_asked_ahead(tmp_path: Path) -> None:
    asked = calls(6)
    first = Recorder(tmp_path, SlowModel())
    first.responder.ask([sent for questions in asked[1::2] for sent in questions])
    first.close()
    model = SlowModel()
    recorder = Recorder(tmp_path, model)
    recorder.responder.look_ahead(asked)
    for questions in asked:
        recorder.responder.ask(questions)
    assert {text.partition(".")[0] for text, _ in model.asked} == {"0", "2", "4"}
    again = SlowModel()
    recorder = Recorder(tmp_path, again)
    recorder.responder.look_ahead(asked)
    for questions in asked:
        recorder.responder.ask(questions)
    assert again.asked == []


def test_batches_are_the_same_with_and_without_looking_ahead(tmp_path: Path) -> None:
    """Each call is cut by itself: a model that computes batch by batch sees the same batches whoever named them
    first."""

    def batches(folder: Path, ahead: bool) -> list[list[int]]:
        sent_batches: list[list[int]] = []

        class Watching(ScriptedResponder):
            def stream(self, batches: Iterable[Sequence[Question]]) -> ReplyStream:
                def watched() -> Iterator[Sequence[Question]]:
                    for batch in batches:
                        if batch:
                            sent_batches.append([seed for sent in batch for seed in sent.seeds])
                        yield batch

                return super().stream(watched())

        folder.mkdir()
        recorder = Recorder(folder, Watching(script=lambda sent, seed: str(seed)))
        asked = calls(5, seeds=3)
        if ahead:
            recorder.responder.look_ahead(asked)
        for questions in asked:
            recorder.responder.ask(questions)
        return sent_batches

    assert batches(tmp_path / "with", True) == batches(tmp_path / "without", False) == [[0, 1, 2]] * 10


# ---- a model that computes batch by batch ----------------------------------------------------------------------------


@pytest.mark.parametrize("stop", [0, 1, 2, 4])
def test_an_interrupted_batch_is_computed_again_to_the_last_bit(
    tiny_model: Path, tmp_path: Path, one_thread: None, stop: int
) -> None:
    """Samples and greedy answers of two calls in batches of 5 sequences; the process ends while batch `stop` runs."""
    asked = [
        [
            *(question(f"w{call} w{number}", *range(3)) for number in range(4)),
            *(question(f"w{call} w{number}", 0, sampling=GREEDY) for number in range(4)),
        ]
        for call in range(2)
    ]

    class Stopping:
        """Ends its stream with an error while it computes a batch."""

        def __init__(self, model: StreamingResponder, stop: int) -> None:
            self.model, self.stop, self.identity = model, stop, model.identity
            self.seeds = 0

        def stream(self, batches: Iterable[Sequence[Question]]) -> ReplyStream:
            for number, group in enumerate(self.model.stream(batches)):
                if number == self.stop:
                    raise KeyboardInterrupt
                self.seeds += len(group)
                yield group

        def ask(self, questions: Sequence[Question]) -> list[tuple[Reply, ...] | Refusal]:
            return ask(self, questions)

        def close(self) -> None:
            self.model.close()

    def run(folder: Path, stop: int) -> tuple[list[tuple[Reply, ...] | Refusal], int]:
        folder.mkdir(exist_ok=True)
        model = Stopping(load_responder(ModelSpec(model=str(tiny_model))), stop)
        recorder = Recorder(folder, model, batch_size=5)
        try:
            recorder.responder.look_ahead(asked)
            return [answer for questions in asked for answer in recorder.responder.ask(questions)], model.seeds
        finally:
            recorder.close()

    expected, total = run(tmp_path / "whole", 1000)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "stopped", stop)
    done = len((tmp_path / "stopped" / "calls.jsonl").read_text().splitlines())
    answers, rest = run(tmp_path / "stopped", 1000)
    assert answers == expected
    assert total == 2 * 16 and done + rest == total
