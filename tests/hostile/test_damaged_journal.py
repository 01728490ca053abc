"""Damage to the journal of answered requests: what cannot be read is asked again, and nothing wrong comes back.

- a row whose values have another type, or half a character in its text, counts as not answered;
- bytes that were changed or lost in any page: the other replies are kept, and the file can be written again;
- damage to SQLite's log of the newest writes, and to its index: the same;
- another process that has the file open goes on with it;
- what the package cannot mend ends in one line that says what to do, and the file stays as it is.
"""

import random
import shutil
import sqlite3
from pathlib import Path

import pytest

from sure_math.models.responders.chat import Reply
from sure_math.models.responders.journal import Answered, Journal, JournalError

PAGE = 4096


def replies(count: int) -> dict[bytes, Answered]:
    numbers = random.Random(0)
    made: dict[bytes, Answered] = {}
    for number in range(count):
        text = f"answer {number}, ½: " + "x" * numbers.choice([0, 50, 300, 1500, 9000])
        made[numbers.randbytes(32)] = Reply(
            text=text, token_count=number, sum_logprob=-number / 7, finish_reason="stop", logprob_mode="raw"
        )
    return made


STORED = replies(400)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("journal") / "journal.sqlite"
    journal = Journal(path)
    journal.add(STORED)
    journal.close()
    return path


def check_goes_on(path: Path) -> Journal:
    """Only right replies come back, the others can be stored again, and then the file is as good as new."""
    journal = Journal(path)
    found = journal.find(list(STORED))
    assert all(STORED[key] == reply for key, reply in found.items())
    journal.add({key: reply for key, reply in STORED.items() if key not in found})
    assert journal.find(list(STORED)) == STORED
    journal.close()
    again = Journal(path)
    assert again.find(list(STORED)) == STORED and again.damage() is None
    again.close()
    return journal


