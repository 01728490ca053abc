"""Pins of `benchmarks/hostile/`, each part at a small scale:

- pairs with hostile answers: none that differ by construction is equal, and what reaches outside is seen;
- a build killed at an exact point and at a random time ends with the same tables;
- damaged folders of a build: each ends right or in one line, and the files of the user are as they were;
- a build with sentinels for its secrets, and a search that finds them in base64 and in Parquet;
- a stopped benchmark continues; the page is what the results give.
"""

import base64
import json
import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks.hostile import __main__ as hostile
from benchmarks.hostile import answers, damage, kills, sentinels
from benchmarks.hostile.answer_pairs import hostile_answers
from benchmarks.hostile.audit import effect
from benchmarks.hostile.promises import broken
from benchmarks.hostile.stopping import POINTS
from benchmarks.hostile.trials import Trials
from benchmarks.hostile.works import differences
from benchmarks.page.write import DOCS, FOLDER, docs_pages
from tests.helpers.answer_changes.golds import OWN
from tests.helpers.sentinels import SENTINEL


def say(line: str) -> None:
    """Print nothing."""


def test_the_page_is_what_the_results_give() -> None:
    page, _ = DOCS["hostile"]
    assert docs_pages(FOLDER)[page] == (FOLDER.parent / "docs" / page).read_text(encoding="utf-8")


def test_the_committed_results_keep_every_promise_about_data() -> None:
    results = json.loads(hostile.RESULTS.read_text(encoding="utf-8"))
    lines = [line for part in hostile.PARTS if part in results for line in broken(part, results[part])]
    assert [line for line in lines if "processes left behind" not in line] == []


def test_hostile_answers_are_the_same_for_the_same_seed() -> None:
    pairs = hostile_answers(200, 1, OWN)
    assert pairs == hostile_answers(200, 1, OWN) != hostile_answers(200, 2, OWN)
    assert sum(pair.differs for pair in pairs) == 120
    assert all(pair.first != pair.second for pair in pairs if pair.differs)


@pytest.mark.parametrize(
    ("event", "arguments", "seen"),
    [
        ("open", ("x", "w", os.O_WRONLY | os.O_CREAT), "open for writing 'x'"),
        ("open", ("x", "r", os.O_RDONLY), None),
        ("socket.connect", ("s", ("127.0.0.1", 9)), "socket.connect"),
        ("subprocess.Popen", ("sh", ["sh", "-c", "id"], None, None), "subprocess.Popen"),
        ("subprocess.Popen", ("python", ["python", "-m", "sure_math.equivalence.symbolic"], None, None), None),
        ("os.system", (b"id",), "os.system"),
        ("compile", (b"__import__('os')", "<string>"), "compile __import__('os')"),
        ("compile", (b"Integer (12 )", "<string>"), None),
        ("compile", ("lambda v, f=f: not f(v)", "<string>"), None),
        ("compile", (None, "module.py"), None),
    ],
)
def test_what_reaches_outside_is_seen(event: str, arguments: tuple[object, ...], seen: str | None) -> None:
    found = effect(event, arguments)
    assert found is None if seen is None else found is not None and found.startswith(seen)


@pytest.mark.slow
def test_hostile_answers(tmp_path: Path) -> None:
    found = answers.run(tmp_path, 150, 0, None, say)
    assert found["pairs"] == 150 and found["differ"] == 90 and broken("answers", found) == []
    assert found["asked_workers"] > 0 and found["workers_seen"] > 0, "the workers are watched"
    assert found["parent_peak_mb"] > 10 and found["worker_peak_mb"] > 10


@pytest.mark.slow
def test_killed_builds(tmp_path: Path) -> None:
    found = kills.run(tmp_path, 0.1, 0, ["served"], say)
    assert broken("kills", found) == [] and found["kinds"]["served"]["kills"] == 2
    assert set(found["kinds"]["served"]["points"]) <= {*POINTS, "random"}
    assert kills.run(tmp_path, 0.1, 0, ["served"], pytest.fail if False else say) == found, "nothing is done twice"


