"""Eliminate: the checks that an evolved text must pass, one per reason (Sec. 4.1 does not name the author's failures).

A check sees the child and its ancestors, but no answer: the label and the teacher show whether a problem can be solved.
Every check aims at precision, because nobody notices a real competition problem that a check drops. A test records how
often each check errs on real problems. All checks take linear time.
"""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from sure_math.command_line.settings import ConfigError
from sure_math.config import Elimination
from sure_math.problems.evolution.prose import has_display, has_drawing, sentences, without_mathematics, words_of

SAME_TOKENS = 0.9
"""Share of common tokens (Dice) from which two texts say the same. A synonym changes about one word in ten."""
NEW_TOKENS = 3
"""A text that is longer by this many tokens has a new condition (`x > 0` has three), however long the rest of it is."""
FOREIGN = 0.01
"""A text is in another language if its probability of the wanted language is below this value. Real English problems of
five words reach 0.027. Sentences in other languages with Latin script stay under 0.0001."""
FEW_WORDS = 5
"""The language of a text with fewer words outside mathematics cannot be told."""
FOREIGN_LETTERS = 0.2
"""A text with a larger share of letters outside the Latin alphabet is not English, whatever the language check says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Child:
    """An evolved text with its ancestors, which the checks compare it with."""

    text: str
    ancestors: tuple[str, ...]
    """Texts of the seed and of every kept child between it and this one; the parent is the last."""
    language: str
    """ISO 639-1 code."""


def eliminated(child: Child, checks: Collection[Elimination]) -> tuple[str, str] | None:
    """Return reason and detail of the first of these checks that the child fails, in the order of `CHECKS`; else None.

    >>> child = Child(text="Let $x$ be 3.", ancestors=("What is $3$?",), language="en")
    >>> eliminated(child, ["question"])
    ('no_question', 'nothing is asked')
    """
    for name, check in CHECKS.items():
        if name in checks and (detail := check(child)) is not None:
            return REASONS[name], detail
    return None


def check_language(code: str) -> None:
    """Raise ConfigError if the language check does not know this language."""
    known = _identifier().labels
    if code not in known:
        raise ConfigError(
            f"evolve.language = {code!r}: is not an ISO 639-1 code this check knows ({', '.join(sorted(known))}); "
            "use one of them, or leave `language` out of evolve.eliminate"
        )


_VERB = r"find|compute|determine|calculate|evaluate|solve"
_FURTHER_VERB = (
    r"simplify|express|give|state|write|show|prove|count|list|factor|factorise|factorize|expand|convert|round|reduce"
    r"|estimate|name|add|subtract|multiply|divide|describe|identify|enumerate|obtain|maximize|minimize|approximate"
    r"|arrange|order|complete|fill|choose|select|output|enter|compare|rewrite|rationalize|sketch|draw|graph|characterize|decide|answer|demonstrate|justify|verify|disprove"
)
_CLAUSE = r"(?:^|[.,;:?!)\]$]\s*|\b(?:then|and|please|now|or|hence|next|also|fully|completely)\s+)"
_ASKS = re.compile(
    rf"\?|\b(?i:{_VERB}|what|how)\b|(?im:{_CLAUSE}(?:{_FURTHER_VERB}))\b"
    rf"|\b(?:{'|'.join(verb.capitalize() for verb in _FURTHER_VERB.split('|'))}|Which|Who|Where)\b"
)

_CAPITAL_VERB = "|".join(verb.capitalize() for verb in _VERB.split("|"))
_TASK = re.compile(rf"\b(?:{_CAPITAL_VERB})\b|[,;:]\s*(?:then |please |also |now |hence )?(?:{_VERB})\b")
_FIRST_CLAUSE = re.compile(r"\b(?:find|compute|determine|calculate|evaluate|what|how)\b", re.IGNORECASE)
"""Without `solve`: the solution of an equation is often only the way to the value that is asked for after `and`."""
_SECOND_CLAUSE = re.compile(
    rf"\band (?:(?:also )?(?:{_VERB})|what (?:is|are|was|were|will|would)|how (?:many|much|far|long|old))\b",
    re.IGNORECASE,
)
_RHETORICAL = re.compile(
    r"\W*(?:did you know|have you ever|do you (?:know|remember|see)|ever wonder|who (?:knew|would have)|why not"
    r"|can you (?:help|believe|imagine|figure|solve|guess|crack)|could you help|ready|isn't|wouldn't|guess what)\b",
    re.IGNORECASE,
)
_AGAIN = re.compile(
    r"\W*(?:in other words|that is|equivalently|i\.e\.|more precisely|put differently)\b|.*\banswer\b", re.I | re.S
)
"""The clause repeats the question, or says what to do with the answer."""
_FORM = re.compile(r"\b(?:written|expressed?|form|simplified|represented|answer)\b", re.IGNORECASE)
_COMPONENT = re.compile(
    rf"\W*(?:then |hence |now )?(?:{_VERB}|what is)(?: the (?:value|sum|product) of)? ?[□\s.?!]*"
    r"(?:□|[a-z] ?[+-] ?[a-z])\W*",
    re.IGNORECASE,
)
"""`What is $m + n$?`, after an answer that is written with m and n: how contests turn any answer into an integer."""
_PARTS = re.compile(
    rf"(?i:\b(?:{_VERB}|what (?:is|are))(?: the following| each of the following)?:?\s*(?:\((?:a|i|1)\)|\b[a1i]\)))"
)
_PART_LINE = re.compile(r"^\W{0,4}(?:part|question|task|subproblem|problem)\s+(\d|[a-e]|i{1,3})\b\s*\W", re.I | re.M)

_PROOF = re.compile(
    r"(?:^\W*|[,;:]\s*(?:then |and )?)(?:prove|disprove|show (?:that|why|how)|show(?=\s*[:□])|demonstrate|verify that"
    r"|justify|explain why|give (?:a|an?\s\w+) proof)\b|\b(?:Prove|Disprove|Show that|Demonstrate that|Verify that)\b",
    re.IGNORECASE,
)

_VALUE = r"(?:[-+(\[{]|\\?\$|\\[(\[]|\\(?:d?frac|sqrt|text|pi)\b|\\[{ ,])*(?:\d|\\(?:d?frac|sqrt|pi)\b|\.\d)"
_LEAKS = (
    # An empty box, or a box that stands for the answer, is a blank to be filled in.
    re.compile(r"\\f?boxed\s*\{(?!\s*(?:\}|\\phantom|\\[hv]space|\\q?quad|\\[;, ]|\\ldots|\?|_|\.\.|<|your|answer))"),
    re.compile(r"^#{4}\s*\$?[-+]?\.?\d", re.M),
    re.compile(
        rf"(?:^|[.?!*#(\]]\s*|\b(?:final|correct)\s)ans(?:wer)?\W{{0,3}}[:=]\W{{0,3}}(?:{_VALUE}|\w\s*=|yes\b|no\b)",
        re.I | re.M,
    ),
    re.compile(r"(?:^|[.?!]\s)\W{0,4}(?:solution|worked solution)\W{0,3}:", re.I | re.M),
)
_ANSWER_IS = re.compile(
    rf"\b(?:the|our|its) (?:final |correct )?answer (?:is|equals|would be|will be)(?: then)?:?\s*{_VALUE}", re.I
)
_HYPOTHETICAL = re.compile(
    r"\b(?:if|when|whether|suppose|assum\w+|given|say\w*|said|claim\w*|for (?:example|instance)|e\.g\.|form|where)\b",
    re.I,
)

_SIGHT = r"figure|diagram|picture|drawing|illustration|image|sketch|graph|table|chart|map|plot"
_AT_SIDE = r"(?:below|above|(?:on|at|to) (?:the |your )?(?:right|left))"
_FIGURE = re.compile(
    r"\b(?:(?:in|from|on|to) (?:the|this)|see(?: the)?) (?:above |given )?(?:figure|diagram|illustration)\b(?! of\b)"
    rf"|\b(?:{_SIGHT})s?,? (?:(?:as )?(?:shown|given|drawn|pictured|provided|depicted) )?{_AT_SIDE}(?! the\b)"
    rf"|\b(?:following|accompanying|adjacent|attached|adjoining) (?:{_SIGHT})\b"
    rf"|\b(?:shown|seen|given|depicted|pictured|illustrated|listed) in (?:the|this) (?:{_SIGHT})\b"
    rf"|\b(?:figure|diagram|picture|graph|table|chart|map) (?:is |are )?(?:shown|provided|pictured|depicted)\b"
    r"|!\[[^\]]{0,200}\]\(|\\includegraphics",
    re.IGNORECASE,
)
_SHOWN = re.compile(
    rf"\bas (?:shown|pictured|depicted|illustrated)\b(?! (?:that|to|by|on)\b)"
    rf"|\b(?:shown|pictured|depicted|illustrated) (?:{_AT_SIDE}|here\b)",
    re.IGNORECASE,
)


def _no_question(child: Child) -> str | None:
    return None if _ASKS.search(child.text) else "nothing is asked"


def _proof(child: Child) -> str | None:
    parts = sentences(child.text)
    proofs = [part for part in parts if _PROOF.search(part)]
    if not proofs or any(_is_task(part) or _ASKS.search(_PROOF.sub(" ", part)) for part in parts):
        return None
    return _excerpt(proofs[0])


def _several_questions(child: Child) -> str | None:
    if enumerated := _PARTS.search(child.text):
        return _excerpt(child.text[enumerated.start() :])
    if len({match[1].lower() for match in _PART_LINE.finditer(child.text)}) > 1:
        return "numbered parts"
    tasks = _tasks(sentences(child.text))
    double = [
        part
        for part in tasks
        if (second := _SECOND_CLAUSE.search(part)) and _FIRST_CLAUSE.search(part, 0, second.start())
    ]
    if len(tasks) + len(double) < 2:
        return None
    return " / ".join(_excerpt(part) for part in (double or tasks)[:2])


def _answer_leaked(child: Child) -> str | None:
    for leak in _LEAKS:
        if match := leak.search(child.text):
            return _excerpt(child.text[match.start() :])
    for match in _ANSWER_IS.finditer(child.text):
        sentence = child.text[child.text.rfind(".", 0, match.start()) + 1 :][:300]
        if not _HYPOTHETICAL.search(sentence):
            return _excerpt(child.text[match.start() :])
    return None


def _missing_figure(child: Child) -> str | None:
    if has_drawing(child.text):
        return None
    text = without_mathematics(child.text)
    mention = _FIGURE.search(text) or (None if has_display(child.text) else _SHOWN.search(text))
    return _excerpt(text[max(0, mention.start() - 30) :]) if mention else None


def _wrong_language(child: Child) -> str | None:
    words = words_of(child.text)
    if sum(len(word) if word >= "\u2e80" else 1 for word in words) < FEW_WORDS:  # scripts without spaces
        return None
    letters = "".join(words)
    foreign = sum(letter > "\u024f" and not "\u0370" <= letter <= "\u03ff" for letter in letters)
    if child.language == "en" and foreign > FOREIGN_LETTERS * len(letters):
        return f"{foreign} of {len(letters)} letters are not Latin"
    ranks = _identifier().rank(" ".join(words).lower())
    if dict(ranks).get(child.language, 0.0) >= FOREIGN:
        return None
    return f"{ranks[0][0]} rather than {child.language}"


def _trivially_changed(child: Child) -> str | None:
    """Whether a child has the words of an ancestor, in any order. Numbers and the form of the answer do not count."""
    tokens = _tokens(child.text)
    for text in reversed(child.ancestors):
        before = _tokens(text)
        common = (tokens & before).total()
        similarity = 2 * common / max(1, tokens.total() + before.total())
        if similarity >= SAME_TOKENS and tokens.total() - before.total() < NEW_TOKENS:
            return f"{similarity:.0%} of the tokens of an ancestor"
    return None


CHECKS: Mapping[Elimination, Callable[[Child], str | None]] = MappingProxyType(
    {
        "question": _no_question,
        "answer_leaked": _answer_leaked,
        "proof": _proof,
        "several_questions": _several_questions,
        "missing_figure": _missing_figure,
        "language": _wrong_language,
        "trivial": _trivially_changed,
    }
)
"""The checks in their order. Each returns a detail if the child fails it. `trivial` is last: a text that is not a
problem
ends its lineage, and a text that only repeats its parent does not."""

REASONS: Mapping[Elimination, str] = MappingProxyType(
    {
        "question": "no_question",
        "answer_leaked": "answer_leaked",
        "proof": "proof",
        "several_questions": "several_questions",
        "missing_figure": "missing_figure",
        "language": "wrong_language",
        "trivial": "trivially_changed",
    }
)
"""The reason in the row of a dropped child."""

_FORMAT = re.compile(
    r"\W*(?:express|give|write|round|leave|enter|state|report|provide|submit|put|present|simplify)\b"
    r"[^.]{0,40}\b(?:answer|result|solution|form|decimal|fraction|integer)\b",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_TOKEN = re.compile(r"\\[a-zA-Z]+|[^\W_]+|[^\w\s$.,;:?!{}\\]")
_SPACING = frozenset({"\\left", "\\right", "\\quad", "\\qquad", "\\displaystyle", "\\big", "\\Big", "\\bigl", "\\bigr"})
_ALIKE = {
    "\\dfrac": "\\frac",
    "\\tfrac": "\\frac",
    "\\leq": "\\le",
    "\\geq": "\\ge",
    "\\neq": "\\ne",
    "\\cdot": "\\times",
}


def _tokens(text: str) -> Counter[str]:
    """Count words, symbols and commands. All numbers count as the same number, and spacing does not count."""
    kept = " ".join(part for part in sentences(text, raw=True) if not _FORMAT.match(part))
    tokens = _TOKEN.findall(_NUMBER.sub("0", kept))
    return Counter(_ALIKE.get(token, token).casefold() for token in tokens if token not in _SPACING)


def _tasks(parts: list[str]) -> list[str]:
    """The sentences that each ask for something of their own."""
    tasks: list[str] = []
    form = False
    for part in parts:
        form = form or bool(_FORM.search(part))
        if _is_task(part) and not (tasks and (_AGAIN.match(part) or (form and _COMPONENT.fullmatch(part)))):
            tasks.append(part)
    return tasks


def _is_task(sentence: str) -> bool:
    if sentence.rstrip(" \n*_)\"'").endswith("?"):
        return not _RHETORICAL.match(sentence)
    return bool(_TASK.search(sentence))


def _excerpt(text: str) -> str:
    return " ".join(text[:160].split())[:80]


@functools.cache
def _identifier() -> Any:
    # Builds without the language check do not need it.
    from py3langid.langid import MODEL_FILE, LanguageIdentifier  # type: ignore[import-untyped]

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
