"""No secret of the user's is in a file or in the output, with a sentinel at every place where one may stand.

Pinned: a build with a server, whose key, whose other tokens and whose replies hold sentinels, a plan of a training, and
evaluations whose arguments hold a token; a configuration with a secret is refused with its key and without its value.
"""

import base64
import contextlib
import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from eval_harness.command import main as evaluate
from sure_math.build import main as build
from sure_math.redaction import hidden, hidden_values, is_secret_name, known_secrets, secrets_in
from tests.helpers.evaluations import benchmark_file
from tests.helpers.scripted_endpoint import NAME, Fault, ScriptedEndpoint
from tests.helpers.sentinels import ENVIRONMENT, REFUSED_MODEL_ARGUMENTS, REFUSED_OVERRIDES, SENTINEL, STUDENT
from uopd.train import main as train


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def server() -> Iterator[ScriptedEndpoint]:
    with contextlib.closing(ScriptedEndpoint(lambda text: [ord(one) % 50 for one in text][:20])) as endpoint:
        yield endpoint


def assert_no_secret(folder: Path, printed: object) -> None:
    assert SENTINEL not in str(printed)
    for file in folder.rglob("*"):
        if file.is_file():
            assert SENTINEL.encode() not in file.read_bytes(), file


def seeds(folder: Path) -> Path:
    file = folder / "seeds.jsonl"
    file.write_text(json.dumps({"problem": "What is 1 + 1?", "answer": "2"}) + "\n", encoding="utf-8")
    return file


