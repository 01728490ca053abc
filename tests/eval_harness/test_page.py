"""The page of a run, parsed as HTML.

Pinned: the page has every problem with statement, gold, responses, answers, outcomes and clusters; no text of a model
becomes an element, an attribute or a link, and the page loads nothing and runs only its own script; formulas become
MathML, prices do not, and formulas that cannot be read stay LaTeX; the size is bounded, and the page says what is left
out; without the log of samples the message says what to do; the same run gives the same page.
"""

import base64
import hashlib
import json
import re
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from eval_harness.command import main as command
from eval_harness.page.command import main
from eval_harness.page.mathml import formula, rendered
from eval_harness.page.page import render_page
from eval_harness.records import ResultError
from eval_harness.results import read_result_file

NASTY = '<script>alert(1)</script><img src=x onerror="alert(2)">'


class Elements(HTMLParser):
    """Parses a page into its tags with their attributes, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "col"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def text(self) -> str:
        return "".join(self.texts)


def graded(answer: str | None, outcome: str) -> dict[str, Any]:
    return {"answer": answer, "outcome": outcome, "thought": False, "finish_reason": "stop", "token_count": 9}


def run_of(
    folder: Path, problems: Sequence[tuple[str, str, Sequence[tuple[str, str | None, str]]]], *, log: bool = True
) -> Path:
    """Write a result file and its log.

    A problem is its statement, its gold, and (text, answer, outcome) of each response.
    """
    names = [f"p{number}" for number in range(len(problems))]
    samples = len(problems[0][2]) - 1
    counts = dict.fromkeys(("correct", "wrong", "undecided", "timed_out", "truncated", "unboxed", "empty"), 0)
    summary = {
        "benchmark": "math500",
        "problems": len(problems),
        "samples": samples,
        **{"origin": "a file", "fingerprint": "f", "left_out": 0, "judge": None, "max_gen_toks": 64},
        "chat_template": True,
        "outcomes": {"greedy": counts, "sampled": counts},
        "sent": {"sampled": {"temperature": 1.2}},
        "pass@1": {"value": 0.5, "stderr": 0.25},
        f"avg@{samples}": {"value": 0.25, "stderr": None},
        "per_problem": {name: {"greedy": "0", "samples": "0" * samples} for name in names},
    }
    section = {"format": 1, "tasks": {"math500": summary}, "versions": {"sympy": "1.14.0"}, "notes": [f"note {NASTY}"]}
    results = {"model_name": f"model{NASTY}", "config": {"limit": None}, "sure_math": section}
    stamp = "2026-01-02T03-04-05.678901"
    path = folder / f"results_{stamp}.json"
    path.write_text(json.dumps(results), encoding="utf-8")
    lines = [
        {
            "doc_id": number,
            "doc": {"problem_id": names[number], "problem": statement, "answer": gold, "grading": "boxed"},
            "resps": [[text] for text, _, _ in responses],
            "responses": {
                "problem_id": names[number],
                "graded": [graded(answer, outcome) for _, answer, outcome in responses],
            },
        }
        for number, (statement, gold, responses) in enumerate(problems)
    ]
    if log:
        file = folder / f"samples_math500_{stamp}.jsonl"
        file.write_text("".join(json.dumps(line) + "\n" for line in reversed(lines)), encoding="utf-8")
    return path


PROBLEMS: list[tuple[str, str, list[tuple[str, str | None, str]]]] = [
    (
        "What is $\\frac{1}{2} + 1$?",
        "\\frac{3}{2}",
        [
            ("It is \\boxed{1.5}.", "1.5", "correct"),
            ("So \\boxed{\\frac{3}{2}}.", "\\frac{3}{2}", "correct"),
            ("So \\boxed{7}.", "7", "wrong"),
            ("So \\boxed{7}.", "7", "wrong"),
            ("I do not know.", None, "unboxed"),
        ],
    ),
    (f"Second {NASTY}", NASTY, [(NASTY, NASTY, "wrong")] * 5),
]


def test_every_problem_with_answers_verdicts_and_clusters(tmp_path: Path) -> None:
    text = render_page(read_result_file(run_of(tmp_path, PROBLEMS)))
    elements = Elements(text)
    assert elements.open == []
    [first, second] = [body for body in elements.named("tbody") if "data-number" in body]
    assert first == {
        "data-number": "1",
        **{"data-greedy": "1", "data-right": "1", "data-samples": "4", "data-clusters": "2", "data-tokens": "9"},
    }
    assert second["data-number"] == "2" and second["data-clusters"] == "1" and second["data-greedy"] == "0"
    assert "p0: 5 responses, 4 different texts, answers in clusters of 2 + 2" in elements.text
    assert "the text of sample 2" in elements.text and "unboxed" in elements.text and "1 of 4" in elements.text
    assert "pass@1 50.0 %" in elements.text and "± 25.0" in elements.text and "avg@4 25.0 %" in elements.text
    keys = [button.get("data-key") for button in elements.named("button") if "data-key" in button]
    assert keys == ["number", "greedy", "right", "clusters", "tokens"]
    assert all(key and f"data-{key}" in first for key in keys)


def test_nothing_a_model_wrote_is_more_than_text(tmp_path: Path) -> None:
    text = render_page(read_result_file(run_of(tmp_path, PROBLEMS)))
    elements = Elements(text)
    assert (
        not elements.named("img")
        and not elements.named("a")
        and not elements.named("link")
        and not elements.named("iframe")
    )
    assert not [
        name for _, attributes in elements.tags for name in attributes if name.startswith("on") or name == "href"
    ]
    assert not [attributes for _, attributes in elements.tags if "src" in attributes]
    assert elements.text.count(NASTY) >= 5
    [script] = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    [policy] = [meta["content"] for meta in elements.named("meta") if "http-equiv" in meta]
    assert policy == f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    assert "http" not in text.replace("http-equiv", "").replace("http://www.w3.org/1998/Math/MathML", "")


@pytest.mark.parametrize(
    "latex",
    [
        r"\text{<script>alert(1)</script>}",
        r"\href{javascript:alert(1)}{x}",
        r"\style{background:url(//x)}{x}",
        r"\class{\"><script>}{x}",
        r"\color{\"><script>}x",
        r"x < y & <img src=x onerror=alert(1)>",
    ],
)
def test_a_formula_holds_mathematics_only(latex: str) -> None:
    elements = Elements(str(formula(latex)))
    assert not {tag for tag, _ in elements.tags} & {"script", "img", "a"}
    names = {name for tag, attributes in elements.tags if tag != "span" and tag != "code" for name in attributes}
    assert not names & {"href", "style", "class", "mathcolor", "src", "onerror"}


def test_formulas_are_mathml_and_prices_are_not() -> None:
    text = r"A coffee costs $5 and a tea $7, $x^2$ and \(y\): \[\frac{1}{2}\] so \boxed{\sqrt{2}} & \$3."
    elements = Elements(str(rendered(text)))
    assert [math["display"] for math in elements.named("math")] == ["inline", "inline", "block", "inline"]
    assert "costs $5 and a tea $7" in elements.text and r"& \$3." in elements.text
    assert {"msup", "mfrac", "msqrt"} <= {tag for tag, _ in elements.tags}
    assert {span["title"] for span in elements.named("span")} == {"x^2", "y", r"\frac{1}{2}", r"\boxed{\sqrt{2}}"}


@pytest.mark.parametrize("latex", [r"\unknown{2}", r"\left(", "x" * 2000, "{" * 300 + "x" + "}" * 300, r"\frac"])
def test_what_cannot_be_read_stays_latex(latex: str) -> None:
    elements = Elements(str(formula(latex)))
    assert [tag for tag, _ in elements.tags] == ["code"] and elements.text == latex


def test_the_size_is_bounded_and_says_what_is_left_out(tmp_path: Path) -> None:
    long = "An equation $a_1 = \\frac{1}{2}$ again. " * 500
    responses = [(f"{long}{number} \\boxed{{4}}", "4", "correct") for number in range(5)]
    run = read_result_file(run_of(tmp_path, [("Short?", "4", responses)] * 4))
    full, small = render_page(run), render_page(run, megabytes=0.05)
    assert len(full.encode()) > 0.8e6 and len(small.encode()) < 0.05e6 + 12_000  # the page around the problems
    assert "characters left out" in full and "characters left out" in small
    assert Elements(small).open == [] and "\\boxed{4}" in Elements(small).text
    assert Elements(small).text.count("characters left out") == 20


def test_a_run_without_its_log_is_told_what_to_do(tmp_path: Path, capsys: Any) -> None:
    path = run_of(tmp_path, PROBLEMS, log=False)
    with pytest.raises(ResultError, match=r"there is no log of samples beside results_.*--log_samples"):
        render_page(read_result_file(path))
    assert main([str(path)]) == 2 and capsys.readouterr().err.startswith("page: ")
    (tmp_path / f"samples_math500_{path.stem.removeprefix('results_')}.jsonl").write_text("{}\n", encoding="utf-8")
    with pytest.raises(ResultError, match="line 1: doc_id: field required"):
        render_page(read_result_file(path))


def test_the_command_writes_beside_the_results(tmp_path: Path) -> None:
    path = run_of(tmp_path, PROBLEMS)
    assert command(["page", str(tmp_path)]) == 0
    [file] = tmp_path.glob("page_*.html")
    assert file.read_text("utf-8") == render_page(read_result_file(path))
