r"""Cards, reports, pages and terminal lines are safe in any viewer.

Pinned, with every hostile text in every field that comes from outside: the dataset card, the model card, the report of
a training, the report of a validation, the READMEs of exports, the tables of results and the page of a run have the
same elements as with harmless texts, with HTML switched on and in a real browser; no byte of them is a control
character; half a character stops none of them; an error runs nothing on the terminal.
"""

import json
import re
import shutil
import subprocess
import unicodedata
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt

from eval_harness.page.command import main as page_command
from eval_harness.tables.cells import Cell
from eval_harness.tables.text import Grid, markdown
from sure_math.command_line.arguments import print_error
from sure_math.command_line.terminal import terminal_console
from sure_math.publication.facts import ModelFacts
from sure_math.publication.publish import publish
from sure_math.reporting.advantage import Pair, measure_advantage
from sure_math.reporting.templates import environment
from sure_math.rows import Dropped, SourceFacts
from sure_math.validation.report import render_report
from tests.eval_harness.test_page import run_of
from tests.helpers.hostile_texts import HOSTILE_TEXTS, MARK
from tests.helpers.small_published_run import a_problem, a_shard, an_uncertainty, some_facts
from tests.sure_math.test_escaping import Elements

CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)
WHOLE = tuple(text for text in HOSTILE_TEXTS if not any("\ud800" <= character <= "\udfff" for character in text))


def elements(text: str) -> Counter[str]:
    body = text.partition("\n---\n\n")[2] if text.startswith("---\n") else text
    html = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(body)
    return Counter(Elements(html).tags)


def assert_shown_only(text: str) -> None:
    acted_on = [one for one in text if unicodedata.category(one) in ("Cc", "Cs", "Zl", "Zp") and one not in "\n\t"]
    assert acted_on == [] and "\u202e" not in text
    text.encode()


def card(folder: Path, text: str) -> str:
    facts = some_facts()
    facts = replace(
        facts,
        config_name=text,
        command=text,
        config={**facts.config, text: text, "list": [text, {"x": text}]},
        versions={text: text},
        models=(ModelFacts(role="teacher", name=text, fingerprint=text, engine=text, logprob_mode=text),),
        prompts={"solve": text},
        sources=tuple(
            SourceFacts(name=text, role=role, dataset=text, revision=text, license=text, problems=3)
            for role in ("seeds", "benchmark")
        ),
    )
    problem = a_problem(
        "p", problem=text, answer=text, answer_source=text, source=text, tier=text, strategy=text, author=text,
        license=text, overlaps=(text,),
    )  # fmt: skip
    shard = a_shard(
        problem,
        (text, "4"),
        (0, 1),
        an_uncertainty("p", note=text, majority_answer=text),
        dropped=(
            Dropped(problem_id="q", phase=text, reason=text, detail=text, problem=text, source=text, strategy=text),
        ),
    )
    publish([shard], facts, folder)
    return (folder / "README.md").read_text(encoding="utf-8")


def model_card(folder: Path, text: str) -> str:
    facts: dict[str, Any] = {
        "models": {"student": {"name": text, "fingerprint": text}, "teacher": {"name": text, "fingerprint": text}},
        "dataset": {"fingerprint": text, "train": 3, "teacher": text},
        "config": {
            "rollouts": {"per_prompt": 2, "temperature": 1.0, "max_new_tokens": 5},
            "optimizer": {"beta1": 0.9, "beta2": 0.9, "learning_rate": 1e-3, "schedule": text, "warmup": 1, "clip": 1},
            "data": {"prompts_per_step": 2, "x": text},
        },
        "versions": {text: text},
        "prompt": text,
        "learns_from": text,
        "method": "uopd",
        "summary": {"steps": 1, "response_tokens": 5, "evaluation": None},
    }
    return environment().get_template("model_card.md.j2").render(**facts)


def training_report(folder: Path, text: str) -> str:
    summary = {
        "steps": 1, "response_tokens": 5, "evaluation": None, "window": 10, "first": {text: 1.0}, "last": {text: 1.0},
        "seconds": {text: 1.0}, "shares": {text: 0.5}, "tokens_per_second": 1.0, "peak_bytes": 5,
        "failed_steps": [{"step": 1, "reason": text}],
    }  # fmt: skip
    facts = {"method": text, "models": {"student": {"name": text}}, "learns_from": text, "summary": summary}
    return environment().get_template("training_report.md.j2").render(**facts)


