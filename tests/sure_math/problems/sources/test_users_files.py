"""Users' files: every content is read rightly, or refused with the file, the place and a remedy.

Pins: encodings, compression, damaged and odd files of each format; cells that hold lists, mappings, parts of messages,
NaN, numbers, bytes, dates; reference answers in the layouts of public datasets; samples as conversations; numbers with
all their digits; the same reading by `build` and `validate`; no traceback from either command.
"""

import codecs
import datetime
import gzip
import io
import json
import shutil
import subprocess
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sure_math import build, validate
from sure_math.config import load_config
from sure_math.problems.sources.seeds import read_seeds
from sure_math.problems.sources.stored_samples import kind_of, read_stored
from sure_math.problems.sources.table_files import InputError
from sure_math.rows import Problem
from sure_math.validation.from_file import read_file

Q = "What is 1 + 1?"


def lines(*rows: Any) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def parquet(rows: list[dict], schema: pa.Schema | None = None) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), buffer)
    return buffer.getvalue()


def columns_parquet(**columns: pa.Array) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer)
    return buffer.getvalue()


def user(text: Any) -> list[dict]:
    return [{"role": "user", "content": text}]


def part(text: str) -> dict:
    return {"type": "text", "text": text}


GOOD = lines({"problem": "Größe von 1 + 1?", "answer": "2"})
GERMAN: list[tuple[str, str | None]] = [("Größe von 1 + 1?", "2")]
CSV = 'problem,answer\n"Größe von 1 + 1?",2\n'

READ: dict[str, tuple[str, bytes, Sequence[tuple[str, str | None]]]] = {
    "lines": ("a.jsonl", GOOD, GERMAN),
    "lines, BOM": ("a.jsonl", codecs.BOM_UTF8 + GOOD, GERMAN),
    "lines, UTF-16": ("a.jsonl", GOOD.decode().encode("utf-16"), GERMAN),
    "lines, UTF-16 of the other order": ("a.jsonl", codecs.BOM_UTF16_BE + GOOD.decode().encode("utf-16-be"), GERMAN),
    "lines, UTF-32": ("a.jsonl", GOOD.decode().encode("utf-32"), GERMAN),
    "lines, CRLF": ("a.jsonl", GOOD.replace(b"\n", b"\r\n") * 1 + b"\r\n", GERMAN),
    "lines, CR": ("a.jsonl", GOOD.replace(b"\n", b"\r"), GERMAN),
    "lines, no line break at the end": ("a.jsonl", GOOD.strip(), GERMAN),
    "lines, gzip": ("a.jsonl.gz", gzip.compress(GOOD), GERMAN),
    "lines, gzip, UTF-16": ("a.jsonl.gz", gzip.compress(GOOD.decode().encode("utf-16")), GERMAN),
    "lines, capital ending": ("a.JSONL", GOOD, GERMAN),
    "lines, ndjson": ("a.ndjson", GOOD, GERMAN),
    "array": ("a.json", b"[" + GOOD.strip() + b"]", GERMAN),
    "array, BOM": ("a.json", codecs.BOM_UTF8 + b" [" + GOOD.strip() + b"]", GERMAN),
    "array in .jsonl": ("a.jsonl", json.dumps([json.loads(GOOD)], indent=1).encode(), GERMAN),
    "lines in .json": ("a.json", GOOD, GERMAN),
    "one object over several lines": ("a.json", json.dumps(json.loads(GOOD), indent=1).encode(), GERMAN),
    "object of lists": (
        "a.json",
        json.dumps({"problem": [Q, "b"], "answer": ["2", 3]}).encode(),
        [(Q, "2"), ("b", "3")],
    ),
    "object of columns, as pandas": (
        "a.json",
        json.dumps({"problem": {"0": Q, "1": "b"}, "answer": {"0": 2, "1": None}}).encode(),
        [(Q, "2"), ("b", None)],
    ),
    "csv": ("a.csv", CSV.encode(), GERMAN),
    "csv, BOM": ("a.csv", codecs.BOM_UTF8 + CSV.encode(), GERMAN),
    "csv, UTF-16": ("a.csv", CSV.encode("utf-16"), GERMAN),
    "csv, CRLF": ("a.csv", CSV.replace("\n", "\r\n").encode(), GERMAN),
    "csv, CR": ("a.csv", CSV.replace("\n", "\r").encode(), GERMAN),
    "csv, gzip": ("a.csv.gz", gzip.compress(CSV.encode()), GERMAN),
    "csv, blanks behind commas": ("a.csv", b'problem, answer\n"What, 1?", "2"\n', [("What, 1?", "2")]),
    "csv, blank lines": ("a.csv", b"\nproblem,answer\n\nWhat?,2\n\n", [("What?", "2")]),
    "csv, line break in a cell": ("a.csv", b'problem,answer\n"What\nis 1?",2\n', [("What\nis 1?", "2")]),
    "csv, quote in a cell": ("a.csv", b'problem,answer\n5" wide?,"2 ""a"""\n', [('5" wide?', '2 "a"')]),
    "csv, an index of pandas": ("a.csv", b",problem,answer\n0,What?,2\n", [("What?", "2")]),
    "csv, empty cells at the end": ("a.csv", b"problem,answer\nWhat?,2,,\n", [("What?", "2")]),
    "csv, huge cell": ("a.csv", b"problem,answer\nWhat?," + b"9" * 300_000 + b"\n", [("What?", "9" * 300_000)]),
    "csv, capital names": ("a.csv", b"Problem,Answer\nWhat?,2\n", [("What?", "2")]),
    "csv, missing values": (
        "a.csv",
        b"problem,answer\na,\nb,nan\nc,NaN\nd,<NA>\ne,None\nf,0\n",
        [
            ("a", None),
            ("b", None),
            ("c", None),
            ("d", None),
            ("e", "None"),
            ("f", "0"),
        ],
    ),
    "csv, numbers are texts": (
        "a.csv",
        b"problem,answer\na,034\nb,34.0\nc,1e3\n",
        [("a", "034"), ("b", "34.0"), ("c", "1e3")],
    ),
    "csv, lists as JSON": ("a.csv", b'problem,answer\nWhat?,"[""2"", ""3""]"\n', [("What?", "2, 3")]),
    "csv, messages as JSON": (
        "a.csv",
        b'prompt,answer\n"[{""role"": ""user"", ""content"": ""What?""}]",2\n',
        [("What?", "2")],
    ),
    "csv, an interval is no list of texts": ("a.csv", b'problem,answer\nWhat?,"[1, 2]"\n', [("What?", "[1, 2]")]),
    "parquet": ("a.parquet", parquet([{"problem": "Größe von 1 + 1?", "answer": "2"}]), GERMAN),
    "a column that the first row lacks": (
        "a.jsonl",
        lines({"problem": "a"}, {"problem": "b", "answer": 2}),
        [
            ("a", None),
            ("b", "2"),
        ],
    ),
}


