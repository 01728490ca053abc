r"""Write LaTeX, Unicode and plain text in one small notation: an answer then has one spelling, however it is typed.

After `clean`, an answer has no math delimiters, spacing commands, `\left`/`\right` or thousands separators, and the
operators that the parsers look at are single characters: ⦃ ⦄ set braces, ⟨ ⟩, ∪ ∖ ∈ ∅ ℝ ∞, ≤ ≥ ≠ ≈ ± ∓, * /, ° % and …

`clean` drops only what does not change the meaning:

| dropped | where |
|---|---|
| characters that are not seen | `unseen.py` |
| delimiters of mathematics, boxes, `\left`, `\right`, `\big` | `_DELIMITERS`, `_unwrap_boxes`, `_DROPPED` |
| null delimiters `\left.`, `\right.` | `_NULL_DELIMITER` |
| spacing, line skips, `\phantom` | `_SPACES`, `_ROW_SKIP` |
| sizes, styles, `\limits` | `_DROPPED` |
| colours and coloured boxes with the name of their colour | `_COLOURED`, `_BOX_STYLE` |
| bold and underlined (`\mathbf`, `**5**`) | `_STYLED`, `_BOLD` |
| `\mathrm` of single letters that are no unit | `_upright` |
| separators of thousands | `substitute_thousands` |
| punctuation, braces and blanks at the ends | `strip_ends` |

Everything else stays in the text, for `read.py` to read or refuse.
"""

import html
import re
from collections.abc import Callable
from functools import lru_cache

from sure_math.equivalence.glyphs import (
    APOSTROPHES,
    COMMANDS,
    DASHES,
    DEGREE_SIGNS,
    DIGITS,
    FRACTIONS,
    FULLWIDTH,
    GREATER_OR_EQUAL,
    GREEK_LETTERS,
    LESS_OR_EQUAL,
    LETTERS,
    LOWERED,
    MORE_FRACTIONS,
    PRODUCT_SIGNS,
    QUOTIENT_SIGNS,
    RAISED,
    SETS,
)
from sure_math.equivalence.unseen import visible
from sure_math.extract import BOX, box_content

_UNICODE = str.maketrans(
    {
        **FULLWIDTH,
        **DIGITS,
        **LETTERS,
        **GREEK_LETTERS,
        **SETS,
        **dict.fromkeys(DASHES, "-"),
        **dict.fromkeys(PRODUCT_SIGNS, "*"),
        **dict.fromkeys(QUOTIENT_SIGNS, "/"),
        **dict.fromkeys(LESS_OR_EQUAL, "≤"),
        **dict.fromkeys(GREATER_OR_EQUAL, "≥"),
        **dict.fromkeys((*DEGREE_SIGNS, "˚"), "°"),
        **dict.fromkeys(APOSTROPHES, "'"),
        **COMMANDS,
        **{glyph: rf"\frac{{{upper}}}{{{lower}}}" for glyph, (upper, lower) in (FRACTIONS | MORE_FRACTIONS).items()},
        "∛": r"\sqrt[3] ",
        "∜": r"\sqrt[4] ",
        "∠": r"\angle ",
        "△": r"\triangle ",
        "⌊": r"\lfloor ",
        "⌋": r"\rfloor ",
        "⌈": r"\lceil ",
        "⌉": r"\rceil ",
        "∧": " and ",
        "∨": " or ",
        "\u202f": r"\,",
        "\u2009": r"\,",
        "\u200a": r"\,",
        "“": '"',
        "”": '"',
        "″": "''",
        "∣": "|",
        "、": ",",
        "。": ".",
        "【": "[",
        "】": "]",
        "〈": "⟨",
        "〉": "⟩",
        "《": "⟨",
        "》": "⟩",
        "٪": "%",
        "٫": ".",
        "＄": "¤",
        "￥": "¥",
        "∼": "~",
        "⊘": "∅",
    }
)
_SMALL = str.maketrans({**RAISED, **LOWERED})
_ROOT_OF_NUMBER = re.compile(r"([√∛∜])\s*(\d[\d.]*)")
_SQUARE_METRES = re.compile(r"(?<=\d)\s?m([²³])(?=[\s.$)]*$)")
"""`35m²` with a raised digit, at the end: metres. `35m^2` may hold a variable."""
_SMALL_RUN = re.compile(f"[{''.join(RAISED)}]+|[{''.join(LOWERED)}]+")
_OVERLINED = re.compile("(?:\\d[\u0304\u0305])+")

