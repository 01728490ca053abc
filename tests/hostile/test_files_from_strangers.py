"""Attacks by the size of files: each limit is met with one line before much memory is used, and a build may raise it.

- texts, rows, lists, nesting and whole JSON files over a limit, in every format, compressed or not;
- Parquet files that say they unpack to far more than they have, and long texts among short ones;
- counts and log-probabilities of samples that no model gives;
- `validate` and evaluation tasks have the same limits: the remedy of each message works if a user does what it says;
- the limits of a build's configuration are those that hold, and may change while a build goes on.
"""

import csv
import gzip
import json
import random
import re
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from eval_harness.task import SureTask
from sure_math import validate
from sure_math.config import PLACEMENT, BuildConfig, load_config
from sure_math.problems.sources.limits import Limits, limits_from
from sure_math.problems.sources.seeds import read_seeds
from sure_math.problems.sources.stored_samples import read_stored
from sure_math.problems.sources.table_files import InputError, open_rows

SMALL = Limits(text_characters=100, row_characters=1000, list_items=10, nesting=4, json_characters=2000, rows=5)


def read(path: Path, limits: Limits = SMALL) -> list[Any]:
    return list(open_rows(path, "seeds.path", limits).stream)


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


ROWS: dict[str, tuple[Any, str]] = {
    "a long text": ({"problem": "x" * 101}, "text_characters=101"),
    "a long text in a list": ({"problem": ["a", "x" * 101]}, "text_characters=101"),
    "a long text in a mapping": ({"problem": {"a": {"b": "x" * 101}}}, "text_characters=101"),
    "many items": ({"problem": list(range(11))}, "list_items=11"),
    "many items below": ({"problem": [[1], list(range(12))]}, "list_items=12"),
    "many keys": ({"problem": {str(number): 1 for number in range(11)}}, "list_items=11"),
    "nesting": ({"problem": nested(5)}, "nesting=8"),
    "a long row": ({str(number): "x" * 90 for number in range(20)}, "row_characters=4000"),
}


def message_of(path: Path, limits: Limits = SMALL) -> str:
    with pytest.raises(InputError) as error:
        read(path, limits)
    message = str(error.value)
    assert "\n" not in message and message.isprintable() and path.name in message and len(message) < 500
    return message


@pytest.mark.parametrize(("row", "remedy"), ROWS.values(), ids=ROWS)
@pytest.mark.parametrize("ending", ["jsonl", "jsonl.gz", "json", "parquet"])
def test_a_row_over_a_limit_ends_in_one_line(tmp_path: Path, ending: str, row: Any, remedy: str) -> None:
    path = tmp_path / f"rows.{ending}"
    if ending == "parquet":
        if "row_characters" in remedy or "keys" in remedy:
            pytest.skip("a column is not a line")
        pq.write_table(pa.Table.from_pylist([row]), path)
    else:
        text = json.dumps([row] if ending == "json" else row) + "\n"
        (gzip.open if ending.endswith("gz") else open)(path, "wb").write(text.encode())
    if ending == "json" and "row_characters" in remedy:
        assert read(path)
        return
    message = message_of(path)
    assert f"set limits.{remedy}" in message or (ending == "parquet" and "items a row" in message)
    name, value = message.rpartition("set limits.")[2].split("=")
    raised = {field: getattr(SMALL, field) for field in SMALL.__slots__} | {name: int(value)}
    assert len(read(path, Limits(**raised))) == 1


def test_a_csv_file_over_a_limit_ends_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    for cells, remedy in (
        (["x" * 101, "4"], "limits.text_characters=1000"),
        (["x" * 50] * 25, "limits.row_characters=4000"),
        (["x\n" * 40] * 25, "limits.row_characters=4000"),
    ):
        with path.open("w", newline="") as file:
            csv.writer(file).writerows([[f"c{number}" for number in range(len(cells))], cells])
        assert remedy in message_of(path)
    path.write_text('problem,answer\n"never closed,4\n' + "and so on,5\n" * 50)
    assert "if a quote is never closed" in message_of(path)


def test_too_many_rows(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"problem": "x"}\n' * 6)
    assert "limits.rows=50" in message_of(path)
    pq.write_table(pa.table({"problem": ["x"] * 6}), tmp_path / "rows.parquet")
    assert "has 6 rows" in message_of(tmp_path / "rows.parquet")


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, '{"problem": ' + "[" * 5000 + "]" * 5000 + "}"])
@pytest.mark.parametrize("ending", ["json", "jsonl"])
def test_nesting_without_end(tmp_path: Path, ending: str, text: str) -> None:
    path = tmp_path / f"rows.{ending}"
    path.write_text(text)
    message_of(path, Limits())