def cell_cases() -> dict[str, tuple[Any, str | None]]:
    """A cell of JSON -> the reference answer."""
    return {
        "text": (" 2 ", "2"),
        "blank": (" ", None),
        "null": (None, None),
        "NaN": (float("nan"), None),
        "integer": (34, "34"),
        "zero": (0, "0"),
        "negative zero": (-0.0, "0"),
        "34.0": (34.0, "34"),
        "0.1": (0.1, "0.1"),
        "1e-07": (1e-07, "0.0000001"),
        "1e23": (1e23, "1" + "0" * 23),
        "2**80": (2**80, str(2**80)),
        "true": (True, "True"),
        "false": (False, "False"),
        "a list of one": (["$\\frac{1}{2}$"], "$\\frac{1}{2}$"),
        "a list of two": (["2", "3"], "2, 3"),
        "a list of numbers": ([2, 3.0, 0.5], "2, 3, 0.5"),
        "an empty list": ([], None),
        "a list of nothing": ([None], None),
        "a list of blanks": (["", " "], None),
        "a list as JSON": ('["\\\\frac{1}{2}"]', "\\frac{1}{2}"),
        "a list that is an answer": ("[2, 3]", "[2, 3]"),
        "a set that is an answer": ("\\{2, 3\\}", "\\{2, 3\\}"),
        "a derivative": ("f'(x) = b'", "f'(x) = b'"),
        "GSM8K": ("Half is <<48/2=24>>24.\n#### 1,072", "1072"),
        "GSM8K without a solution": ("#### 72", "72"),
        "a heading": ("#### Answer\nIt is 4.", "#### Answer\nIt is 4."),
        "a box": ("So it is $\\boxed{\\frac{1}{2}}$.", "\\frac{1}{2}"),
        "GSM8K without an answer": ("Half is 24.\n####", None),
        "half a character": ("\ud800", "?"),
    }


@pytest.fixture
def dry(tmp_path: Path, capsys: pytest.CaptureFixture) -> Callable[[str], tuple[int, str]]:
    """Runs `build --dry-run` of one setting; returns the status and the message on one line."""

    def run(setting: str) -> tuple[int, str]:
        words = ["--config", "annotate", "--dry-run", "decontaminate.skip=all", "--out", str(tmp_path / "out"), setting]
        status = build.main([*words, "teacher.model=pocket:teacher"] if setting.startswith("seeds") else words)
        return status, " ".join(capsys.readouterr().err.split())

    return run


def seeds(path: Path, *overrides: str) -> list[Problem]:
    config = load_config("annotate", ["teacher.model=m", f"seeds.path={path}", *overrides])
    return [row for (rows,) in read_seeds(config) for row in rows if isinstance(row, Problem)]


def stored(path: Path, *overrides: str) -> list[tuple[str, str | None, list[str]]]:
    items = read_stored(load_config("annotate", [f"samples.path={path}", *overrides]))
    return [
        (row.problem, row.answer, [sample.text for sample in samples])
        for (row,), samples in items
        if isinstance(row, Problem)
    ]