_DOUBLED_BACKSLASH = re.compile(
    r"(?<!\\)\\\\(?=(?:d?frac|tfrac|sqrt|left|right|text|boxed|pi|cdot|times|begin|end|circ|infty|cup|pm)(?![a-z]))"
)
_DROPPED = re.compile(
    r"\\(?:left|right|bigl?|bigr|Bigl?|Bigr|biggl?|biggr|Biggl?|Biggr|middle|displaystyle|textstyle|scriptstyle"
    r"|scriptscriptstyle|limits|nolimits|tiny|scriptsize|footnotesize|small|normalsize|[lL]arge|LARGE|huge|Huge"
    r"|rm|bf|it|sf|tt|mathord|ensuremath|hfill|allowbreak|mathstrut|strut|nonumber|notag|noindent)(?![A-Za-z])|\\!"
    r"|\\(?:begin|end)\s*\{(?:equation|displaymath|math)\*?\}"
)
_FRACTION_IN_BRACES = re.compile(r"(?<=\d)\{(\\frac\{[^{}]*\}\{[^{}]*\})\}")
"""`14{6 \\over 7}` is a mixed number."""
_COLOURED = re.compile(
    r"\\(?:textcolor|color|colorbox|fcolorbox\s*\{[^{}]{0,40}\})(?![A-Za-z])"
    r"(?:\s*\[[^][{}]{0,60}\])?(?:\s*\{[^{}]{0,40}\})?"
)
_BOX_STYLE = re.compile(r"\\bbox(?![A-Za-z])\s*(?:\[[^][{}]{0,60}\])?")
_STYLED = re.compile(
    r"\\(?:mathbf|boldsymbol|bm|pmb|underline|bold|mathnormal)(?![A-Za-z])\s*(?:\{\s*([A-Za-z]{1,20})\s*\}|([A-Za-z])(?![A-Za-z]))?"
)
_BOLD = re.compile(r"\s*(\*\*|__|`)([^*`]+)\1\s*")
_NULL_DELIMITER = re.compile(r"\\(?:left|right)\s*\.")
_FRACTIONS = re.compile(r"\\(?:[dtc]|nice|s|x)frac(?![A-Za-z])")
_BINOMIALS = re.compile(r"\\[dt]binom(?![A-Za-z])")
_TEXT_COMMAND = re.compile(
    r"\\(?:text(?:rm|bf|it|sf|sc|tt|normal|up)?|emph|mbox|mathrm|mathsf|mathtt|mathit|hbox|operatorname\*?)(?=\s*\{)"
)
_UPRIGHT_TOKEN = re.compile(r"\\(?:mathrm|mathsf|mathtt|mathit)(?:\s+([A-Za-z])(?![A-Za-z])|\s*(?=\\(?!text)[A-Za-z]))")
_UPRIGHT = re.compile(r"\\text\s*\{(\s*)([A-Za-z]|[eixyz]{2,3}|pi|\\(?!mu|Omega)[A-Za-z]+)\s*\}")
_UNIT_LETTERS = frozenset("mgshtlLNJWVAKC")
_SPACED_UNIT_LETTERS = frozenset("FTHBDd")
"""Letters that are a unit behind a number, always or if a blank stands between."""
_SYMBOLS: tuple[tuple[str, str], ...] = (
    (r"\\\{|\\lbrace(?![A-Za-z])", "⦃"),
    (r"\\\}|\\rbrace(?![A-Za-z])", "⦄"),
    (r"\\langle(?![A-Za-z])", "⟨"),
    (r"\\rangle(?![A-Za-z])", "⟩"),
    (r"\\(?:lvert|rvert|vert|mid)(?![A-Za-z])", "|"),
    (r"\\lbrack(?![A-Za-z])", "["),
    (r"\\rbrack(?![A-Za-z])", "]"),
    (r"\\cup(?![A-Za-z])", "∪"),
    (r"\\cap(?![A-Za-z])", "∩"),
    (r"\\cr(?![A-Za-z])", r"\\\\"),
    (r"\\in(?![A-Za-z])", "∈"),
    (r"\\(?:leq|leqslant|le)(?![A-Za-z])|<=|=<", "≤"),
    (r"\\(?:geq|geqslant|ge)(?![A-Za-z])|>=", "≥"),
    (r"\\(?:neq|ne)(?![A-Za-z])|\\not\s*=|(?<![^\s])!=", "≠"),
    (r"\\lt(?![A-Za-z])", "<"),
    (r"\\gt(?![A-Za-z])", ">"),
    (r"\\infty(?![A-Za-z])|(?<![A-Za-z\\{])(?:infinity|infty)(?![A-Za-z])|(?<=[-+(\[, ])(?:oo|inf)(?=\s*[),\]])", "∞"),
    (r"\\(?:approx|simeq|doteq)(?![A-Za-z])", "≈"),
    (r"\\pm(?![A-Za-z])|\+/-|\+-", "±"),
    (r"\\mp(?![A-Za-z])", "∓"),
    (r"\\(?:cdot|times|ast|bullet)(?![A-Za-z])", "*"),
    (r"\*\*", "^"),
    (r"\\div(?![A-Za-z])", "/"),
    (r"\^\s*\{?\s*\\circ\s*\}?|\\degree(?:s)?(?![A-Za-z])|\\textdegree(?![A-Za-z])", "°"),
    (r"\\%", "%"),
    (r"\\(?:ldots|dots|cdots|dotsc|dotsb|dotsm|hdots|vdots|ddots)(?![A-Za-z])|\.\.\.+", "…"),
    (r"\\(?:setminus|backslash)(?![A-Za-z])", "∖"),
    (r"\\(?:emptyset|varnothing)(?![A-Za-z])", "∅"),
    (r"\\mathbb\s*(?:\{\s*R\s*\}|R(?![A-Za-z]))|\\R(?![A-Za-z])", "ℝ"),
    (r"ℝ\s*-\s*(?=⦃)", "ℝ∖"),
    (r"ℝ\s*[-∖]\s*\{([^{}]*)\}", r"ℝ∖⦃\1⦄"),
    (r"\^\s*\{\s*\\prime\s*\\prime\s*\}|\^\s*\\prime\s*\\prime(?![A-Za-z])", "''"),
    (r"\^\s*\{\s*\\prime\s*\}|\^\s*\\prime(?![A-Za-z])", "'"),
    (r"\\colon(?![A-Za-z])", ":"),
    (r"\\(?:var)?(?=(?:theta|phi|epsilon|rho|sigma)(?![A-Za-z]))", r"\\"),
    (r"\\(?:land|wedge)(?![A-Za-z])", " and "),
    (r"\\(?:lor|vee)(?![A-Za-z])", " or "),
    (r"\\&", " and "),
    (r"\\#", "#"),
    (r"\\_", "_"),
)
_SYMBOL_RULES = tuple((re.compile(pattern), replacement) for pattern, replacement in _SYMBOLS)
_THOUSANDS = re.compile(r"(?<![\d.,])\d{1,3}(?:(?:\{,\}|٬|'|,\\!\s*|\\[,;: ]|\{\\,\}|~| )\d{3})+(?![\d])")
_DECIMAL_COMMA = re.compile(r"(?<=\d)\{,\}(?=\d)")
_SEPARATOR = re.compile(r"[^\d]+")
_SPACES = re.compile(
    r"\\(?:quad|qquad|hspace\*?\{[^{}]*\}|hphantom\{[^{}]*\}|phantom\{[^{}]*\}"
    r"|enspace|thinspace|space|newline)(?![A-Za-z])|(?<!\\)\\[,;:> \n]|~"
)
_ROW_SKIP = re.compile(r"\\\\\s{0,3}\[[^\]]{0,12}\]")
_BLANKS = re.compile(r"[^\S\x1c-\x1f]+")
_BRACED_BOX = re.compile(BOX.pattern + r"(?=\{)")
_DELIMITERS = re.compile(r"(?<!\\)\\[()\[\]]|\$")
_CURRENCY_SIGN = "¤"
_MATRIX = re.compile(r"\\begin\{([pbvBV]?matrix|smallmatrix|array)\}(?:\{[lcr|\s]*\})?(.*?)\\end\{\1\}", re.DOTALL)
MAX_STACKED = 5_000
"""Longer texts are not searched for stacked formulas: the search for the end of each matrix would take quadratic
time.
"""
_LONE_OPERATOR = re.compile(r"[+\-*/=,^_]|[+\-*/^_].*[*/=^_]")