@pytest.mark.slow
def test_damaged_folders(tmp_path: Path) -> None:
    found = damage.run(tmp_path, 0.04, 0, ["served"], say)
    assert broken("damage", found) == [] and found["kinds"]["served"]["folders"] == 4


@pytest.mark.slow
def test_secrets(tmp_path: Path) -> None:
    found = sentinels.run(tmp_path, ["build/answers", "build/401", "refused/build/5"], say)
    assert broken("secrets", found) == [] and found["files_searched"] > 30


def test_the_search_finds_sentinels(tmp_path: Path) -> None:
    (tmp_path / "plain").write_text(f"x{SENTINEL}x")
    (tmp_path / "basic").write_bytes(base64.b64encode(f"user:{SENTINEL}".encode()))
    pq.write_table(pa.table({"text": [SENTINEL] * 3 + ["x"] * 1000}), tmp_path / "table.parquet", compression="zstd")
    (tmp_path / SENTINEL).touch()
    (tmp_path / "clean").write_text("SENTINEL")
    assert set(sentinels.files_with_sentinels(tmp_path)) == {"plain", "basic", "table.parquet", SENTINEL}


def test_results_are_compared_place_by_place() -> None:
    expected = {"rows": [{"a": 1.0, "b": "x"}], "weights": b"1"}
    assert differences(expected, {"rows": [{"a": 1.0 + 1e-7, "b": "x"}], "weights": b"1"}, 1e-5) == []
    assert differences(expected, {"rows": [{"a": 1.1, "b": "y"}], "weights": b"2"}, 1e-5) == [
        "rows/0/a",
        "rows/0/b",
        "weights",
    ]
    assert differences(expected, {"rows": []}, 1e-5) == ["rows: 1 became 0", "weights"]


@pytest.mark.parametrize(
    ("asked", "lengths", "stored", "counted"),
    [
        ("abcdef", [0, 6], [], (0, 0)),
        ("abcdcdef", [0, 4, 8], ["ab"], (2, 0)),  # c and d were in flight
        ("abcdbcdef", [0, 4, 9], ["ab"], (3, 1)),  # b was stored
        ("abcdccdef", [0, 4, 5, 9], ["ab", "ab"], (3, 0)),  # c was in flight twice, and d when the first run was killed
        ("abcdcdefgc", [0, 4, 9, 10], ["ab", "abcdef"], (3, 1)),  # c was stored by the second run
    ],
)
def test_requests_that_were_asked_again(
    asked: str, lengths: list[int], stored: list[str], counted: tuple[int, int]
) -> None:
    assert kills.repeats(asked, lengths, [set(keys) for keys in stored]) == counted


def test_a_stopped_benchmark_continues(tmp_path: Path) -> None:
    done: list[str] = []

    def attempt(name: str) -> dict[str, object]:
        done.append(name)
        if name == "c" and done.count("c") == 1:
            raise KeyboardInterrupt
        return {"value": name}

    with pytest.raises(KeyboardInterrupt):
        list(Trials(tmp_path, "part", {"seed": 0}).each(["a", "b", "c"], attempt))
    rows = list(Trials(tmp_path, "part", {"seed": 0}).each(["a", "b", "c"], attempt))
    assert [row["value"] for row in rows] == ["a", "b", "c"] and done == ["a", "b", "c", "c"]
    list(Trials(tmp_path, "part", {"seed": 1}).each(["a"], attempt))
    assert done[-1] == "a", "another seed is another benchmark"


@pytest.mark.parametrize(
    ("status", "text", "outcome"),
    [
        (1, "error: /out/x: is damaged; move it away", "one line"),
        (1, "warning\nerror: /out/x: is damaged; move it away\n", "one line"),
        (1, "error: it is damaged; move it away", "a line that names no file"),
        (1, "error: /out/x: is damaged", "a line without a remedy"),
        (1, "Traceback (most recent call last):\nerror: /out/x; move it", "a traceback"),
        (1, "", "no line that says why"),
        (None, "error: /out/x; move it", "it hangs"),
    ],
)
def test_how_a_command_ends(status: int | None, text: str, outcome: str) -> None:
    assert damage._outcome(status, text, Path("/out"), damage.PLANS["served"]) == outcome
