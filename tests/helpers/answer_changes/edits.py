r"""Change one place of a gold's text. A change is used only if `structure` proves that the two answers differ.

| kind | what is changed |
|---|---|
| digit, digit added, digit dropped | one digit of a number |
| sign, sign in front | one `+` or `-`, or a sign before the whole |
| letter, index | a variable, or the index of a variable |
| function, constant, command | `\sin`, `\pi`, `\frac`, `\sqrt` and their kin become another of their kind |
| power dropped, power to index | `x^2` becomes `x 2` or `x_2` |
| brackets dropped | one pair of round brackets |
| root dropped, fraction turned | `\sqrt{a}` becomes `a`, `a/b` becomes `b/a` |
| term dropped | a text ends before its last `+` or `-` |
| point moved | the decimal point |
| bracket of an interval, relation | open becomes closed, `<` becomes `\le` or `>` |
| member dropped, doubled, swapped, moved | of tuples, matrices, sets and lists |
"""

import random
import re
from collections.abc import Callable

from tests.helpers.answer_changes.evaluate import Unproven
from tests.helpers.answer_changes.structure import split, tidy

Edit = Callable[[str, random.Random], str | None]
_SWAPS = {
    "function": {r"\sin": r"\cos", r"\cos": r"\tan", r"\tan": r"\sin", r"\ln": r"\sin"},
    "constant": {r"\pi": "e", "e": r"\pi ", "i": "e"},
    "command": {r"\frac": r"\binom", r"\binom": r"\frac", r"\cdot": "+", r"\times": "-", r"\sqrt": r"\ln"},
    "relation": {r"\le": "<", r"\leq": "<", r"\ge": ">", r"\geq": ">", "<": ">", ">": r"\ge "},
    "bracket of an interval": {"(": "[", "[": "(", ")": "]", "]": ")"},
}


def _place(pattern: str, text: str, source: random.Random) -> re.Match[str] | None:
    places = list(re.finditer(pattern, text))
    return source.choice(places) if places else None


def _put(text: str, match: re.Match[str], new: str) -> str:
    return text[: match.start()] + new + text[match.end() :]


def _digit(text: str, source: random.Random) -> str | None:
    match = _place(r"\d", text, source)
    return match and _put(text, match, source.choice([d for d in "123456789" if d != match.group()]))


def _digit_added(text: str, source: random.Random) -> str | None:
    match = _place(r"(?<=\d)(?![\d{])", text, source)
    return match and _put(text, match, source.choice("123456789"))


def _digit_dropped(text: str, source: random.Random) -> str | None:
    match = _place(r"\d(?=\d)|(?<=\d)\d", text, source)
    return match and _put(text, match, "")


def _sign(text: str, source: random.Random) -> str | None:
    match = _place(r"[+-]", text, source)
    return match and _put(text, match, "-" if match.group() == "+" else "+")


def _sign_in_front(text: str, source: random.Random) -> str | None:
    match = re.match(r"\s*(?:[a-zA-Z](?:\([a-z]\))?\s*=\s*)?(-?)", text)
    return match and (text[: match.start(1)] + ("" if match.group(1) else "-") + text[match.end(1) :])


def _letter(text: str, source: random.Random) -> str | None:
    if "=" in text or "text" in text:
        return None
    match = _place(r"(?<![\\A-Za-z])[abpqrxyz](?![A-Za-z])", text, source)
    return match and _put(text, match, source.choice([c for c in "abpqrxy" if c != match.group()]))


def _index(text: str, source: random.Random) -> str | None:
    match = _place(r"(?<=[a-z]_)\d|(?<=[a-z]_\{)\d(?=\})", text, source)
    return match and _put(text, match, str((int(match.group()) + source.randint(1, 8)) % 10))


def _power_dropped(text: str, source: random.Random) -> str | None:
    match = _place(r"(?<=[A-Za-z\d)}])\^\{?(\d)\}?", text, source)
    return match and _put(text, match, rf"\cdot {match.group(1)}")


def _power_to_index(text: str, source: random.Random) -> str | None:
    match = _place(r"(?<=[a-z])\^(?=\d|\{\d)", text, source)
    return match and _put(text, match, "_")


def _brackets_dropped(text: str, source: random.Random) -> str | None:
    match = _place(r"(?<=[\d)A-Za-z])\(([^()]*)\)", text, source)
    return match and _put(text, match, match.group(1))