def substitute_thousands(text: str) -> str:
    """Remove separators that can only separate thousands. A plain comma stays (see `is_thousands_comma`)."""
    text = _THOUSANDS.sub(lambda match: _SEPARATOR.sub("", match.group()), text)
    return _DECIMAL_COMMA.sub(".", text)


def clean(answer: str) -> str:
    r"""Write an answer in the notation that the module's docstring describes. Linear in the length of `answer`.

    >>> clean(r"$\left( 1,\, \dfrac12 \right)$")
    '( 1, \\frac12 )'
    """
    text = visible(_from_markup(visible(answer).strip()))
    if ("\\times" in text or "×" in text) and _VECTOR.search(text):
        text = _CROSS.sub(_cross_product, text)
    text = _from_unicode(text)
    text = _DOUBLED_BACKSLASH.sub(r"\\", text)
    text = _strip_dollars(text)
    text = _DELIMITERS.sub(" ", _ROW_SKIP.sub(r"\\\\ ", text))
    text = _unwrap_boxes(text)
    text = substitute_thousands(text)
    if "\\" in text:
        text = _without_styles(text)
    text = _SPACES.sub(" ", text)
    if "\\text" in text:
        text = _UPRIGHT.sub(_upright, _TEXT_AROUND_FORMULA.sub(r" \1", text))
    for pattern, replacement in _SYMBOL_RULES:
        text = pattern.sub(replacement, text)
    return strip_ends(_plain_signs(_BLANKS.sub(" ", _unstack(text))))


