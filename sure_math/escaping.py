r"""Write text that a user, a model or a server made into what people open, so that it can only be read.

Each medium has one function, and every text that is not ours goes through the function of its medium:

| medium | function |
|---|---|
| a line of the terminal | `terminal`, `terminal_line` |
| Markdown: prose, headings and cells of a table | `markdown` |
| Markdown: code in a line, in a cell, and as a block | `code`, `code_cell`, `fenced` |
| HTML | `html` |
| the front matter of a card (YAML) | `yaml_scalar` |
| a command to paste into a shell | `shell_command` |
| a file | `file_bytes` |

Jinja templates get these functions from `sure_math.reporting.templates`, which escapes every value that a template
writes without naming a function. Data are values of a template and never part of one, so Jinja never evaluates them.

Characters that a viewer would act on and not show are written as an escape, in every medium: control characters such as
ESC (`\x1b`), directions of text such as U+202E, other invisible characters, and halves of characters that no encoding
has (`\ud83d`).
"""

from __future__ import annotations

import html as _html
import json
import re
import shlex
import unicodedata
from collections.abc import Iterable

LONGEST_MARKDOWN = 2_000
"""Characters of one value in a line of a card or report. The middle of a longer text is left out."""

_HARMLESS = frozenset("\n\t\u200c\u200d")
"""Line breaks, tabs, and the joiners, without which Persian, Hindi and many emoji are written wrongly."""
_ACTED_ON = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Categories of Unicode whose characters a viewer acts on: controls, formats, half characters, separators of lines."""


class Markdown(str):
    """Text that is Markdown already: templates write it as it is."""

    __slots__ = ()


def visible(text: object, *, keep: str = "\n\t") -> str:
    r"""Show the characters that a viewer would act on as escapes; those in `keep` stay.

    >>> print(visible("red: \x1b[31m, right to left: \u202e, half: \ud83d"))
    red: \x1b[31m, right to left: \u202e, half: \ud83d
    """
    plain = str(text)
    if plain.isascii() and plain.isprintable():
        return plain
    return "".join(character if _is_shown(character, keep) else _escape(character) for character in plain)


def terminal(text: object) -> str:
    r"""Write a text of several lines for the terminal.

    >>> print(terminal("a\r\x1b[2Jb\nc"))
    a\r\x1b[2Jb
    c
    """
    return visible(text)


def terminal_line(text: object) -> str:
    r"""Write a value that stands in one line of the terminal.

    >>> print(terminal_line("a\nerror: b"))
    a\nerror: b
    """
    return visible(text, keep="")


def markdown(text: object) -> Markdown:
    r"""Write a text into a line of Markdown: into prose, a heading or a cell of a table.

    Nothing in it is a link, an image, emphasis, code, a formula, HTML or the end of a cell, in no common viewer. Line
    breaks become blanks.

    >>> print(markdown("<b>a|b</b> [x](y) `c` *d* snake_case"))
    &lt;b&gt;a\|b&lt;/b&gt; \[x\](y) \`c\` \*d\* snake_case
    """
    if isinstance(text, Markdown):
        return text
    line = " ".join(_shortened(visible(text)).split())
    line = _html.escape(re.sub(r"([\\`*\[\]{|~$#])", r"\\\1", line), quote=False)
    line = re.sub(r"(?<![^\W_])_|_(?![^\W_])", r"\\_", line)
    # Viewers make links of addresses and of names of hosts by themselves.
    line = re.sub(r"(?i)\b(https?|ftps?|mailto|xmpp)(?=:)", r"\1\\", line)
    line = re.sub(r"(?<=\w)([.@])(?=[^\W\d_]{2})", r"\\\1", line)
    line = re.sub(r"^([-+=:])(?=[\s=:+-])", r"\\\1", line)  # a list or an underline, if it begins a line
    return Markdown(re.sub(r"^(\d+)([.)])(?=\s|$)", r"\1\\\2", line))


def code(text: object) -> Markdown:
    r"""Write a text as code in a line of Markdown.

    >>> print(code("pocket:teacher"), code("a`b"))
    `pocket:teacher` `` a`b ``
    """
    line = " ".join(_shortened(visible(text)).split()) or " "
    fence = "`" * (1 + max(map(len, re.findall("`+", line)), default=0))
    pad = " " if len(fence) > 1 or line == " " else ""
    return Markdown(f"{fence}{pad}{line}{pad}{fence}")


def code_cell(text: object) -> Markdown:
    r"""Write a text as code in a cell of a table of Markdown, where a bar would end the cell.

    >>> print(code_cell("a|b"))
    `a\|b`
    """
    return Markdown(re.sub(r"\\*\|", lambda bar: "\\" * (len(bar[0]) - 1) + "\\|", code(text)))


def fenced(text: object, language: str = "") -> Markdown:
    r"""Write a text as a block of code in Markdown; nothing in it ends the block.

    >>> print(fenced("a\n```\nb"))
    ````
    a
    ```
    b
    ````
    """
    block = visible(str(text).replace("\r\n", "\n"))
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", block)), default=0))
    return Markdown(f"{fence}{language}\n{block}\n{fence}")


def html(text: object) -> str:
    r"""Write a text into HTML, between tags or as the value of an attribute in quotes.

    >>> print(html("<b>\x1b"))
    &lt;b&gt;\x1b
    """
    return _html.escape(visible(text))


def yaml_scalar(text: object) -> Markdown:
    r"""Write a text as one value of YAML, such as the front matter of a card: in quotes, on one line, in ASCII.

    >>> print(yaml_scalar("a: b\n---"))
    "a: b\n---"
    """
    return Markdown(json.dumps(visible(text)).replace("<", "\\u003c").replace(">", "\\u003e"))


def shell_command(words: Iterable[object]) -> str:
    r"""Write a command that a shell reads as exactly these words.

    The command is one line. A word with control characters is quoted as bash, zsh and ksh read it.

    >>> print(shell_command(["build", "--out", "my folder; rm -rf $HOME", "a\nb"]))
    build --out 'my folder; rm -rf $HOME' $'a\nb'
    """
    return " ".join(_shell_word(str(word)) for word in words)


def file_bytes(text: str) -> bytes:
    r"""Encode a text as UTF-8 for a file. Half a character becomes an escape, which JSON reads as that half again.

    >>> file_bytes('"\ud83d"')
    b'"\\ud83d"'
    """
    return text.encode("utf-8", "backslashreplace")


def whole_characters(text: str) -> str:
    r"""Return a text that UTF-8 can hold: half a character becomes the escape that shows it.

    >>> print(whole_characters("half: \ud83d"))
    half: \ud83d
    """
    return file_bytes(text).decode("utf-8")


def _is_shown(character: str, keep: str) -> bool:
    if character in _HARMLESS:
        return character in keep or character not in "\n\t"
    return unicodedata.category(character) not in _ACTED_ON


def _escape(character: str) -> str:
    return {"\n": "\\n", "\r": "\\r", "\t": "\\t"}.get(character) or repr(character)[1:-1]


def _shortened(text: str) -> str:
    if len(text) <= LONGEST_MARKDOWN:
        return text
    half = LONGEST_MARKDOWN // 2
    return f"{text[:half]} [{len(text) - 2 * half:,} characters left out] {text[-half:]}"


def _shell_word(word: str) -> str:
    if visible(word, keep="") == word:
        return shlex.quote(word)
    quoted = "".join(
        {"\\": "\\\\", "'": "\\'"}.get(character, character) if _is_shown(character, "") else _shell_escape(character)
        for character in word
    )
    return f"$'{quoted}'"


def _shell_escape(character: str) -> str:
    r"""As bytes in octal, which every such shell reads: file names may hold bytes that are not UTF-8."""
    if character in "\n\t\r":
        return _escape(character)
    errors = "surrogateescape" if "\udc80" <= character <= "\udcff" else "surrogatepass"
    return "".join(f"\\{byte:03o}" for byte in character.encode("utf-8", errors))
