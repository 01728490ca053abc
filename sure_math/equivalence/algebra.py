r"""Formulas as small trees: a parser for the LaTeX and plain notation that answers are written in.

A node is a tuple whose first item names it:
    ("num", Fraction)  ("sym", name)  ("const", "pi" | "e" | "i" | "oo")
    ("add", x, y...)  ("mul", x, y...)  ("div", x, y)  ("pow", x, y)  ("neg", x)  ("root", index, x)
    ("fn", name, x...)   a known function      ("app", name, x...)   an unknown one: f(x), a_{n+1}
    ("det", x...)   the determinant of a square matrix, row by row

Letters are variables, `e` is Euler's number and `i` the imaginary unit. A mark on a letter is part of its name:
`\bar{z}`, `\vec{a}` and `\mathcal{F}` are other variables than z, a and F. Words are refused (`NotAlgebra`) and not
read as a product of letters: otherwise two words with the same letters would be equal. A command that is not read here
is refused, too. Derivatives are computed (`derivatives.py`); no other tree is evaluated here.

What is behind the brackets of a function belongs to the whole: `\ln(2)^2` is (ln 2)^2. Refused, because people read
it in two ways: `\ln|x|^2`, `\ln{2}^2`, `\sin 2(x+1)`, `x2`, `1.5 (2)`, three or more factorial signs.
"""

import re
from fractions import Fraction
from typing import Any, Literal, TypeAlias

from sure_math.equivalence.derivatives import NoDerivative, derivative

Node: TypeAlias = tuple[Any, ...]