def write(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(("name", "content", "expected"), READ.values(), ids=READ)
def test_files_that_are_read(tmp_path: Path, name: str, content: bytes, expected: Sequence) -> None:
    read = seeds(write(tmp_path, name, content))
    assert [(row.problem, row.answer) for row in read] == list(expected)
    assert {row.source for row in read} == {"a"}


@pytest.mark.parametrize(("value", "expected"), cell_cases().values(), ids=cell_cases())
def test_cells_that_are_read(tmp_path: Path, value: Any, expected: str | None) -> None:
    """The same in JSON and Parquet, by `build` of seeds, `build` of samples, and `validate`."""
    row = {"problem": Q, "answer": value, "preds": ["2", "3"]}
    files = [write(tmp_path, "a.jsonl", json.dumps(row).encode())]
    if value != "\ud800" and value != 2**80:
        kind = pa.array([value]).type if value != [2, 3.0, 0.5] else pa.list_(pa.float64())
        schema = pa.schema({"problem": pa.string(), "answer": kind, "preds": pa.list_(pa.string())})
        files.append(write(tmp_path, "a.parquet", parquet([row], schema)))
    for path in files:
        assert [problem.answer for problem in seeds(path)] == [expected]
        assert [answer for _, answer, _ in stored(path)] == [expected]
        if expected is not None:
            assert [problem.gold for problem in read_file(path, {}, equivalence="string").problems] == [expected]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("34.0", "34"),
        ("0.30000000000000000001", "0.30000000000000000001"),
        ("3.14159265358979323846", "3.14159265358979323846"),
        ("123456789012345678901234567890", "123456789012345678901234567890"),
        ("9" * 5000, "9" * 5000),
        ("1e400", "1e400"),
        ("-1.5E-400", "-1.5e-400"),
        ("1E3", "1000"),
        ("9007199254740993.0", "9007199254740993"),
    ],
)
@pytest.mark.parametrize("ending", ["jsonl", "json"])
def test_numbers_keep_their_digits(tmp_path: Path, written: str, expected: str, ending: str) -> None:
    text = f'{{"problem": "{Q}", "answer": {written}, "response": "4"}}'
    path = write(tmp_path, f"a.{ending}", (f"[{text}]" if ending == "json" else text).encode())
    assert [row.answer for row in seeds(path)] == [answer for _, answer, _ in stored(path)] == [expected]


PARQUET_CELLS = {
    "32 bits": (pa.array([0.1], pa.float32()), "0.1"),
    "16 bits": (pa.array([0.1], pa.float16()), "0.1"),
    "32 bits in a list": (pa.array([[0.1, 2.0]], pa.list_(pa.float32())), "0.1, 2"),
    "decimal": (pa.array([Decimal("34.50")], pa.decimal128(10, 2)), "34.5"),
    "decimal, whole": (pa.array([Decimal("3400")], pa.decimal128(10, 0)), "3400"),
    "date": (pa.array([datetime.date(2024, 5, 1)]), "2024-05-01"),
    "midnight": (pa.array([datetime.datetime(2024, 5, 1)]), "2024-05-01"),
    "time": (pa.array([datetime.datetime(2024, 5, 1, 12, 30)]), "2024-05-01 12:30:00"),
    "unsigned": (pa.array([2**64 - 1], pa.uint64()), str(2**64 - 1)),
    "dictionary": (pa.array(["2"]).dictionary_encode(), "2"),
    "large text": (pa.array(["2"], pa.large_string()), "2"),
    "NaN": (pa.array([float("nan")]), None),
    "null": (pa.nulls(1), None),
    "list of fixed size": (pa.array([["2", "3"]], pa.list_(pa.string(), 2)), "2, 3"),
}


@pytest.mark.parametrize(("array", "expected"), PARQUET_CELLS.values(), ids=PARQUET_CELLS)
def test_cells_of_arrow(tmp_path: Path, array: pa.Array, expected: str | None) -> None:
    path = write(tmp_path, "a.parquet", columns_parquet(problem=pa.array([Q]), answer=array))
    assert [row.answer for row in seeds(path)] == [expected]


VERL: dict[str, Any] = {
    "data_source": "openai/gsm8k",
    "prompt": user(Q),
    "ability": "math",
    "reward_model": {"style": "rule", "ground_truth": "34"},
    "extra_info": {"split": "train", "index": 0, "answer": "a solution", "question": "plain?"},
}
LAYOUTS: dict[str, tuple[list[dict], list[str], tuple[str, str | None, str | None]]] = {
    "GSM8K": ([{"question": Q, "answer": "It is <<1+1=2>>2.\n#### 2"}], [], (Q, "2", "It is 2.")),
    "MATH": ([{"problem": Q, "solution": "So $\\boxed{2}$.", "level": "Level 1"}], [], (Q, "2", "So $\\boxed{2}$.")),
    "NuminaMath": (
        [{"source": "amc", "problem": Q, "solution": "So it is 2.", "answer": "2", "messages": user(Q)}],
        [],
        (Q, "2", "So it is 2."),
    ),
    "OlympiadBench": (
        [{"question": Q, "solution": ["First.", "Second."], "final_answer": ["$\\frac{1}{2}$", "$3$"]}],
        [],
        (Q, "$\\frac{1}{2}$, $3$", "First."),
    ),
    "DAPO": ([VERL], [], (Q, "34", None)),
    "a part that is named": (
        [VERL],
        ["seeds.columns.problem=extra_info.question", "seeds.columns.solution=extra_info.answer"],
        ("plain?", "34", "a solution"),
    ),
    "OpenR1": (
        [{"problem": Q, "solution": "Long.", "answer": "2", "uuid": "u", "generations": ["\\boxed{2}", "3"]}],
        [],
        (Q, "2", "Long."),
    ),
    "Skywork": ([{**VERL, "reward_model": {"ground_truth": '["\\\\sqrt{2}"]'}}], [], (Q, "\\sqrt{2}", None)),
    "DeepScaleR": ([{"problem": Q, "answer": "-\\frac{2}{3}", "solution": "..."}], [], (Q, "-\\frac{2}{3}", "...")),
    "AceReason": ([{"problem": Q, "answer": "2"}], [], (Q, "2", None)),
    "Open-Reasoner-Zero": (
        [{"prompt": [{"from": "user", "value": Q}], "final_answer": "2"}],
        [],
        (Q, "2", None),
    ),
    "flat names with dots": ([{"prompt": Q, "reward_model.ground_truth": "34"}], [], (Q, "34", None)),
}