def _root_dropped(text: str, source: random.Random) -> str | None:
    match = _place(r"\\sqrt\s*\{([^{}]*)\}|\\sqrt\s*(\d)", text, source)
    return match and _put(text, match, f"({match.group(1) or match.group(2)})")


def _fraction_turned(text: str, source: random.Random) -> str | None:
    match = _place(r"(\\[dt]?frac)\s*\{([^{}]*)\}\s*\{([^{}]*)\}", text, source)
    return match and _put(text, match, f"{match.group(1)}{{{match.group(3)}}}{{{match.group(2)}}}")


def _term_dropped(text: str, source: random.Random) -> str | None:
    match = _place(r"(?<=[\w})\s])[+-][^+()\[\],=<>-]*$", text, source)
    return match and text[: match.start()]


def _point_moved(text: str, source: random.Random) -> str | None:
    match = _place(r"(\d)\.(\d)", text, source)
    return match and _put(
        text, match, f"{match.group(1)}{match.group(2)}." + ("0" if text.endswith(match.group()) else "")
    )


def _swap(kind: str) -> Edit:
    table = _SWAPS[kind]
    names = "|".join(
        re.escape(name) + ("(?![A-Za-z])" if name[-1].isalpha() else "")
        for name in sorted(table, key=len, reverse=True)
    )
    pattern = rf"(?<![\\A-Za-z])(?:{names})"

    def change(text: str, source: random.Random) -> str | None:
        if "text" in text:
            return None
        match = _place(pattern, text, source)
        return match and _put(text, match, table[match.group()] + (" " if match.group()[-1].isalpha() else ""))

    return change


def _members(change: Callable[[list[str], random.Random], list[str] | None]) -> Edit:
    def edit(text: str, source: random.Random) -> str | None:
        text = tidy(text)
        for opening, closing in (("(", ")"), (r"\{", r"\}"), ("", "")):
            if text.startswith(opening) and text.endswith(closing):
                inner = text[len(opening) : len(text) - len(closing)]
                try:
                    members = split(inner)
                except Unproven:
                    continue
                if len(members) < 2:
                    return None
                changed = change(members, source)
                return None if changed is None else f"{opening}{', '.join(changed)}{closing}"
        return None

    return edit


def _dropped(members: list[str], source: random.Random) -> list[str]:
    gone = source.randrange(len(members))
    return members[:gone] + members[gone + 1 :]


def _swapped(members: list[str], source: random.Random) -> list[str]:
    i, j = source.sample(range(len(members)), 2)
    members[i], members[j] = members[j], members[i]
    return members


def _repeated(members: list[str], source: random.Random) -> list[str]:
    i, j = source.sample(range(len(members)), 2)
    members[i] = members[j]
    return members


def _negated(members: list[str], source: random.Random) -> list[str]:
    i = source.randrange(len(members))
    members[i] = members[i][1:] if members[i].startswith("-") else f"-{members[i]}"
    return members


def _in_matrix(text: str, source: random.Random) -> str | None:
    match = re.fullmatch(r"(\\begin\{[pb]matrix\})(.*)(\\end\{[pb]matrix\})", text.strip(), re.DOTALL)
    if match is None:
        return None
    rows = [[cell.strip() for cell in row.split("&")] for row in match.group(2).split(r"\\") if row.strip()]
    if source.random() < 0.5 and len(rows) > 1:
        rows = [list(column) for column in zip(*rows, strict=False)] if len(rows[0]) == len(rows) else rows[::-1]
    else:
        i, j = source.randrange(len(rows)), source.randrange(len(rows[0]))
        rows[i][j] = source.choice("123456789")
    return match.group(1) + r" \\ ".join(" & ".join(row) for row in rows) + match.group(3)


EDITS: dict[str, Edit] = {
    "digit": _digit,
    "digit added": _digit_added,
    "digit dropped": _digit_dropped,
    "sign": _sign,
    "sign in front": _sign_in_front,
    "letter": _letter,
    "index": _index,
    "power dropped": _power_dropped,
    "power to index": _power_to_index,
    "brackets dropped": _brackets_dropped,
    "root dropped": _root_dropped,
    "fraction turned": _fraction_turned,
    "term dropped": _term_dropped,
    "point moved": _point_moved,
    **{kind: _swap(kind) for kind in _SWAPS},
    "member dropped": _members(_dropped),
    "member swapped": _members(_swapped),
    "member repeated": _members(_repeated),
    "member negated": _members(_negated),
    "matrix": _in_matrix,
}
