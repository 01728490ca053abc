r"""What of an answer's text the compared form holds: a part that was not read is never part of an "equal".

`read.py` makes a form of a text. Each form holds the texts that it was made of: the texts of its formulas, and in
`Form.source` what its own rule read (a label, a unit, the frame of a matrix, the words between the members of a list).
`unread` takes these from the text. What remains was dropped on the way, and the form must not be compared.

Only this may be missing from a form:
- blanks, brackets, separators and the signs between the parts of an answer (`STRUCTURE`): the kind of the form says
  what they mean;
- `\text` around words and symbols: the words themselves must be held;
- what the form itself says that it left out, with the reason (`forms.LeftOut`): a member of a chain that restates the
  value, a remark behind the answer, a filler word such as an article.
Spelling and styling were removed before, by `text.clean`.

Math-Verify, which the symbolic check asks, also drops what it cannot read. Its parse is checked from outside: a symbol
of the text was read only if the parse changes when the symbol is replaced (`changed_texts`). It is only asked about
formulas (`formula`), never about text with words, units, relations or lists.
"""

import re
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from sure_math.equivalence.forms import (
    Collection,
    Conditioned,
    Equation,
    Form,
    Labelled,
    Opaque,
    Quantity,
    Region,
)
from sure_math.equivalence.labels import read_label
from sure_math.equivalence.text import split_top

STRUCTURE = frozenset(" \t\n\r()[]{}⦃⦄⟨⟩,;:=∈&.\\")
_WRAPPER = re.compile(r"\\(?:text|mathbb)(?![A-Za-z])")


def unread(text: str, form: Form) -> str:
    """Return the characters of a cleaned text that its form neither holds nor says that it left out.

    >>> from sure_math.equivalence.read import read_form
    >>> unread("x = 5", read_form("x = 5")), unread("x = 5 y", read_form("x = 5"))
    ('', 'y')
    """
    missing = _content(text)
    missing.subtract(_content(" ".join(held(form))))
    return "".join(char * count for char, count in missing.items() if count > 0)


def held(form: Form) -> list[str]:
    """Return the texts that a form holds or has left out, its parts included."""
    texts = [form.source, *(part.text for part in form.left_out)]
    if isinstance(form, Quantity):
        texts.append(form.value.text)
    elif isinstance(form, Equation):
        texts.extend(side.text for side in form.sides)
    elif isinstance(form, Region):
        texts.extend(end.text for part in form.parts for end in (part.low, part.high))
    elif isinstance(form, Opaque):
        texts.append(form.text)
    elif isinstance(form, Collection):
        texts.extend(text for item in form.items for text in held(item))
    elif isinstance(form, Labelled):
        texts.extend(held(form.form))
    elif isinstance(form, Conditioned):
        texts.extend(text for part in (form.form, *form.conditions) for text in held(part))
    return texts


def _content(text: str) -> Counter[str]:
    """Count the characters that carry meaning. Capitals and small letters are counted as they are written."""
    return Counter(char for char in _WRAPPER.sub("", text) if char not in STRUCTURE)


class Formula(NamedTuple):
    """What the symbolic check may be asked about: a formula in LaTeX, and the name in front of it."""

    label: str
    latex: str


_COMMANDS_TEXT = (
    "frac sqrt sum prod int lim to infty pi cdot sin cos tan cot sec csc arcsin arccos arctan sinh cosh tanh ln log "
    "exp binom limits max min alpha beta gamma delta epsilon zeta eta theta kappa lambda mu nu xi rho sigma tau phi "
    "chi psi omega"
)
_COMMANDS = frozenset(_COMMANDS_TEXT.split())
_LARGE_OPERATOR = re.compile(r"\\(?:sum|prod|int|lim)(?![A-Za-z])")
"""What Math-Verify reads and our reader does not. It is asked about nothing else."""
_DIFFERENTIAL = re.compile(r"[A-Za-z]?(?:d[a-z])?")
"""One letter, a differential, or both. More letters may be a word."""
_SIGNS = {"∞": r"\infty ", "*": r"\cdot "}
_TOKEN = re.compile(r"\\[A-Za-z]+|\d+(?:\.\d+)?|[A-Za-z]+|\S|\s+")
_SYMBOL = re.compile(r"\\[A-Za-z]+|\d+(?:\.\d+)?|[A-Za-z]|[-+/!]")
MAX_SYMBOLS = 40
"""Longer formulas are not checked symbol by symbol, and so not compared."""
_TOO_LONG = 400
_SQUARE_BRACKET = re.compile(r"(?<!\\sqrt)\[")
"""Perhaps the largest integer up to a number. Math-Verify reads it as a group."""