@pytest.mark.parametrize("ending", ["jsonl", "parquet"])
@pytest.mark.parametrize(("rows", "overrides", "expected"), LAYOUTS.values(), ids=LAYOUTS)
def test_layouts(tmp_path: Path, rows: list[dict], overrides: list, expected: tuple, ending: str) -> None:
    path = write(tmp_path, f"a.{ending}", lines(*rows) if ending == "jsonl" else parquet(rows))
    (row,) = seeds(path, *overrides)
    assert (row.problem, row.answer, row.solution) == expected


STATEMENTS: dict[str, tuple[Any, tuple[str | None, str]]] = {
    "parts": (user([part("What is"), part("1 + 1?")]), (None, "What is\n1 + 1?")),
    "one part": (user([part(Q)]), (None, Q)),
    "a part alone": (user(part(Q)), (None, Q)),
    "input_text": (user([{"type": "input_text", "text": Q}]), (None, Q)),
    "a part that is a text": (user([Q]), (None, Q)),
    "parts of a system prompt": ([{"role": "system", "content": [part("Be brief.")]}, *user(Q)], ("Be brief.", Q)),
    "developer": ([{"role": "developer", "content": "Be brief."}, *user(Q)], ("Be brief.", Q)),
    "a message alone": ({"role": "user", "content": Q}, (None, Q)),
    "a list of one text": ([Q], (None, Q)),
    "a number": (5, (None, "5")),
    "messages as JSON": (json.dumps(user(Q)), (None, Q)),
}


@pytest.mark.parametrize(("value", "expected"), STATEMENTS.values(), ids=STATEMENTS)
def test_statements(tmp_path: Path, value: Any, expected: tuple) -> None:
    (row,) = seeds(write(tmp_path, "a.jsonl", lines({"prompt": value})))
    assert (row.system, row.problem) == expected


def assistant(text: Any) -> dict:
    return {"role": "assistant", "content": text}


SAMPLES: dict[str, list[dict]] = {
    "texts": [{"problem": Q, "gold": "2", "samples": ["2", "3"]}],
    "conversations": [{"problem": Q, "gold": "2", "samples": [[*user(Q), assistant("2")], [*user(Q), assistant("3")]]}],
    "replies": [{"problem": Q, "gold": "2", "samples": [[assistant("2")], [assistant("3")]]}],
    "messages": [{"problem": Q, "gold": "2", "samples": [assistant("2"), assistant("3")]}],
    "parts": [{"problem": Q, "gold": "2", "samples": [assistant([part("2")]), assistant([part("3")])]}],
    "choices": [{"problem": Q, "gold": "2", "samples": [{"message": assistant("2")}, {"message": assistant("3")}]}],
    "mappings": [{"problem": Q, "gold": "2", "samples": [{"text": "2"}, {"text": 3.0}]}],
    "numbers": [{"problem": Q, "gold": "2", "samples": [2, 3.0]}],
    "a row per conversation": [
        {"problem": Q, "gold": "2", "completion": [assistant("2")]},
        {"problem": Q, "gold": "2", "completion": [assistant("3")]},
    ],
    "a row per whole conversation": [
        {"problem": Q, "gold": "2", "response": [*user(Q), assistant("2")]},
        {"problem": Q, "gold": "2", "response": [*user(Q), assistant("3")]},
    ],
    "a row per mapping": [
        {"problem": Q, "gold": "2", "response": {"text": "2"}},
        {"problem": Q, "gold": "2", "response": {"text": "3"}},
    ],
    "problems as messages": [
        {"prompt": user(Q), "gold": "2", "response": "2"},
        {"prompt": user([part(Q)]), "gold": "2", "response": "3"},
    ],
    "a row per conversation with the problem": [
        {"gold": "2", "messages": [*user(Q), assistant("2")]},
        {"gold": "2", "messages": [*user([part(Q)]), assistant([part("3")])]},
    ],
    "the problem in a conversation": [{"gold": "2", "conversations": user(Q), "samples": ["2", "3"]}],
    "verl": [{**VERL, "reward_model": {"ground_truth": "2"}, "responses": ["2", "3"]}],
}


@pytest.mark.parametrize("rows", SAMPLES.values(), ids=SAMPLES)
def test_samples(tmp_path: Path, rows: list[dict]) -> None:
    path = write(tmp_path, "a.jsonl", lines(*rows))
    assert stored(path) == [(Q, "2", ["2", "3"])]
    (problem,) = read_file(path, {}, equivalence="string").problems
    assert (problem.problem, problem.gold, list(problem.answers)) == (Q, "2", ["2", "3"])
    assert kind_of(load_config("annotate", [f"samples.path={path}"]).samples) == "answer"


