"""The problem in an author's reply, without the text that the author wrote around it.

The prompts ask for `<problem>...</problem>` and nothing else. A model may still add its thinking, an introduction, a
heading, a code fence, quotation marks, or a solution or explanation at the end. All of these are removed. A text
without them stays as it is; the pocket author writes such texts.
"""

from __future__ import annotations

import re

_TAG = re.compile(r"<\s*(/?)\s*(?:new_)?problem\b[^<>\n]{0,80}>", re.IGNORECASE)
_DECORATION = " \t#*_>"
_HEADING = re.compile(
    r"(?:(?:the|my|your|a|an) )?(?:new|evolved|rewritten|revised|modified|harder|transformed|final|updated|resulting"
    r"|created|competition|olympiad|contest|algebrai[cz]\w*|applied|composed|combined|challenging|generali[sz]ed|rephrased)"
    r"(?:[ -]\w{1,20}){0,2}? (?:problem|question|prompt|version)(?: statement)?[ #*_]*(?::[ *_]*|$)",
    re.IGNORECASE,
)
_PLAIN_HEADING = re.compile(r"(?:problem|question)(?: statement)?(?: \d{1,3})?[ #*_]*(?:[:.][ *_]*|$)", re.IGNORECASE)
_INTRODUCTION = re.compile(
    r"(?:sure|certainly|of course|absolutely|okay|ok|alright|great|here|below|i have|i've|this is|the following)\b"
    r"[^:\n]{0,200}\b(?:problem|question|version|prompt)s?\b[^:\n]{0,120}:[ *_]*",
    re.IGNORECASE,
)
_INTERJECTION = re.compile(r"(?:sure|certainly|of course|absolutely|okay|ok|alright)(?: thing)?[!.,]*$", re.IGNORECASE)
_AFTER = re.compile(
    r"(?:(?:step-by-step |detailed |full |worked )?solution|(?:final |correct |expected )?answer|explanation|reasoning"
    r"|rationale|hints?|(?:key )?changes(?: made)?|comments?|analysis)(?: \([^)\n]{0,40}\))?[ #*_]*(?::|$)",
    re.IGNORECASE,
)
_REMARK = re.compile(
    r"\(?note\b[^\n]{0,80}?\b(?:this (?:new |version\b|problem|question)|the (?:new|original|evolved|rewritten|modified"
    r"|above|solution)\b|i (?:have|changed|added)\b|i've\b)",
    re.IGNORECASE,
)
"""A note about the task itself. Many real problems end in a note that belongs to them, and that note stays."""
_FENCE = re.compile(r"```(?:text|txt|plaintext|latex|tex|markdown|md|math|problem)?[ \t]*\n", re.IGNORECASE)
_FENCE_END = re.compile(r"\n```[ \t]*(?:\n|$)")
_QUOTES = {'"': '"', "“": "”", "«": "»", "‘": "’", "**": "**"}


def read_problem(reply: str) -> str:
    """Return the text of the problem. It is empty if the reply is nothing but thinking.

    >>> read_problem("Sure! Here is the new problem: <problem>What is $2 + 3$?</problem> I changed a number.")
    'What is $2 + 3$?'
    """
    text = _after_thinking(reply).strip()
    text = _tagged(text)
    text = _below_heading(text)
    text = _without_introduction(text)
    text = _unfenced(text)
    text = _before_solution(text)
    return _unquoted(text)


def _after_thinking(text: str) -> str:
    _, end, rest = text.rpartition("</think>")
    if end:
        return rest
    # The thinking was opened and never closed: only drafts follow.
    return text.partition("<think>")[0] if text.lstrip().startswith("<think>") else text


def _tagged(text: str) -> str:
    """The text inside the last complete pair of tags. If only one half of a pair is there, the text on its inner
    side."""
    opened: int | None = None
    pair, last = None, None
    for tag in _TAG.finditer(text):
        if not tag[1]:
            opened = last = tag.end()
        elif opened is not None:
            if text[opened : tag.start()].strip().casefold() not in ("and", "or"):  # a sentence about the tags
                pair = (opened, tag.start())
            opened = None
        elif pair is None:
            pair = (0, tag.start())
    if pair is None and last is not None:
        pair = (last, len(text))
    return text if pair is None else text[slice(*pair)].strip()


def _below_heading(text: str) -> str:
    """The text below the last heading that announces the new problem. An author may repeat the old problem above it."""
    lines = text.split("\n")
    for number in range(len(lines) - 1, -1, -1):
        line = lines[number].lstrip(_DECORATION)
        if (heading := _HEADING.match(line)) and (line[heading.end() :].strip() or any(lines[number + 1 :])):
            return "\n".join([line[heading.end() :], *lines[number + 1 :]]).strip()
    return text


def _without_introduction(text: str) -> str:
    for opening in (_INTERJECTION, _INTRODUCTION, _PLAIN_HEADING):
        line, _, rest = text.partition("\n")
        bare = line.lstrip(_DECORATION)
        if (match := opening.match(bare)) and (bare[match.end() :].strip() or rest.strip()):
            text = f"{bare[match.end() :]}\n{rest}".strip()
    return text


def _unfenced(text: str) -> str:
    """The text inside a fence that opens the reply. If more text stands below the fence, it is a part of the
    problem."""
    opening = _FENCE.match(text)
    if opening is None:
        return text
    inner, *rest = _FENCE_END.split(text[opening.end() :], maxsplit=1)
    return inner.strip() if sum(map(len, rest)) <= len(inner) else text


def _before_solution(text: str) -> str:
    lines = text.split("\n")
    for number, line in enumerate(lines):
        bare = line.lstrip(_DECORATION)
        if number and (_AFTER.match(bare) or _REMARK.match(bare)) and any(part.strip() for part in lines[:number]):
            while not lines[number - 1].strip(" -*_#=>"):
                number -= 1
            return "\n".join(lines[:number]).strip()
    return text


def _unquoted(text: str) -> str:
    """The text without marks around the whole of it. Marks that also stand inside the text belong to it."""
    for left, right in _QUOTES.items():
        inner = text[len(left) : -len(right)]
        if len(text) > len(left + right) and text.startswith(left) and text.endswith(right):
            return text if left in inner or right in inner else inner.strip()
    return text
