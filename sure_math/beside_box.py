r"""What stands beside a box and belongs to the same formula: `2\boxed{3}`, `x > \boxed{3}`, `\frac{1}{\boxed{3}}`.

The content of such a box is only a part of the answer. Words such as `at least` make it a bound. A unit, a currency,
other words, punctuation, an equals sign or an arrow beside a box leave its content whole. `extract.py` asks here; every
function looks at a bounded piece of text.
"""

import re

_WINDOW = 160
"""Characters that are looked at on either side of a box."""
_MAX_LAYERS = 8
"""Braces and brackets around a box that are looked through."""
_SPACING = r"\s|~|&|\\[,;:! >]|\\(?:quad|qquad|displaystyle|textstyle|enspace|thinspace|hfill)(?![A-Za-z])"
_BLANKS_AFTER = re.compile(rf"(?:{_SPACING})*")
_STYLE = (
    r"\\(?:text[a-z]{0,6}|math(?:bf|rm|it|sf|tt|normal)|bm|boldsymbol|pmb|emph|mbox|hbox|boxed|fbox|framebox|underline"
    r"|color(?:\s?\{[^{}]{0,30}\})?|bbox|ensuremath|textcolor\s?\{[^{}]{0,30}\}|colorbox\s?\{[^{}]{0,30}\}|fcolorbox\s?\{[^{}]{0,30}\}"
    r"\s?\{[^{}]{0,30}\})\s?(?:\[[^\][]{0,20}\])?"
)
_STYLED = re.compile(rf"{_STYLE}\{{\Z")
_GROUP = re.compile(r"(?:\A|[^\\A-Za-z0-9}^_\]])\s?\{\Z")
_BRACKETS = (("(", ")"), ("[", "]"), (r"\{", r"\}"))
_NAME = re.compile(r"\\([A-Za-z]+)\Z")
_CLOSED = re.compile(r"\\(?P<name>[A-Za-z]+)\*?\s?(?:\{[^{}]{0,60}\}\s?)*\Z")
_WORDS = frozenset(
    "text textbf textrm textit textnormal textup mbox hbox emph mathrm hspace vspace tag label color textcolor begin"
    " end ref eqref phantom hphantom".split()
)
_NEUTRAL = frozenset(
    "therefore because implies impliedby iff to approx equiv simeq cong sim doteq triangleq coloneqq colon in leadsto"
    " quad qquad item par newline hline centering noindent displaystyle large Large LARGE huge Huge small normalsize"
    " boldsymbol bf rm blacksquare square Box qed checkmark ding hfill left right ldots dots cdots circ degree"
    " pmod mod bmod pod bullet star qedsymbol hskip smallskip medskip bigskip nonumber notag unit si pounds euro"
    "".split()
)
"""Commands that may stand beside a box, together with the arrows."""
_OPERAND = re.compile(r"(?:\d|[)\]}]|(?<![^\W\d_])[^\W\d_]|\\[A-Za-z]+)\s*\Z")
_SIGN = re.compile(r"(?:[-−–]|\\pm(?![A-Za-z])|±|\\mp(?![A-Za-z])|∓)\s{0,3}\Z")
_SIGN_OUTSIDE = re.compile(r"[^\W\d_]{2,}:?\s[-−](?:\$|\\\()\Z")
_TAG = re.compile(r"(?:<[^<>\s]{1,30}>|\|>|[-=]>|(?:\A|\n)\s*>)\Z")
_RELATION_BEFORE = re.compile(
    r"[<>≤≥≠√×·÷+±∓^∪∩∖∑∫∉]\Z|(?:\A|[\s$])!=\Z|\\not\s?=\Z|(?:[\d)}\]]|(?<![^\W\d_])[A-Za-z])\s?[-−–/*_!]\Z"
)
_TOUCHES_BEFORE = re.compile(r"(?:\d|[)\]}π]|(?:[$=]|\\\()\||(?<![^\W\d_])[A-Za-zα-ωΑ-Ω]|\d[.,])\Z")
_DIGIT_BEFORE = re.compile(r"(?:\d|(?<![^\W\d_])(?![aeiouyAI])[A-Za-z])\Z")
_RATIO_BEFORE = re.compile(r"(?:(?:\$|\\\(|\\\[)\s?\d+\s?|\d\s)[:∶]\Z|\\boxed\s?\{[^{}]{0,40}\}\$?\s?[:∶]\Z")
_LISTED_BEFORE = re.compile(r"(?:\(|\[|\\\{)[^()\[\]\n$]{1,30}[,;]\Z")
_COMMAND = re.compile(r"\\[A-Za-z]+")
_DENIED = re.compile(
    r"(?:\b(?:not|never|nicht)|n['’]t)\s(?:be\s|equal\sto\s)?[\s{}$*]{0,4}(?:\\[(\[])?\s?\Z", re.IGNORECASE
)
_BOUNDED = re.compile(
    r"\b(?:at\s(?:least|most)|(?:more|less|fewer|greater|larger|smaller|higher|lower|bigger)\sthan|exceed(?:s|ing)?)"
    r"(?:\sor\sequal\sto)?[\s{}$*]{1,5}(?:\\[(\[])?\s?\Z",
    re.IGNORECASE,
)
_BOUNDED_BEHIND = re.compile(
    r"[\s$*]{1,4}(?:\\text\s?\{\s?)?or\s(?:more|less|fewer|greater|higher|lower)\b", re.IGNORECASE
)
"""Words that make the number in a box a bound of the answer."""
_WORD = re.compile(r"[^\W\d_]{3,}")
_AFTER = re.compile(
    r"\^(?!\s?\{?\s?(?:\\circ|\\degree|\\text|\\mathrm|°|\\prime|\*))|_\s?[{\\\d]|[²³⁴⁵⁶⁷⁸⁹ⁿ½√π×·÷±∓≤≥≠∪∩∖]|!\s?(?:\$|\\\)|\\\]|[-+*/=\d])"
    r"|[.,]\d|[:∶]\d|\+(?!\+)|<(?![|/!A-Za-z])|>|!="
    r"|[-−–*/]\s?(?:\d|\\(?!text|mathrm|mbox|quad|qquad|[()\[\],;:! ])|\(|(?![aAI]\s)[A-Za-zα-ω](?![^\W\d_]))"
    r"|\((?:\d|\\(?!text|mathrm)|[-−]|[a-z](?![A-Za-z]))"
)
"""What belongs to a box if it stands behind it."""
_UNIT = re.compile(
    r"\\d?frac\s?\{\s?\\(?:text|mathrm|mbox)|[mgshlLJNWVAKCFT](?![^\W\d_]|[\^_])(?!\s?[-+*/=]\s?\w)|[kcmM]?m(?:\^|[²³])"
)
_WORD_LETTER = re.compile(r"\s+[aeiouyAI](?=\s+[^\W\d_])")
_VARIABLE = re.compile(r"(?:[A-Za-zα-ωΑ-Ω](?![^\W\d_])|[a-z]{0,2}[xyz][a-z]?(?![^\W\d_])|[a-z]{1,3}[\^_²³]|\d)")