PYTHON_TEXTS = [
    *(
        "['70']",
        '["it\'s", None]',
        "['70' '71']",
        "('7', '8')",
        "[['7'], ['8']]",
        "['a', 5]",
        "[1, None]",
        "[nan, 2.0]",
    ),
    *(
        "{'a': 1}",
        "[{'a': 1}]",
        "({'a': 1},)",
        "{'7', '8'}",
        "b'34'",
        "[np.float64(0.5), np.float64(1.0)]",
        "np.int64(5)",
    ),
    *("Decimal('2.5')", "array(['70'], dtype=object)", "array([1, 2])", "datetime.date(2024, 5, 1)", "[ '70' ]"),
]
MATHEMATICS = [
    *(
        "[1, 2]",
        "(1, 2)",
        "{1, 2}",
        "\\{1, 2\\}",
        "[-1, 1)",
        "f'(x)",
        "b'",
        "b' = a'",
        "x'y' + b'",
        "(a')",
        "[x', y']",
        '5"',
    ),
    *(
        "None",
        "[0, \\infty)",
        "\\text{'a'}",
        "(A), (B)",
        "[[1, 2], [3, 4]]",
        "\\{'\\}",
        "array",
        "''",
        "{x : x > 0}",
        "b",
    ),
]


@pytest.mark.parametrize("text", PYTHON_TEXTS)
def test_texts_of_python_objects_are_no_answers(tmp_path: Path, text: str) -> None:
    with pytest.raises(InputError, match="row 1: the column answer holds the text of a Python object"):
        seeds(write(tmp_path, "a.jsonl", lines({"problem": Q, "answer": text})))


@pytest.mark.parametrize("text", MATHEMATICS)
def test_mathematics_is_no_text_of_a_python_object(tmp_path: Path, text: str) -> None:
    (row,) = seeds(write(tmp_path, "a.jsonl", lines({"problem": text, "answer": text, "solution": text})))
    assert (row.problem, row.answer, row.solution) == (text, text, text)


@pytest.mark.parametrize("missing", [None, float("nan"), "nan", ""])
@pytest.mark.parametrize("wide", [True, False])
def test_samples_that_are_missing(tmp_path: Path, missing: Any, wide: bool) -> None:
    values = ["2", missing, "3"]
    wide_rows = [{"problem": Q, "gold": "2", "samples": values}]
    rows = wide_rows if wide else [{"problem": Q, "gold": "2", "response": value} for value in values]
    path = write(tmp_path, "a.jsonl", lines(*rows))
    assert stored(path) == [(Q, "2", ["2", "", "3"])]
    (problem,) = read_file(path, {}, equivalence="string").problems
    assert problem.answers == ("2", None, "3")


def test_a_row_without_its_sample_does_not_take_the_reference_answer(tmp_path: Path) -> None:
    rows = [{"problem": Q, "answer": "7", "response": "2"}, {"problem": Q, "answer": "7"}]
    assert stored(write(tmp_path, "a.jsonl", lines(*rows))) == [(Q, "7", ["2", ""])]


def test_facts_of_samples_that_are_of_no_use(tmp_path: Path) -> None:
    facts: list[dict[str, Any]] = [
        {"sum_logprob": float("nan"), "token_count": 3},
        {"sum_logprob": -1.0, "token_count": 0},
        {"sum_logprob": "x", "token_count": [3]},
        {"sum_logprob": -1.0, "token_count": True},
        {"sum_logprob": -1.0, "token_count": 3.0},
    ]
    path = write(tmp_path, "a.jsonl", lines({"problem": Q, "samples": [{"text": "2", **fact} for fact in facts]}))
    ((_, samples),) = read_stored(load_config("annotate", [f"samples.path={path}"]))
    assert [(sample.sum_logprob, sample.logprob_mode) for sample in samples] == [(None, "none")] * 4 + [(-1.0, "raw")]