_VECTOR = re.compile(r"\\(?:vec|mathbf|boldsymbol|bm|overrightarrow|hat|widehat|nabla)(?![A-Za-z])|∇")
_CROSS = re.compile(r"\\times(?![A-Za-z])|×")


def _cross_product(match: re.Match[str]) -> str:
    r"""Keep the cross of vectors apart from the sign of a product: `\vec{a}\times\vec{b}`, but `3\times\vec{a}`."""
    before, after = match.string[: match.start()].rstrip(" }"), match.string[match.end() :].lstrip(" {")
    return match.group() if before[-1:].isdigit() or after[:1].isdigit() else r"\crossproduct "


_TEXT_AROUND_FORMULA = re.compile(
    r"\\text\s*\{\s*(?=\\(?:text|frac|sqrt)(?![A-Za-z]))((?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*)\}"
)
r"""`\text{\frac{1}{2}}` and `\text{ \text{ cm}}`: a formula or a text inside of text."""
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z]{2,31}\d{0,2});")
_SCRIPT_TAG = re.compile(r"<(sup|sub)>([^<>]{1,100})</\1>")


def _from_markup(text: str) -> str:
    """Read HTML (`&lt;`, `x<sup>2</sup>`) and bold of Markdown around the whole answer."""
    if "&" in text and ";" in text:
        ampersand = "&" if "\\begin" in text else r"\&"
        text = _ENTITY.sub(lambda match: ampersand if match.group() == "&amp;" else html.unescape(match.group()), text)
    if "</su" in text:
        text = _SCRIPT_TAG.sub(lambda match: f"{'^' if match.group(1) == 'sup' else '_'}{{{match.group(2)}}}", text)
    if text[:1] in ("*", "_", "`") and (bold := _BOLD.fullmatch(text)):
        text = bold.group(2)
    return text


