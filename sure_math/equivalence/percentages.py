r"""Percentages: when does a bare number count as a percentage?

`50\%` is 0.5, and against a bare 50 it is undecided. The bare number counts if the question asks for a percentage: then
30 is `30\%`. 0.3 keeps counting as `30\%`; a number with another unit never counts.

A problem asks for a percentage if one of these stands in it:

1. a question or an instruction whose object is the percentage: "what percent", "by what percentage", "which
   percentages", "find the percent increase", "give the exact percentage". Between the two are only words such as "is
   the exact total", so that "what is 20 percent of" does not count;
2. "as a percentage", "as an exact percent", "in percent", "to the nearest percent";
3. "with (or without) the percent sign";
4. a blank to fill in before a percent sign: `?%`, `___%`;
5. the same in another language, for a few main ones ("wie viel Prozent", "百分之几").
"""

import re
from functools import lru_cache

from sure_math.equivalence.forms import Collection, Form, Labelled, Quantity
from sure_math.equivalence.read import read_form
from sure_math.equivalence.units import PERCENT

_PERCENT = r"per\s?cent(?:age)?s?\b"
_FILLER_TEXT = (
    "is are was were will be would does did the a an this that these of in by his her its their your each exact whole "
    "nearest correct approximate overall total net average mean annual yearly monthly minimum maximum minimal maximal "
    "smallest largest least greatest lowest highest possible absolute value combined final resulting same single "
    "equivalent expected answer two three integer number corresponding relative expressed given"
)
_FILLER = rf"(?:(?:{'|'.join(_FILLER_TEXT.split())})\s+)"
_ASKS = re.compile(
    rf"\b(?:what(?:[’']s)?|which|how\s+(?:many|much)|give|find|write|state|enter|express|determine|compute|calculate|report)\s+"
    rf"{_FILLER}{{0,8}}{_PERCENT}"
    rf"|\b(?:as|in|to|into)\s+{_FILLER}{{0,4}}{_PERCENT}|\bto\s+the\s+nearest\s+\w{{1,12}}\s+of\s+an?\s+{_PERCENT}"
    rf"|\b(?:with|without|include|including|omit|using?|drop|add)\s+(?:(?:the|a|any)\s+)?(?:{_PERCENT}|\\?%)[\s-]+(?:sign|symbol)"
    r"|(?:\?|(?<!_)_{2,}|\\underline\{[^{}]{0,40}\}|\\square|\(\s{0,9}\)|\\boxed\{\s{0,9}\})[\s$]{0,9}\\?%"
    r"|百分之几|百分之多少|百分比|百分率|百分數|何パーセント|何%|몇\s?퍼센트|몇\s?%"
    r"|wie\s?viele?\s+Prozent|welche[rn]?\s+Prozentsatz|in\s+Prozent|quel(?:le)?\s+(?:est\s+le\s+)?pourcentage|en\s+pourcentage"
    r"|(?:qué|que|cuál\s+es\s+el)\s+(?:tanto\s+por\s+ciento|porcentaje)|(?:qual\s+(?:é\s+)?a?\s?|que\s+)(?:porcentagem|percentual)"
    r"|quale\s+percentuale|сколько\s+процентов|какой\s+процент|в\s+процентах",
    re.IGNORECASE,
)
_MAX_PROBLEM = 20_000
_SIGN = re.compile(
    r"\s{0,3}(?:\\?[%％]|\\(?:text|mathrm|mbox|textrm)\s?\{\s?(?:\\?%|per\s?cent)\s?\}|\b(?:per\s?cent|pct)\b)", re.I
)
"""A percent sign or the word, in an answer."""


@lru_cache(maxsize=4096)
def asks_for_percentage(problem: str) -> bool:
    """Return whether a problem asks for a percentage, by the rule above.

    >>> asks_for_percentage("By what percentage did it grow?"), asks_for_percentage("What is 20 percent of 50?")
    (True, False)
    """
    return _ASKS.search(problem[-_MAX_PROBLEM:]) is not None


def is_percentage(answer: str) -> bool:
    r"""Return whether an answer is a percentage, or several percentages and nothing else.

    >>> is_percentage(r"30\%"), is_percentage(r"x = 30\%"), is_percentage("0.3")
    (True, True, False)
    """
    return "percent" in _units(read_form(answer))


def as_bare_numbers(a: str, b: str) -> tuple[str, str] | None:
    r"""Return two answers without percent signs, if one has percent signs and the other has no unit at all.

    >>> as_bare_numbers(r"30\%", "30"), as_bare_numbers(r"30\%", "30 cm")
    (('30', '30'), None)
    """
    first, second = _units(read_form(a)), _units(read_form(b))
    if (first, second) == ({"percent"}, {"none"}):
        return _SIGN.sub("", a), b
    if (first, second) == ({"none"}, {"percent"}):
        return a, _SIGN.sub("", b)
    return None


def one_hundredfold(a: str, b: str) -> tuple[tuple[str, str], tuple[str, str]] | None:
    r"""Return the pairs that are equal if one bare number is the percentage and the other the share: 30 and 0.3.

    >>> one_hundredfold("30", "0.3")
    (('30\\%', '0.3'), ('30', '0.3\\%'))
    """
    bare = all(isinstance(form := read_form(side), Quantity) and form.unit is None for side in (a, b))
    return ((rf"{a}\%", b), (a, rf"{b}\%")) if bare else None


def _units(form: Form) -> set[str]:
    """Return the kinds of units in a form: `percent`, `none`, `other`; also `other` for a form that has no numbers."""
    if isinstance(form, Quantity):
        return {"none" if form.unit is None else "percent" if form.unit == PERCENT else "other"}
    if isinstance(form, Labelled):
        return _units(form.form)
    if isinstance(form, Collection) and form.items:
        return set().union(*map(_units, form.items))
    return {"other"}
