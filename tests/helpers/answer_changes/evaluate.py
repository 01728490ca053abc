r"""Evaluate LaTeX formulas at fixed points: a small reader of its own, which shares nothing with the package.

It proves that two formulas differ. A notation with two readings (`1/2x`, `\log x`, `f(x)^2`) is refused.
"""

import random
import re

import mpmath

DIGITS = 50
MP = mpmath.mp.clone()
"""A context of its own: the precision of the shared one belongs to everybody."""
MP.dps = DIGITS
_TOKEN = re.compile(r"\\[A-Za-z]+|[0-9]+(?:\.[0-9]+)?|\.[0-9]+|\S")
_SKIPPED = re.compile(r"\\left(?![A-Za-z])|\\right(?![A-Za-z])|\\[!,;: ]|\$|\\displaystyle|~")
_FUNCTIONS = {
    r"\sin": MP.sin,
    r"\cos": MP.cos,
    r"\tan": MP.tan,
    r"\cot": MP.cot,
    r"\arctan": MP.atan,
    r"\ln": MP.log,
}
_FRACTIONS = (r"\frac", r"\dfrac", r"\tfrac")
_GREEK = {rf"\{name}" for name in "alpha beta gamma theta phi omega lambda mu".split()}
_CLOSING = {"(": ")", "[": "]", "{": "}"}
_FACTORS = "knmrtxyz"
"""Letters before a bracket that are factors; another letter may be a function."""
REAL_POINTS = 3
WHOLE_POINTS = 2
_LARGEST = MP.mpf(10) ** 6


class Unproven(Exception):
    """A text that this reader does not read."""


