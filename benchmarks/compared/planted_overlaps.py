"""Write benchmark problems as other people would have written them: the planted overlaps of
`benchmarks/decontamination.py`.

Every way takes a problem and a generator of random choices. Formulas are found by their delimiters. In a text that uses
`$` for money, nothing counts as a formula.
"""

from __future__ import annotations

import random
import re
import string
from collections.abc import Callable, Sequence

_FORMULA = re.compile(r"\$\$.+?\$\$|(?<!\\)\$(?:[^$\\]|\\.)+\$|\\\(.+?\\\)|\\\[.+?\\\]", re.DOTALL)
_PIECE = re.compile(
    r"\\(?:text|textbf|mathrm|operatorname|begin|end|mbox|textit)\s*\{[^{}]*\}|\\[A-Za-z]+|\\.|\d+(?:\.\d+)?|\s+|.",
    re.DOTALL,
)
_FRACTION = re.compile(r"\\[dt]?frac\{([^{}]*)\}\{([^{}]*)\}")
_ROOT = re.compile(r"\\sqrt\{([^{}]*)\}")
_GREEK = ("\\alpha", "\\beta", "\\lambda", "\\mu", "\\phi", "\\omega", "\\varepsilon")
_UNICODE = {
    "\\leq": "≤", "\\le": "≤", "\\geq": "≥", "\\ge": "≥", "\\neq": "≠", "\\pi": "π", "\\cdot": "·", "\\times": "×",
    "\\infty": "∞", "\\in": "∈", "\\angle": "∠", "\\triangle": "△", "\\alpha": "α", "\\beta": "β", "\\theta": "θ",
    "\\omega": "ω", "\\ldots": "…", "\\dots": "…", "\\cdots": "⋯", "\\sum": "∑", "\\circ": "°", "\\pm": "±",
    "\\lfloor": "⌊", "\\rfloor": "⌋", "\\to": "→", "\\cup": "∪", "\\cap": "∩",
}  # fmt: skip
_VARIANTS = {
    "\\frac": ("\\dfrac", "\\tfrac", "\\frac"),
    "\\dfrac": ("\\frac", "\\tfrac"),
    "\\le": ("\\leq", "\\leqslant", "\\le"),
    "\\leq": ("\\le", "\\leqslant"),
    "\\ge": ("\\geq", "\\geqslant"),
    "\\geq": ("\\ge", "\\geqslant"),
    "\\neq": ("\\ne",),
    "\\cdot": ("\\times", "\\cdot", "*"),
    "\\times": ("\\cdot", "\\times"),
    "\\ldots": ("\\dots", "...", "\\cdots"),
    "\\dots": ("\\ldots", "..."),
    "(": ("\\left(", "(", "\\bigl("),
    ")": ("\\right)", ")", "\\bigr)"),
    "[": ("\\left[", "["),
    "]": ("\\right]", "]"),
    "\\mid": ("|",),
    "\\binom": ("\\dbinom", "\\tbinom"),
    "\\dbinom": ("\\binom",),
    "\\to": ("\\rightarrow",),
    "\\text": ("\\mathrm", "\\textrm"),
}
_SPACES = ("", " ", "  ", "\\,", "\\;", "\\ ", "~", "\\!")
_SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
_BEFORE = (
    "Solve the following problem.\n\n",
    "Mira found this in an old book: ",
    "Consider the task below and answer it in full.\nTask: ",
    "Part 1. Explain what is given. Part 2. ",
    "A tutor hands out a sheet that reads as follows. ",
)
_AFTER = (
    "\n\nPlease reason step by step, and put your final answer within \\boxed{}.",
    " Then double your result and report that.",
    " Mira writes her result on the board. By how much is it larger than 1?",
    " How would the answer change if every number were doubled?",
    "\n\nHint: draw a picture first.",
)
Way = Callable[[str, random.Random, Sequence[str]], str]


def unchanged(text: str, choose: random.Random, others: Sequence[str]) -> str:
    """Change only white space at the ends and the final stop."""
    return choose.choice(("", " ", "\n")) + text.rstrip(" .") + choose.choice((".", "", "\n"))


def renamed(text: str, choose: random.Random, others: Sequence[str]) -> str:
    """Change the notation: other letters, fractions with a slash, Unicode signs, other delimiters."""
    if not _has_formulas(text):
        return _reworded(text, choose)
    names = _new_names(text, choose)
    delimiters = choose.choice((("\\(", "\\)"), ("$", "$"), ("$$", "$$"), (" ", " ")))
    signs = choose.random() < 0.5

    def rewrite(match: re.Match[str]) -> str:
        inside = _inside(match.group())
        inside = "".join(names.get(piece, piece) for piece in _joined(_PIECE.findall(inside), names))
        if choose.random() < 0.7:
            inside = _FRACTION.sub(_slash, inside)
        if signs:
            inside = _in_unicode(inside)
        return f"{delimiters[0]}{inside}{delimiters[1]}"

    return _FORMULA.sub(rewrite, text)


def embedded(text: str, choose: random.Random, others: Sequence[str]) -> str:
    """Put the whole problem into a longer text: between other sentences, or between two other problems."""
    if choose.random() < 0.5:
        return choose.choice(_BEFORE) + text + choose.choice(_AFTER)
    return f"{choose.choice(others)} {text} {choose.choice(others)}"