MAX_DEPTH = 100
"""Deepest nesting. No real answer is nested deeper, and the recursion stays far from Python's own limit."""
MAX_ORDER = 8
"""Largest number of rows of a determinant; its value takes exponential time."""
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
    "sin cos tan cot sec csc arcsin arccos arctan arccot sinh cosh tanh coth sech csch asin acos atan arctg tg ctg "
    "arcsec arccsc arcsinh arccosh arctanh arsinh arcosh artanh asinh acosh atanh ln log lg exp abs floor ceil"
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
    **{f"{prefix}{name}": f"arc{name}" for prefix in ("a", "ar") for name in ("sinh", "cosh", "tanh")},
}
_SEVERAL = frozenset({"max", "min", "gcd", "lcm"})
"""Functions with any number of arguments, in brackets or braces."""
_PLAIN = FUNCTIONS | {
    "sqrt",
    "cbrt",
    "pi",
    "binom",
    "infinity",
    "inf",
    *_SEVERAL,
}
_NO_PRODUCT_TEXT = "sgn det tr Tr arg Re Im mod lim dim ker deg sup sum int erf Var Cov var cov rot div Arg"
_NO_PRODUCT = frozenset(_NO_PRODUCT_TEXT.split())
"""Names of functions that are not read. They are no products of letters."""
_UNKNOWN_FUNCTIONS = frozenset("fgh")
_GREEK_FUNCTIONS = frozenset({"zeta", "phi", "psi", "Phi", "Psi"})
_SIMPLE_ARGUMENT = re.compile(r"\(\s*(?:\d{1,300}|[A-Za-z])\s*\)")
"""A number or a letter alone in brackets: `P(A)` and `y(0)` are functions, `k(k+1)` is a product."""
_POWER_OF_FUNCTION = re.compile(r"\s*\^\s*(?:\{\s*(-?\s*\d{1,3})\s*\}|(\d))\s*(?=\()")
"""An inverse function, or a function that is iterated: neither is a power of the letter."""
_MINUS_ONE: Node = ("num", Fraction(-1))
_ATOM_START = re.compile(r"[0-9A-Za-z.({\[|∞⟨]|\\[A-Za-z]")
_NUMBER = re.compile(r"(\d+(?:\.(?!\.)\d*)?|\.\d+)(?:[eE]([+-]?\d{1,7})(?![A-Za-z\d.]))?")
REPEATING = re.compile(
    r"(\d*)\.(\d*)(?:\\(?:overline|bar|dot)\s*(?:\{\s*(\d+)\s*\}|(\d))(?!\s*\d)|(?<=[\d.])\(\s*(\d+)\s*\))"
)
_DOTTED = re.compile(r"(\d*)\.(\d*)\\dot\s*\{?\s*(\d)\s*\}?\s*(\d*)\s*\\dot\s*\{?\s*(\d)\s*\}?")
"""A period whose first and last digit have a dot."""
_COMMAND = re.compile(r"\\([A-Za-z]+)")
_LETTERS = re.compile(r"[A-Za-z]+")
_NEXT_WORD = re.compile(r"'?[a-z]? ([A-Za-z]{2,})")
_FACTORIALS = re.compile(r"!+")
_BLANK = re.compile(r"\s*")
_MIXED = re.compile(r"\s*\\frac\s*(?:\{\s*(\d{1,9})\s*\}|(\d))\s*(?:\{\s*(\d{1,9})\s*\}|(\d))")
_STYLES = frozenset({"mathbf", "bm", "underline", "boldsymbol", "pmb"})
"""Commands that only style what they stand in front of."""
_MARKS = {
    "overline": "bar",
    "overrightarrow": "vec",
    "overleftrightarrow": "overleftrightarrow",
    "widehat": "hat",
    "widetilde": "tilde",
    **{
        name: name for name in ("bar", "vec", "hat", "tilde", "dot", "ddot", "mathcal", "mathbb", "mathfrak", "mathscr")
    },
}
"""Commands that make another variable of a letter, with the name that such commands share."""
_MARKED = re.compile(r"\\([a-z]+)\{([A-Za-z]+)\}")
_BRACKETED_DIGITS = re.compile(r"\s+\(\s*\d+\s*\)")
_BARS_OF_MATRIX = re.compile(r"\|\s*\\begin\{(matrix|smallmatrix|array)\}(?:\{[lcr|\s]*\})?\s*")
_MATRIX = re.compile(r"\\begin\{((?:[pb]|small)?matrix|array)\}(?:\{[lcr|\s]*\})?\s*")
_DETERMINANT = re.compile(r"\{vmatrix\}\s*")
_PLAIN_BASE = re.compile(r"log(2|10)(?=\()")
_DIGITS = re.compile(r"\d{1,300}")
_INDEX_LETTERS = re.compile(
    r"\{\s*(?:([A-Za-z]{2,20})|\\text\s*\{\s*([A-Za-z]{2,20})\s*\}|\\(max|min|inf|sup|lim))\s*\}"
)
_ONE_LETTER = re.compile(r"[A-Za-z]")
_UPRIGHT = re.compile(r"\s*\{\s*([A-Za-z]+)\s*\}")
_MARKED_LETTERS = re.compile(r"\s*(?:\{\s*([A-Za-z]{1,4})\s*\}|([A-Za-z]))")
_POWER_OF_NUMBER = re.compile(r"\d+\s*\^\s*(?:\{[^{}]*[A-Za-z]|[A-Za-z])")
_DEPENDENT = frozenset("yuvw")
"""Letters that usually stand for functions of the variable, so that d/dx treats none of them as a constant."""
_DIFFERENTIAL = r"\s*(?:d|\\partial)\s*(?:\^\s*\{?\s*(\d)\s*\}?\s*)?"
_BY = r"(?:d|\\partial)\s*(?:\\([a-zA-Z]+)|([A-Za-z]))\s*(?:\^\s*\{?\s*(\d)\s*\}?\s*)?"
_OF = r"(\\?[A-Za-z]?[^{}]{0,80}?)"
_DERIVATIVE = re.compile(rf"\s*\{{{_DIFFERENTIAL}{_OF}\s*\}}\s*\{{\s*{_BY}\s*\}}")
_PLAIN_DERIVATIVE = re.compile(rf"{_DIFFERENTIAL}([A-Za-z]?)\s*/\s*{_BY}(?![A-Za-z])")
_NO_OPERAND_TEXT = "end text mod pmod bmod choose rfloor rceil"
_NO_OPERAND = frozenset(_NO_OPERAND_TEXT.split())