class _Reader:
    """A recursive descent over the tokens of one formula, at one point."""

    def __init__(self, text: str, point: int) -> None:
        self.tokens = _TOKEN.findall(_SKIPPED.sub(" ", text))
        self.at = 0
        self.point = point
        self.symbols: set[str] = set()

    def peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self, wanted: str | None = None) -> str:
        token = self.peek()
        if not token.isascii():
            raise Unproven(token)
        if not token or (wanted is not None and token != wanted):
            raise Unproven(token)
        self.at += 1
        return token

    def whole(self) -> mpmath.mpc:
        value = self.sum()
        if self.peek():
            raise Unproven(self.peek())
        return value

    def sum(self) -> mpmath.mpc:
        value = self.signed()
        while self.peek() in ("+", "-"):
            sign = 1 if self.take() == "+" else -1
            value += sign * self.product()
        return value

    def signed(self) -> mpmath.mpc:
        if self.peek() in ("+", "-"):
            return self.signed() if self.take() == "+" else -self.product()
        return self.product()

    def product(self) -> mpmath.mpc:
        value, divided = self.power(), False
        while True:
            token = self.peek()
            if token in (r"\cdot", r"\times", "*"):
                self.take()
                value *= self.power()
            elif token == "/":
                self.take()
                value /= self.power()
                divided = True
            elif self.starts_factor(token):
                if divided or (token[0].isdigit() and self.tokens[self.at - 1][0].isdigit()):
                    raise Unproven(token)
                value *= self.power()
            else:
                return value

    def starts_factor(self, token: str) -> bool:
        return bool(token) and (
            token[0].isalnum()
            or token in ("(", "[", "{", r"\sqrt", r"\pi", r"\binom", *_FRACTIONS, *_FUNCTIONS, *_GREEK)
            or token in (r"\log",)
        )

    def power(self) -> mpmath.mpc:
        value = self.atom()
        if self.peek() == "!":
            self.take()
            if self.peek() in ("!", "=", "^"):
                raise Unproven("!")
            value = MP.factorial(value)
        if self.peek() == "^":
            self.take()
            if self.tokens[self.at : self.at + 1] == [r"\circ"] or self.tokens[self.at : self.at + 3] == [
                "{",
                r"\circ",
                "}",
            ]:
                self.at += 1 if self.peek() == r"\circ" else 3
                return value * MP.pi / 180
            exponent = self.argument(signed=False)
            if abs(exponent) > _LARGEST:
                raise Unproven("exponent")
            value = MP.power(value, exponent)
            if self.peek() in ("!", "^", "_"):
                raise Unproven(self.peek())
        return value

    def argument(self, *, signed: bool = False) -> mpmath.mpc:
        """Read what a command or `^` takes: a group in braces or one token (of a number: one digit)."""
        token = self.peek()
        if token == "{":
            return self.group()
        if re.fullmatch(r"\d{2,}|\d*\.\d+", token):
            self.tokens[self.at : self.at + 1] = list(token)
            token = self.peek()
        if token in (r"\pi",) or token.isalnum():
            return self.atom()
        raise Unproven(token)

    def group(self) -> mpmath.mpc:
        opening = self.take()
        value = self.sum()
        self.take(_CLOSING[opening])
        return value

    def atom(self) -> mpmath.mpc:
        token = self.take()
        if token[0].isdigit() or (token[0] == "." and len(token) > 1):
            return self.number(token)
        if token in ("(", "[", "{"):
            self.at -= 1
            return self.group()
        if token in _FRACTIONS:
            upper, lower = self.argument(), self.argument()
            return upper / lower
        if token == r"\binom":
            upper, lower = self.argument(), self.argument()
            return MP.binomial(upper, lower)
        if token == r"\sqrt":
            return self.root()
        if token == r"\pi":
            return MP.pi()
        if token in _FUNCTIONS or token == r"\log":
            return self.function(token)
        if (len(token) == 1 and token.isascii() and token.isalpha()) or token in _GREEK:
            return self.symbol(token)
        raise Unproven(token)

    def number(self, token: str) -> mpmath.mpc:
        value = MP.mpf(token)
        if self.peek() in _FRACTIONS and token.isdigit():
            rest = "".join(self.tokens[self.at + 1 : self.at + 7])
            if re.match(r"\{\d+\}\{\d+\}|\d", rest):
                return value + self.atom()
        return value

    def root(self) -> mpmath.mpc:
        degree = self.group() if self.peek() == "[" else MP.mpf(2)
        radicand = self.argument()
        if degree != 2 and MP.im(radicand) == 0 and MP.re(radicand) < 0 and degree % 2 == 1:
            return -MP.root(-radicand, int(degree))
        return MP.power(radicand, 1 / degree)

    def function(self, name: str) -> mpmath.mpc:
        base = None
        if name == r"\log":
            self.take("_")
            base = self.argument()
        exponent = None
        if self.peek() == "^":
            self.take()
            exponent = self.argument()
        if self.peek() == "(":
            value = self.group()
            if self.peek() in ("^", "!"):
                raise Unproven("power behind a function")
        else:
            value = self.power()
            while re.fullmatch(r"[A-Za-z0-9]+|\\pi", self.peek()):
                value *= self.power()
        result = MP.log(value, base) if base is not None else _FUNCTIONS[name](value)
        return result if exponent is None else MP.power(result, exponent)

    def symbol(self, name: str) -> mpmath.mpc:
        if name == "e":
            return MP.e()
        if name == "i":
            return MP.mpc(0, 1)
        if self.peek() == "_":
            self.take()
            start = self.at
            if self.peek() == "{":
                while self.take() != "}":
                    pass
            else:
                self.take()
            name += "_" + "".join(self.tokens[start : self.at]).strip("{}")
        if self.peek() == "'" or (self.peek() == "(" and name[0] not in _FACTORS):
            raise Unproven("perhaps the value of a function")
        self.symbols.add(name)
        if self.point >= REAL_POINTS:
            return MP.mpf(11 + sum(map(ord, name)) % 7 + self.point - REAL_POINTS)
        return MP.mpf(random.Random(f"{self.point} {name}").randint(1301, 2699)) / 1000


def values(text: str) -> tuple[mpmath.mpc, ...]:
    """Return the values of a formula at points where its variables are real, then where they are whole numbers.

    Raises Unproven if the text is not read completely or has no finite value.
    """
    found = []
    for point in range(REAL_POINTS + WHOLE_POINTS):
        try:
            value = MP.mpmathify(_Reader(text, point).whole())
        except (ArithmeticError, ValueError, TypeError, RecursionError, OverflowError) as error:
            raise Unproven(text) from error
        if not MP.isfinite(value):
            raise Unproven(text)
        found.append(value)
    return tuple(found)


def symbols(text: str) -> set[str]:
    """Return the variables of a formula."""
    reader = _Reader(text, 0)
    try:
        reader.whole()
    except (ArithmeticError, ValueError, TypeError, RecursionError) as error:
        raise Unproven(text) from error
    return reader.symbols


def differ(first: tuple[mpmath.mpc, ...], second: tuple[mpmath.mpc, ...], tolerance: float = 1e-15) -> bool:
    """Whether two formulas have different values both at a real and at a whole point."""
    apart = [abs(a - b) > tolerance * max(abs(a), abs(b), MP.mpf(1e-30)) for a, b in zip(first, second, strict=True)]
    return any(apart[:REAL_POINTS]) and any(apart[REAL_POINTS:])