def _from_unicode(text: str) -> str:
    text = text.replace(r"\$", _CURRENCY_SIGN)
    if text.isascii():
        return text
    text = _ROOT_OF_NUMBER.sub(r"\1{\2}", _SQUARE_METRES.sub(r"\\text{ m}\1", text))
    text = _OVERLINED.sub(lambda match: rf"\overline{{{match.group()[::2]}}}", text)
    text = _SMALL_RUN.sub(
        lambda match: f"{'^' if match.group()[0] in RAISED else '_'}{{{match.group().translate(_SMALL)}}}", text
    )
    return _translated(text)


def _without_styles(text: str) -> str:
    """Remove what only styles the text, and write each command of a kind in one way."""
    text = _NULL_DELIMITER.sub(" ", text)
    text = _DROPPED.sub("", text)
    if "color" in text or "bbox" in text:
        text = _COLOURED.sub(" ", _BOX_STYLE.sub(" ", text))
    text = _STYLED.sub(_letters_alone, text)
    text = _FRACTIONS.sub(r"\\frac", text)
    text = _BINOMIALS.sub(r"\\binom", text)
    text = _TEXT_COMMAND.sub(r"\\text", text)
    text = _UPRIGHT_TOKEN.sub(lambda match: rf"\text{{{match.group(1)}}}" if match.group(1) else " ", text)
    if "\\over" in text or "\\choose" in text:
        text = _FRACTION_IN_BRACES.sub(r"\1", _infix_fractions(text))
    return text


def _letters_alone(match: re.Match[str]) -> str:
    """Write styled letters without their braces, and apart from the letters around them."""
    letters = match.group(1) or match.group(2)
    if not letters:
        return " "
    before, after = match.string[: match.start()][-1:], match.string[match.end() : match.end() + 1]
    return f"{' ' * before.isalpha()}{letters}{' ' * (after.isalnum())}"


def _upright(match: re.Match[str]) -> str:
    r"""Write an upright letter as the letter, unless it is a unit behind a number: `2\text{i}`, but `5\text{ m}`."""
    blank, letters = match.group(1), match.group(2)
    before = match.string[max(0, match.start() - 20) : match.start()]
    after = match.string[match.end() : match.end() + 8].lstrip()
    if after.startswith(("\\Omega", "Ω")):
        return match.group()
    spaced = bool(blank) or before.endswith(" ")
    if (letters in _UNIT_LETTERS or (spaced and letters in _SPACED_UNIT_LETTERS)) and _is_measured(before, after):
        return match.group()
    if letters == "pi":
        letters = r"\pi"
    joins_left = before[-1:].isalpha() and not letters.startswith("\\")
    joins_right = letters.startswith("\\") or match.string[match.end() : match.end() + 1].isalnum()
    return f"{' ' * joins_left}{letters}{' ' * joins_right}"


def _is_measured(before: str, after: str) -> bool:
    """Whether an upright letter stands where a unit may stand: behind a number or another unit."""
    before = before.rstrip()
    if before.endswith(("\\frac{", "}{")):
        return True
    return before[-1:] not in ("", *"(,;=[+-<>{_^|:⦃∈&") and after[:1] not in ("_", "(", "'")


_INFIX = re.compile(r"\\(over|choose)(?![A-Za-z])")
_MAX_INFIX = 8


def _infix_fractions(text: str) -> str:
    r"""Write `{a \over b}` as `\frac{a}{b}` and `{n \choose k}` as `\binom{n}{k}`."""
    for _ in range(_MAX_INFIX):
        match = _INFIX.search(text)
        if match is None:
            return text
        start, end = _group_around(text, match.start())
        command = "frac" if match.group(1) == "over" else "binom"
        upper, lower = text[start : match.start()].strip(), text[match.end() : end].strip()
        text = rf"{text[:start]}\{command}{{{upper}}}{{{lower}}}{text[end:]}"
    return text


