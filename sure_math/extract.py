r"""The final answer of a response, or the reason why there is none. This is the one rule of the project.

Phase 1, labels, rewards, the trainer's evaluation, the recipes and the evaluation tasks all read an answer here:

1. Thoughts hold no answer (`thoughts.py`). A response whose thought never ends is truncated.
2. The last box of the visible text holds the answer. If this box is not closed, there is no answer.
3. Boxes that stand side by side are read together as a list: between them are only punctuation, words such as "and" and
   "or", or labels (`$n=\boxed{1}$ or $n=\boxed{-2}$` is `1, -2`; `(a) \boxed{2} (b) \boxed{3}` is `2, 3`).
4. A percent sign, the word, or a scale word (`\boxed{3} million`) directly behind a box belongs to the answer, and so
   does a sign in front of it.
5. If something else outside a box belongs to its formula (`2\boxed{3}`, `x > \boxed{3}`, `\frac{1}{\boxed{3}}`), or
   makes it a bound (`at least \boxed{3}`), the box holds only a part, and there is no answer (`beside_box.py`). A
   reference is trusted: its box is the answer.

A command whose backslash and first letter a reader of JSON took for a control character (`\b` and `oxed{5}`) is the
command (`with_backslashes`).

`equivalence/response.py` adds what only `is_correct` does: it reads answers without a box. Every function here takes
linear time.
"""

import re
from dataclasses import dataclass
from itertools import pairwise

from sure_math.beside_box import is_part, sign_before
from sure_math.joining_words import AND, OR
from sure_math.rows import FinishReason, Missing
from sure_math.scale_words import SCALES
from sure_math.thoughts import visible_text

BOX_COMMANDS = ("boxed", "fbox", "framebox")
"""LaTeX commands that mark a final answer, in a sample, in a graded response and in a reference answer."""
BOX = re.compile(rf"\\(?:begin)?(?:{'|'.join(BOX_COMMANDS)})(?![A-Za-z])\s*")
"""A command of `BOX_COMMANDS`, also as models garble it (`\\beginboxed`), and the blanks behind it."""
_BRACE_OR_ESCAPE = re.compile(r"\\.|[{}]", re.DOTALL)
_BARE_CONTENT = re.compile(r"[^\s$\\{}]+|\\[A-Za-z]+")
TAGGED_BOX = ("<|begin_of_box|>", "<|end_of_box|>")
"""GLM's box."""