ROW = {"problem": Q, "answer": "2"}
LATIN = CSV.encode("latin-1")
PNG = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
REFUSED: dict[str, tuple[str, bytes, str]] = {
    "no rows": ("a.jsonl", b"", "has no rows"),
    "only a BOM": ("a.jsonl", codecs.BOM_UTF8, "has no rows"),
    "an empty array": ("a.json", b"[]", "has no rows"),
    "an empty JSON file": ("a.json", b" \n", "has no rows"),
    "an empty CSV": ("a.csv", b"\n\n", "has no rows"),
    "a header only": ("a.csv", b"problem,answer\n", "has no rows"),
    "a Parquet file without rows": ("a.parquet", columns_parquet(problem=pa.array([], pa.string())), "has no rows"),
    "an empty Parquet file": ("a.parquet", b"", "is not a whole Parquet file"),
    "Latin-1 CSV": (
        "a.csv",
        LATIN,
        "line 2: the byte 0xf6 at position 18 of the file is not UTF-8; save the file as UTF-8 (if a program for "
        "Western text wrote it: iconv -f WINDOWS-1252 -t UTF-8 < {path} > a-utf8.csv)",
    ),
    "Latin-1 lines": (
        "a.jsonl",
        GOOD + GOOD.decode().encode("latin-1"),
        "line 2: the byte 0xf6 at position 64 of the file is not UTF-8",
    ),
    "Latin-1 array": ("a.json", b"[" + GOOD.decode().encode("latin-1") + b"]", "line 1: the byte 0xf6 at position"),
    "Latin-1 gzip": (
        "a.csv.gz",
        gzip.compress(LATIN),
        "gunzip -c {path} | iconv -f WINDOWS-1252 -t UTF-8 > a-utf8.csv",
    ),
    "one wrong byte in UTF-8": ("a.csv", CSV.encode() + b"\xff,1\n", "line 3: the byte 0xff"),
    "Shift-JIS": ("a.csv", "problem,answer\n答えは,2\n".encode("shift-jis"), "line 2: the byte 0x"),
    "GBK": ("a.jsonl", lines({"problem": "等于多少"}).decode().encode("gbk"), "line 1: the byte 0x"),
    "UTF-16 that is cut": ("a.csv", CSV.encode("utf-16")[:-1], "is not UTF-16"),
    "UTF-16 without a mark": (
        "a.csv",
        CSV.encode("utf-16-le"),
        "is not UTF-8; save the file as UTF-8 (if it is UTF-16LE",
    ),
    "UTF-16 without a mark, plain": (
        "a.csv",
        "problem,answer\nWhat?,2\n".encode("utf-16-le"),
        "line 1: holds a NUL byte; save the file as UTF-8 (if it is UTF-16LE",
    ),
    "UTF-16 of the other order": (
        "a.jsonl",
        lines(ROW).decode().encode("utf-16-be"),
        "line 1: holds a NUL byte; save the file as UTF-8 (if it is UTF-16BE",
    ),
    "NUL in CSV": ("a.csv", b"problem,answer\nWh\0at?,2\n", "line 2: holds a NUL byte; the file is damaged"),
    "NUL in lines": ("a.jsonl", lines(ROW) + b"\0" * 50, "line 2: holds a NUL byte"),
    "NUL in an array": ("a.json", b'[{"problem": "a\0"}]', "line 1: holds a NUL byte"),
    "a gzip file that is cut": ("a.jsonl.gz", gzip.compress(GOOD * 100)[:-12], "the compressed file is damaged"),
    "a gzip file that is damaged": (
        "a.jsonl.gz",
        gzip.compress(GOOD)[:12] + b"\xff" * 30,
        "the compressed file is damaged",
    ),
    "not gzip": ("a.jsonl.gz", GOOD, "is not compressed; rename it so that it does not end in .gz"),
    "gzip without its ending": ("a.jsonl", gzip.compress(GOOD), "is compressed; rename it so that it ends in .gz"),
    "zstd": ("a.jsonl.zst", b"\x28\xb5\x2f\xfd", "unpack it first: zstd -d FILE"),
    "Parquet with another ending": (
        "a.jsonl",
        parquet([ROW]),
        "is a Parquet file; rename it so that it ends in .parquet",
    ),
    "Parquet in gzip": ("a.parquet.gz", gzip.compress(parquet([ROW])), "unpack it first: gunzip -k FILE"),
    "Excel": ("a.xlsx", b"PK\x03\x04", "save it as CSV (UTF-8)"),
    "Excel with another ending": ("a.csv", b"PK\x03\x04...", "is a ZIP archive or an Excel workbook"),
    "Git LFS": ("a.parquet", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "`git lfs pull`"),
    "another ending": ("a.txt", GOOD, "the ending must be one of .jsonl, .ndjson, .json, .csv, .parquet, .jsonl.gz"),
    "tabs": ("a.csv", b"problem\tanswer\nWhat?\t2\n", "the columns are separated by tabs; save the file with commas"),
    "semicolons": ("a.csv", b"problem;answer\nWhat?;2\n", "the columns are separated by semicolons"),
    "a column twice": ("a.csv", b"problem,answer,answer\nWhat?,2,3\n", "the header has the column answer twice"),
    "a key twice": (
        "a.jsonl",
        b'{"problem": "a", "answer": "2", "answer": "3"}\n',
        "an object has the key 'answer' twice",
    ),
    "a nested key twice": ("a.jsonl", b'{"problem": "a", "x": {"y": 1, "y": 2}}\n', "an object has the key 'y' twice"),
    "more cells": ("a.csv", b"problem,answer\na,2\nb,2,3\n", "line 3: the row has more cells than the header"),
    "fewer cells": ("a.csv", b"problem,answer\na,2\nb\n", "line 3: the row has fewer cells than the header, 1 of 2"),
    "a quote that is not closed": ("a.csv", b'problem,answer\na,2\n"b,2\nc,3\n', "line 3: this row is not CSV"),
    "text behind a quote": ("a.csv", b'problem,answer\n"a"b,2\n', "line 2: this row is not CSV"),
    "no header": ("a.csv", b"What is 1 + 1?,2\nWhat is 2?,2\n", "none of the columns problem"),
    "a scalar": ("a.json", b"5", "must be an array of objects"),
    "an array of texts": ("a.json", b'["a"]', "item 1: must be an object with named columns, not a text"),
    "a null in an array": (
        "a.json",
        b'[{"problem": "a"}, null]',
        "item 2: must be an object with named columns, not null",
    ),
    "an array that is cut": ("a.json", b'[{"problem": "a"}, {"pro', "is not JSON"),
    "lines that are cut": ("a.jsonl", lines(ROW) + b'{"problem": "a', "line 2: is not JSON"),
    "an object over several lines": ("a.jsonl", json.dumps(ROW, indent=1).encode(), "jq -c . FILE > NEW.jsonl"),
    "Python instead of JSON": ("a.jsonl", b"{'problem': 'a'}\n", "line 1: is not JSON"),
    "deep nesting": (
        "a.jsonl",
        b'{"problem": ' + b"[" * 200_000 + b"\n",
        "line 1: is not JSON (it is nested too deeply)",
    ),
    "deep nesting in an array": ("a.json", b"[" * 200_000, "is not JSON (it is nested too deeply)"),
    "a number out of range": (
        "a.jsonl",
        b'{"problem": "a", "answer": 1e99999999999999999999}',
        "the number 1e99999999999999999999 is out of range",
    ),
    "an object without columns": ("a.jsonl", b"{}\n", "none of the columns problem"),
    "a mapping as answer": (
        "a.jsonl",
        lines({"problem": Q, "answer": {"value": "2", "unit": "cm"}}),
        "row 1: the column answer holds a mapping with the keys value, unit, not one text; name the part that holds",
    ),
    "a mapping as problem": ("a.jsonl", lines({"problem": {"en": Q}}), "row 1: the column problem holds a mapping"),
    "a list in a list": (
        "a.jsonl",
        lines(ROW, {**ROW, "answer": [["2"]]}),
        "row 2: an item of the column answer holds a list",
    ),
    "a mapping in a list": (
        "a.jsonl",
        lines({**ROW, "answer": [{"v": 2}]}),
        "an item of the column answer holds a mapping",
    ),
    "an item that is missing": ("a.jsonl", lines({**ROW, "answer": ["2", None]}), "a list in which an item is missing"),
    "infinity": (
        "a.jsonl",
        lines({**ROW, "answer": float("inf")}),
        "holds an infinite number; write it as text, such as \\infty",
    ),
    "the text of a Python list": (
        "a.csv",
        b"problem,answer\nWhat?,['70']\n",
        "row 1: the column answer holds the text of a Python object, ['70']...",
    ),
    "the text of a numpy array": ("a.csv", b"problem,answer\nWhat?,['70' '71']\n", "holds the text of a Python object"),
    "the text of an array": (
        "a.csv",
        b"problem,answer\nWhat?,\"array(['70'], dtype=object)\"\n",
        "the text of a Python object",
    ),
    "the text of a tuple": ("a.csv", b"problem,answer\nWhat?,\"('7', '8')\"\n", "holds the text of a Python object"),
    "the text of a mapping": (
        "a.csv",
        b"problem,answer\nWhat?,{'ground_truth': 34}\n",
        "holds the text of a Python object",
    ),
    "the text of bytes": ("a.csv", b"problem,answer\nWhat?,b'34'\n", "holds the text of a Python object"),
    "the text of messages": (
        "a.csv",
        b"prompt,answer\n\"[{'role': 'user', 'content': 'What?'}]\",2\n",
        "the column prompt holds the text of a Python object",
    ),
    "a mapping as JSON": ("a.csv", b'problem,answer\nWhat?,"{""value"": 2}"\n', "the column answer holds a mapping"),
    "bytes": (
        "a.parquet",
        columns_parquet(problem=pa.array([Q]), answer=pa.array([b"2"])),
        "row 1: the column answer holds bytes, not one text; write the column as text",
    ),
    "a duration": (
        "a.parquet",
        columns_parquet(problem=pa.array([Q]), answer=pa.array([datetime.timedelta(1)])),
        "the column answer holds timedelta, not one text",
    ),
    "text that is not UTF-8 in Parquet": (
        "a.parquet",
        columns_parquet(
            problem=pa.array([Q]),
            answer=pa.Array.from_buffers(pa.string(), 1, pa.array([b"\xff"]).cast(pa.binary()).buffers()),
        ),
        "rows 1 to 1: the column answer holds values that cannot be read (UnicodeDecodeError",
    ),
    "a year that Python cannot hold": (
        "a.parquet",
        columns_parquet(problem=pa.array([Q]), when=pa.array([2**60], pa.timestamp("ms"))),
        "the column when holds values that cannot be read",
    ),
    "Parquet that is cut": ("a.parquet", parquet([ROW])[:-20], "is not a whole Parquet file"),
    "Parquet that is damaged": ("a.parquet", b"PAR1" + b"\0" * 60 + b"PAR1", "is not a whole Parquet file"),
    "an image": (
        "a.jsonl",
        lines({"messages": user([part(Q), PNG])}),
        "row 1: the column messages has a message with a part of the type image_url; only parts of the type text",
    ),
    "a part of no type": ("a.jsonl", lines({"messages": user([{"x": 1}])}), "a part of the type None"),
    "a part that is a number": ("a.jsonl", lines({"messages": user([5])}), "a part that is a number; only texts"),
    "a message without a role": (
        "a.jsonl",
        lines({"messages": [{"content": Q}]}),
        "a message must have a role and a content",
    ),
    "a message that is a number": (
        "a.jsonl",
        lines({"messages": [5, 6]}),
        "row 1: a message must have a role and a content",
    ),
    "several problems in a cell": (
        "a.jsonl",
        lines({"problem": ["a", "b"]}),
        "a message must have a role and a content",
    ),
    "no user turn": ("a.jsonl", lines({"messages": [assistant("2")]}), "messages must be one user turn"),
    "a tool's turn": (
        "a.jsonl",
        lines({"messages": [*user(Q), {"role": "tool", "content": "2"}]}),
        "messages must be one user",
    ),
    "a list as id": ("a.jsonl", lines({**ROW, "id": [1]}), "row 1: the column id holds a list, not one text"),
    "a text with parts": (
        "a.jsonl",
        lines({**VERL, "reward_model": {"ground_truth": {"a": "34"}}}),
        "holds a mapping with the keys a",
    ),
    "a part of a text": (
        "a.jsonl",
        lines(VERL, {**VERL, "reward_model": "34"}),
        "row 2: the column reward_model holds a text, which has no part",
    ),
}