CHANGES = {
    "a text as bytes": "reply = CAST(reply AS BLOB) || x'00'",
    "a number for a text": "reply = 7",
    "a float for a text": "reply = 0.5",
    "an empty text": "reply = ''",
    "half a character": "reply = CAST(CAST(reply AS BLOB) || x'c2' AS TEXT)",
    "a NUL": "reply = reply || char(0)",
    "another number": "reply = replace(reply, 'token_count', 'token_countx')",
    "a checksum as text": "checksum = CAST(checksum AS TEXT) || 'x'",
    "a number for a checksum": "checksum = 1",
    "no checksum": "checksum = x''",
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_damaged_row_counts_as_not_answered(tmp_path: Path, whole: Path, change: str) -> None:
    path = Path(shutil.copy(whole, tmp_path / "journal.sqlite"))
    damaged = list(STORED)[7:10]
    connection = sqlite3.connect(path)
    connection.executemany(f"UPDATE replies SET {change} WHERE key = ?", [(key,) for key in damaged])
    connection.commit()
    connection.close()
    journal = Journal(path)
    assert journal.find(list(STORED)) == {key: reply for key, reply in STORED.items() if key not in damaged}
    assert journal.damage() == "journal: 3 damaged rows were asked again"
    journal.close()
    check_goes_on(path)


def test_a_text_that_is_stored_as_bytes_is_the_same_text(tmp_path: Path, whole: Path) -> None:
    """SQLite marks text and bytes with one bit of a row's header."""
    path = Path(shutil.copy(whole, tmp_path / "journal.sqlite"))
    connection = sqlite3.connect(path)
    connection.execute("UPDATE replies SET reply = CAST(reply AS BLOB)")
    connection.commit()
    connection.close()
    journal = Journal(path)
    assert journal.find(list(STORED)) == STORED and journal.damage() is None
    journal.close()


@pytest.mark.parametrize("part", range(8))
def test_changed_bytes_anywhere_behind_the_first_two_pages(tmp_path: Path, whole: Path, part: int) -> None:
    content = whole.read_bytes()
    numbers = random.Random(part)
    for _ in range(12):
        damaged = bytearray(content)
        start = numbers.randrange(2 * PAGE, len(content))
        kind = numbers.choice(["bit", "bytes", "page", "heads"])
        if kind == "bit":
            damaged[start] ^= 1 << numbers.randrange(8)
        elif kind == "bytes":
            for place in range(start, min(start + 50, len(content))):
                damaged[place] = numbers.randrange(256)
        elif kind == "page":
            first = start // PAGE * PAGE
            damaged[first : first + PAGE] = numbers.choice([bytes(PAGE), b"\xff" * PAGE, content[-PAGE:]])
        else:
            for page in numbers.sample(range(2, len(content) // PAGE), 5):
                damaged[page * PAGE + numbers.randrange(16)] ^= 1 << numbers.randrange(8)
        path = tmp_path / "journal.sqlite"
        path.write_bytes(damaged)
        check_goes_on(path)


@pytest.mark.parametrize("pages", [1, 5, 100])
def test_a_file_that_lost_its_end(tmp_path: Path, whole: Path, pages: int) -> None:
    path = tmp_path / "journal.sqlite"
    path.write_bytes(whole.read_bytes()[: -pages * PAGE])
    journal = check_goes_on(path)
    assert journal.kept is not None and len(STORED) > journal.kept > 0
    assert journal.damage() == (
        f"journal: pages of {path} were damaged; {journal.kept} replies could be read and are kept, the others were "
        "asked again"
    )


def test_one_damaged_page_costs_the_rows_of_this_page(tmp_path: Path, whole: Path) -> None:
    damaged = bytearray(whole.read_bytes())
    leaf = next(page for page in range(50, len(damaged) // PAGE) if damaged[page * PAGE] == 10)  # of an index b-tree
    damaged[leaf * PAGE : (leaf + 1) * PAGE] = bytes(PAGE)
    path = tmp_path / "journal.sqlite"
    path.write_bytes(damaged)
    journal = check_goes_on(path)
    assert journal.kept is not None and len(STORED) - 30 < journal.kept < len(STORED)


def test_another_process_goes_on(tmp_path: Path, whole: Path) -> None:
    """The ranks of an evaluation share a journal; one of them finds the damage."""
    damaged = bytearray(whole.read_bytes())
    leaf = next(page for page in range(50, len(damaged) // PAGE) if damaged[page * PAGE] == 10)
    damaged[leaf * PAGE : (leaf + 1) * PAGE] = bytes(PAGE)
    path = tmp_path / "journal.sqlite"
    path.write_bytes(damaged)
    other = Journal(path)
    check_goes_on(path)
    assert other.find(list(STORED)) == STORED
    new = {b"new": Reply(text="1", token_count=1, sum_logprob=0.0, finish_reason="stop", logprob_mode="raw")}
    other.add(new)
    other.close()
    journal = Journal(path)
    assert journal.find([*STORED, b"new"]) == STORED | new
    journal.close()


@pytest.mark.parametrize("start", [0, 32, 32 + 24 + 100, 50_000])
def test_damage_to_the_log_of_newest_writes(tmp_path: Path, start: int) -> None:
    """What a killed process has written last is in SQLite's write-ahead log."""
    journal = Journal(tmp_path / "alive.sqlite")
    for key, reply in STORED.items():
        journal.add({key: reply})
    path = Path(shutil.copy(journal.path, tmp_path / "journal.sqlite"))
    log = bytearray(Path(f"{journal.path}-wal").read_bytes())
    journal.close()
    log[start : start + 40] = b"\xee" * 40
    Path(f"{path}-wal").write_bytes(log)
    Path(f"{path}-shm").write_bytes(b"\xee" * 32_768)
    check_goes_on(path)


@pytest.mark.parametrize("place", [0, 18, 100, PAGE])
def test_damage_that_is_not_mended_ends_in_one_line(tmp_path: Path, whole: Path, place: int) -> None:
    damaged = bytearray(whole.read_bytes())
    damaged[place : place + 90] = b"\xee" * 90
    path = tmp_path / "journal.sqlite"
    path.write_bytes(damaged)
    with pytest.raises(JournalError, match=r"move it away \(mv .*journal\.sqlite .*\) and repeat the command") as error:
        Journal(path).find(list(STORED))
    assert "\n" not in str(error.value)
    assert path.read_bytes() == damaged