def export_readme(folder: Path, text: str) -> str:
    numbers = {"rows": 3, "left_out": 1, "unlabelled": 1, "overlapping": 1, "assumed_prompt": True, "trl": "1.16"}
    return "\n".join(
        environment().get_template(f"export_{name}.md.j2").render(
            name=text, split="train", fingerprint=text, teacher=text, **numbers
        )
        for name in ("trl", "verl")
    )  # fmt: skip


def headroom(text: str) -> dict[str, Any]:
    pair = Pair(weights=[1.0, 0.5, 0.5], right=[True, True, False], student=0.5)
    counts = {"problems": 1, "by_id": 1, "by_text": 0, "unmatched": 1, "other_text": 1, "without_student": 1}
    return {
        "student_name": text, "student_origin": text, "matched": counts, "too_few_samples": 1, "ungraded": 1,
        "problems": 1, "teacher_samples": 3, "student_better": 1,
        **asdict(measure_advantage([pair], resamples=10, seed=0)),
    }  # fmt: skip


def validation_report(folder: Path, text: str) -> str:
    score = {"score": text, "value": 0.5, "low": 0.1, "high": 0.9, "problems": 5, "positives": 2, "undefined": None}
    example = {
        "problem_id": text, "problem": text, "answers": [[text, 3], [None, 1]], "judged_answer": text, "gold": text,
        "wrong": True, "entropy": 0.5,
    }  # fmt: skip
    end = {"problems": 1, "correct": 1, "accuracy": 1.0}
    report = {
        "label": "greedy", "seed": 0, "resamples": 10, "origin": text, "equivalence": text, "problems": 5,
        "unlabelled": 1,
        "too_few_samples": 1, "incomplete": 1, "num_samples": {text: 1}, "weight_kind": {text: 5}, "accuracy": 0.5,
        "scores": [score | {"skipped_resamples": 1}], "tied_majorities": None, "complete_only": [score], "bins": [],
        "largest_rise": None, "ends": {"low": end, "high": end},
        "risk_coverage": {"area": 0.1, "area_at_best": 0.1, "area_at_random": 0.1, "points": []},
        "unanimous": {"problems": 1, "wrong": 1, "errors": 1, "examples": [example]},
        "slices": {"tier": [{"name": text, "problems": 1, "positives": 1, "accuracy": 0.5, "auroc": None}]},
        "examples": {"low": [example], "high": [example]},
        "headroom": headroom(text),
    }  # fmt: skip
    return render_report(report, examples=True)


def results_table(folder: Path, text: str) -> str:
    row = (text, Cell(value=0.8, error=0.064))
    return markdown(
        Grid(
            caption=text,
            label="t",
            columns=(text, text),
            groups=((text, 1),),
            blocks=((text, (row, row)),),
            notes=(text,),
        )
    )


DOCUMENTS = (card, model_card, training_report, export_readme, validation_report, results_table)


@pytest.mark.parametrize("write", DOCUMENTS, ids=lambda write: write.__name__)
def test_documents_have_the_elements_of_harmless_texts(write: Callable[[Path, str], str], tmp_path: Path) -> None:
    harmless = elements(write(tmp_path / "harmless", f"{MARK} text"))
    texts = HOSTILE_TEXTS if write is not card else WHOLE[::4]
    for number, text in enumerate(texts):
        written = write(tmp_path / str(number), text)
        assert elements(written) == harmless, text
        assert_shown_only(written)
        assert written.count(MARK) >= 5


@pytest.mark.slow
def test_the_card_of_a_dataset_with_every_hostile_text(tmp_path: Path) -> None:
    harmless = elements(card(tmp_path / "harmless", f"{MARK} text"))
    for number, text in enumerate(WHOLE):
        written = card(tmp_path / str(number), text)
        assert elements(written) == harmless, text
        assert_shown_only(written)


def hostile_run(folder: Path, texts: tuple[str, ...]) -> Path:
    folder.mkdir()
    responses = lambda text: [(text, text, "wrong"), (text, text, text), (f"{text} again", None, "unboxed")]  # noqa: E731
    path = run_of(folder, [(text, text, responses(text)) for text in texts])
    results = json.loads(path.read_text(encoding="utf-8"))
    joined = " ".join(texts)
    section = results["sure_math"]
    results["model_name"] = joined
    section["notes"] = list(texts)
    section["versions"] = {text: text for text in texts}
    section["tasks"]["math500"] |= {"origin": joined, "sent": {"sampled": {text: text for text in texts}}}
    path.write_text(json.dumps(results), encoding="utf-8")
    return path