@pytest.mark.parametrize(("name", "content", "message"), REFUSED.values(), ids=REFUSED)
def test_files_that_are_refused(
    tmp_path: Path, dry: Callable, capsys: pytest.CaptureFixture, name: str, content: bytes, message: str
) -> None:
    path = write(tmp_path, name, content)
    with pytest.raises(InputError) as caught:
        seeds(path)
    text = str(caught.value)
    assert text.startswith(f"seeds.path = {path}") and "\n" not in text
    assert message.format(path=path) if "{path}" in message else message in text
    assert dry(f"seeds.path={path}")[0] == 1
    assert validate.main([str(path)]) == 2
    error = capsys.readouterr().err
    assert str(path) in error and "Traceback" not in error


SAMPLES_REFUSED: dict[str, tuple[str, bytes, str]] = {
    "lists as texts": (
        "a.csv",
        b"problem,gold,responses\nWhat?,2,\"['2', '3']\"\nWhy?,2,\"['2', '3']\"\n",
        "the column responses holds the texts of lists, ['2', '3']...; save the file as JSON lines or Parquet",
    ),
    "a conversation of several replies": (
        "a.jsonl",
        lines({"problem": Q, "gold": "2", "samples": [[*user(Q), assistant("2"), *user("?"), assistant("3")], "2"]}),
        "a sample is a conversation with 2 turns of the assistant; one is needed",
    ),
    "a user's turn as sample": (
        "a.jsonl",
        lines({"problem": Q, "gold": "2", "samples": [{"text": "2"}, {"role": "user", "content": Q}]}),
        "a sample is a turn of the user, not of the assistant",
    ),
    "a list as sample": (
        "a.jsonl",
        lines({"problem": Q, "gold": "2", "samples": [["2"], "3"]}),
        "a sample holds a list",
    ),
    "an image in a sample": (
        "a.jsonl",
        lines({"problem": Q, "gold": "2", "samples": [assistant([PNG]), "2"]}),
        "a part of the type image_url",
    ),
    "one sample after lists": (
        "a.jsonl",
        lines({"problem": Q, "gold": "2", "samples": ["2", "3"]}, {"problem": "b", "gold": "2", "samples": "2"}),
        "row 2:",
    ),
    "a list after single samples": (
        "a.jsonl",
        lines({"problem": Q, "gold": "2", "response": "2"}, {"problem": Q, "gold": "2", "response": ["2", "3"]}),
        "row 2:",
    ),
    "bytes": (
        "a.parquet",
        columns_parquet(problem=pa.array([Q]), gold=pa.array(["2"]), samples=pa.array([[b"2", b"3"]])),
        "row 1: a sample holds bytes",
    ),
    "Latin-1": ("a.csv", b"problem,gold,response\nWas\xdf,2,2\nWas\xdf,2,3\n", "line 2: the byte 0xdf"),
    "a mapping without a text": (
        "a.jsonl",
        lines({"problem": Q, "gold": "2", "samples": [{"said": "2"}, {"said": "3"}]}),
        "no text in a sample with the keys said",
    ),
}


