r"""Formulas as small trees: a parser for the LaTeX and plain notation that answers are written in.

A node is a tuple whose first item names it:
    ("num", Fraction)  ("sym", name)  ("const", "pi" | "e" | "i" | "oo")
    ("add", x, y...)  ("mul", x, y...)  ("div", x, y)  ("pow", x, y)  ("neg", x)  ("root", index, x)
    ("fn", name, x...)   a known function      ("app", name, x...)   an unknown one: f(x), a_{n+1}

Letters are variables, `e` is Euler's number and `i` the imaginary unit. Words are refused (`NotAlgebra`) and not read
as a product of letters: otherwise two words with the same letters would be equal. No tree is evaluated here.
"""

import re
from fractions import Fraction
from typing import Any, TypeAlias

Node: TypeAlias = tuple[Any, ...]

MAX_DEPTH = 100
"""Deepest nesting. No real answer is nested deeper, and the recursion stays far from Python's own limit."""
MAX_DIGITS = 4000
"""Longest integer literal. Python itself refuses to convert more than 4,300 digits."""


class NotAlgebra(ValueError):
    """The text is not a formula in this notation."""


_GREEK_TEXT = (
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi rho sigma tau upsilon phi "
    "chi psi omega Gamma Delta Theta Lambda Xi Sigma Phi Psi Omega hbar ell"
)
GREEK = frozenset(_GREEK_TEXT.split())
_FUNCTIONS_TEXT = (
    "sin cos tan cot sec csc arcsin arccos arctan arccot sinh cosh tanh asin acos atan ln log lg exp abs floor ceil"
)
FUNCTIONS = frozenset(_FUNCTIONS_TEXT.split())
_NAMES = {
    "asin": "arcsin",
    "acos": "arccos",
    "atan": "arctan",
    "lg": "log10",
    "arctg": "arctan",
    "tg": "tan",
    "ctg": "cot",
}
_PLAIN = FUNCTIONS | {
    "sqrt",
    "cbrt",
    "pi",
    "binom",
    "tg",
    "ctg",
    "arctg",
    "infinity",
    "inf",
    "max",
    "min",
    "gcd",
    "lcm",
}
_UNKNOWN_FUNCTIONS = frozenset("fgh")
_ATOM_START = re.compile(r"[0-9A-Za-z.({\[|∞⟨]|\\[A-Za-z]")
_NUMBER = re.compile(r"(\d+(?:\.(?!\.)\d*)?|\.\d+)(?:[eE]([+-]?\d{1,7})(?![A-Za-z\d.]))?")
_REPEATING = re.compile(r"(\d*)\.(\d*)\\(?:overline|bar|dot)\s*\{?(\d+)\}?")
_COMMAND = re.compile(r"\\([A-Za-z]+)")
_LETTERS = re.compile(r"[A-Za-z]+")
_NEXT_WORD = re.compile(r"'?[a-z]? ([A-Za-z]{2,})")
_BLANK = re.compile(r"\s*")
_MIXED = re.compile(r"\s*\\frac\s*(?:\{\s*(\d{1,9})\s*\}|(\d))\s*(?:\{\s*(\d{1,9})\s*\}|(\d))")
_DECORATIONS_TEXT = (
    "overline vec hat bar tilde mathbf mathcal mathbb overrightarrow widehat widetilde mathfrak mathscr underline bm"
)
_DECORATIONS = frozenset(_DECORATIONS_TEXT.split())
_NO_OPERAND_TEXT = "begin end text mod pmod bmod choose rfloor rceil"
_NO_OPERAND = frozenset(_NO_OPERAND_TEXT.split())


def parse(text: str) -> Node:
    """Parse a formula in the notation of `text.clean`; `NotAlgebra` if the text is not a formula.

    >>> parse("2x + 1")
    ('add', ('mul', ('num', Fraction(2, 1)), ('sym', 'x')), ('num', Fraction(1, 1)))
    """
    parser = _Parser(text)
    node = parser.sum()
    if parser.peek():
        raise NotAlgebra(f"unexpected {text[parser.at : parser.at + 10]!r}")
    return node


def symbols(node: Node) -> frozenset[str]:
    """Return the names of the variables and unknown functions in a tree."""
    if node[0] == "sym":
        return frozenset([node[1]])
    function = frozenset([node[1] + "()"]) if node[0] == "app" else frozenset[str]()
    return function.union(*(symbols(child) for child in node[1:] if isinstance(child, tuple)))


def substitute(node: Node, name: str, value: Node) -> Node:
    """Return the tree with a variable replaced by a value."""
    if node == ("sym", name):
        return value
    return tuple(substitute(child, name, value) if isinstance(child, tuple) else child for child in node)


