r"""Text for each medium: terminal, Markdown, HTML, YAML, shell.

Pinned, for more than forty hostile texts: Markdown rendered with HTML switched on and with links made by themselves has
only our own elements, as prose, as a heading, in a cell and as code, and shows the whole text; the terminal gets no
control character; YAML gives the text back in one value; a shell gets exactly the words; a template cannot forget.
"""

import shutil
import subprocess
import unicodedata
from html.parser import HTMLParser

import pytest
import yaml
from markdown_it import MarkdownIt

from sure_math import escaping
from sure_math.reporting.templates import environment
from tests.helpers.hostile_texts import HOSTILE_TEXTS, MARK

ORDINARY = ("pocket:teacher", "Qwen/Qwen3-1.7B", "cc-by-4.0", "my_data", "1 - H / log N", "pass@1", "3.5 %")


class Elements(HTMLParser):
    """Collects the elements and the text of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[str] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_comment(self, data: str) -> None:
        self.tags.append("comment")

    def handle_pi(self, data: str) -> None:
        self.tags.append("pi")

    def unknown_decl(self, data: str) -> None:
        self.tags.append("declaration")


def rendered(text: str) -> Elements:
    return Elements(MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(text))


def unacted(text: str) -> bool:
    return all(
        unicodedata.category(character) not in ("Cc", "Cs", "Zl", "Zp") for character in text if character != "\n"
    )


@pytest.mark.parametrize("text", HOSTILE_TEXTS)
def test_prose_has_no_elements(text: str) -> None:
    shown = escaping.markdown(text)
    page = rendered(f"Before {shown} after.\n")
    assert page.tags == ["p"] and page.attributes == []
    assert MARK in page.text and unacted(shown) and "\n" not in shown
    alone = rendered(f"{shown}\n")
    assert alone.tags == ["p"] and MARK in alone.text


@pytest.mark.parametrize("text", HOSTILE_TEXTS)
def test_a_heading_stays_a_heading(text: str) -> None:
    page = rendered(f"# {escaping.markdown(text)}\n\nEnd.\n")
    assert page.tags == ["h1", "p"] and MARK in page.text


@pytest.mark.parametrize("write", [escaping.markdown, escaping.code_cell])
@pytest.mark.parametrize("text", HOSTILE_TEXTS)
def test_a_cell_stays_a_cell(text: str, write: object) -> None:
    row = f"| {write(text)} | last |"  # type: ignore[operator]
    page = rendered(f"| a | b |\n|---|---|\n{row}\n{row}\n")
    assert [tag for tag in page.tags if tag != "code"] == ["table", "thead", "tr", "th", "th", "tbody"] + [
        *("tr", "td", "td")
    ] * 2
    assert page.text.count(MARK) >= 2 and page.text.count("last") == 2


@pytest.mark.parametrize("text", HOSTILE_TEXTS)
def test_code_stays_code(text: str) -> None:
    page = rendered(f"Before {escaping.code(text)} after.\n\n{escaping.fenced(text, 'yaml')}\n\nEnd.\n")
    assert page.tags == ["p", "code", "pre", "code", "p"]
    assert MARK in page.text and "End." in page.text


@pytest.mark.parametrize("text", HOSTILE_TEXTS[:36])
def test_prose_shows_the_text_itself(text: str) -> None:
    wanted = " ".join(escaping.visible(text).split())
    assert rendered(f"x{escaping.markdown(text)}\n").text.strip() in (f"x{wanted}", f"x {wanted}")


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_names_stay_readable(text: str) -> None:
    assert escaping.markdown(text) == text
    assert escaping.visible(text) == text


@pytest.mark.parametrize("text", HOSTILE_TEXTS)
def test_the_terminal_runs_nothing(text: str) -> None:
    assert unacted(escaping.terminal(text)) and "\n" not in escaping.terminal_line(text)
    escaping.terminal(text).encode()  # no half character


@pytest.mark.parametrize("text", HOSTILE_TEXTS)
def test_html_has_no_elements(text: str) -> None:
    page = Elements(f'<p title="{escaping.html(text)}">{escaping.html(text)}</p>')
    assert page.tags == ["p"] and page.attributes == ["title"] and MARK in page.text


@pytest.mark.parametrize("text", HOSTILE_TEXTS)
def test_yaml_gives_the_text_back(text: str) -> None:
    read = yaml.safe_load(f"a: {escaping.yaml_scalar(text)}\nb: 1\n")
    assert read == {"a": escaping.visible(text), "b": 1}


@pytest.mark.parametrize("text", HOSTILE_TEXTS)
def test_a_template_cannot_forget_to_escape(text: str) -> None:
    page = rendered(
        environment().from_string("# {{ x }}\n\n{{ x }} {% for y in [x] %}{{ y[:90] }}{% endfor %}\n").render(x=text)
    )
    assert page.tags == ["h1", "p"] and "49" not in page.text


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
@pytest.mark.parametrize("text", [text for text in HOSTILE_TEXTS if "\x00" not in text and "\ud83d" not in text])
def test_a_pasted_command_has_exactly_the_words(text: str) -> None:
    command = escaping.shell_command(["printf", "%s|", text, "--out", "a b"])
    assert unacted(command) and "\n" not in command
    done = subprocess.run(["bash", "-c", command], capture_output=True, check=True)
    assert done.stdout.decode(errors="surrogateescape") == f"{text}|--out|a b|"


def test_joiners_and_tabs_stay() -> None:
    assert escaping.visible("\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645 👩\u200d🔬\t$x$") == (
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645 👩\u200d🔬\t$x$"
    )