def respaced(text: str, choose: random.Random, others: Sequence[str]) -> str:
    """Change spacing and LaTeX: spaces, sizes of brackets, kinds of fractions, separators of thousands, case."""
    if _has_formulas(text):
        text = _FORMULA.sub(lambda match: _respaced(match.group(), choose), text)
    else:
        text = _grouped(re.sub(r"(?<=\d),(?=\d{3})", "", text), ",")
    words = text.split(" ")
    text = "".join(word + choose.choice((" ", " ", " ", "  ", "\n")) for word in words).rstrip()
    return choose.choice((text, text[:1].lower() + text[1:], text + "\n\n"))


def at_once(text: str, choose: random.Random, others: Sequence[str]) -> str:
    """Respace, rename and embed: harder than any single way."""
    return embedded(renamed(respaced(text, choose, others), choose, others), choose, others)


WAYS: dict[str, Way] = {
    "exact": unchanged,
    "changed notation": renamed,
    "embedded in a longer text": embedded,
    "changed spacing and LaTeX": respaced,
}


def _has_formulas(text: str) -> bool:
    """Whether a text has formulas. Dollars for money do not count: they have no closing dollar."""
    return "\\" in text or len(re.findall(r"\$[^$\s](?:[^$]{0,40}[^$\s])?\$(?!\d)", text)) * 2 == text.count("$") > 0


def _inside(formula: str) -> str:
    width = 2 if formula.startswith(("$$", "\\")) else 1
    return formula[width:-width]


def _new_names(text: str, choose: random.Random) -> dict[str, str]:
    """Choose a new letter for each letter that stands alone in a formula, except e and i, which have a meaning."""
    pieces = {piece for match in _FORMULA.finditer(text) for piece in _PIECE.findall(_inside(match.group()))}
    names = {}
    for letters in (string.ascii_lowercase, string.ascii_uppercase):
        used = sorted(piece for piece in pieces if piece in letters and piece not in ("e", "i", "d"))
        fresh = [letter for letter in letters if letter not in ("e", "i", "d", "I", "O")]
        for old, new in zip(used, choose.sample(fresh, len(used)), strict=True):
            names[old] = new
    lower = sorted(name for name in names if name.islower())
    if lower and choose.random() < 0.3:
        greek = [name for name in _GREEK if name not in pieces]
        names[lower[0]] = choose.choice(greek) + " "
    return names


def _joined(pieces: Sequence[str], names: dict[str, str]) -> list[str]:
    """Return the pieces, with a space between a command and a letter that would become a part of it."""
    joined: list[str] = []
    for piece in pieces:
        if joined and re.fullmatch(r"\\[A-Za-z]+", joined[-1]) and piece.isalpha():
            joined.append(" ")
        joined.append(piece)
    return joined


def _slash(match: re.Match[str]) -> str:
    above, below = (part if re.fullmatch(r"\w|\d+", part) else f"({part})" for part in match.groups())
    return f" {above}/{below} "


def _in_unicode(formula: str) -> str:
    formula = re.sub(r"\^(?:\{(\d+)\}|(\d))", lambda match: (match[1] or match[2]).translate(_SUPERSCRIPTS), formula)
    formula = re.sub(r"_(?:\{(\d+)\}|(\d))", lambda match: (match[1] or match[2]).translate(_SUBSCRIPTS), formula)
    formula = re.sub(r"\^\s*\{?\\circ\}?", "°", formula)
    formula = _ROOT.sub(
        lambda match: f"√({match.group(1)})" if len(match.group(1)) > 1 else f"√{match.group(1)}", formula
    )
    return "".join(_UNICODE.get(piece, piece) for piece in _PIECE.findall(formula))


def _respaced(formula: str, choose: random.Random) -> str:
    written = []
    for piece in _PIECE.findall(_inside(formula)):
        if piece.isspace():
            piece = " "
        elif piece.isdigit() and len(piece) > 3:
            piece = _grouped(piece, choose.choice(("", "{,}", ",", "\\,")))
        elif piece in _VARIANTS:
            piece = choose.choice(_VARIANTS[piece])
        spaced = piece in ("+", "=", "<", ">", ",") or piece.startswith("\\le") or piece.startswith("\\ge")
        written.append(piece + (choose.choice(_SPACES) if spaced else ""))
        if re.fullmatch(r"\\[A-Za-z]+", piece):
            written.append(" ")
    delimiters = choose.choice((("$", "$"), ("\\(", "\\)"), ("$ ", " $"), ("\\[ ", " \\]"), ("$$\n", "\n$$")))
    return delimiters[0] + "".join(written) + delimiters[1]


def _grouped(text: str, separator: str) -> str:
    """Add separators of thousands to the numbers of a text."""
    return re.sub(r"\d(?=(?:\d{3})+(?!\d))", lambda match: match.group() + separator, text)


def _reworded(text: str, choose: random.Random) -> str:
    """Change the notation of a problem without formulas: money, percent, apostrophes and fractions."""
    text = re.sub(r"\$(\d[\d,.]*\d|\d)", choose.choice((r"\\$\1", r"USD \1", r"\1 dollars", r"$\\$\1$")), text)
    text = text.replace("%", choose.choice(("\\%", " percent", "%"))).replace("'", choose.choice(("’", "'")))
    return re.sub(r"(?<!\d)(\d)/(\d)(?!\d)", choose.choice((r"$\\frac{\1}{\2}$", r"$\\frac\1\2$", r"\1/\2")), text)
