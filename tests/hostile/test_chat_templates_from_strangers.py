"""Attacks by chat templates: each ends within its limits in one line, and usual templates render as transformers does.

- loops without end, huge numbers and texts, recursion, escapes from the sandbox, damaged templates: one line;
- the process that renders is used again after each of them, in threads, after forks and after it was killed;
- it ends with its parent, even while a template runs;
- lower limits of its parent stay, and the message about the memory names the limit that holds;
- the templates of usual kinds of models give the same text as the tokenizer's own method.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from eval_harness.local_models import bounded_templates
from sure_math.models.engines import EngineUnavailable
from sure_math.models.engines.files import load_tokenizer
from sure_math.models.responders import templates
from sure_math.models.responders.chat import Chat, Message
from sure_math.models.responders.templates import TemplateFailure, apply_chat_template, render

LOOP = "{% for a in range(99999) %}" * 3 + "{% endfor %}" * 3
HOSTILE: dict[str, tuple[str, str]] = {
    "loops in loops": (LOOP, "runs longer than"),
    "a power": ("{{ 10**(10**9) }}", "runs longer than|memory"),
    "a power of powers": ("{{ 9**(9**(9**9)) }}", "runs longer than|memory"),
    "a long text": ("{{ 'a' * 10**10 }}", "memory"),
    "a text that doubles": (
        "{% set s = namespace(x='a') %}{% for i in range(99) %}{% set s.x = s.x ~ s.x %}{% endfor %}",
        "memory",
    ),
    "a list that doubles": (
        "{% set s = namespace(x=[1]) %}{% for i in range(99) %}{% set s.x = s.x + s.x %}{% endfor %}",
        "memory|longer",
    ),
    "padding": ("{{ 'a'.center(10**10) }}", "memory"),
    "a format": ("{{ '{:99999999}'.format(1) }}", "writes more than"),
    "replacement": ("{{ ('a' * 10**5).replace('a', 'b' * 10**6) }}", "memory"),
    "lorem ipsum": ("{{ lipsum(n=10**7) }}", "longer|memory"),
    "recursion": ("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "nested too deeply"),
    "deep brackets": ("{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}", "nested too deeply|fails|ended"),
    "another file": ("{% include '/etc/passwd' %}", "fails"),
    "an import": ("{% import 'os' as os %}", "fails"),
    "the class of a text": ("{{ ''.__class__.__mro__[1].__subclasses__() }}", "fails"),
    "globals of a function": ("{{ raise_exception.__globals__['json'] }}", "fails"),
    "format of attributes": ("{{ '{0.__class__}'.format(1) }}", ""),
    "attributes by a filter": ("{{ cycler|attr('__init__')|attr('__globals__') }}", ""),
    "a cut tag": ("{% for m in messages", "fails"),
    "no such filter": ("{{ messages|nothing }}", "fails"),
    "its own error": ("{{ raise_exception('\x1b[31m no \n system') }}", "fails"),
    "an end": ("{% break %}", "fails|"),
}


def tokenizer_with(tiny_model: Path, template: str) -> Any:
    tokenizer = load_tokenizer(tiny_model)
    tokenizer.chat_template = template
    return tokenizer


@pytest.mark.slow
@pytest.mark.parametrize(("template", "message"), HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_template_ends_within_its_limits(tiny_model: Path, template: str, message: str) -> None:
    chat = Chat(tokenizer_with(tiny_model, template), name="strange", template_options={})
    started = time.monotonic()
    try:
        chat.encode([Message(role="user", content="w9")])
    except EngineUnavailable as error:
        assert str(error).isprintable() and len(str(error)) < 600
        assert str(error).startswith("model 'strange': its chat template ")
        assert any(word in str(error) for word in message.split("|"))
    else:
        assert not message or message.endswith("|")
    assert time.monotonic() - started < 60
    assert render("{{ x }}", {"x": "still there"}) == "still there"


TEMPLATES = {
    "chatml": (
        "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] | trim }}"
        "{{ '<|im_end|>\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
    ),
    "special tokens, tools and options": (
        "{{ bos_token }}{{ eos_token }}{%- if tools %}{{ tools | tojson }}{% endif %}\n    {% if enable_thinking is "
        "defined and enable_thinking is false %}\n<think>\n\n</think>{% endif %}{{ messages | tojson(indent=2) }}"
    ),
    "the tag generation": (
        "{% for message in messages %}{% if loop.first %}{{ message.content }}{% else %}{% generation %}"
        "{{ message.content }}{% endgeneration %}{% endif %}{% endfor %}"
    ),
    "break and namespaces": (
        "{% set ns = namespace(n=0) %}{% for message in messages %}{% set ns.n = ns.n + 1 %}{% if ns.n == 2 %}"
        "{% break %}{% endif %}{{ message.content.split('w')[-1] }}{% endfor %}{{ ns.n }}{{ messages[0]['role'] }}"
    ),
    "a date": "{{ strftime_now('%Y') }}{{ messages[-1].content }}",
    "characters": "ünï {{ messages[0].content }} \U0001f600",
}


@pytest.mark.parametrize("template", TEMPLATES.values(), ids=TEMPLATES)
@pytest.mark.parametrize("options", [{}, {"enable_thinking": False}])
def test_usual_templates_render_as_transformers_does(
    tiny_model: Path, template: str, options: dict[str, object]
) -> None:
    tokenizer = tokenizer_with(tiny_model, template)
    turns = [{"role": "system", "content": " Be “brief” \ud83d"}, {"role": "user", "content": "w1\n<b> & w2"}]
    expected = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True, **options)
    assert apply_chat_template(tokenizer, turns, options) == expected


def test_a_damaged_choice_of_templates_ends_in_one_line(tiny_model: Path) -> None:
    tokenizer = tokenizer_with(tiny_model, "x")
    tokenizer.chat_template = {"tool_use": "x", "other": "y"}
    with pytest.raises(EngineUnavailable, match="its chat template cannot be chosen"):
        Chat(tokenizer, name="strange", template_options={}).encode([Message(role="user", content="w9")])
    options = {"enable_thinking": object()}
    with pytest.raises(EngineUnavailable, match="no JSON value"):
        Chat(tokenizer_with(tiny_model, "x"), name="strange", template_options=options).encode(
            [Message(role="user", content="w9")]
        )


def test_threads_get_their_own_replies() -> None:
    with ThreadPoolExecutor(8) as pool:
        texts = list(pool.map(lambda number: render("{{ n }}", {"n": number}), range(400)))
    assert texts == [str(number) for number in range(400)]


def test_a_killed_process_is_replaced() -> None:
    render("{{ 1 }}", {})
    process = templates._renderer._process
    assert process is not None
    os.kill(process.pid, signal.SIGKILL)
    time.sleep(0.2)
    assert render("{{ 2 }}", {}) == "2"


def test_a_fork_has_a_process_of_its_own() -> None:
    assert render("{{ 1 }}", {}) == "1"
    child = os.fork()
    if child == 0:
        os._exit(0 if render("{{ 2 }}", {}) == "2" else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert render("{{ 3 }}", {}) == "3"


@pytest.mark.slow
def test_the_process_ends_with_its_parent() -> None:
    """The parent is killed while a template runs."""
    code = (
        "import threading, time\n"
        "from sure_math.models.responders import templates\n"
        "templates.render('', {})\n"
        "print(templates._renderer._process.pid, flush=True)\n"
        f"templates.render({LOOP!r}, {{}})\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    time.sleep(0.5)
    parent.kill()
    parent.communicate()
    deadline = time.monotonic() + 30
    while _runs(child) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not _runs(child)


@pytest.mark.slow
@pytest.mark.parametrize("lower", ["(m, m)", "(m, resource.RLIM_INFINITY)"], ids=["hard and soft", "soft alone"])
def test_lower_limits_of_the_parent_stay(lower: str) -> None:
    """A container or `ulimit -v` allows less memory than the process takes for itself."""
    code = (
        "import resource\n"
        "from sure_math.models.responders import templates\n"
        "start = templates.subprocess.Popen\n"
        "m = 700 << 20\n"
        f"limits = lambda: resource.setrlimit(resource.RLIMIT_AS, {lower})\n"
        "templates.subprocess.Popen = lambda *a, **k: start(*a, preexec_fn=limits, **k)\n"
        "assert templates.render('{{ 1 + 1 }}', {}) == '2'\n"
        "print(*resource.prlimit(templates._renderer._process.pid, resource.RLIMIT_AS))\n"
        "try:\n"
        "    templates.render('{{ \"a\" * 10**10 }}', {})\n"
        "except templates.TemplateFailure as failure:\n"
        "    print(failure)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [f"{700 << 20} {700 << 20}", "needs more than 700 MiB of memory"]


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


class _BackEnd:
    """A back end of lm-eval, as far as its template is concerned."""

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer


@pytest.mark.slow
def test_the_evaluation_renders_within_the_limits(tmp_path: Path, tiny_model: Path) -> None:
    turns = [{"role": "user", "content": "w9"}]
    good = _BackEnd(load_tokenizer(tiny_model))
    expected = good.tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
    with bounded_templates(good):
        assert good.tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True) == expected
        ids = good.tokenizer.apply_chat_template(turns, tokenize=True, add_generation_prompt=True, return_dict=False)
        assert ids == good.tokenizer(expected, add_special_tokens=False)["input_ids"]
    assert "apply_chat_template" not in vars(good.tokenizer)
    folder = Path(shutil.copytree(tiny_model, tmp_path / "model"))
    (folder / "chat_template.jinja").write_text(LOOP)
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    settings.pop("chat_template", None)
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    bad = _BackEnd(load_tokenizer(folder))
    with bounded_templates(bad), pytest.raises(EngineUnavailable, match="runs longer than"):
        bad.tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)


def test_a_failure_says_which_error_it_was() -> None:
    with pytest.raises(TemplateFailure) as failure:
        render("{{ raise_exception('no system prompt') }}", {})
    assert failure.value.kind == "TemplateError"


def test_half_a_character_is_a_message(tiny_model: Path) -> None:
    chat = Chat(tokenizer_with(tiny_model, "{{ '\\ud800' }}"), name="m", template_options={})
    with pytest.raises(EngineUnavailable, match="writes half a character"):
        chat.encode([Message(role="user", content="hi")])
