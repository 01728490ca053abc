"""Result files, logs of samples and plans of another person end in one message, whatever they hold.

Pins: files that are not plain, JSON and YAML that are nested or that multiply, fields of other types in results, logs
and training runs; a response with the separators of lines of Unicode stays one line.
"""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from eval_harness import command
from eval_harness.page.page import render_page
from eval_harness.records import ResultError
from eval_harness.results import compare_results, read_result_file
from eval_harness.tables import command as tables_command
from eval_harness.tables.build import build_tables
from eval_harness.tables.plan import read_plan
from sure_math.command_line.yaml_text import read_yaml
from tests.eval_harness.test_page import PROBLEMS, run_of
from tests.eval_harness.test_tables import plan_file, result, run_folder

OTHER: tuple[Any, ...] = (None, 5, -1, "x", [], {}, [None], {"a": None}, 1e999, True)


def changed(content: Any, place: tuple[str | int, ...], value: Any) -> str:
    part = content
    for key in place[:-1]:
        part = part[key]
    part[place[-1]] = value
    return json.dumps(content)


def places(content: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Every place of a JSON value, the first of each list only."""
    if isinstance(content, list):
        content = dict(enumerate(content[:1]))
    children = list(content.items()) if isinstance(content, dict) else []
    return [spot for key, value in children for spot in ((*path, key), *places(value, (*path, key)))]


def test_a_field_of_any_type_is_read_or_named(tmp_path: Path) -> None:
    run_of(tmp_path, PROBLEMS)
    for pattern in ("results_*.json", "samples_*.jsonl"):
        [file] = tmp_path.glob(pattern)
        [results] = tmp_path.glob("results_*.json")
        original = file.read_text()
        first, *rest = original.splitlines()
        for place in places(json.loads(first)):
            for value in OTHER:
                file.write_text("\n".join([changed(json.loads(first), place, value), *rest]) + "\n")
                try:
                    read = read_result_file(results)
                    command._show(read)
                    compare_results(read, read)
                    render_page(read, megabytes=0.1)
                    build_tables(read_plan([str(results)]))
                except ResultError as error:
                    assert file.name in str(error) and "\n" not in str(error)
        file.write_text(original)


def fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def zero(path: Path) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def nested(path: Path) -> None:
    path.write_text("[" * 100_000)


def binary(path: Path) -> None:
    path.write_bytes(b"\xff\xfe")


@pytest.mark.parametrize("damage", [fifo, zero, folder, nested, binary])
@pytest.mark.parametrize("pattern", ["results_*.json", "samples_*.jsonl"])
def test_a_file_that_is_none_is_named(tmp_path: Path, damage: Callable[[Path], None], pattern: str) -> None:
    results = run_of(tmp_path, PROBLEMS)
    [file] = tmp_path.glob(pattern)
    damage(file)
    for named in (results, tmp_path):
        with pytest.raises(ResultError, match=r"results_|samples_"):
            render_page(read_result_file(named))


def test_a_response_may_hold_any_end_of_a_line(tmp_path: Path) -> None:
    text = "a\u2028b\u2029c\x85d\x0be"
    results = run_of(tmp_path, [("What?", "1", [(text, "1", "correct"), (text, None, "unboxed")])])
    [file] = tmp_path.glob("samples_*.jsonl")
    lines = [json.loads(line) for line in file.read_text().split("\n") if line]
    file.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines))
    assert "a\\u2028b" in render_page(read_result_file(results))


MULTIPLIED = "a: &a [1,1,1,1,1,1,1,1,1,1]\n" + "".join(
    f"{chr(ord('a') + n)}: &{chr(ord('a') + n)} [{','.join(10 * ['*' + chr(ord('a') + n - 1)])}]\n" for n in range(1, 9)
)
YAML = {
    "multiplied": (MULTIPLIED, "more than 100,000 values"),
    "in itself": ("a: &a [*a]", "holds itself"),
    "nested": ("[" * 3_000, "nested too deeply"),
    "digits": ("a: " + "9" * 10_000, "quotes"),
    "date": ("a: 2024-13-45", "quotes"),
    "long": ("a: " + "x" * 1_000_001, "characters"),
    "code": ("a: !!python/object/apply:os.system [exit]", "could not determine a constructor"),
}


@pytest.mark.parametrize(("text", "message"), YAML.values(), ids=YAML)
def test_yaml_is_bounded(tmp_path: Path, capsys: pytest.CaptureFixture, text: str, message: str) -> None:
    with pytest.raises(yaml.YAMLError, match=message):
        read_yaml(text)
    assert tables_command.main([plan_file(tmp_path, text), f"--out={tmp_path / 'tables'}"]) == 2
    assert "is not YAML" in capsys.readouterr().err


def test_yaml_that_repeats_a_part_is_read() -> None:
    assert read_yaml("a: &a {x: 1}\nb: *a\nc: [*a, *a]") == {"a": {"x": 1}, "b": {"x": 1}, "c": [{"x": 1}, {"x": 1}]}
    assert read_yaml("") is None


PLAN = """
topk: {512: {results: results_one_math500.json, run: run}}
rollouts: {4: {run: run}}
convergence: {uopd: run}
"""


def test_a_run_of_another_kind_is_named(tmp_path: Path) -> None:
    result(tmp_path, "one", 3)
    run = run_folder(tmp_path, "run", correct=([1, 0], [1, 1]))
    plan = plan_file(tmp_path, PLAN)
    assert build_tables(read_plan([plan]))
    for name in ("run.json", "metrics.jsonl", "evaluations.jsonl"):
        original = (run / name).read_text()
        first, *rest = original.splitlines()
        for place in places(json.loads(first)):
            for value in OTHER:
                (run / name).write_text("\n".join([changed(json.loads(first), place, value), *rest]) + "\n")
                try:
                    build_tables(read_plan([plan]))
                except ResultError as error:
                    assert "run" in str(error) and "\n" not in str(error)
        (run / name).write_text(original)