_ALSO_JOINING_TEXT = "和 及 与 與 と および 및 와 과 或 或者 または か 또는 u of"
_JOINING = rf"(?:{'|'.join(sorted(AND | OR | set(_ALSO_JOINING_TEXT.split()), key=lambda word: (-len(word), word)))})"
_JOINING_WORDS = rf"(?:as well as|{_JOINING}(?:\s*/\s*{_JOINING}|\s+(?:also|either|else)\b)?)"
_TEXT = r"\\(?:text(?:rm|bf|it|normal)?|mbox|mathrm|hbox)\s*"
_PUNCTUATION = (
    r"\n[-*•][ \t$]|[\s$,;.&~()、，；。]|\*\*|__|\\[()\[\],;:! ]|\\\\|\\q?quad(?![A-Za-z])"
    r"|\\(?:land|lor|wedge|vee|cup)(?![A-Za-z])|∪|\^\s?\{?\s?\\circ\s?\}?|°"
)
_BETWEEN = re.compile(
    rf"(?:{_PUNCTUATION}|{_TEXT}\{{[\s,;]{{0,5}}(?:{_JOINING_WORDS})?[\s,;]{{0,5}}\}}"
    rf"|(?<![^\W\d_]){_JOINING_WORDS}(?![^\W\d_]))*+",
    re.IGNORECASE,
)
"""What may stand between boxes that are read together."""
_LABEL = re.compile(
    r"(?<![A-Za-z0-9\\}_])((?:[A-Za-zα-ωΑ-Ω]|\\[A-Za-z]{2,8})(?:_\{?[A-Za-z0-9]{1,3}\}?)?'{0,2}(?:\([A-Za-z0-9]{1,5}\))?)"
    r"\s{0,3}&?=\s{0,3}&?\s{0,3}\$?\s{0,3}\Z"
)
"""A label in front of a box: `n =`, `x_1 =`, `f(2) =`."""
_INDEX = re.compile(r"_\{?[A-Za-z0-9]+\}?")
_INEQUALITY = re.compile(r"[<>≤≥≠]|\\(?:l|g|n)(?:eq?|t|eqslant)(?![A-Za-z])")
_PERCENT = re.compile(
    r"(?:[^\S\n]|\$|~|\*\*|\\[()\[\],;:! ])*+(?:\\?[%％]"
    rf"|{_TEXT}\{{\s{{0,5}}(?:\\?%|percent|per\s?cent)\s{{0,5}}\}}"
    r"|(?:percent|per\s?cent|pct|Prozent|pour\s?cent|por\s?ciento|процент\w{0,3})\b(?!\s+point))",
    re.IGNORECASE,
)
"""A percent sign, or the word, directly behind a box."""
_SCALE_WORDS = "|".join(
    sorted(
        (word for word in SCALES if len(word) > 3 and re.fullmatch(r"[a-zÀ-ɏͰ-ӿ]+", word)),
        key=lambda word: (-len(word), word),
    )
)
"""Without short words, which have other meanings, and without scripts that put no blanks between words."""
_SCALE_RUN = rf"(?P<%s>[万萬亿億]|(?:{_SCALE_WORDS})(?:\s(?:{_SCALE_WORDS}))*+(?![^\W\d_]|-))"
_SCALE = re.compile(
    r"(?:[^\S\n]|\$|~|\*\*|\\[()\[\],;:! ])*+-?"
    rf"(?:{_SCALE_RUN % 'plain'}|{_TEXT}\{{\s{{0,5}}{_SCALE_RUN % 'text'}[^{{}}]{{0,40}}\}})",
    re.IGNORECASE,
)
"""Scale words directly behind a box, which multiply the number in it: `\\boxed{3} million`."""
_PART = re.compile(
    r"(?:(?<![^\W\d_])part\s)?"
    r"(?:(?<!\w)\(?[b-h]\)|\((?:i{2,3}|iv|vi{0,3})\)|\([2-9]\)|(?<=\n)\s{0,3}[2-9][.)](?=\s)):?",
    re.IGNORECASE,
)
"""The name of a part of the problem in front of a box: `(b)`, `(ii)`, `2.` at the start of a line."""
_CHOICE = re.compile(r"[\W_]{0,9}(?:\\?(?:text|math)[a-z]{0,6})?[\W_]{0,9}[A-J][\W_]{0,9}")
"""The letter of a multiple choice answer."""
_SIMPLE = re.compile(r"[\w.%$ ]*(?:\\[A-Za-z]+(?:\{[^{}]*\})*[\w.%]*)?")
"""A content that a sign is put in front of without brackets."""
_MAX_GAP = 200
"""Characters between boxes that are read together, at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FinalAnswer:
    """The answer of one completion, or why there is none. Exactly one of the two fields is None."""

    answer: str | None
    """Content of the last box, or of the last boxes that stand side by side; stripped, never empty."""
    missing: Missing | None
    """`truncated`: cut by the length limit or inside its thinking; `empty`: no text; `unboxed`: no box that is closed
    and holds the whole answer.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class _Box:
    """A box that is closed."""

    start: int
    """Position of the command, or of a sign that belongs to the answer."""
    end: int
    """Position behind the closing brace and behind a percent sign that belongs to the answer."""
    content: str
    label: str