def _group_around(text: str, index: int) -> tuple[int, int]:
    """Return where the content of the braces around an index starts and ends; the whole text without braces."""
    ends = []
    for step, opening, closing in ((-1, "{", "}"), (1, "}", "{")):
        at, depth = index, 0
        while 0 <= at < len(text) and depth >= 0:
            if text[at] in "{}" and (at == 0 or text[at - 1] != "\\"):
                depth += (text[at] == closing) - (text[at] == opening)
            at += step
        ends.append(at + 2 if step < 0 and depth < 0 else 0 if step < 0 else at - 1 if depth < 0 else len(text))
    return ends[0], ends[1]


_TIMES_TEN = re.compile(r"(?<=[\d.])(\}?)\s*[xX]\s*(?=10\s*\^)")
_TIMES = re.compile(r"(?<=\d)(\}?)\s+[xX]\s+(?=\d)")
_UNION = re.compile(r"(?<=[)\]⦄])\s*(?:U|union)\s*(?=[(\[⦃])")
_ANGLES = re.compile(r"(?:([^<>]*=)\s*)?<([^<>=]*)>")
_CAPITALS = re.compile(r"[A-Z](?:\s*(?:,|,?\s+and|&)\s+[A-Z])+")


def _plain_signs(text: str) -> str:
    """Read signs that plain text writes as letters: x for times, U for a union, < and > for angle brackets."""
    if "x" in text or "X" in text:
        text = _TIMES_TEN.sub(r"\1*", text)
        times = _TIMES.sub(r"\1 * ", text)
        if "x" not in times and "X" not in times:
            text = times
    if text[:8].lower() == "infinity":
        text = f"infinity{text[8:]}"
    if "," in text:
        text = _UNION.sub("∪", text)
        if text.endswith(">") and (angles := _ANGLES.fullmatch(text)) and "," in angles.group(2):
            text = f"{angles.group(1) or ''}⟨{angles.group(2)}⟩"
    if " and " in text and _CAPITALS.fullmatch(text.strip()):
        text = ", ".join(re.findall(r"[A-Z]", text))
    return text


_GREEK_RUN = re.compile(r"([\u0370-\u03ff\u1f00-\u1fff]+)")
_ACCENTS = frozenset("άέήίόύώΐΰϊϋΆΈΉΊΌΎΏ")


def _translated(text: str) -> str:
    """Replace Unicode signs, but no letter of a Greek word (`μήλα`): its accent tells it from a product."""
    if _ACCENTS.isdisjoint(text):
        return text.translate(_UNICODE)
    runs = _GREEK_RUN.split(text)
    return "".join(run if not _ACCENTS.isdisjoint(run) else run.translate(_UNICODE) for run in runs)


_MAX_LAYERS = 10
"""Layers of braces that are removed; each layer costs one pass over the text."""


def strip_ends(text: str) -> str:
    """Remove blanks, punctuation and line breaks at the ends of a text, and braces around the whole text."""
    text = text.strip()
    for _ in range(_MAX_LAYERS):
        shorter = text.rstrip("\\ ").rstrip() if not text.endswith("\\\\}") else text
        shorter = shorter.rstrip(";,. ").lstrip(";,:≈ ")
        if shorter.startswith("{") and closing_index(shorter, 0) == len(shorter) - 1:
            shorter = shorter[1:-1].strip()
        if shorter == text:
            return text
        text = shorter
    return text


def _strip_dollars(text: str) -> str:
    """Read a `$` that opens no math (`$5`, `US$5`) as the currency. `clean` removes the delimiters."""
    if text.count("$") == 1 and re.search(r"\$\s*[\d.]", text):
        return text.replace("$", _CURRENCY_SIGN)
    return text


def _unwrap_boxes(text: str) -> str:
    """Replace up to three closed boxes by their contents, outermost first."""
    for _ in range(3):
        box = _BRACED_BOX.search(text)
        if box is None:
            return text
        span = box_content(text, box.end())
        if span is None:
            return text
        text = f"{text[: box.start()]} {text[span[0] : span[1]]} {text[span[1] + 1 :]}"
    return text