def test_nesting_in_a_text_of_json(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    config = load_config("annotate", [f"seeds.path={path}", "teacher.model=pocket:teacher"])
    path.write_text(json.dumps({"problem": "[" * 36 + '"a"' + "]" * 36}) + "\n")
    with pytest.raises(InputError, match=r"rows.jsonl, row 1: the column problem"):
        list(read_seeds(config))
    path.write_text(json.dumps({"problem": "[" * 50_000 + '"a"' + "]" * 50_000}) + "\n")
    assert len(list(read_seeds(config))) == 1  # no list of texts ends like this: it is a text


def bomb(path: Path) -> str:
    """Text of 200 MB in a few kilobytes."""
    pq.write_table(pa.table({"problem": ["x" * 200_000_000]}), path, compression="zstd", use_dictionary=False)
    return "bytes a row"


def bomb_among_others(path: Path) -> str:
    rows = ["What is 1 + 1?"] * 999 + ["x" * 200_000_000]
    pq.write_table(pa.table({"problem": rows}), path, compression="zstd", use_dictionary=False)
    return "limits.text_characters"


def bomb_of_many_rows(path: Path) -> str:
    rows = ["x" * 900_000] * 400
    pq.write_table(pa.table({"problem": rows}), path, compression="zstd", use_dictionary=False)
    return "made to fill the memory"


def bomb_of_a_list(path: Path) -> str:
    column = pa.array([list(range(1)) * 3_000_000], pa.list_(pa.int64()))
    pq.write_table(pa.table({"problem": column}), path)
    return "limits.list_items=3000001"


def rows_of_one_text(path: Path, characters: int, rows: int) -> None:
    """Write a text once, as a dictionary, which many rows name."""
    text = pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), pa.array(["x" * characters]))
    table = pa.table({"problem": text})
    pq.write_table(table, path, compression="zstd", dictionary_pagesize_limit=2**30, store_schema=False)


def bomb_of_one_text(path: Path) -> str:
    rows_of_one_text(path, 10_000_000, 400)
    return "limits.text_characters"


