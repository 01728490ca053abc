"""Shards, manifests, journal.

Pins: a cut shard and a damaged journal row are found and made again; a finished shard is not touched, also if it lacks
a newer column; what is stored comes back; a damaged database, a full disk and a second build say how to go on; batches
do not depend on what is answered; the call log survives a torn line.
"""

import errno
import io
import json
import sqlite3
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from rich.console import Console

from sure_math.command_line.progress import Progress
from sure_math.identity import random_seed
from sure_math.models.engines import Refusal, Sampling
from sure_math.models.responders.chat import Message, Question, Reply
from sure_math.models.responders.journal import CallLog, Journal, JournalError
from sure_math.models.responders.recorded import RecordedResponder
from sure_math.storage import store as store_module
from sure_math.storage.files import disk_full, file_digest
from sure_math.storage.seen import Seen
from sure_math.storage.store import Store, StoreError
from tests.helpers.scripted_build import Scripted, run_phases, shard_files, write_problems
from tests.helpers.scripted_models import ScriptedResponder

REPLY = Reply(text=r"x \boxed{½}", token_count=3, sum_logprob=-1.25, finish_reason="stop", logprob_mode="raw")
REFUSAL = Refusal(reason="prompt_too_long", detail="9 of 8 tokens")
SAMPLING = Sampling(max_new_tokens=20, temperature=0.7)


def question(text: str, *seeds: int) -> Question:
    return Question(messages=(Message(role="user", content=text),), seeds=seeds, sampling=SAMPLING)


def recorded(folder: Path, responder: ScriptedResponder, batch_size: int = 4) -> tuple[RecordedResponder, Journal]:
    journal = Journal(folder / "journal.sqlite")
    log = CallLog(folder / "calls.jsonl")
    return RecordedResponder(
        responder, role="teacher", journal=journal, log=log, batch_size=batch_size, settings={}
    ), journal