def formula(form: Form) -> Formula | None:
    """Return the formula that an answer is as a whole; None if the symbolic check must not be asked about it.

    >>> from sure_math.equivalence.read import read_form
    >>> formula(read_form(r"S = \\sum_{k=1}^{n} k")), formula(read_form("5 apples"))
    (Formula(label='S', latex='\\\\sum_{k=1}^{n} k'), None)
    """
    label, text = "", ""
    if isinstance(form, Labelled):
        label, form = form.label, form.form
    if isinstance(form, Quantity) and form.unit is None:
        text = form.value.text
    elif isinstance(form, Opaque) and form.mathematical and not label:
        sides = split_top(form.text, lambda text, index: int(text[index] == "="))
        name = read_label(sides[0]) if len(sides) == 2 else None
        label, text = (name.name, sides[1]) if name is not None else ("", form.text)
    if isinstance(form, Opaque) and not _LARGE_OPERATOR.search(text):
        return None
    latex = "".join(_SIGNS.get(char, char) for char in text).strip()
    return Formula(label, latex) if latex and _is_formula(latex) else None


def _is_formula(latex: str) -> bool:
    if len(latex) > _TOO_LONG or len(_SYMBOL.findall(latex)) > MAX_SYMBOLS or _SQUARE_BRACKET.search(latex):
        return False
    outside = split_top(latex, lambda text, index: int(text[index] in ",=<>"))
    return len(outside) == 1 and all(_is_formula_token(token) for token in _TOKEN.findall(latex))


def _is_formula_token(token: str) -> bool:
    if token[0] == "\\":
        return token[1:] in _COMMANDS
    if token.isalpha():
        return _DIFFERENTIAL.fullmatch(token) is not None
    return token.isspace() or token[0].isdigit() or token in "+-/^_!|(){}[],="


_OTHER_COMMAND = {
    "sum": "prod",
    "prod": "sum",
    "sin": "cos",
    "ln": "sin",
    "log": "sin",
    "frac": "binom",
    "binom": "frac",
}
_OTHER_SIGN = {"+": "-", "-": "+", "/": "+", "!": "+1"}
_UNCHANGED = frozenset({"cdot", "limits", "to", "lim", "sqrt", "int"})
"""Commands whose text cannot be replaced: their arguments show whether they were read."""


def changed_texts(latex: str) -> Iterator[str]:
    """Yield the formula with one symbol replaced by another one, for each symbol.

    >>> list(changed_texts("2x+1"))
    ['3x+1', '2q+1', '2x-1', '2x+2']
    """
    for match in _SYMBOL.finditer(latex):
        token = match.group()
        if token[0] == "\\":
            if token[1:] in _UNCHANGED:
                continue
            other = "\\" + _OTHER_COMMAND.get(token[1:], "sin" if token[1:] in _FUNCTION_NAMES else "theta")
            other = other if other != token else "\\omega"
        elif token[0].isdigit():
            other = str(int(token) + 1) if token.isdigit() else f"{token}1"
        else:
            other = _OTHER_SIGN.get(token, "q" if token != "q" else "p")
        yield latex[: match.start()] + other + latex[match.end() :]


_FUNCTION_NAMES_TEXT = "cos tan cot sec csc arcsin arccos arctan sinh cosh tanh exp max min"
_FUNCTION_NAMES = frozenset(_FUNCTION_NAMES_TEXT.split())
