r"""Names in front of an answer: `x =`, `f(x) =`, `AB =`, `(x, y) =`, `\det A =`, `Area =`."""

import re
from dataclasses import dataclass

_NAME = (
    r"(?:\\?[A-Za-z]+|\\(?:overline|vec|text|mathbf|mathcal|mathbb|hat|bar|tilde|overrightarrow|widehat)\s*\{[^{}]*\}"
    r"|\\(?:bar|hat|vec|tilde|mathbf)\s+[A-Za-z]|\\(?:angle|triangle|Delta)\s*\\?[A-Za-z]+)"
)
_SUFFIX = r"(?:_\{[^{}]*\}|_\w|'|\^\{?(?:\\prime|\*|-1|\\circ)\}?|\((?:[^()]{0,40})\))*"
_ATOM = rf"(?:m\s*)?{_NAME}\s*{_SUFFIX}"
_OPERATOR = r"(?:\\(?:det|max|min|sup|inf|lim|dim|ker|deg|arg|Re|Im|gcd|lcm)(?![A-Za-z])|\\text\s*\{\s*[A-Za-z]+\s*\})"
_BARRED = rf"(?:\|\s*{_ATOM}\s*\||\\\|\s*{_ATOM}\s*\\\|)"
_LABEL = re.compile(
    rf"(?:{_ATOM}|{_BARRED}|{_OPERATOR}\s*(?:{_ATOM}|\(\s*{_ATOM}\s*\))|\\frac\s*\{{{_ATOM}\}}\s*\{{{_ATOM}\}}"
    rf"|{_ATOM}/{_ATOM}|{_ATOM}:{_ATOM}|\\angle\s*[A-Z]+|\[[A-Z]+\])\s*"
)
LABEL_TUPLE = re.compile(rf"\(\s*{_ATOM}(?:\s*,\s*{_ATOM})+\s*\)")
_TEXT_LABEL = re.compile(r"(?:\\text\s*\{[^{}]*\}|\\omega_\{?\w{1,3}\}?|[A-Za-z\s])+")
CALL = re.compile(r"([A-Za-z]\w*'*)\(\s*([A-Za-z])\s*((?:,\s*[A-Za-z]\s*)*)\)")
_COMPUTED = re.compile(
    r"\\?(?:min|max|gcd|lcm|sin|cos|tan|cot|sec|csc|arcsin|arccos|arctan|sinh|cosh|tanh|ln|log|lg|exp|abs|floor|ceil|sqrt)"
    r"(?![A-Za-z])(?!\s+[A-Za-z]\s*$)"
)
"""A function whose value can be computed: `min(3, 5)` is a number and not a name."""
_LINE_OVER_POINTS = re.compile(
    r"\\(?:overline|overrightarrow|overleftrightarrow|vec)\s*\{\s*([A-Z]{2,3})\s*\}|\|\s*([A-Z]{2,3})\s*\|"
)
_DECORATION = re.compile(r"\\(?:bar|vec|mathcal|mathbb|hat|tilde)~?|\|")
_DECORATED = re.compile(
    r"\\(overline|overrightarrow|vec|mathbf|mathcal|mathbb|hat|bar|tilde|widehat)(?:\s*\{\s*([A-Za-z]+)\s*\}|\s+([A-Za-z]))"
)
_SAME_DECORATION = {"overline": "bar", "overrightarrow": "vec", "widehat": "hat"}
_FILLERS_TEXT = "the a an of is are be final answer answers result solution solutions value total so thus hence then"
FILLERS = frozenset(_FILLERS_TEXT.split())
"""Words in front of an answer that say nothing about what the answer is the value of."""
_CHANGING_TEXT = (
    "not no never wrong false incorrect cannot less more fewer greater least most half twice double thrice triple "
    "times minus negative per nearly almost over under above below between except without opposite inverse reciprocal "
    "square cube root"
)
WORDS_THAT_CHANGE = frozenset(_CHANGING_TEXT.split())
"""Words that change what the number behind them says. A text with such a word is no label."""
MAX_LABEL = 200


@dataclass(frozen=True, slots=True)
class Label:
    """What the text in front of an answer names."""

    name: str
    """Without blanks: `x`, `f()`, `AB`. Words are in lower case and in order: `area of triangle`."""
    is_words: bool = False


def read_label(text: str) -> Label | None:
    r"""Return the label that a text is; None if the text is a formula or anything else.

    A line over points may be missing (`\overline{AB}` is AB). A bar over anything else changes the value.

    >>> read_label(r"\overline{AB}"), read_label("Area"), read_label("x + 1")
    (Label(name='AB', is_words=False), Label(name='area', is_words=True), None)
    """
    if len(text) > MAX_LABEL:
        return None
    text = text.strip()
    if text.lower() in WORDS_THAT_CHANGE:
        return None
    if LABEL_TUPLE.fullmatch(text) or (_LABEL.fullmatch(text) and not _COMPUTED.match(text)):
        return _symbol(text)
    return _words(text) if _TEXT_LABEL.fullmatch(text) and re.search(r"\\text|[A-Za-z]{3}", text) else None


def _symbol(text: str) -> Label | None:
    plain = _LINE_OVER_POINTS.sub(lambda match: match.group(1) or match.group(2), text)
    name = re.sub(r"\s+|\\text|[{}]", "", _DECORATED.sub(_decorated, plain))
    if re.fullmatch(r"[ei]|\\pi", name):
        return None
    if call := CALL.fullmatch(name):
        return Label(f"{call.group(1)}()")
    letters = re.sub(r"[^A-Za-z]", "", name)
    if re.fullmatch(r"\\text\s*\{[^{}]*\}|[a-z]{4,}|[A-Z][a-z]{3,}", text) and len(letters) > 1:
        return _words(text)
    return Label(name[1:] if re.fullmatch(r"\\[A-Za-z]+", text) else name)


def _decorated(match: re.Match[str]) -> str:
    r"""Write a decorated name in one way: `\bar~z`. Bold letters are the letters."""
    command, name = match.group(1), match.group(2) or match.group(3)
    return name if command == "mathbf" else rf"\{_SAME_DECORATION.get(command, command)}~{name}"


def _words(text: str) -> Label | None:
    words = re.findall(r"[^\W\d_]+", text.replace("\\text", " ").lower())
    if not WORDS_THAT_CHANGE.isdisjoint(words):
        return None
    return Label(" ".join(word for word in words if word not in FILLERS), is_words=True)


def without_decorations(label: str) -> str:
    r"""Return a label without bars, hats and arrows: `\bar{z}` and `z` may be two notations or two numbers.

    >>> without_decorations(r"\vec a")
    'a'
    """
    return re.sub(r"\s", "", _DECORATION.sub("", label))