_NAMED = r"\\?(?:ln|log|lg|exp|(?:arc|a)?(?:sin|cos|tan|cot|sec|csc)h?)"
AMBIGUOUS = re.compile(
    r"!\s*!\s*!|!\s+!|[)\]]\s*'|\.\d*\s+\(\d|(?<![A-Za-z\\{_^])[A-DF-Za-df-z]\d+(?![\d\s]*[\^.])"
    rf"|{_NAMED}\s*(?:\|[^|]{{1,100}}\|\s*[\^!]|\{{[^{{}}()]{{1,100}}\}}\s*(?:[\^!]|[0-9a-zA-Z])|\d+\s*[(\[])"
)
"""What is refused here because people read it in two ways. No other reader is asked about such a text."""


GLUED_DENOMINATOR = re.compile(
    r"/\s*(?!d[A-Za-z](?![A-Za-z])|[A-Z]{2}(?![A-Za-z]))(?:\d+(?:\.\d+)?|[A-Za-z])(?=[A-Za-z\\(])"
)
"""What may stand below a slash as a whole: `1/2x`, `a/bc`, `1/2\\pi`."""
_DATE = re.compile(r"\s*(?:\d{4}([-/])\d{1,2}\1\d{1,2}|\d{1,2}([-/])\d{1,2}\2\d{4})\s*")


_PAIR_OF_CAPITALS = re.compile(r"(?<![A-Za-z\\_^])[A-Z]{2}(?![A-Za-z'_])")
_DIFFERENCE = re.compile(r"\\[Dd]elta\s*\\?[A-Za-z]")
Convention: TypeAlias = Literal["tight", "segments", "differences"]
"""Another way to read a formula: see `parse`."""
CONVENTIONS: tuple[Convention, ...] = ("tight", "segments", "differences")


def allows(text: str, convention: Convention) -> bool:
    """Return whether a formula may be meant in a way that `parse` does not read without being told.

    >>> allows("1/2x", "tight"), allows(r"AB \\cdot CD", "segments"), allows("AB", "segments")
    (True, True, False)
    """
    if convention == "tight":
        return "/" in text and GLUED_DENOMINATOR.search(text) is not None
    if convention == "segments":
        return len(_PAIR_OF_CAPITALS.findall(text)) > 1
    return "elta" in text and _DIFFERENCE.search(text) is not None


def parse(text: str, convention: Convention | None = None) -> Node:
    """Parse a formula in the notation of `text.clean`; `NotAlgebra` if the text is not a formula.

    Args:
        convention: `tight`: what is glued behind a slash stands below it, so that `1/2x` is 1/(2x) and not x/2.
            `segments`: AB is the distance of two points and not A times B. `differences`: `\\Delta x` is one name.

    >>> parse("2x + 1")
    ('add', ('mul', ('num', Fraction(2, 1)), ('sym', 'x')), ('num', Fraction(1, 1)))
    """
    if _DATE.fullmatch(text):
        raise NotAlgebra("a date")
    parser = _Parser(text, convention)
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


def unmarked(node: Node) -> Node:
    r"""Return the tree with plain letters for marked letters: z for \bar{z}, the product AB for \vec{AB}."""
    children = tuple(unmarked(child) if isinstance(child, tuple) else child for child in node)
    match = _MARKED.match(node[1]) if node[0] in ("sym", "app") else None
    if match is None:
        return children
    rest = node[1][match.end() :]
    if node[0] == "app" or rest:
        return (node[0], match.group(2) + rest, *children[2:])
    letters = [_letter(letter) for letter in match.group(2)]
    return letters[0] if len(letters) == 1 else ("mul", *letters)


def is_marked(name: str) -> bool:
    r"""Return whether a variable's name has a mark, as \bar{z}."""
    return name.startswith("\\") and bool(_MARKED.match(name))


def substitute(node: Node, name: str, value: Node) -> Node:
    """Return the tree with a variable replaced by a value."""
    if node == ("sym", name):
        return value
    return tuple(substitute(child, name, value) if isinstance(child, tuple) else child for child in node)


_ORDINAL_ENDINGS = frozenset({"st", "nd", "rd", "th"})


