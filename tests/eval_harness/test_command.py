"""The commands: the literal `lm_eval --tasks ...` from an installed wheel, and `python -m eval_harness` everywhere.

Pinned: after a plain installation lm-eval finds the tasks in any directory, even if the directory has a folder called
`sure_math`; the pocket student is evaluated, with every sample in the log; an editable installation is told what to do;
the options that the wrapper adds to lm-eval's; commands that need no lm-eval work where it is not installed.
"""

import json
import os
import shutil
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lm_eval
import pytest

from eval_harness.command import lm_eval_arguments, main
from eval_harness.doctor import TASKS, diagnose
from tests.helpers.evaluations import benchmark_file
from tests.helpers.repository import ROOT

SITE = Path(lm_eval.__file__).parent.parent


@dataclass(frozen=True, kw_only=True)
class Installation:
    """A virtual environment with the wheel and lm-eval side by side, as pip leaves them."""

    python: Path

    def run(self, cwd: Path, *command: str) -> str:
        """Run a command in `cwd`, without the repository on its path, and return its output."""
        environment = os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
        environment.pop("PYTHONPATH", None)
        program = [str(self.python.parent / command[0]), *command[1:]]
        process = subprocess.run(
            program, cwd=cwd, env=environment, capture_output=True, text=True, timeout=900, check=False
        )
        assert process.returncode == 0, f"{process.stdout}\n{process.stderr}"
        return process.stdout + process.stderr


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """Make an environment: lm-eval's files are linked into it, the other dependencies are those of this Python."""
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder / "venv", with_pip=False)
    python = folder / "venv" / "bin" / "python"
    [site] = (folder / "venv" / "lib").glob("python*/site-packages")
    for part in (SITE / "lm_eval", *SITE.glob("lm_eval-*.dist-info")):
        ours = shutil.ignore_patterns("__pycache__", "sure_math")
        shutil.copytree(part, site / part.name, copy_function=os.link, ignore=ours)
    (site / "dependencies.pth").write_text(f"{SITE}\n", encoding="utf-8")
    script = f"#!{python}\nimport sys\nfrom lm_eval.__main__ import cli_evaluate\nsys.exit(cli_evaluate())\n"
    (python.parent / "lm_eval").write_text(script, encoding="utf-8")
    (python.parent / "lm_eval").chmod(0o755)
    pip = [sys.executable, "-m", "pip"]
    wheels = ["wheel", str(ROOT), "--no-deps", "--no-build-isolation", "--quiet", "--wheel-dir", str(folder)]
    subprocess.run([*pip, *wheels], check=True, timeout=600)
    [wheel] = folder.glob("sure_math-*.whl")
    install = ["--python", str(python), "install", "--no-deps", "--no-index", "--quiet", str(wheel)]
    subprocess.run([*pip, *install], check=True, timeout=600)
    return Installation(python=python)


@pytest.mark.slow
def test_the_literal_command_evaluates_the_pocket_student(installation: Installation, tmp_path: Path) -> None:
    """In a directory like the repository's root, which has a folder of the task's name."""
    (tmp_path / "sure_math").mkdir()
    (tmp_path / "sure_math" / "build.py").touch()
    rows = [
        {"id": f"p{number}", "problem": f"Compute {number + 2} + 3.", "answer": str(number + 5)} for number in range(2)
    ]
    data = benchmark_file(tmp_path, rows)
    student = f"pretrained={ROOT / 'sure_math' / 'pocket' / 'models' / 'student'},dtype=float32"
    command = ["lm_eval", "--model", "hf", "--model_args", student, "--device", "cpu", "--batch_size", "17"]
    command += ["--tasks", "sure_math", "sure_math_pocket", "--apply_chat_template", "--limit", "2"]
    command += ["--metadata", json.dumps({"data": {"sure_math": str(data)}}), "--gen_kwargs", "max_gen_toks=64"]
    command += ["--output_path", "out", "--log_samples", "--use_cache", "out/responses"]
    output = installation.run(tmp_path, *command)
    for metric in ("pass@1", "avg@16", "truncated@16", "unboxed@16", "timed_out@16"):
        assert f"|{metric}" in output
    assert "Duplicate task name" not in output and "overrides existing task" not in output
    [file] = (tmp_path / "out").rglob("results_*.json")
    results = json.loads(file.read_text("utf-8"))
    for task in ("sure_math", "sure_math_pocket"):
        [samples] = file.parent.glob(f"samples_{task}_2*.jsonl")
        problems = [json.loads(line) for line in samples.read_text("utf-8").splitlines()]
        assert [len(problem["resps"]) for problem in problems] == [17, 17]
        scores = results["results"][task]
        assert isinstance(scores["pass@1_stderr,none"], float) and isinstance(scores["avg@16_stderr,none"], float)
        assert results["sure_math"]["tasks"][task]["sent"]["sampled"]["max_gen_toks"] == 64
    assert results["sure_math"]["responses"] == {"generated": 68, "from_journal": 0}

    output = installation.run(tmp_path, "python", "-m", "eval_harness", "doctor")
    assert "the literal command works in any directory" in output and "math-verify" in output