def _unstack(text: str) -> str:
    r"""Put a formula back on one line that a model wrote inside a one-column matrix, one token per line.

    Real outputs (many rows of MathArena's table of answers its parser failed on): `\begin{matrix} \frac{ \\ 4 \\ }{
    \\ 3 \\ } \end{matrix}`. Recognised by cells that cannot be matrix entries: braces opened and closed in different
    cells, or a lone operator.
    """
    if "\\begin" not in text or len(text) > MAX_STACKED:
        return text
    return _MATRIX.sub(_unstack_one, text)


def _unstack_one(match: re.Match[str]) -> str:
    body = match.group(2)
    cells = [cell.strip() for cell in body.split(r"\\")]
    if "&" in body or not any(cell.count("{") != cell.count("}") or _LONE_OPERATOR.fullmatch(cell) for cell in cells):
        return match.group()
    return " ".join(cell for cell in cells if cell not in (r"\text{ }", r"\text{}"))


_OPENING = {"(": ")", "[": "]", "{": "}", "⦃": "⦄", "⟨": "⟩"}
_CLOSING = frozenset(_OPENING.values())


def closing_index(text: str, start: int) -> int:
    """Return the index of the bracket that closes the bracket at `start`; -1 if there is none.

    Brackets of different kinds may close each other, as in `[0,1)`.
    """
    depth = 0
    for index in range(start, len(text)):
        if text[index] in _OPENING:
            depth += 1
        elif text[index] in _CLOSING:
            depth -= 1
            if depth == 0:
                return index
    return -1


def split_top(text: str, is_separator: Callable[[str, int], int]) -> list[str]:
    """Split a text outside brackets and environments, at the indices for which `is_separator` returns a length above 0.

    >>> split_top("(1, 2), 3", lambda text, index: int(text[index] == ","))
    ['(1, 2)', ' 3']
    """
    parts, depth, start, index = [], 0, 0, 0
    while index < len(text):
        char = text[index]
        if char in _OPENING:
            depth += 1
        elif char in _CLOSING:
            depth -= 1
        elif text.startswith("\\begin{", index):
            depth += 1
        elif text.startswith("\\end{", index):
            depth -= 1
        elif depth == 0 and (length := is_separator(text, index)):
            parts.append(text[start:index])
            index += length
            start = index
            continue
        index += 1
    parts.append(text[start:])
    return parts


_THOUSANDS_COMMA = re.compile(r",\d{3}(?!\d)")


def is_thousands_comma(text: str, index: int) -> bool:
    """Return whether the comma at `index` is part of a number like 1,000 or 12,345,678 (without a blank after it)."""
    if not _THOUSANDS_COMMA.match(text, index):
        return False
    start = index
    while start > 0 and (text[start - 1].isdigit() or text[start - 1] == ","):
        start -= 1
    groups = text[start:index].split(",")
    if start > 0 and text[start - 1] in "._":
        return False
    leading = len(groups[0]) <= 3 and groups[0] != "" and groups[0][0] != "0"
    return leading and all(len(group) == 3 for group in groups[1:])


_KEPT_BLANK = re.compile(r"(?<=[A-Za-z0-9]) (?=[A-Za-z0-9])|(?<=\d,) (?=\d{3}(?!\d))")
_FRAC_DIGITS = re.compile(r"\\frac\s*(?:(\d)|\{\s*(\d+)\s*\})\s*(?:(\d)|\{\s*(\d+)\s*\})")


@lru_cache(maxsize=65_536)
def canonical(answer: str) -> str:
    r"""Return a string for exact matching: equal strings are the same answer; different strings may be, too.

    Only spelling is removed: delimiters, spacing, `\left`, `\dfrac` for `\frac`, `\frac12` for `\frac{1}{2}`, thousands
    separators other than commas, a final full stop. Linear in the length. Empty only for an empty answer.

    >>> canonical(r"$\dfrac12$.") == canonical(r"\frac{1}{2}")
    True
    """
    text = clean(answer)
    text = _FRAC_DIGITS.sub(lambda m: f"\\frac{{{m.group(1) or m.group(2)}}}{{{m.group(3) or m.group(4)}}}", text)
    parts = _KEPT_BLANK.split(text)
    return " ".join(part.replace(" ", "") for part in parts) or visible(answer).strip()