def sign_before(text: str, start: int) -> tuple[int, str]:
    r"""Return where the sign in front of a box starts, and the sign; the box's start and "" if it has none.

    >>> sign_before(r"$x = -\boxed{3}$", 6), sign_before(r"$5 - \boxed{3}$", 5), sign_before(r"- \boxed{3}", 2)
    ((5, '-'), (5, ''), (2, ''))
    """
    before = text[max(0, start - 40) : start]
    if _SIGN_OUTSIDE.search(before):
        return start - 2 - before.endswith("("), "-"
    sign = _SIGN.search(before)
    if sign is None or _OPERAND.search(before, 0, sign.start()):
        return start, ""
    head = before[: sign.start()]
    if sign.group()[-1:].isspace() and (not head.strip(" \t") or head.rstrip(" ")[-1:] not in "$=([{&,:"):
        return start, ""  # a dash or the sign of a list
    written = sign.group().strip()
    return start - len(before) + sign.start(), "-" if written in "-−–" else r"\pm " if written in (
        "±",
        r"\pm",
    ) else r"\mp "


def is_part(text: str, start: int, end: int, *, letter: bool = False) -> bool:
    r"""Return whether something beside a box, or boxes side by side, belongs to its formula, or a word denies or
    only bounds it.

    Args:
        start, end: where the box, or the boxes, start and end.
        letter: the box holds the letter of a choice; what stands behind it is then what the letter names.

    >>> is_part(r"2\boxed{3}", 1, 10), is_part(r"= \boxed{3} cm", 2, 11), is_part(r"\boxed{3}+x", 0, 9)
    (True, False, True)
    """
    before, after = text[max(0, start - _WINDOW) : start], text[end : end + _WINDOW]
    if _DENIED.search(before[-40:]) or _BOUNDED.search(before[-60:]) or _BOUNDED_BEHIND.match(after):
        return True
    for _ in range(_MAX_LAYERS):
        inner, following = before[: _blanks(before)], after[_end_of_blanks(after) :]
        if inner.endswith("{") and not inner.endswith(r"\{"):
            style = _STYLED.search(inner[-60:])
            if style is None and not _GROUP.search(inner[-3:]):
                return True
            if _is_joined_behind(after) and not letter:
                return True
            before = inner[: len(inner) - (len(style.group()) if style else 1)]
            after = following.removeprefix("}")
            continue
        if (bracket := _bracket_at_end(inner)) is None:
            break
        closing = following.removeprefix(r"\right")
        if not closing.startswith(bracket[1]):
            if following.startswith((",", ";")) and re.match(r"[,;][^()\[\]\n$]{1,40}(?:[)\]]|\\\})", following):
                return not _WORD.search(_COMMAND.sub("", following[:40].partition(")")[0]))
            break
        before, after = inner.removesuffix(bracket[0]).removesuffix(r"\left"), closing.removeprefix(bracket[1])
    return _is_joined_before(before) or (not letter and _is_joined_behind(after))