def test_the_page_of_a_run_has_the_elements_of_harmless_texts(tmp_path: Path) -> None:
    pages = []
    for name, texts in (("harmless", tuple(f"{MARK} {n}" for n in range(len(HOSTILE_TEXTS)))), ("h", HOSTILE_TEXTS)):
        path = hostile_run(tmp_path / name, texts)
        assert page_command([str(path)]) == 0
        [page] = path.parent.glob("page_*.html")
        pages.append(page.read_text(encoding="utf-8"))
        assert_shown_only(pages[-1])
    harmless, hostile = (Elements(page) for page in pages)
    mathematics = {
        "math",
        "mrow",
        "mi",
        "mn",
        "mo",
        "mtext",
        "mfrac",
        "msup",
        "msub",
        "mspace",
        "mstyle",
        "menclose",
        "span",
        "code",
    }
    wanted, found = Counter(harmless.tags), Counter(hostile.tags)
    assert {tag: count for tag, count in found.items() if tag not in mathematics} == {
        tag: count for tag, count in wanted.items() if tag not in mathematics
    }
    assert not [name for name in hostile.attributes if name.startswith("on") or name in ("src", "href", "srcdoc")]


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
def test_a_browser_runs_nothing_of_a_page_or_a_card(tmp_path: Path) -> None:
    path = hostile_run(tmp_path / "run", HOSTILE_TEXTS)
    assert page_command([str(path)]) == 0
    [page] = path.parent.glob("page_*.html")
    # No policy here: only the escaping stands between a text and the browser.
    open_page = tmp_path / "open.html"
    text = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page.read_text(encoding="utf-8"))
    documents = "\n\n".join(write(tmp_path / "x", one) for one in HOSTILE_TEXTS for write in DOCUMENTS[1:])
    markdown_page = MarkdownIt("commonmark", {"html": True}).enable("table").render(documents)
    open_page.write_text(text.replace("</body>", f"<div>{markdown_page}</div></body>"), encoding="utf-8")
    for file in (page, open_page):
        dom = browser(file)
        found = Counter(Elements(dom).tags)
        assert found["script"] == 1, file
        assert not {"iframe", "object", "embed", "svg", "a", "base", "form"} & set(found) - {"a"} or file is open_page
        assert found["iframe"] == found["svg"] == found["object"] == found["embed"] == 0
        assert not [tag for tag in Elements(dom).attributes if tag.startswith("on") or tag == "srcdoc"]
        assert "DEFACED" not in dom


def browser(file: Path) -> str:
    """Open a file in Chromium, let its scripts run, and return the page as it is then."""
    assert CHROMIUM is not None
    options = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--virtual-time-budget=3000")
    profile = f"--user-data-dir={file.parent / 'profile'}"
    command = [CHROMIUM, *options, profile, "--dump-dom", f"file://{file}"]
    done = subprocess.run(command, capture_output=True, timeout=120, check=False)
    assert done.stdout, done.stderr.decode(errors="replace")[-500:]
    return done.stdout.decode(errors="replace")


@pytest.mark.parametrize("text", HOSTILE_TEXTS)
def test_an_error_runs_nothing_on_the_terminal(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    print_error(terminal_console(stderr=True), f"field {text}: cannot be used")
    console = terminal_console(width=4000)
    console.print(text)
    printed = capsys.readouterr()
    assert_shown_only(printed.err)
    assert_shown_only(printed.out)
    assert MARK in printed.err and MARK in printed.out


def test_a_reply_with_half_a_character_stops_no_evaluation(tmp_path: Path) -> None:
    from tests.helpers.evaluations import WrittenModel, benchmark_file, evaluate

    data = benchmark_file(tmp_path, [{"id": "p", "problem": "Compute 2 + 3.", "answer": "5"}])
    model = WrittenModel(lambda prompt, settings, number: "half \ud83d so \\boxed{5}")
    results = evaluate(
        model, "math500", metadata={"data": str(data)}, use_cache=str(tmp_path / "cache"), log_samples=True
    )
    json.dumps(results["samples"], ensure_ascii=False, default=str).encode()
    assert results["sure_math"]["tasks"]["math500"]["pass@1"]["value"] == 1.0
