r"""Find the answer in a response or a gold solution: in boxes, then phrases, then the last formula or number.

Only `is_correct` uses this module. The samples of a dataset are read by `sure_math/extract.py` alone.
"""

import re

from sure_math.equivalence.forms import Opaque, Words
from sure_math.equivalence.read import read_form
from sure_math.extract import BOX, box_content, extract_answer

_JOINT = re.compile(
    r"(?:[\s$.]|\\q?quad|\\[,; ])*(?:[A-Za-z]+\s+)?(?:,|;|and|or|,\s*and)?(?:[\s$]|\\q?quad|\\[,; ])*", re.IGNORECASE
)
_PERCENT_AFTER = re.compile(r"\s*\$?\s*\\?(%|pct\b|percent\b)")
_TAGGED_BOX = re.compile(r"<\|begin_of_box\|>(.*?)<\|end_of_box\|>", re.DOTALL)
_PHRASE = re.compile(
    r"(?:final\s+answer|correct\s+answer|correct\s+option|correct\s+choice|answer)\**\s*(?:is|are|:|=|\bwould\s+be\b)+\**\s*:?\s*"
    r"(?:for\s+sure\s+|therefore\s+|simply\s+|option\s+|choice\s+|\(?the\s+option\s+)?(?=\S)|(?:^|\n)\s*####\s*",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(r"(?<=[^\s.])\.(?=\s+[A-Z]|\s*$|\s*<\|)|\n|I hope it is correct|<\|")
_MATH = re.compile(
    r"(?<!\\)\$\$(.{1,2000}?)(?<!\\)\$\$|(?<!\\)\$((?:[^$\\]|\\.){1,2000}?)\$|\\\((.{1,2000}?)\\\)|\\\[(.{1,2000}?)\\\]",
    re.DOTALL,
)
_NUMBER = re.compile(
    r"(?<![\w.,\\{])[-+]?(?:[¤$€£]\s*)?(?:\d{1,3}(?:[, ]\d{3})+|\d+)?(?:\.\d+|(?<=\d))"
    r"(?:\s*/\s*\d+)?(?:\s*(?:%|°|percent\b|pct\b|[a-zµ]{1,2}[²³]|€))?(?![\w])"
)
_STATING = re.compile(
    r"\b(?:is|are|was|be|it's|equals?|gives?|gets?|have|has|becomes|obtain|find|thus|so|therefore|hence|answer|total)\b|[=:≈]",
    re.IGNORECASE,
)
_LETTER = re.compile(r"(?<![\w'’-])\(?([A-J])\)?(?![\w'’-])(?=\s*$|[\s.,:;)*])")
_BETWEEN = re.compile(r"(?:\s|[,;.]|and|or)*")
"""The text between formulas that form a list of answers."""
_TAIL = 20_000
"""Characters at the end of a response in which prose is searched: answers are at the end."""


def stated_answer(text: str, *, is_gold: bool, unboxed: str, choice: bool = False) -> str | None:
    """Return the answer that a text states; None if it states none.

    Args:
        is_gold: a gold is read with more trust. A box that is not closed is read to its end, and a short text without
            a phrase is the answer as a whole.
        unboxed: `reject` returns the content of the last complete box only.
        choice: the gold is a letter, so a letter in a sentence is an answer.

    >>> stated_answer("Hence the answer is 12.", is_gold=False, unboxed="parse")
    '12'
    """
    if unboxed == "reject":
        return extract_answer(text)
    if (boxed := boxed_answer(text, is_gold=is_gold)) is not None:
        return boxed
    return _from_prose(text[-_TAIL:].strip(), choice)


def boxed_answer(text: str, *, is_gold: bool = False) -> str | None:
    r"""Return the content of the last box; consecutive boxes (`\boxed{1}, \boxed{2} and \boxed{3}`) are one list.

    A percent sign behind the box is part of the answer (real outputs write `\boxed{20}\%`).
    """
    if tagged := _TAGGED_BOX.findall(text[-_TAIL:]):
        return str(tagged[-1]).strip()
    boxes = [(match.start(), box_content(text, match.end())) for match in BOX.finditer(text[-_TAIL:])]
    if not boxes:
        return None
    tail = text[-_TAIL:]
    start, last = boxes[-1]
    if last is None:
        return re.sub(r"[\s$]+$", "", tail[start:].partition("{")[2]) if is_gold else None
    contents = [tail[last[0] : last[1]]]
    for before, after in zip(reversed(boxes[:-1]), reversed(boxes), strict=False):
        if before[1] is None or before[1][1] >= after[0] or not _JOINT.fullmatch(tail, before[1][1] + 1, after[0]):
            break
        contents.insert(0, tail[before[1][0] : before[1][1]])
    joined = ", ".join(contents).strip()
    percent = _PERCENT_AFTER.match(tail, last[1] + 1)
    return f"{joined}\\%" if percent and len(contents) == 1 and "%" not in joined else joined


def _from_prose(text: str, choice: bool) -> str | None:
    if not text:
        return None
    phrases = list(_PHRASE.finditer(text))
    if phrases:
        statement = text[phrases[-1].end() :].strip()
        return _in_statement(_sentence(statement), choice)
    return _in_statement(text, choice) if _states_something(text) else None


def _states_something(text: str) -> bool:
    """Whether a text without an answer phrase states its last number, and does not only mention it (`work mentions
    34`).

    A bare answer or a formula is stated. A number in a sentence needs a stating word before it (`is`, `gives`, ...).
    """
    if _is_answer(text) or _MATH.search(text) or _LETTER.search(text):
        return True
    stating = _STATING.search(text)
    return stating is not None and any(char.isdigit() for char in text[stating.end() :])


def _sentence(text: str) -> str:
    """Return the first sentence. If it starts with a formula, return the whole formula, over several lines too."""
    if (formula := _MATH.match(text)) is not None:
        return formula.group()
    end = _SENTENCE_END.search(text)
    return text[: end.start()].strip() if end else text


def _in_statement(text: str, choice: bool) -> str | None:
    if choice and (letter := _letter(text)) is not None:
        return letter
    if _is_answer(text):
        return text
    formulas, after = list(_MATH.finditer(text)), text
    if formulas:
        after = text[formulas[-1].end() :]
    numbers = [match for match in _NUMBER.finditer(after) if re.search(r"\d", match.group())]
    if formulas and not (numbers and re.search(r"[.!?]\s", after[: numbers[-1].start()])):
        last = next(group for group in formulas[-1].groups() if group is not None).strip()
        return f"{last}\\%" if _PERCENT_AFTER.match(after) else last
    return numbers[-1].group().strip() if numbers else text


def _letter(text: str) -> str | None:
    """Return the first letter that stands alone, without the article `A` inside a sentence."""
    letters = [match.group(1) for match in _LETTER.finditer(text)]
    if not letters:
        return None
    if len(text) > 40 and letters[-1] != "A" and not re.match(r"\(?[A-J]\b[).:,]?", text):
        return letters[-1] if len(set(letters)) == 1 else letters[0]
    return letters[0]


def _is_answer(text: str) -> bool:
    if len(text) > 400:
        return False
    if len(_MATH.findall(text)) > 1:
        return bool(_BETWEEN.fullmatch(_MATH.sub("", text)))
    form = read_form(text)
    return not isinstance(form, Opaque) and not (isinstance(form, Words) and len(form.text.split()) > 3)