def test_replies_come_back(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j")
    journal.add({b"a": REPLY, b"b": REFUSAL})
    journal.close()
    assert Journal(tmp_path / "j").find([b"a", b"b", b"c"]) == {b"a": REPLY, b"b": REFUSAL}


def test_a_damaged_row_is_asked_again(tmp_path: Path) -> None:
    responder = ScriptedResponder(script=lambda sent, seed: f"answer {seed}")
    recorder, journal = recorded(tmp_path, responder)
    first = recorder.ask([question("a", 1, 2)])
    with sqlite3.connect(tmp_path / "journal.sqlite") as connection:
        connection.execute("UPDATE replies SET reply = replace(reply, 'answer 2', 'answer 9')")
    assert recorder.ask([question("a", 1, 2)]) == first
    assert journal.damaged == 1
    assert [sent.seeds for sent in responder.asked] == [(1, 2), (2,)]


def test_batches_do_not_depend_on_what_is_answered(tmp_path: Path) -> None:
    sent_batches: list[list[int]] = []

    class Watching(ScriptedResponder):
        def stream(self, batches):
            def watched():
                for batch in batches:
                    sent_batches.append([seed for sent in batch for seed in sent.seeds])
                    yield batch

            return super().stream(watched())

    responder = Watching(script=lambda sent, seed: str(seed))
    recorder, _ = recorded(tmp_path, responder)
    questions = [question(str(number), number * 10, number * 10 + 1) for number in range(5)]
    recorder.ask(questions[:1])
    replies = recorder.ask(questions)
    assert sent_batches == [[0, 1], [10, 11], [20, 21, 30, 31], [40, 41]]
    assert [[reply.text for reply in result] for result in replies if not isinstance(result, Refusal)] == [
        [str(seed) for seed in sent.seeds] for sent in questions
    ]


def test_equal_requests_of_one_batch_are_one(tmp_path: Path) -> None:
    responder = ScriptedResponder(script=lambda sent, seed: str(seed))
    recorder, _ = recorded(tmp_path, responder)
    assert len(recorder.ask([question("a", 0), question("a", 0), question("b", 0)])) == 3
    assert len(responder.asked) == 2


def test_a_refusal_is_remembered(tmp_path: Path) -> None:
    responder = ScriptedResponder(script=lambda sent, seed: REFUSAL)
    recorder, _ = recorded(tmp_path, responder)
    assert [recorder.ask([question("long", 1, 2)]) for _ in range(2)] == [[REFUSAL], [REFUSAL]]
    assert len(responder.asked) == 1


def test_a_torn_line_of_the_call_log_stays_alone(tmp_path: Path) -> None:
    path = tmp_path / "calls.jsonl"
    path.write_bytes(b'{"role": "teacher", "ke')
    log = CallLog(path)
    log.add("teacher", [b"\x01"])
    log.close()
    assert path.read_text().split("\n")[1:] == ['{"role": "teacher", "key": "01"}', ""]


def test_a_damaged_database_says_how_to_go_on(tmp_path: Path) -> None:
    (tmp_path / "journal.sqlite").write_bytes(b"no database at all" * 100)
    with pytest.raises(JournalError, match=r"move it away \(mv .*journal\.sqlite .*\) and repeat the command"):
        Journal(tmp_path / "journal.sqlite")


def test_a_full_disk_under_the_journal(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j")
    journal.add({b"a": REPLY})
    # SQLite gives the same error where a database may not grow as where the disk is full.
    journal._connection.execute("PRAGMA max_page_count = 3")
    with pytest.raises(JournalError, match=r"no space left on the disk of .*: free some and repeat the command"):
        for number in range(1000):
            journal.add({number.to_bytes(8, "big"): REPLY})
    journal.close()
    assert Journal(tmp_path / "j").find([b"a"]) == {b"a": REPLY}


def test_a_full_disk_under_a_shard_keeps_what_is_computed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    problems, out, models = write_problems(tmp_path / "p.jsonl", 8), tmp_path / "out", Scripted()
    write, room = store_module.write_whole, [9]

    def failing(path: Path, content: bytes) -> None:
        room[0] -= 1
        if room[0] < 0:
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        write(path, content)

    monkeypatch.setattr(store_module, "write_whole", failing)
    with pytest.raises(OSError) as error:
        run_phases(out, f"seeds.path={problems}", load=models)
    assert disk_full(error.value)
    before = shard_files(out)
    questions = models.asked()
    monkeypatch.setattr(store_module, "write_whole", write)
    run_phases(out, f"seeds.path={problems}", load=models)
    assert questions + models.asked() == 8 * 9
    after = shard_files(out)
    assert before and {name: after[name] for name in before} == before


def test_a_cut_shard_is_made_again_without_asking(tmp_path: Path) -> None:
    problems, out, models = write_problems(tmp_path / "p.jsonl", 8), tmp_path / "out", Scripted()
    run_phases(out, f"seeds.path={problems}", load=models)
    models.asked()
    before = shard_files(out)
    times = {name: (out / ".build/shards" / name).stat().st_mtime_ns for name in before}
    cut = ["sample/00000.parquet", "unique/00001.parquet", "seeds/00000.parquet", "verdict/00001.parquet"]
    for name in cut:
        path = out / ".build/shards" / name
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    (out / ".build/shards/cluster/00001.json").unlink()
    run_phases(out, f"seeds.path={problems}", load=models)
    assert models.asked() == 0
    assert shard_files(out) == before
    untouched = {name for name in before if name not in cut}
    assert {name: (out / ".build/shards" / name).stat().st_mtime_ns for name in untouched} == {
        name: times[name] for name in untouched
    }


def test_shards_without_a_newer_column_are_read_and_kept(tmp_path: Path) -> None:
    """A folder of a build that did not count `Cluster.uncompared` yet."""
    problems, out, models = write_problems(tmp_path / "p.jsonl", 8), tmp_path / "out", Scripted()
    rows = list(run_phases(out, f"seeds.path={problems}", load=models).clusters.all_rows())
    folder = out / ".build/shards/cluster"
    old = {}
    for path in sorted(folder.glob("*.parquet")):
        pq.write_table(pq.read_table(path).drop_columns("uncompared"), path)
        manifest = json.loads(path.with_suffix(".json").read_text())
        manifest["files"][path.name] = file_digest(path)
        path.with_suffix(".json").write_text(json.dumps(manifest))
        old[path] = path.read_bytes()
    models.asked()
    again = run_phases(out, f"seeds.path={problems}", load=models)
    assert models.asked() == 0
    assert {path: path.read_bytes() for path in old} == old
    assert list(again.clusters.all_rows()) == rows and {row.uncompared for row in rows} == {0}


def test_one_build_at_a_time(tmp_path: Path) -> None:
    progress = Progress(Console(file=io.StringIO()))
    first = Store(tmp_path, progress)
    with pytest.raises(StoreError, match="another build is running there"):
        Store(tmp_path, progress)
    first.close()
    Store(tmp_path, progress).close()


def test_seeds_of_randomness_come_from_identity() -> None:
    seeds = {
        random_seed(run, role, name, index)
        for run in (0, 1)
        for role in ("sample", "unique")
        for name in ("a", "b")
        for index in range(-1, 8)
    }
    assert len(seeds) == 2 * 2 * 2 * 9
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert random_seed(0, "sample", "a", 0) == 8914418076089275219


def test_seen_remembers_the_first_value() -> None:
    seen = Seen()
    assert [seen.first(key, value) for key, value in (("a", "1"), ("b", "2"), ("a", "3"))] == [None, None, "1"]