@pytest.mark.slow
@pytest.mark.parametrize("write", [bomb, bomb_among_others, bomb_of_many_rows, bomb_of_a_list, bomb_of_one_text])
def test_a_parquet_bomb_ends_before_it_fills_the_memory(tmp_path: Path, write: Any) -> None:
    """The reader runs in a process with 2.5 GiB; the bomb of 200 MB took 2.2 GB of resident memory before."""
    path = tmp_path / "bomb.parquet"
    words = write(path)
    code = (
        "import resource, sys\n"
        "from pathlib import Path\n"
        "from sure_math.problems.sources.table_files import InputError, open_rows\n"
        "import pyarrow.parquet\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try:\n"
        "    for row in open_rows(Path(sys.argv[1]), 'seeds.path').stream: pass\n"
        "except InputError as error:\n"
        "    print(error)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    message, kilobytes = done.stdout.splitlines()
    assert words in message
    assert int(kilobytes) < 700_000
    assert resource.RLIM_INFINITY  # the module is there: this system counts memory


def test_many_rows_of_one_long_text_are_read_a_few_at_a_time(tmp_path: Path) -> None:
    rows_of_one_text(tmp_path / "rows.parquet", 900_000, 500)
    before = pa.default_memory_pool().max_memory()
    lengths = [len(row["problem"]) for row in open_rows(tmp_path / "rows.parquet", "seeds.path").stream]
    assert lengths == [900_000] * 500
    assert pa.default_memory_pool().max_memory() - before < 200_000_000  # a batch of 256 copies has 230 MB


def test_changed_bytes_of_a_parquet_file_end_in_one_line(tmp_path: Path) -> None:
    """Lies about sizes of pages, columns and rows, cut footers and dictionaries: read as they are, or one line."""
    path = tmp_path / "rows.parquet"
    rows = {"problem": [f"What is {number} + 1?" for number in range(300)], "answer": ["1", "2", "3"] * 100}
    pq.write_table(pa.table(rows), path, compression="zstd")
    whole, numbers = path.read_bytes(), random.Random(0)
    contents = [whole[:size] for size in (4, 8, 12, len(whole) // 2, len(whole) - 8, len(whole) - 4, len(whole) - 1)]
    for _ in range(300):
        damaged = bytearray(whole)
        for _ in range(numbers.choice([1, 1, 2, 5])):
            place = numbers.choice(
                [
                    numbers.randrange(4, 60),
                    numbers.randrange(len(whole) - 600, len(whole)),
                    numbers.randrange(len(whole)),
                ]
            )
            damaged[place] = numbers.choice([0, 0x7F, 0xFF, damaged[place] ^ (1 << numbers.randrange(8))])
        contents.append(bytes(damaged))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    refused = 0
    for content in contents:
        path.write_bytes(content)
        try:
            read(path, Limits())
        except InputError as error:
            refused += 1
            assert "\n" not in str(error) and path.name in str(error)
    assert refused > 100
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2_500_000, "kilobytes"


def stored(tmp_path: Path, **facts: Any) -> list[Any]:
    path = tmp_path / "samples.jsonl"
    sample = {"text": r"\boxed{2}", "token_count": 7, "sum_logprob": -1.5}
    path.write_text(json.dumps({"problem": "1+1?", "samples": [sample | facts, sample]}) + "\n")
    return [row for _, rows in read_stored(load_config("annotate", [f"samples.path={path}"])) for row in rows]


@pytest.mark.parametrize(
    "facts",
    [
        {"token_count": -5},
        {"token_count": 1.5},
        {"token_count": 1e300},
        {"token_count": 10**30},
        {"token_count": float("inf")},
        {"sum_logprob": 0.5},
        {"sum_logprob": float("-inf")},
        {"sum_logprob": float("inf")},
        {"sum_logprob": -(10**30)},
    ],
)
def test_counts_that_no_model_gives_are_refused(tmp_path: Path, facts: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=rf"samples.jsonl, row 1: {next(iter(facts))} = "):
        stored(tmp_path, **facts)


def test_counts_that_are_missing_are_unknown(tmp_path: Path) -> None:
    for facts in ({"token_count": None}, {"token_count": float("nan")}, {"token_count": 0}, {"sum_logprob": None}):
        first, second = stored(tmp_path, **facts)
        assert (first.logprob_mode, first.sum_logprob) == ("none", None) and second.logprob_mode == "raw"
    first, _ = stored(tmp_path, token_count=12.0, sum_logprob=1e-9)
    assert (first.token_count, first.sum_logprob) == (12, 0.0)


def test_a_build_may_raise_the_limits(tmp_path: Path) -> None:
    path = tmp_path / "seeds.jsonl"
    path.write_text(json.dumps({"problem": "What is 1 + 1? " + " " * 1_000_000 + "?"}) + "\n")
    words = [f"seeds.path={path}", "teacher.model=pocket:teacher"]
    with pytest.raises(InputError, match=r"limits.text_characters=1000016"):
        list(read_seeds(load_config("annotate", words)))
    raised = load_config("annotate", [*words, "limits.text_characters=2000000"])
    assert len(list(read_seeds(raised))) == 1
    assert PLACEMENT.search("limits.text_characters") and BuildConfig.model_fields["limits"]


LARGE: dict[str, tuple[Any, str]] = {
    "a text": ({"extra": "x" * 1_000_001}, "text_characters"),
    "a list": ({"extra": [1] * 1_000_001}, "list_items"),
    "nesting": ({"extra": nested(40)}, "nesting"),
    "a row": ({f"extra{number}": "x" * 990_000 for number in range(35)}, "row_characters"),
}
EXAMPLE = {"problem": "What is 1 + 1?", "answers": ["2", "2", "3"], "answer": "2", "correct": [True, True, False]}


@pytest.mark.slow
@pytest.mark.parametrize("limit", LARGE)
def test_the_remedy_of_validate_works(tmp_path: Path, limit: str, capsys: pytest.CaptureFixture) -> None:
    row, name = LARGE[limit]
    path = tmp_path / "graded.jsonl"
    path.write_text("".join(json.dumps(EXAMPLE | row | {"problem": f"What is {n}?"}) + "\n" for n in range(2)))
    words = [str(path), "--out", str(tmp_path / "report"), "--resamples", "10"]
    assert validate.main(words) == 2
    message = capsys.readouterr().err.strip()
    assert len(message.splitlines()) == 1
    (remedy,) = re.findall(r" or give (--limit \S+)$", message)
    assert remedy.startswith(f"--limit {name}=")
    assert validate.main([*words, *remedy.split()]) == 0
    assert validate.main([*words, "--student", str(path)]) == 2
    assert validate.main([str(path), "--student", str(path), *words[1:], *remedy.split()]) == 0


@pytest.mark.parametrize("limit", LARGE)
@pytest.mark.parametrize("ending", ["jsonl", "parquet"])
def test_the_remedy_of_an_evaluation_task_works(tmp_path: Path, limit: str, ending: str) -> None:
    row, name = LARGE[limit]
    path = tmp_path / f"problems.{ending}"
    rows = [{"problem": "What is 1 + 1?", "answer": "2"} | row]
    if ending == "parquet":
        if limit == "a row":
            return  # its columns are bounded one by one
        pq.write_table(pa.Table.from_pylist(rows), path)
    else:
        path.write_text(json.dumps(rows[0]) + "\n")
    with pytest.raises(InputError) as error:
        task({"data": str(path)})
    (remedy,) = re.findall(r" or give --metadata '(.*)'$", str(error.value))
    assert name in remedy
    assert len(task({"data": str(path), **json.loads(remedy)}).loaded.problems) == 1


def task(metadata: dict[str, Any]) -> SureTask:
    return SureTask(config={"task": "sure_math", "metadata": {"benchmark": "sure_math", **metadata}})


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"text": 5}, r"no such limit; the limits are text_characters, .*, rows$"),
        ({"rows": 0}, "rows=0: must be a whole number, at least 1"),
        ({"rows": "-5"}, "rows=-5: must be a whole number, at least 1"),
        ({"rows": True}, "rows=True: must be a whole number, at least 1"),
        ({"rows": 2.5}, r"rows=2\.5: must be a whole number, at least 1"),
        ({"rows": "many"}, "rows=many: must be a whole number, at least 1"),
        ({"nesting": 1000}, "nesting=1000: must be 200 at most"),
        ({"remedy": "x"}, "no such limit"),
    ],
)
def test_a_limit_that_is_none(values: dict[str, Any], message: str, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(InputError, match=message):
        limits_from(values, "--limit", "give --limit NAME=VALUE")
    with pytest.raises(InputError, match=message):
        task({"limits": values})
    words = [f"--limit={name}={value}" for name, value in values.items()]
    assert validate.main([__file__.replace("py", "jsonl"), *words]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


def test_a_limit_that_cannot_be_raised_further_has_no_such_remedy(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps({"problem": "x", "extra": nested(300)}) + "\n")
    message = message_of(path, Limits(nesting=200))
    assert message.endswith("at most 200 are read: shorten it or leave it out")


def test_the_remedy_of_a_list_in_a_text_works(tmp_path: Path) -> None:
    """A table of texts holds a list as JSON, whose limits are fixed."""
    path = tmp_path / "rows.jsonl"
    words = [f"seeds.path={path}", "teacher.model=pocket:teacher", "limits.nesting=100"]
    path.write_text(json.dumps({"problem": "[" * 36 + '"a"' + "]" * 36}) + "\n")
    with pytest.raises(InputError, match=r"save the column as lists in JSON lines or Parquet, where this limit"):
        list(read_seeds(load_config("annotate", words)))


@pytest.mark.parametrize(
    ("ending", "line"), [("jsonl.gz", b"\n"), ("json.gz", b"\n"), ("csv.gz", b"\n"), ("csv.gz", b",,\n")]
)
def test_lines_without_content_end_in_one_line(tmp_path: Path, ending: str, line: bytes) -> None:
    path = tmp_path / f"blank.{ending}"
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(b"problem,gold,answers\n" if ending.startswith("csv") else b"")
        for _ in range(21):
            file.write(line * 100_000)
        file.write(b"end")
    with pytest.raises(
        InputError, match="more than 2,000,000 lines before it hold nothing; remove these lines"
    ) as error:
        read(path, Limits())
    assert "\n" not in str(error.value)


def test_a_problem_with_very_many_answers_is_measured(tmp_path: Path) -> None:
    path = tmp_path / "many.jsonl"
    rows = [{"problem": "a", "gold": "1", "answers": [str(n) for n in range(50_000)]}]
    rows.append({"problem": "b", "gold": "1", "answers": ["1", "2", "1"]})
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert validate.main([str(path), "--resamples", "10", f"--out={tmp_path / 'report'}"]) == 0