def test_this_editable_installation_is_told_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    if diagnose().state == "registered":
        pytest.skip("these tests run against an installed wheel")
    assert main(["doctor"]) == 0
    output = capsys.readouterr().out
    assert "python -m eval_harness run --tasks sure_math" in output and f"--include_path {TASKS}" in output
    assert "math-verify" in output and "latex2sympy2_extended" in output


def test_what_the_wrapper_adds_to_lm_evals_options(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eval_harness.command.is_registered", lambda: False)
    include = ["--include_path", str(TASKS)]
    assert lm_eval_arguments(["ls", "tasks"]) == ["ls", "tasks", *include]
    words = ["run", "--tasks", "math500", "--output_path", "out"]
    assert lm_eval_arguments(words) == [*words, *include, "--use_cache", "out/responses"]
    with_cache = ["run", "--output_path=out/x.json", "--use_cache", "mine"]
    assert lm_eval_arguments(with_cache) == [*with_cache, *include]
    with pytest.raises(ValueError, match="lm-eval accepts one folder"):
        lm_eval_arguments(["run", "--include_path", "theirs"])
    monkeypatch.setattr("eval_harness.command.is_registered", lambda: True)
    assert lm_eval_arguments(["run", "-o", "x.json"]) == ["run", "-o", "x.json", "--use_cache", "responses"]
    assert lm_eval_arguments(["run", "--include_path", "theirs"]) == ["run", "--include_path", "theirs"]


@pytest.mark.slow
def test_the_wrapper_runs_in_the_root_of_the_repository(tmp_path: Path) -> None:
    data = benchmark_file(tmp_path, [{"id": "a", "problem": "Compute 2 + 3.", "answer": "5"}])
    command = [sys.executable, "-m", "eval_harness", "run", "--model", "dummy", "--tasks", "sure_math"]
    command += ["--metadata", f"data={data}", "--output_path", str(tmp_path / "out")]

    environment = os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    process = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=900, check=False
    )
    assert process.returncode == 0, process.stderr
    assert "IDENTICAL SAMPLES" in process.stdout and "summary: " in process.stdout
    [file] = (tmp_path / "out").rglob("summary_*.json")
    summary: dict[str, Any] = json.loads(file.read_text("utf-8"))
    assert summary["tasks"]["sure_math"]["outcomes"]["greedy"]["unboxed"] == 1
    assert summary["responses"] == {"generated": 17, "from_journal": 0}
    assert summary["versions"]["math-verify"]
    assert (tmp_path / "out" / "responses.responses.db").is_file()


def test_commands_that_cannot_be_done(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["summary", str(tmp_path)]) == 2
    assert "has no results_*.json in it or below" in capsys.readouterr().err
    assert main(["compare", str(tmp_path), str(tmp_path)]) == 2
    if diagnose().state != "registered":
        assert main(["run", "--include_path", "theirs"]) == 2
        assert "lm-eval accepts one folder" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main([])


@pytest.mark.parametrize("option", ["-h", "--help", "--he"])
def test_the_help_shows_its_examples_and_no_secret(
    option: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_TOKEN", "model_args")  # a secret that the help would otherwise show
    with pytest.raises(SystemExit, match="0"):
        main(["run", option])
    printed = capsys.readouterr().out
    assert "key=val" in printed and "key=[secret]" not in printed
    assert "--[secret]" in printed and "model_args" not in printed


WITHOUT_LM_EVAL = """
import runpy, sys

sys.modules["lm_eval"] = None  # as if it were not installed
sys.argv[0] = "eval_harness"
runpy.run_module("eval_harness", run_name="__main__")
"""


@pytest.mark.parametrize(
    ("arguments", "printed"),
    [
        (("doctor",), "lm-eval is not installed: pip install 'sure-math[eval]'"),
        (("run", "--tasks", "sure_math"), "lm-eval is not installed: pip install 'sure-math[eval]'"),
        (("summary", "nowhere"), "has no results_*.json in it or below it"),
        (("tables", "--help"), "usage: python -m eval_harness.tables"),
        (("page", "--help"), "usage: python -m eval_harness.page"),
    ],
    ids=["doctor", "run", "summary", "tables", "page"],
)
def test_without_lm_eval_a_command_works_or_says_what_to_install(arguments: tuple[str, ...], printed: str) -> None:
    command = [sys.executable, "-c", WITHOUT_LM_EVAL, *arguments]
    process = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert printed in process.stdout + process.stderr
    assert "Traceback" not in process.stderr