@pytest.mark.parametrize(("name", "content", "message"), SAMPLES_REFUSED.values(), ids=SAMPLES_REFUSED)
def test_samples_that_are_refused(
    tmp_path: Path, dry: Callable, capsys: pytest.CaptureFixture, name: str, content: bytes, message: str
) -> None:
    path = write(tmp_path, name, content)
    status, text = dry(f"samples.path={path}")
    assert status == 1 and message in text and str(path) in text
    assert validate.main([str(path)]) == 2
    error = capsys.readouterr().err
    assert message in error and str(path) in error


COMMANDS = {
    "Latin-1": ("a b.csv", LATIN),
    "Latin-1, gzip": ("a b.csv.gz", gzip.compress(LATIN)),
    "UTF-16LE": ("a b.jsonl", GOOD.decode().encode("utf-16-le")),
    "UTF-16BE": ("a b.jsonl", GOOD.decode().encode("utf-16-be")),
    "a wrong byte": ("a b.csv", CSV.encode().replace(b",2", b",\xff2")),
    "NUL": ("a b.csv", CSV.encode().replace(b",2", b",2\0")),
}


@pytest.mark.skipif(shutil.which("iconv") is None, reason="needs iconv")
@pytest.mark.parametrize(("name", "content"), COMMANDS.values(), ids=COMMANDS)
def test_the_command_of_a_message_mends_the_file(tmp_path: Path, name: str, content: bytes) -> None:
    with pytest.raises(InputError) as caught:
        seeds(write(tmp_path, name, content))
    command = str(caught.value).rpartition(": ")[2].removesuffix(")")
    # iconv reports the bytes that it leaves out by its status.
    subprocess.run(["sh", "-c", command], cwd=tmp_path, check="-c" not in command)
    (mended,) = tmp_path.glob("*-utf8.*")
    assert [(row.problem, row.answer) for row in seeds(mended)] == GERMAN


def test_a_part_that_is_not_there(tmp_path: Path) -> None:
    path = write(tmp_path, "a.jsonl", lines(VERL))
    with pytest.raises(
        InputError, match=r"no such column; the columns are data_source, .*; its parts are reward_model\."
    ):
        seeds(path, "seeds.columns.answer=reward_model.gold")


def test_an_error_behind_the_first_rows_is_raised_where_it_is_met(tmp_path: Path) -> None:
    config = load_config("annotate", ["teacher.model=m", f"seeds.path={write(tmp_path, 'a.jsonl', GOOD + b'{oops')}"])
    stream = read_seeds(config)
    next(stream)
    with pytest.raises(InputError, match="line 2: is not JSON"):
        next(stream)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a folder; name a file in it"):
        seeds(tmp_path)