def _bracket_at_end(before: str) -> tuple[str, str] | None:
    """Return the bracket that is open at the end of a text, and the one that closes it; no delimiter of formulas."""
    if before.endswith((r"\(", r"\[")):
        return None
    return next((pair for pair in _BRACKETS if before.endswith(pair[0])), None)


def _blanks(before: str) -> int:
    """Return where the blanks and the spacing at the end of a text start."""
    end = len(before)
    while end:
        if before[end - 1] in "\t\r\n~&":
            end -= 1
        elif before[end - 1] == " ":
            end -= 1 + (before[end - 2 : end - 1] == "\\" != before[end - 3 : end - 2])
        elif before[end - 2 : end] in (r"\,", r"\;", r"\:", r"\!") and before[end - 3 : end - 2] != "\\":
            end -= 2
        else:
            break
    return max(end, 0)


def _end_of_blanks(after: str) -> int:
    blanks = _BLANKS_AFTER.match(after)
    return blanks.end() if blanks else 0


def _is_joined_before(before: str) -> bool:
    near = before[: _blanks(before)]
    blanks = before[len(near) :]
    if not near or near.endswith(("$", r"\(", r"\[", "\\\\")) or _TAG.search(near[-32:]):
        return False
    if _RELATION_BEFORE.search(near) or _RATIO_BEFORE.search(near):
        return True
    if (listed := _LISTED_BEFORE.search(near[-40:])) is not None:
        return not _WORD.search(_COMMAND.sub("", listed.group()))
    if name := _NAME.search(near):
        return not _is_neutral(name.group(1))
    if near.endswith("}"):
        return "\n" not in blanks and not _closes_words(near)
    if blanks:
        return "\n" not in blanks and _DIGIT_BEFORE.search(near) is not None
    return _TOUCHES_BEFORE.search(near) is not None


def _closes_words(near: str) -> bool:
    r"""Whether the brace at the end closes words or a command without a value: `\text{Area}`, `\tag{1}`."""
    depth, at = 0, len(near)
    while at and (depth or at == len(near)):
        at -= 1
        depth += {"}": 1, "{": -1}.get(near[at], 0) * (at == 0 or near[at - 1] != "\\")
    closed = _CLOSED.search(near[:at])
    return closed is not None and closed.group("name") in _WORDS


def _is_neutral(name: str) -> bool:
    return name in _NEUTRAL or name.endswith("arrow")


def _is_joined_behind(after: str) -> bool:
    at = _end_of_blanks(after)
    while after.startswith("}", at):
        at += 1 + _end_of_blanks(after[at + 1 :])
    if "\n" in after[:at] or _WORD_LETTER.match(after):
        return False
    behind = after[at:]
    if behind.startswith("$") and re.match(r"\$\s?(?:\^(?!\s?\{?\\circ)|[²³⁴])", behind):
        return True
    if _UNIT.match(behind):
        return False
    if at and behind.startswith(("(", ":", ",", ".")):
        return False
    if _AFTER.match(behind) or _VARIABLE.match(behind):
        return True
    name = re.match(r"\\([A-Za-z]+)", behind)
    return name is not None and not (_is_neutral(name.group(1)) or name.group(1) in _WORDS)
