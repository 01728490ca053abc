"""Names in front of an answer: `x =`, `f(x) =`, `AB =`, `(x, y) =`, `Area =`."""

import re

_NAME = (
    r"(?:\\?[A-Za-z]+|\\(?:overline|vec|text|mathbf|mathcal|hat|bar|overrightarrow)\s*\{[^{}]*\}"
    r"|\\(?:angle|triangle|Delta)\s*\\?[A-Za-z]+)"
)
_SUFFIX = r"(?:_\{[^{}]*\}|_\w|'|\^\{?(?:\\prime|\*|-1|\\circ)\}?|\((?:[^()]{0,40})\))*"
_ATOM = rf"\|?\s*(?:m\s*)?{_NAME}\s*{_SUFFIX}\s*\|?"
_LABEL = re.compile(
    rf"(?:{_ATOM}|\\frac\s*\{{{_ATOM}\}}\s*\{{{_ATOM}\}}|{_ATOM}/{_ATOM}|{_ATOM}:{_ATOM}|\\angle\s*[A-Z]+|\[[A-Z]+\])"
)
LABEL_TUPLE = re.compile(rf"\(\s*{_ATOM}(?:\s*,\s*{_ATOM})+\s*\)")
_TEXT_LABEL = re.compile(r"(?:\\text\s*\{[^{}]*\}|\\omega_\{?\w{1,3}\}?|[A-Za-z\s])+")
CALL = re.compile(r"([A-Za-z]\w*'*)\(\s*([A-Za-z])\s*((?:,\s*[A-Za-z]\s*)*)\)")


_SEGMENT = re.compile(r"\\overline\s*\{\s*([A-Z]{2,3})\s*\}|\|\s*([A-Z]{2,3})\s*\|")
"""Two or three points, whose segment or length is meant with and without the line or the bars."""

_MARK = re.compile(r"\\(overline|bar|vec|hat|widehat|tilde|overrightarrow|mathcal|mathbb)\s*\{\s*([A-Za-z]+)\s*\}")
_WRITTEN_MARK = re.compile("ˉ[a-z]+")


def _marks_behind(text: str) -> str:
    """Write a mark behind its letters, so that it stays in the name."""
    text = _SEGMENT.sub(lambda match: match.group(1) or match.group(2), text)
    return _MARK.sub(
        lambda match: f"{match.group(2)}ˉ{'bar' if match.group(1) == 'overline' else match.group(1)}", text
    )


def unmarked_label(name: str) -> str:
    """Return a label without the marks on its letters: a vector is written with and without an arrow.

    >>> unmarked_label("vˉvec")
    'v'
    """
    return _WRITTEN_MARK.sub("", name)


def label_name(text: str) -> str | None:
    """Return the name that a text gives to an answer (`x`, `f(x)`, `AB`, `\\frac{NO}{BO}`), without blanks.

    The name of words (`Area`) is the empty string, since they distinguish nothing. None if the text is a formula.
    """
    if len(text) > 200:
        return None
    if LABEL_TUPLE.fullmatch(text) or _LABEL.fullmatch(text):
        name = re.sub(r"\s+|\\text|\\mathbf|[{}\\]", "", _marks_behind(text))
        if re.fullmatch(r"[ei]|pi", name):
            return None
        call = CALL.fullmatch(name)
        letters = re.sub(r"[^A-Za-z]", "", name)
        if "\\text" in text and len(letters) > 1:
            return ""
        if call:
            return f"{call.group(1)}()"
        return "" if letters.islower() and len(letters) >= 4 and "\\" not in text and "_" not in text else name
    return "" if _TEXT_LABEL.fullmatch(text) and re.search(r"\\text|[A-Za-z]{3}", text) else None