def extract_answer(text: str, *, is_reference: bool = False) -> str | None:
    r"""Return the answer that a response gives in its last box, or boxes; None if it gives none.

    Returns None also if the last box is not closed: its content is then not known, and an earlier box was not the final
    answer. Escaped braces `\{ \}` do not count as delimiters.

    Args:
        is_reference: the text is a reference solution. Its box is the answer whatever stands beside it.

    >>> extract_answer(r"First \boxed{1}, but then \boxed{\frac{1}{2}}.")
    '\\frac{1}{2}'
    >>> extract_answer(r"$\boxed{1}$ or $\boxed{2}$"), extract_answer(r"about $\boxed{30}\%$")
    ('1, 2', '30\\%')
    >>> extract_answer("no box 5") is None
    True
    """
    if not isinstance(text, str):
        raise TypeError(f"the response is {text!r:.100} ({type(text).__name__}) and must be a text")
    visible = visible_text(text)
    return None if visible is None else boxed_answer(visible, is_reference=is_reference)


def boxed_answer(text: str, *, is_reference: bool = False) -> str | None:
    r"""Return the content of the last box, or boxes, of a text without thoughts; None if the last box is not closed, or
    if it holds only a part of the answer.

    >>> boxed_answer(r"$n=\boxed{1}$ and $n=\boxed{-2}$"), boxed_answer(r"$x > \boxed{1}$")
    ('1, -2', None)
    """
    text = with_backslashes(text)
    opening = text.rfind(TAGGED_BOX[0])
    boxes = list(BOX.finditer(text, max(opening, 0)))
    if opening >= 0 and not (boxes and boxes[-1].start() > text.find(TAGGED_BOX[1], opening) >= 0):
        content, closing, _ = text[opening + len(TAGGED_BOX[0]) :].partition(TAGGED_BOX[1])
        return (boxed_answer(content, is_reference=is_reference) or content.strip()) if closing else None
    together: list[_Box] = []
    for command in reversed(boxes):
        following = together[-1] if together else None
        box = _box_at(text, command, len(text) if following is None else following.start)
        if box is None or (following is not None and not _side_by_side(text, box, following)):
            break
        together.append(box)
    together.reverse()
    if not together or (not is_reference and _holds_a_part(text, together)):
        return None
    return _joined(text, together)


def with_backslashes(text: str) -> str:
    r"""Restore commands around a box whose backslash and first letter a reader of JSON took for a control character.

    Only where plain text never has this character: a backspace or a tab in front of the rest of a command, a form feed
    in front of `rac`, or of `box{`. Line breaks are left: a line may begin with any word.

    >>> with_backslashes("so \boxed{\frac{1}{2}}, \tor 3") == r"so \boxed{\frac{1}{2}}, " + "\tor 3"
    True
    """
    if not _CONTROL.search(text):
        return text
    return _LOST.sub(lambda found: _LETTERS[found.group()], text)


_CONTROL = re.compile(r"[\b\t\f]")
_LETTERS = {"\b": r"\b", "\t": r"\t", "\f": r"\f"}
_LOST = re.compile(
    r"[\b](?=(?:oxed|inom|eta|ar|egin|oldsymbol|mod|ig[lr]?|igg[lr]?|ullet)(?![A-Za-z]))"
    r"|\f(?=rac(?![A-Za-z])|(?:rame)?box\s*\{)"
    r"|\t(?=(?:imes|ext(?:bf|it|rm|sf|tt|normal|style)?|frac|binom|heta|herefore|riangle|ilde)(?![A-Za-z]))"
)
"""The lost characters, each in front of the rest of its command."""


def _holds_a_part(text: str, boxes: list[_Box]) -> bool:
    first, last = boxes[0], boxes[-1]
    letter = _CHOICE.fullmatch(last.content) is not None
    return is_part(text, first.start, last.end, letter=letter)


def _box_at(text: str, command: re.Match[str], before: int) -> _Box | None:
    """Return the box of a command; None if it is not closed before the position `before`."""
    span = box_content(text, command.end(), before)
    if span is None:
        return None
    content, end = _without_blanks(text[span[0] : span[1]]), span[1] + text.startswith("{", command.end())
    if (scale := _SCALE.match(text, end)) is not None and re.search(r"\d", content):
        end = scale.end()
        content += f" {scale['plain'] or scale['text']}"
    if (percent := _PERCENT.match(text, end)) is not None:
        end = percent.end()
        content += "" if re.search(r"[%％]|percent", content) or not content else r"\%"
    start, sign = sign_before(text, command.start())
    if sign:
        content = f"{sign}{content}" if _SIMPLE.fullmatch(content) else f"{sign}({content})"
    label = _LABEL.search(text[max(0, start - 40) : start])
    return _Box(start=start, end=end, content=content, label=label.group(1) if label else "")