def test_a_build_with_a_server_that_repeats_every_secret(
    server: ScriptedEndpoint, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    words = ["--config", "annotate", "--out", str(tmp_path / "out"), f"seeds.path={seeds(tmp_path)}"]
    words += ["teacher.model=scripted", "teacher.engine=server", f"teacher.server.url={server.url}"]
    words += ["teacher.server.api=chat", f"teacher.server.served_name={NAME}", "teacher.server.patience=0"]
    words += ["decontaminate.skip=all", "sample.num_samples=4", "cluster.equivalence=string"]
    body = json.dumps({"error": {"message": "\x1b[31mno: " + ", ".join(ENVIRONMENT.values())}}).encode()

    for status in (401, 500, 400):
        server.faults = defaultdict(lambda status=status: [Fault(status=status, body=body)] * 50)  # type: ignore[misc]
        assert build(words) == 1
    printed = capfd.readouterr()
    assert "[secret]" in printed.err or "[key]" in printed.err
    assert "\x1b[31mno" not in printed.err and "\x1b" not in printed.err
    server.faults = defaultdict(list)
    server.models = {"object": "list", "data": [{"id": NAME, "max_model_len": 100_000}]}
    reply = r"<b> \boxed{2}" + "\x1b \ud83d"
    server.change = lambda body, answer: answer["choices"][0]["message"].update(content=reply)
    assert build([*words, "--out", str(tmp_path / "answered")]) == 0
    assert_no_secret(tmp_path, printed)
    assert_no_secret(tmp_path, capfd.readouterr())


@pytest.mark.parametrize("override", REFUSED_OVERRIDES)
@pytest.mark.parametrize("dry", [[], ["--dry-run"]])
def test_a_configuration_with_a_secret_is_refused(
    override: str, dry: list[str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    words = ["--config", "annotate", "--out", "out", f"seeds.path={seeds(tmp_path)}", "teacher.model=pocket:teacher"]
    if "server" in override:
        words += ["teacher.engine=server"]
    assert build([*words, *dry, override]) == 1
    assert_no_secret(tmp_path, capfd.readouterr())


@pytest.mark.parametrize("option", ["engine_options={token: X}", "model=https://u:X@h/m"])
def test_a_training_with_a_secret_is_refused(option: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert train(["--config", "pocket", "--dry-run", f"teacher.{option.replace('X', SENTINEL)}"]) == 1
    assert_no_secret(tmp_path, capfd.readouterr())


def test_the_plan_of_a_training_has_no_secret(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    train(["--config", "pocket", "--dry-run"])
    assert_no_secret(tmp_path, capfd.readouterr())


@pytest.mark.parametrize("arguments", REFUSED_MODEL_ARGUMENTS)
@pytest.mark.parametrize("option", ["--model_args X", "--model_args=X", "-a X", "--model_a X"])
def test_an_evaluation_with_a_secret_is_refused(
    arguments: str, option: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    words = [word.replace("X", arguments, 1) for word in option.split(" ")]
    assert evaluate(["run", "--model", "hf", *words, "--tasks", "sure_math_pocket", "--output_path", "R"]) == 2
    printed = capfd.readouterr()
    assert "HF_TOKEN" in printed.err and "OPENAI_API_KEY" in printed.err
    assert_no_secret(tmp_path, printed)


def test_a_configuration_file_of_lm_eval_with_a_secret_is_refused(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path.parent / "config.yaml"
    file.write_text(f"model: hf\nmodel_args: {{pretrained: m, token: {SENTINEL}}}\ntasks: [x]\n", encoding="utf-8")
    assert evaluate(["run", "--config", str(file)]) == 2
    assert_no_secret(tmp_path, capfd.readouterr())


@pytest.mark.slow
def test_an_evaluation_with_secrets_in_the_environment(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    data = benchmark_file(tmp_path, [{"id": "p", "problem": "Compute 2 + 3.", "answer": "5"}])
    words = ["run", "--model", "hf", "--model_args", f"pretrained={STUDENT},dtype=float32", "--device", "cpu"]
    words += ["--tasks", "math500", "--limit", "1", "--apply_chat_template", "--gen_kwargs", "max_gen_toks=32"]
    words += ["--metadata", json.dumps({"data": str(data), "samples": 2}), "--output_path", "R", "--log_samples"]
    assert evaluate(words) == 0
    assert list((tmp_path / "R").rglob("results_*.json"))
    assert_no_secret(tmp_path, capfd.readouterr())


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Authorization: Bearer abcdef123456", "Authorization: Bearer [secret]"),
        ('{"token": "abc", "eos_token": "</s>"}', '{"token": [secret], "eos_token": "</s>"}'),
        ("GET https://u:p@host/x?sig=1#f failed", "GET https://host/x failed"),
        ("api_key=abc, max_tokens=5", "api_key=[secret], max_tokens=5"),
        ("the key hf_abcdefgh is wrong", "the key [secret] is wrong"),
        ("key: it is not set; token: is missing", "key: it is not set; token: is missing"),
        ("pass@1: 0.5, tokens: 12", "pass@1: 0.5, tokens: 12"),
    ],
)
def test_what_is_hidden_in_a_text(text: str, shown: str) -> None:
    assert hidden(text, []) == shown


def test_names_of_secrets() -> None:
    secret = "token api_key X-API-Key hfToken db.password Proxy-Authorization Set-Cookie client_secret ssh_key PASSWD"
    plain = "tokenizer eos_token max_tokens think_end_token key_variable answer_key pass@1 author monkey"
    assert [name for name in secret.split() if not is_secret_name(name)] == []
    assert [name for name in plain.split() if is_secret_name(name)] == []


def test_trees_and_the_environment() -> None:
    tree = {"config": {"model_args": {"token": 1234567, "header": {"X": "abc"}, "n": 1}, "list": ["http://u:p@h/"]}}
    assert hidden_values(tree, []) == {
        "config": {"model_args": {"token": "[secret]", "header": {"X": "[secret]"}, "n": 1}, "list": ["http://h/"]}
    }
    assert known_secrets({"KEY": "1", "TOKEN": "true", "GOOGLE_CREDENTIALS": "/a/file.json", "A_KEY": "abcdef"}) == ()
    assert list(secrets_in({"a": {"b": "x SECRETVALUE y"}}, {"MY_TOKEN": "SECRETVALUE"})) == [
        ("a.b", "the value of an environment variable that is a secret by its name")
    ]


@pytest.mark.parametrize(
    "spelled",
    [
        str.upper,
        str.swapcase,
        lambda secret: secret.encode().hex(),
        lambda secret: secret.encode().hex("%"),
        lambda secret: base64.b64encode(secret.encode()).decode(),
        lambda secret: base64.urlsafe_b64encode(secret.encode()).decode().rstrip("="),
        lambda secret: quote(secret, safe=""),
        lambda secret: json.dumps(secret)[1:-1],
    ],
)
def test_a_secret_in_another_spelling_is_hidden(spelled: Callable[[str], str]) -> None:
    secret = 'Zq7/é"k+9wXyz-LMN_0'
    text = f"the key <{spelled(secret)}> is not known"
    assert re.fullmatch(r"the key <\[secret\]=*> is not known", hidden(text, [secret]))