class _Parser:
    """A recursive descent parser of `text`; `at` is the index that it has reached."""

    def __init__(self, text: str, convention: Convention | None = None) -> None:
        self.text = text
        self.convention = convention
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
                factor = self.divisor() if operator == "/" else self.signed_power_or_power()
                if operator == "/" and self.convention == "tight":
                    factor = self.with_glued(factor)
                factors.append(factor if operator == "*" else ("div", ("num", Fraction(1)), factor))
            elif self.command() == "text" and (unit := self.single_letter_text()) is not None:
                factors.append(unit)
            elif self.starts_atom():
                self.check_neighbours(factors[-1])
                factors.append(self.power())
            else:
                return factors[0] if len(factors) == 1 else ("mul", *factors)

    def divisor(self) -> Node:
        r"""Read what is behind a slash. Two points (`AB/CD`) and a difference (`y/\Delta x`) are below it."""
        self.peek()
        whole = _PAIR_OF_CAPITALS.match(self.text, self.at) or _DIFFERENCE.match(self.text, self.at)
        if whole is None or self.convention in ("segments", "differences"):
            return self.signed_power_or_power()
        return ("mul", self.power(), self.power())

    def signed_power_or_power(self) -> Node:
        return self.signed_power() if self.peek() == "-" else self.power()

    def with_glued(self, factor: Node) -> Node:
        """Return a denominator with the factors that follow it without a blank."""
        factors = [factor]
        while self.text[self.at : self.at + 1].strip() and self.starts_atom():
            factors.append(self.power())
        return factor if len(factors) == 1 else ("mul", *factors)

    def check_neighbours(self, left: Node) -> None:
        """Refuse a number behind a number, and behind a letter (`x2`) unless it has an exponent (`n2^{n-1}`)."""
        if not self.text[self.at].isdigit():
            return
        if left[0] == "num":
            raise NotAlgebra("two numbers side by side")
        if (
            left[0] in ("sym", "const", "app")
            and left != ("const", "pi")
            and not _POWER_OF_NUMBER.match(self.text, self.at)
        ):
            raise NotAlgebra("a number behind a letter")

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
                node = ("fn", self.factorial(), node)
            elif char == "°":
                if node[0] == "fn":
                    raise NotAlgebra("a degree sign behind a function")
                self.at += 1
                node = ("mul", node, ("div", ("const", "pi"), ("num", Fraction(180))))
            elif char == "'" and (node[0] == "sym" or _is_call_of_a_letter(node)):
                self.at += 1
                node = (node[0], f"{node[1]}'", *node[2:])
            elif char == "^":
                self.at += 1
                node = ("pow", node, self.script())
            else:
                return node

    def factorial(self) -> str:
        """Read `!` or `!!`. More signs, and signs with blanks between them, have no one meaning."""
        signs = _FACTORIALS.match(self.text, self.at).group()  # type: ignore[union-attr]
        self.at += len(signs)
        if len(signs) > 2 or self.peek() == "!":
            raise NotAlgebra("more than two factorial signs")
        return "factorial" if len(signs) == 1 else "factorial2"

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

    def bracket(self, *, is_argument: bool = False) -> Node:
        start = self.at
        closing = {"(": ")", "[": "]"}[self.text[start]]
        self.at += 1
        bars, self.bars = self.bars, 0
        node = self.sum()
        self.bars = bars
        self.take(closing)
        if closing == "]" and not (is_argument or self.is_group(start, node)):
            raise NotAlgebra("square brackets that may round down")
        return node

    def is_group(self, start: int, node: Node) -> bool:
        """Whether square brackets are a group, as in `5[x+1]`. `[x]` is often the largest integer up to x."""
        if node[0] == "num" and node[1].denominator == 1:
            return True
        inner = self.text[start + 1 : self.at - 1]
        before, after = self.text[:start].rstrip()[-1:], self.peek()
        joined = before.isalnum() or (before and before in ")]}*") or after.isalnum() or (after and after in "([{^*\\")
        if node[0] == "add":
            return bool(joined) or "(" in inner
        if after == "^" and "(" in inner:
            return True
        return bool(joined) and "(" in inner and "/" not in inner and "frac" not in inner

    def absolute(self) -> Node:
        if bars := _BARS_OF_MATRIX.match(self.text, self.at):
            self.at = bars.end()
            node = self.determinant(bars.group(1))
            self.take("|")
            return node
        self.at += 1
        self.bars += 1
        node = self.sum()
        self.bars -= 1
        self.take("|")
        return ("fn", "abs", node)

    def determinant(self, environment: str) -> Node:
        """Read the rows of a matrix, from behind its `\\begin{...}` to behind its `\\end{...}`."""
        bars, self.bars = self.bars, 0
        rows: list[list[Node]] = [[]]
        while not self.text.startswith("\\end", self.at):
            rows[-1].append(self.sum())
            if self.peek() == "&":
                self.at += 1
            elif self.text.startswith("\\\\", self.at):
                self.at += 2
                rows.append([])
                self.peek()
            if len(rows) > MAX_ORDER + 1 or len(rows[-1]) > MAX_ORDER:
                raise NotAlgebra("a determinant that is too large")
        self.bars = bars
        end = f"\\end{{{environment}}}"
        if not self.text.startswith(end, self.at):
            raise NotAlgebra(f"expected {end}")
        self.at += len(end)
        rows = rows if rows[-1] else rows[:-1]
        if not rows or any(len(row) != len(rows) for row in rows):
            raise NotAlgebra("a determinant that is not square")
        return ("det", *(cell for row in rows for cell in row))

    def number(self) -> Node:
        if "dot" in self.text and (dotted := _DOTTED.match(self.text, self.at)):
            self.at = dotted.end()
            whole, fixed, *period = dotted.groups()
            return ("num", _repeating_value(whole, fixed, "".join(period)))
        if "." in self.text and (repeating := REPEATING.match(self.text, self.at)):
            self.at = repeating.end()
            whole, fixed, *periods = repeating.groups()
            return ("num", _repeating_value(whole, fixed, next(period for period in periods if period)))
        match = _NUMBER.match(self.text, self.at)
        if match is None or len(match.group(1)) > MAX_DIGITS:
            raise NotAlgebra("no number, or one too long")
        self.at = match.end()
        if "." in match.group() and _BRACKETED_DIGITS.match(self.text, self.at):
            raise NotAlgebra("a decimal and digits in brackets")
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
        if self.convention == "segments" and (pair := _PAIR_OF_CAPITALS.match(self.text, self.at)):
            self.at = pair.end()
            return ("sym", "".join(sorted(pair.group())))
        run = _LETTERS.match(self.text, self.at).group()  # type: ignore[union-attr]
        if run in _ORDINAL_ENDINGS and self.text[self.at - 1 : self.at].isdigit():
            raise NotAlgebra(f"the ending {run!r}")
        if run[0] == "d" and "/" in self.text and (match := _PLAIN_DERIVATIVE.match(self.text, self.at)):
            return self.derived(match)
        if run == "log" and (based := _PLAIN_BASE.match(self.text, self.at)):
            self.at = based.end()
            return ("fn", "logbase", ("num", Fraction(int(based.group(1)))), self.bracket())
        if run in _NO_PRODUCT:
            raise NotAlgebra(f"the function {run!r}")
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
        if name == "binom" or name in _SEVERAL:
            arguments = self.arguments()
            if name == "binom" and len(arguments) != 2:
                raise NotAlgebra("a binomial coefficient of other than two numbers")
            return ("fn", name, *arguments)
        return self.function(_NAMES.get(name, name))

    def root_argument(self) -> Node:
        """Read the argument of √: one number, letter or bracket, so that `√2x` is √2 · x."""
        return self.number() if self.peek().isdigit() else self.atom()

    def arguments(self) -> list[Node]:
        """Read `(x, y, ...)` or `{x, y, ...}`."""
        closing = "⦄" if self.peek() == "⦃" else ")"
        self.take("⦃" if closing == "⦄" else "(")
        bars, self.bars = self.bars, 0
        arguments = [self.sum()]
        while self.peek() == ",":
            self.at += 1
            arguments.append(self.sum())
        self.bars = bars
        self.take(closing)
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
        if power == ("neg", ("num", Fraction(1))) and f"arc{name}" in FUNCTIONS:
            return ("fn", f"arc{name}", operand)
        if base is not None and name == "log":
            node: Node = ("fn", "logbase", base, operand)
        elif base is not None:
            raise NotAlgebra(f"{name} with a subscript")
        else:
            node = ("fn", name, operand)
        return node if power is None else ("pow", node, power)

    def operand(self) -> Node:
        """Read the argument of a function: brackets, or factors up to an operator or another function."""
        char = self.peek()
        if char in ("(", "["):
            return self.bracket(is_argument=True)
        if char == "|":
            operand = self.atom()
            if (behind := self.peek()) and behind in "^!":
                raise NotAlgebra("a power behind bars")
            return operand
        if char == "{":
            return self.grouped_operand()
        factors = [self.power() if self.peek() != "-" else self.signed_power()]
        while self.starts_atom() and self.peek() not in ("(", "[", "|") and self.command() not in FUNCTIONS:
            run = _LETTERS.match(self.text, self.at)
            if run and run.group() in _PLAIN - {"pi"}:
                break
            self.check_neighbours(factors[-1])
            factors.append(self.power())
        if self.peek() in ("(", "[") and self.at and all(factor[0] == "num" for factor in factors):
            raise NotAlgebra("a number and brackets behind a function")
        return factors[0] if len(factors) == 1 else ("mul", *factors)

    def grouped_operand(self) -> Node:
        r"""Read `{...}` behind a function. Its braces are not seen, so that `\sin{2}x` looks like `\sin 2x`."""
        start = self.at
        operand = self.group()
        inner = self.text[start + 1 : self.at - 1].strip()
        has_brackets = inner[:1] in ("(", "[") and inner[-1:] in (")", "]")
        char = self.peek()
        if (
            not has_brackets
            and char
            and (char in "^!" or char.isalnum() or self.command() in ("pi", "sqrt", "frac", *GREEK))
        ):
            raise NotAlgebra("the end of an argument is not seen")
        return operand

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
        letter = match.group(2) if (match := _MARKED.match(name)) else name[0]
        if letter in _UNKNOWN_FUNCTIONS and (power := _POWER_OF_FUNCTION.match(self.text, self.at)):
            self.at = power.end()
            return ("app", f"{name}^{power.group(1) or power.group(2)}", *self.arguments())
        if _SIMPLE_ARGUMENT.match(self.text, self.at) and name not in ("e", "i"):
            argument = self.bracket()
            return ("fn", "factorial", ("add", argument, _MINUS_ONE)) if name == "Gamma" else ("app", name, argument)
        if name == "Gamma" and self.text.startswith("(", self.at):
            return ("fn", "factorial", ("add", self.bracket(), _MINUS_ONE))
        if name in _GREEK_FUNCTIONS and self.text.startswith("(", self.at):
            return ("app", name, *self.arguments())
        if letter in _UNKNOWN_FUNCTIONS and self.text.startswith("(", self.at):
            return ("app", name, *self.arguments())
        return _letter(name)

    def subscript(self, name: str) -> tuple[str, Node | None]:
        """A subscript that is a formula is an argument (`a_{n+1}`), letters are part of the name (`x_{max}`)."""
        if self.peek() != "{":
            digits = _DIGITS.match(self.text, self.at)
            if digits is None:
                return f"{name}_", self.argument()
            self.at = digits.end()
            return f"{name}_", ("num", Fraction(int(digits.group())))
        start = self.at
        if letters := _INDEX_LETTERS.match(self.text, self.at):
            self.at = letters.end()
            return f"{name}_{letters.group(letters.lastindex or 1)}", None
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
            if match := _DERIVATIVE.match(self.text, self.at):
                return self.derived(match)
            return ("div", self.argument(), self.argument())
        if name == "sqrt":
            return self.square_root()
        if name == "pi":
            return ("const", "pi")
        if name == "binom":
            return ("fn", "binom", self.argument(), self.argument())
        if name in FUNCTIONS or name in _SEVERAL:
            return self.named(name)
        if self.convention == "differences" and _DIFFERENCE.match(self.text, self.at - 1 - len(name)):
            of = self.atom()
            return ("sym", f"{name} {of[1]}") if of[0] == "sym" else ("app", f"{name}()", of)
        if name in GREEK:
            return self.scripts(name)
        if name in ("lfloor", "lceil"):
            return self.rounded(name[1:])
        if name == "text":
            return self.upright()
        if name in _STYLES:
            return self.argument()
        if name in _MARKS:
            return self.marked(_MARKS[name])
        if name == "begin" and (match := _DETERMINANT.match(self.text, self.at)):
            self.at = match.end()
            return self.determinant("vmatrix")
        if name == "det":
            return self.determinant_of()
        raise NotAlgebra(f"the command \\{name}")

    def square_root(self) -> Node:
        index: Node = ("num", Fraction(2))
        if self.peek() == "[":
            self.at += 1
            index = self.sum()
            self.take("]")
        start = self.at
        argument = self.argument()
        if self.text[start : self.at].strip().isdigit() and self.text[self.at : self.at + 1].isdigit():
            raise NotAlgebra("a root of several digits without braces")
        return ("root", index, argument)

    def rounded(self, kind: str) -> Node:
        node = self.sum()
        if self.command() != f"r{kind}":
            raise NotAlgebra(f"\\l{kind} that is not closed")
        self.at += 2 + len(kind)
        return ("fn", kind, node)

    def determinant_of(self) -> Node:
        r"""Read the matrix behind `\det`. The determinant of anything else, such as `\det A`, is not a formula."""
        bracket = self.peek() == "("
        self.at += bracket
        self.peek()
        match = _MATRIX.match(self.text, self.at)
        if match is None:
            raise NotAlgebra("the determinant of a name")
        self.at = match.end()
        node = self.determinant(match.group(1))
        if bracket:
            self.take(")")
        return node

    def upright(self) -> Node:
        r"""Read `\text{...}`, which is a name only if it holds a single letter or a function."""
        match = _UPRIGHT.match(self.text, self.at)
        word = match.group(1) if match else ""
        if match is None or (len(word) > 1 and word not in _PLAIN):
            raise NotAlgebra(f"the text {word!r}")
        self.at = match.end()
        return self.named(word) if word in _PLAIN else self.scripts(word)

    def marked(self, mark: str) -> Node:
        r"""Read `\bar z`, `\vec{a}`, `\mathcal F`: letters with a mark are a variable of their own."""
        match = _MARKED_LETTERS.match(self.text, self.at)
        if match is None:
            raise NotAlgebra(f"\\{mark} of something that is not a name")
        self.at = match.end()
        return self.scripts(f"\\{mark}{{{match.group(1) or match.group(2)}}}")

    def derived(self, match: re.Match[str]) -> Node:
        r"""Read `\frac{dy}{dx}`, which is y', or `\frac{d}{dx}(...)`, which is computed."""
        self.at = match.end()
        upper, of, command, letter, lower = match.groups()
        order, name = int(upper or 1), command or letter
        if int(lower or 1) != order or not 1 <= order <= 4 or (command and command not in GREEK):
            raise NotAlgebra("a derivative of unclear order")
        of = of.strip()
        partial = "\\partial" in match.group()
        if _ONE_LETTER.fullmatch(of):
            if not partial and name == "x":
                return ("sym", of + "'" * order)
            return ("sym", f"{'∂' if partial else 'd'}{order}{of}/{name}")
        node = self.differentiated() if not of else _inner_formula(of)
        for _ in range(order):
            if not partial and symbols(node) & (_DEPENDENT - {name}):
                raise NotAlgebra("the derivative of a formula with an unknown function")
            try:
                node = derivative(node, name)
            except NoDerivative as error:
                raise NotAlgebra(str(error)) from error
        return node

    def differentiated(self) -> Node:
        """Read what d/dx is applied to: brackets, or the product behind it."""
        if self.peek() not in ("(", "["):
            return self.term()
        node = self.bracket(is_argument=True)
        char = self.peek()
        if (char and char in "^!'/*") or self.starts_atom():
            raise NotAlgebra("more than brackets behind d/dx")
        return node


def _inner_formula(text: str) -> Node:
    """Return the formula that a differential stands in front of, as x^2 in `\\frac{d x^2}{dx}`: one product."""
    node = parse(text)
    if node[0] in ("add", "neg") and not (text[0] in "([" and text[-1] in ")]"):
        raise NotAlgebra("a sum behind a differential")
    return node


def _is_call_of_a_letter(node: Node) -> bool:
    """Whether a node is a_1, or f(x) of a letter, so that a prime behind it is the function's."""
    return node[0] == "app" and ("_" in node[1] or (len(node) == 3 and node[2][0] == "sym"))


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
