r"""Pairs with a hostile answer: some that are different by construction, and some of which nothing is known.

Different by construction: golds that were changed (`tests/helpers/answer_changes`) and then dressed in what hides the
difference; an answer and the same answer with something behind it that cannot be a part of its value; values behind
nests, powers and long runs of digits; digits around a character that nobody sees. Nothing is known of random mutations
and of texts that attack viewers, shells and templates: there, the verdict does not count, only what the call does.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.hostile.audit import CANARY
from tests.helpers.answer_changes import differing
from tests.helpers.answer_changes.hostile import hostile_pairs
from tests.helpers.hostile_texts import HOSTILE_TEXTS

UNSEEN = (
    *("\u200b", "\u200c", "\u200d", "\u2060", "\u00ad", "\u200e", "\u200f", "\ufe0f", "\u180e", "\ufeff", "\u202e"),
    *("\u2066", "\u061c", "\u034f", "\u2063", "\u20e3", "\U000e0041"),
)
CONTROLS = ("\x00", "\x01", "\x07", "\x08", "\x0b", "\x1b", "\x1b[31m", "\x7f", "\x85", "\x9b2J", "\ufffd", "\ud83d")
TAILS = (
    f"__import__('os').system('touch {CANARY}')",
    f"open('{CANARY}','w').write('x')",
    f"exec(\"open('{CANARY}','w')\")",
    f"().__class__.__base__.__subclasses__()[0]('{CANARY}')",
    rf"\input{{/etc/passwd}}\immediate\write18{{touch {CANARY}}}",
    rf"\openout1={CANARY}\write1{{x}}",
    r"\csname end\endcsname\loop\iftrue\repeat",
    r"\def\x{\x\x}\x",
    r"\foo{9}",
    r"\catcode`\@=11 @",
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    f"$(touch {CANARY})",
    f"`touch {CANARY}`; rm -rf ~",
    "%n%n%s%p",
    "{0.__class__.__init__.__globals__}",
    "{{7*7}}{% include '/etc/passwd' %}",
    "${jndi:ldap://127.0.0.1:9/x}",
    "lambda: (yield)",
    "'; DROP TABLE answers; --",
    "@",
    "\x00rest",
    "http://127.0.0.1:9/?q=",
    "\\url{file:///etc/passwd}",
)
"""Texts behind a sign of arithmetic that leave no value."""
WRAPPINGS = (
    *(("(", ")"), ("{", "}"), (r"\left(", r"\right)"), ("-(", ")"), (r"\frac{", "}{2}"), (r"\frac{1}{1+", "}")),
    *((r"\sqrt{1+", "}"), (r"\sqrt[3]{", "}"), ("2^{", "}"), (r"\ln(1+", ")"), (r"\boxed{", "}"), (r"\text{", "}")),
    *((r"\overline{", "}"), (r"\mathrm{", "}"), ("f(", ")"), ("(1,", ")"), (r"\{", r"\}"), ("$", "$")),
)
"""Pairs of texts around an answer that keep different positive numbers different, at any depth."""


@dataclass(frozen=True, slots=True)
class HostilePair:
    """Two answers to compare."""

    kind: str
    first: str
    second: str
    differs: bool
    """Whether the two are different by construction, so that `equal` is false."""


Make = Callable[[random.Random], tuple[str, str]]


def _two(source: random.Random, largest: int = 10**6) -> tuple[int, int]:
    first, second = source.sample(range(2, largest), 2)
    return first, second


def _behind(source: random.Random) -> tuple[str, str]:
    first, second = _two(source, 1000)
    joint, tail = source.choice(("+", "-", r"\cdot ", "*", "^", "/", "+1+")), source.choice(TAILS)
    other = source.choice((str(first), str(second), f"{first}{joint}{source.choice(TAILS)}{second}"))
    return f"{first}{joint}{tail}", other


def _around_a_character(source: random.Random) -> tuple[str, str]:
    sign = source.choice(UNSEEN + CONTROLS) * source.choice((1, 1, 3, 200))
    head, (first, second) = source.randint(1, 9), _two(source, 1000)
    return f"{head}{sign}{first}", source.choice((f"{head}{sign}{second}", f"{head}{second}", str(head)))


def _nested(source: random.Random) -> tuple[str, str]:
    texts = [str(number) for number in _two(source, 50)]
    wrapping = source.choice(WRAPPINGS)
    for _ in range(source.choice((1, 2, 5, 20, 60, 150))):
        if source.random() < 0.3:
            wrapping = source.choice(WRAPPINGS)
        texts = [wrapping[0] + text + wrapping[1] for text in texts]
    return texts[0], texts[1]


def _unbalanced(source: random.Random) -> tuple[str, str]:
    first, second = _two(source, 1000)
    left = source.choice(("(", "{", "[", r"\left(", r"\frac{", r"\begin{pmatrix}", "$", r"\boxed{", "|", r"\{"))
    right = source.choice((")", "}", "]", r"\right)", r"\end{cases}", "$", "", r"\}"))
    before, after = left * source.choice((0, 1, 5, 200)), right * source.choice((0, 1, 3, 200))
    return f"{before}{first}{after}", f"{before}{second}{after}"


def _huge(source: random.Random) -> tuple[str, str]:
    first, second = _two(source, 10**5)
    frame = source.choice(
        (
            *("9^{{9^{{9^{{{}}}}}}}", "10^{{10^{{10}}}}+{}", "{}!", "({}!)!", r"\binom{{999999}}{{{}}}", "1e99{}"),
            *(r"\sum_{{k=1}}^{{{}}} k^{{2}}", r"\prod_{{k=1}}^{{{}}} k", r"\sqrt[{}]{{2}}", "10^{{-999{}}}"),
            *("(x+1)^{{{}}}", r"\int_0^{{{}}} e^{{-x^{{99}}}}dx", r"7^{{7^{{7}}}}-{}", "2^{{{}}}", r"e^{{e^{{{}}}}}"),
            *(r"3^{{{}}}\bmod 10^{{100000}}", r"x\equiv {}\pmod{{10^6}}", r"{} \bmod 10^{{9}}", r"\frac{{1}}{{{}!}}"),
        )
    )
    return frame.format(first), frame.format(second)


def _digits(source: random.Random) -> tuple[str, str]:
    digits = "".join(source.choices("123456789", k=source.choice((30, 300, 2500))))
    at = source.randrange(len(digits))
    other = digits[:at] + str(int(digits[at]) % 9 + 1) + digits[at + 1 :]
    frame = source.choice(("{}", "-{}", "0.{}", "1/{}", "{} cm", "{}%", "x={}", r"\sqrt{{{}}}", "0.({})"))
    return frame.format(digits), frame.format(other)


def _prose(source: random.Random) -> tuple[str, str]:
    first, second = _two(source, 1000)
    words = " ".join(source.choices(("so", "we", "get", "the", "value", "of", "it", "<b>", "\n", "是", "≈"), k=400))
    return f"{words} {first}", source.choice((f"{words} {second}", str(second)))


SYMBOLIC = (
    *(r"\sum_{k=1}^{%d} k^{2}", r"\sum_{k=1}^{%d} \frac{1}{k}", r"\prod_{k=1}^{%d} (k+1)", r"\int_{0}^{%d} x^{3} dx"),
    *(r"\int_{1}^{%d} \frac{1}{x} dx", r"\lim_{x \to 0} \frac{\sin(%dx)}{x}", r"\lim_{n \to \infty} \frac{%dn+1}{n+7}"),
    *(r"\sum_{k=0}^{\infty} \frac{%d}{2^{k}}", r"\sum_{k=1}^{3} \sum_{j=1}^{%d} kj", r"\int_{0}^{\pi} %d\sin x dx"),
    *(r"\int_{0}^{1} \int_{0}^{%d} xy dx dy", r"\lim_{x \to %d} \frac{x^{2}-1}{x+1}", r"\int_{0}^{%d} e^{-x^{99}} dx"),
    *(r"\prod_{k=1}^{10^{7}} \frac{k+%d}{k}", r"\sum_{k=0}^{99999999} \binom{99999999}{k}^{%d}", r"\sum_{k=1}^{%d} k!"),
)
"""Formulas of the symbolic check, each with a number on which its value depends."""


def _symbolic(source: random.Random) -> tuple[str, str]:
    first, second = _two(source, source.choice((9, 100, 10**6)))
    formula, how = source.choice(SYMBOLIC), source.randrange(6)
    if how == 0:
        return formula % first, str(second + 10**7 + source.random())
    texts = [formula % first, formula % second]
    if how == 1:
        sign = source.choice(UNSEEN)
        texts = [text.replace("^", f"^{sign}") for text in texts]
    elif how == 2:
        wrapping, depth = source.choice(WRAPPINGS[:8]), source.choice((1, 3, 20))
        texts = [wrapping[0] * depth + text + wrapping[1] * depth for text in texts]
    elif how == 3:
        texts[1] = texts[0] + source.choice(("+", "-", r"\cdot ")) + source.choice(TAILS)
    elif how == 4:
        texts = [text + " + " + source.choice(SYMBOLIC) % 3 for text in (texts[0], texts[0])]
        texts[1] += " + 1"
    return texts[0], texts[1]


_MAKERS: dict[str, Make] = {
    "sums, integrals, limits": _symbolic,
    "something behind the answer": _behind,
    "digits around a character": _around_a_character,
    "nested": _nested,
    "unbalanced": _unbalanced,
    "huge numbers": _huge,
    "long numbers": _digits,
    "long texts": _prose,
}


def _dressed(text: str, source: random.Random) -> str:
    """Change nothing of what an answer says: put unseen characters, other digits or braces into it."""
    how = source.randrange(6)
    if how == 0:
        at = source.randint(0, len(text))
        return text[:at] + source.choice(UNSEEN) + text[at:]
    if how == 1:
        return source.choice(UNSEEN).join(text)
    if how == 2:
        shift = source.choice((0xFF10, 0x0660, 0x0966, 0x1D7CE)) - ord("0")
        return "".join(chr(ord(sign) + shift) if sign in "0123456789" else sign for sign in text)
    if how == 3:
        depth = source.choice((1, 5, 50))
        return "{" * depth + text + "}" * depth
    if how == 4:
        return source.choice(("$%s$", r"\boxed{%s}", r"\left.%s\right.", "<b>%s</b>", " " * 999 + "%s")).replace(
            "%s", text
        )
    return text + source.choice(("% \x1b[2J", "\u202e", " ", "\n\n", "\x00", "~", r"\phantom{0}"))


def _mutated(text: str, source: random.Random) -> str:
    """Put a piece of another formula, or a sign, at any place of a formula."""
    at = source.randint(0, len(text))
    piece = source.choice(
        (*"{}()^_+-=!1x", r"\frac", r"\infty", *UNSEEN[:3], *CONTROLS[:3], source.choice(SYMBOLIC) % 2)
    )
    return text[:at] + piece + text[at + source.randint(0, 2) :]


def hostile_answers(count: int, seed: int, golds: Sequence[str]) -> list[HostilePair]:
    """Return `count` pairs: six in ten differ by construction.

    >>> [pair.differs for pair in hostile_answers(5, 0, ["12", "x+3"])].count(True)
    3
    """
    source = random.Random(f"hostile/{seed}")
    changed = count // 4
    pairs = [
        HostilePair(f"changed: {change.kind}", _dressed(change.first, source), _dressed(change.second, source), True)
        for change in differing(golds, changed, seed)
    ]
    kinds = [*sorted(_MAKERS), *["sums, integrals, limits"] * 3]
    for number in range(count * 6 // 10 - len(pairs)):
        kind = kinds[number % len(kinds)]
        pairs.append(HostilePair(kind, *_MAKERS[kind](source), differs=True))
    attacks = count // 10
    for _ in range(attacks):
        text = source.choice(HOSTILE_TEXTS)
        pairs.append(
            HostilePair("text that attacks a viewer", text, source.choice((*HOSTILE_TEXTS, "5", text[:9])), False)
        )
    for _ in range(attacks):
        one, other = (_mutated(text, source) for text in _symbolic(source))
        pairs.append(HostilePair("mutated sums, integrals, limits", one, other, differs=False))
    rest = hostile_pairs(count - len(pairs), seed)
    pairs += [HostilePair("random mutation", first, second, False) for first, second in rest]
    source.shuffle(pairs)
    return pairs