class _Parser:
    """A recursive descent parser of `text`; `at` is the index that it has reached."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.depth = 0
        self.bars = 0

    def peek(self) -> str:
        self.at = _BLANK.match(self.text, self.at).end()  # type: ignore[union-attr]
        return self.text[self.at : self.at + 1]

    def take(self, expected: str) -> None:
        if self.peek() != expected:
            raise NotAlgebra(f"expected {expected!r} at {self.at}")
        self.at += 1

    def command(self) -> str | None:
        if self.peek() != "\\":
            return None
        match = _COMMAND.match(self.text, self.at)
        return match.group(1) if match else None

    def sum(self) -> Node:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise NotAlgebra("nested too deeply")
        terms = [self.signed_term()]
        while (sign := self.peek()) and sign in "+-":
            self.at += 1
            term = self.signed_term()
            terms.append(term if sign == "+" else ("neg", term))
        self.depth -= 1
        return terms[0] if len(terms) == 1 else ("add", *terms)

    def signed_term(self) -> Node:
        if (sign := self.peek()) and sign in "+-":
            self.at += 1
            self.depth += 1
            if self.depth > MAX_DEPTH:
                raise NotAlgebra("nested too deeply")
            term = self.signed_term()
            self.depth -= 1
            return ("neg", term) if sign == "-" else term
        return self.term()

    def starts_atom(self) -> bool:
        char = self.peek()
        if char == "|":
            return self.bars == 0
        return bool(_ATOM_START.match(self.text, self.at)) and self.command() not in _NO_OPERAND

    def term(self) -> Node:
        factors = [self.power()]
        while True:
            operator = self.peek()
            if operator and operator in "*/":
                self.at += 1
                factor = self.signed_power() if self.peek() == "-" else self.power()
                factors.append(factor if operator == "*" else ("div", ("num", Fraction(1)), factor))
            elif self.command() == "text" and (unit := self.single_letter_text()) is not None:
                factors.append(unit)
            elif self.starts_atom():
                if self.text[self.at].isdigit() and factors[-1][0] == "num":
                    raise NotAlgebra("two numbers side by side")
                factors.append(self.power())
            else:
                return factors[0] if len(factors) == 1 else ("mul", *factors)

    def signed_power(self) -> Node:
        self.take("-")
        return ("neg", self.power())

    def single_letter_text(self) -> Node | None:
        match = re.compile(r"\\text\s*\{\s*([A-Za-z])\s*\}").match(self.text, self.at)
        if match is None:
            return None
        self.at = match.end()
        return _letter(match.group(1))

    def power(self) -> Node:
        node = self.atom()
        while True:
            char = self.peek()
            if char == "!":
                self.at += 1
                node = ("fn", "factorial", node)
            elif char == "°":
                self.at += 1
                node = ("mul", node, ("div", ("const", "pi"), ("num", Fraction(180))))
            elif char == "'" and node[0] in ("sym", "app"):
                self.at += 1
                node = ("sym", f"{node[1]}'")
            elif char == "^":
                self.at += 1
                node = ("pow", node, self.script())
            else:
                return node

    def script(self) -> Node:
        """Read an exponent: a group, or the token after `^`; `a^b^c` is a^(b^c)."""
        sign = self.peek()
        if sign and sign in "+-":
            self.at += 1
            exponent = self.atom()
            exponent = ("neg", exponent) if sign == "-" else exponent
        else:
            exponent = self.group() if sign == "{" else self.atom()
        if self.peek() == "^":
            self.depth += 1
            if self.depth > MAX_DEPTH:
                raise NotAlgebra("nested too deeply")
            self.at += 1
            exponent = ("pow", exponent, self.script())
            self.depth -= 1
        return exponent

    def group(self) -> Node:
        """Read `{...}` as a formula."""
        self.take("{")
        bars, self.bars = self.bars, 0
        node = self.sum()
        self.bars = bars
        self.take("}")
        return node

    def argument(self) -> Node:
        r"""Read an argument as TeX does for `\frac`: a group, one digit, one letter or one command."""
        char = self.peek()
        if char == "{":
            return self.group()
        if char.isdigit():
            self.at += 1
            return ("num", Fraction(int(char)))
        if char.isalpha():
            self.at += 1
            return _letter(char)
        return self.atom()

    def atom(self) -> Node:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise NotAlgebra("nested too deeply")
        node = self.one_atom()
        self.depth -= 1
        return node

    def one_atom(self) -> Node:
        char = self.peek()
        if char.isdigit() or char == ".":
            return self.number()
        if char.isalpha() and char.isascii():
            return self.letters()
        if char == "\\":
            return self.from_command()
        if char == "{":
            return self.group()
        if char in ("(", "["):
            return self.bracket()
        if char == "|":
            return self.absolute()
        if char == "∞":
            self.at += 1
            return ("const", "oo")
        raise NotAlgebra(f"unexpected {char!r} at {self.at}")

    def bracket(self) -> Node:
        closing = {"(": ")", "[": "]"}[self.text[self.at]]
        self.at += 1
        bars, self.bars = self.bars, 0
        node = self.sum()
        self.bars = bars
        self.take(closing)
        return node

    def absolute(self) -> Node:
        self.at += 1
        self.bars += 1
        node = self.sum()
        self.bars -= 1
        self.take("|")
        return ("fn", "abs", node)

    def number(self) -> Node:
        if repeating := _REPEATING.match(self.text, self.at):
            self.at = repeating.end()
            return ("num", _repeating_value(*repeating.groups()))
        match = _NUMBER.match(self.text, self.at)
        if match is None or len(match.group(1)) > MAX_DIGITS:
            raise NotAlgebra("no number, or one too long")
        self.at = match.end()
        value = Fraction(match.group(1).rstrip(".") if "." in match.group(1) else int(match.group(1)))
        if match.group(2):
            return ("mul", ("num", value), ("pow", ("num", Fraction(10)), ("num", Fraction(int(match.group(2))))))
        return self.mixed(value)

    def mixed(self, whole: Fraction) -> Node:
        r"""Read `2\frac{5}{8}` as 2 + 5/8, if the fraction is a proper fraction of two integers."""
        match = _MIXED.match(self.text, self.at)
        if match is None or whole.denominator != 1:
            return ("num", whole)
        upper, lower = int(match.group(1) or match.group(2)), int(match.group(3) or match.group(4))
        if not 0 < upper < lower:
            return ("num", whole)
        self.at = match.end()
        return ("num", whole + Fraction(upper, lower))

    def letters(self) -> Node:
        run = _LETTERS.match(self.text, self.at).group()  # type: ignore[union-attr]
        if run in _PLAIN:
            self.at += len(run)
            return self.named(run)
        if run in GREEK:
            self.at += len(run)
            return self.scripts(run)
        if len(run) > 3:
            name = next(
                (f for f in sorted(_PLAIN, key=len, reverse=True) if run.startswith(f) and len(run) == len(f) + 1), None
            )
            if name is None:
                raise NotAlgebra(f"the word {run!r}")
            self.at += len(name)
            return self.named(name)
        following = _NEXT_WORD.match(self.text, self.at + len(run))
        if len(run) > 1 and following and following.group(1) not in _PLAIN | GREEK:
            raise NotAlgebra(f"the words {run!r} {following.group(1)!r}")
        self.at += 1
        return self.scripts(run[0])

    def named(self, name: str) -> Node:
        if name == "pi":
            return ("const", "pi")
        if name in ("infinity", "inf"):
            return ("const", "oo")
        if name in ("sqrt", "cbrt"):
            argument = self.group() if self.peek() == "{" else self.root_argument()
            return ("root", ("num", Fraction(2 if name == "sqrt" else 3)), argument)
        if name in ("max", "min", "gcd", "lcm", "binom"):
            return ("fn", name, *self.arguments())
        return self.function(_NAMES.get(name, name))

    def root_argument(self) -> Node:
        """Read the argument of √: one number, letter or bracket, so that `√2x` is √2 · x."""
        return self.number() if self.peek().isdigit() else self.atom()

    def arguments(self) -> list[Node]:
        """Read `(x, y, ...)`."""
        self.take("(")
        bars, self.bars = self.bars, 0
        arguments = [self.sum()]
        while self.peek() == ",":
            self.at += 1
            arguments.append(self.sum())
        self.bars = bars
        self.take(")")
        return arguments

    def function(self, name: str) -> Node:
        r"""Read `\sin x`, `\sin^2 x`, `\sin(x)`, `\log_2 8`, `\ln 2x`; the power -1 is the inverse function."""
        power: Node | None = None
        base: Node | None = None
        for _ in range(2):
            if self.peek() == "^":
                self.at += 1
                power = self.script()
            elif self.peek() == "_":
                self.at += 1
                base = self.argument() if self.peek() != "(" else self.atom()
        operand = self.operand()
        if power == ("neg", ("num", Fraction(1))) and name in ("sin", "cos", "tan"):
            return ("fn", f"arc{name}", operand)
        if base is not None and name == "log":
            node: Node = ("fn", "logbase", base, operand)
        elif base is not None:
            raise NotAlgebra(f"{name} with a subscript")
        else:
            node = ("fn", name, operand)
        return node if power is None else ("pow", node, power)

    def operand(self) -> Node:
        """Read the argument of a function without brackets: factors up to an operator or another function."""
        if (char := self.peek()) and char in "({[|":
            return self.power() if char in "(|" else self.atom()
        factors = [self.power() if self.peek() != "-" else self.signed_power()]
        while self.starts_atom() and self.peek() not in ("(", "[", "|") and self.command() not in FUNCTIONS:
            run = _LETTERS.match(self.text, self.at)
            if run and run.group() in _PLAIN - {"pi"}:
                break
            if self.text[self.at].isdigit() and factors[-1][0] == "num":
                raise NotAlgebra("two numbers side by side")
            factors.append(self.power())
        return factors[0] if len(factors) == 1 else ("mul", *factors)

    def scripts(self, name: str) -> Node:
        """Read the subscripts and primes of a letter, and the arguments of f, g and h."""
        if self.text.startswith("_", self.at) or (self.peek() == "_"):
            self.at += 1
            name, index = self.subscript(name)
            if index is not None:
                return ("app", name, index)
        while self.text.startswith("'", self.at):
            self.at += 1
            name += "'"
        if self.text.startswith("^{\\prime}", self.at):
            self.at += len("^{\\prime}")
            name += "'"
        if name[0] in _UNKNOWN_FUNCTIONS and self.text.startswith("(", self.at):
            return ("app", name, *self.arguments())
        return _letter(name)

    def subscript(self, name: str) -> tuple[str, Node | None]:
        """A subscript that is a formula is an argument (`a_{n+1}`), a word is part of the name (`x_{max}`)."""
        if self.peek() != "{":
            return f"{name}_", self.argument()
        start = self.at
        try:
            index = self.group()
        except NotAlgebra:
            end = self.text.find("}", start)
            content = self.text[start + 1 : end] if end > 0 else ""
            word = re.sub(r"\\text\s*\{|[\s{}\\]", "", content)
            if not word or "{" in content:
                raise
            self.at = end + 1
            return f"{name}_{word}", None
        return f"{name}_", index

    def from_command(self) -> Node:
        name = self.command()
        if name is None:
            raise NotAlgebra(f"unknown command at {self.at}")
        self.at += 1 + len(name)
        if name == "frac":
            return ("div", self.argument(), self.argument())
        if name == "sqrt":
            return self.square_root()
        if name == "pi":
            return ("const", "pi")
        if name == "binom":
            return ("fn", "binom", self.argument(), self.argument())
        if name in FUNCTIONS or name in ("max", "min", "gcd", "lcm", "arctg", "tg", "ctg"):
            return self.named(name)
        if name in GREEK:
            return self.scripts(name)
        if name in ("lfloor", "lceil"):
            return self.rounded(name[1:])
        if name in ("text", *_DECORATIONS):
            return self.decorated(name)
        raise NotAlgebra(f"the command \\{name}")

    def square_root(self) -> Node:
        index: Node = ("num", Fraction(2))
        if self.peek() == "[":
            self.at += 1
            index = self.sum()
            self.take("]")
        if self.peek().isdigit():
            return ("root", index, self.number())
        return ("root", index, self.argument())

    def rounded(self, kind: str) -> Node:
        node = self.sum()
        if self.command() != f"r{kind}":
            raise NotAlgebra(f"\\l{kind} that is not closed")
        self.at += 2 + len(kind)
        return ("fn", kind, node)

    def decorated(self, name: str) -> Node:
        r"""Read a decorated name, such as `\vec{a}` and `\overline{AB}`; `\mathbf{5}` stays a number.

        `\text{...}` is a name only if it holds a single letter or a function.
        """
        if number := re.compile(r"\s*\{\s*(\d{1,300}(?:\.\d{1,300})?)\s*\}").match(self.text, self.at):
            if name not in ("mathbf", "bm", "underline"):
                raise NotAlgebra(f"\\{name} over a number")
            self.at = number.end()
            return ("num", Fraction(number.group(1)))
        match = re.compile(r"\s*\{?\s*([A-Za-z]+)\s*\}?").match(self.text, self.at)
        if match is None:
            raise NotAlgebra(f"\\{name} of something that is not a name")
        word = match.group(1)
        if name == "text" and len(word) > 1 and word not in FUNCTIONS:
            raise NotAlgebra(f"the text {word!r}")
        self.at = match.end()
        if word in FUNCTIONS:
            return self.named(word)
        return self.scripts(word)


def _letter(name: str) -> Node:
    if name in ("e", "i"):
        return ("const", name)
    return ("sym", name)


def _repeating_value(whole: str, fixed: str, period: str) -> Fraction:
    """Return the value of a repeating decimal: 0.1\\overline{36} = (136 - 1) / 990."""
    if len(whole) + len(fixed) + len(period) > MAX_DIGITS:
        raise NotAlgebra("a number that is too long")
    scale = 10 ** len(fixed)
    return Fraction(int(f"{whole or 0}{fixed}")) / scale + Fraction(int(period), (10 ** len(period) - 1) * scale)