def _side_by_side(text: str, box: _Box, following: _Box) -> bool:
    if following.start - box.end > _MAX_GAP:
        return False
    gap = _LABEL.sub("", text[box.end : following.start])
    return _BETWEEN.fullmatch(gap) is not None or _BETWEEN.fullmatch(_PART.sub("", gap, count=1)) is not None


def _joined(text: str, boxes: list[_Box]) -> str:
    contents = [box.content for box in boxes]
    between = [text[box.end : following.start] for box, following in pairwise(boxes)]
    if len(set(contents)) == 1 and not any(map(_PART.search, between)):
        return contents[0]
    names = [_INDEX.sub("", box.label) for box in boxes]
    if all(names) and len(set(names)) > 1:
        contents = [f"{box.label} = {box.content}" for box in boxes]
    gaps = [gap.lower() for gap in between]
    if any("∪" in gap or r"\cup" in gap for gap in gaps):
        return r" \cup ".join(contents)
    if any(_INEQUALITY.search(content) for content in contents):
        # `x > 1 and x < 2` is an interval, `x < 1 or x > 2` is not.
        both = any(re.search(r"(?<![^\W\d_])(?:and|und|et|y|и)(?![^\W\d_])", gap) for gap in gaps)
        return (" and " if both else " or ").join(contents)
    return ", ".join(contents)


def _without_blanks(content: str) -> str:
    """Strip the blanks around an answer, but not the control character that JSON made of `\\f` in `\\frac`."""
    return content.rstrip() if _EATEN.match(content) else content.strip()


_EATEN = re.compile(r"[\t\r\f\v\a\b][a-z]")


def box_content(text: str, start: int, before: int | None = None) -> tuple[int, int] | None:
    r"""Find the bounds of a box's content. Returns None if the box is never closed.

    `start` is the position just after `\boxed` and blanks. The box must be closed before the position `before`.

    >>> box_content(r"\boxed{42}.", len(r"\boxed"))
    (7, 9)
    """
    before = len(text) if before is None else before
    if not text.startswith("{", start):
        bare = _BARE_CONTENT.match(text, start, before)
        return bare.span() if bare else None
    depth = 0
    for token in _BRACE_OR_ESCAPE.finditer(text, start, before):
        depth += {"{": 1, "}": -1}.get(token.group(), 0)
        if depth == 0:
            return start + 1, token.start()
    return None


def final_answer(
    text: str,
    finish_reason: FinishReason,
    *,
    opening_tag: str = "",
    closing_tag: str = "",
    in_thought: bool = False,
) -> FinalAnswer:
    r"""Find the final answer of one completion.

    A completion is `truncated` if its thinking was opened and never ended, whatever boxes it holds, or if it hit the
    length limit without a complete box. Another completion without an answer is `empty` (nothing but blanks) or
    `unboxed`.

    Args:
        opening_tag, closing_tag: tags of a thought, beside those of `thoughts.TAGS`.
        in_thought: the prompt opened a thought.

    >>> final_answer(r"<think>\boxed{1}?</think> It is \boxed{2}.", "stop")
    FinalAnswer(answer='2', missing=None)
    >>> final_answer("It is", "length")
    FinalAnswer(answer=None, missing='truncated')
    """
    visible = visible_text(text, tags=(opening_tag, closing_tag), in_thought=in_thought)
    if visible is None:
        return FinalAnswer(answer=None, missing="truncated")
    answer = boxed_answer(visible)
    if answer:
        return FinalAnswer(answer=answer, missing=None)
    if finish_reason == "length":
        return FinalAnswer(answer=None, missing="truncated")
    return FinalAnswer(answer=None, missing="unboxed" if text.strip() else "empty")
