"""The content of a problem without its notation: tokens, and the hashes of their n-grams.

Two texts have the same tokens if they differ only in delimiters of formulas, spacing, brackets, fonts, the ways to
write a fraction, a root, a product or a power, Unicode or LaTeX names of the same sign, separators of thousands, case
or punctuation.

Single letters are variables. A variable counts by the distance to the place where it last stood. If that place is
outside the n-gram, the variable counts as new. A text with renamed variables therefore has the same n-grams, also when
it stands inside another text.

Structure is lost on purpose: `\\frac{a+b}{c}`, `(a+b)/c` and `a+b/c` are the same five tokens. Over the length of an
n-gram this hides no difference that matters, so another notation does not hide an overlap.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from itertools import chain

import numpy as np

from sure_math.equivalence.glyphs import (
    APOSTROPHES,
    COMMANDS,
    DASHES,
    DEGREE_SIGNS,
    FRACTIONS,
    GREATER_OR_EQUAL,
    LESS_OR_EQUAL,
    LOWERED_DIGITS,
    PRODUCT_SIGNS,
    QUOTIENT_SIGNS,
    RAISED_DIGITS,
)
from sure_math.identity import normalised

_TOKEN = re.compile(
    r"""
    \\(?:begin|end)\s*\{[^{}]{0,30}\}(?:\{[lcr|\s]*\})?   # environments, with the columns of an array
  | \\[hv](?:space|skip)\*?\s*\{[^{}]{0,30}\}
  | \\[dtc]?frac\s*\d                                     # \frac12 is 1 over 2
  | \\(?:log|sin|cos|tan|sec|csc|cot)\s*[_^]\s*(?!10(?!\d))\d  # \log_264 has the base 2
  | \\[A-Za-z]+
  | (?<![\w$\\({\[])[aA]\s(?=\s*[A-Za-z]{2})              # the article, not the variable
  | [一-鿿぀-ヿ가-힯]          # scripts without spaces
  | [^\W\d_]+(?:'[^\W\d_]+)?
  | \d*\.\d+ | \d+
  | (?<![\w$)}])- | -(?![A-Za-z]{3})                      # minus, not the hyphen of a word
  | [<>=!]=? | [+%°]
    """,
    re.VERBOSE,
)
_RAISED = {**RAISED_DIGITS, "⁺": "+", "⁻": "-", "ⁿ": "n", "ⁱ": "i"}
_LOWERED = {**LOWERED_DIGITS, "₊": "+", "₋": "-", "ₙ": "n", "ᵢ": "i", "ₖ": "k", "ⱼ": "j"}
_SMALL = str.maketrans({**_RAISED, **_LOWERED})
_SMALL_RUN = re.compile(f"[{''.join(_RAISED)}]+|[{''.join(_LOWERED)}]+")
_SIGNS = {
    **dict.fromkeys((*APOSTROPHES, *"‘`ʼ"), "'"),
    **dict.fromkeys((*DASHES, "‒"), "-"),
    **dict.fromkeys((*PRODUCT_SIGNS, *QUOTIENT_SIGNS), " "),
    **dict.fromkeys(LESS_OR_EQUAL, r" \le "),
    **dict.fromkeys(GREATER_OR_EQUAL, r" \ge "),
    **dict.fromkeys(DEGREE_SIGNS, " ° "),
    **{glyph: f" {command}" for glyph, command in COMMANDS.items()},
    **{glyph: f" {upper}/{lower} " for glyph, (upper, lower) in FRACTIONS.items()},
    "∛": r" \sqrt 3 ", "∞": r" \infty ", "∑": r" \sum ", "∏": r" \prod ", "∫": r" \int ", "∈": r" \in ",
    "∉": r" \notin ", "≠": r" \ne ", "≡": r" \equiv ", "≈": r" \approx ", "≅": r" \cong ", "∼": r" \sim ",
    "±": r" \pm ", "→": r" \to ", "↦": r" \mapsto ", "⇒": r" \implies ", "⇔": r" \iff ", "∠": r" \angle ",
    "△": r" \triangle ", "⊥": r" \perp ", "∥": r" \parallel ", "∪": r" \cup ", "∩": r" \cap ", "⊂": r" \subset ",
    "⊆": r" \subseteq ", "∅": r" \emptyset ", "∀": r" \forall ", "∃": r" \exists ", "∘": r" \circ ", "…": " ",
    "⌊": r" \lfloor ", "⌋": r" \rfloor ", "⌈": r" \lceil ", "⌉": r" \rceil ", "∤": r" \nmid ", "∣": " ",
}  # fmt: skip
_UNICODE = str.maketrans(_SIGNS)

_SILENT_COMMANDS = """
    left right bigl bigr Bigl Bigr biggl biggr Biggl Biggr big Big bigg Bigg bigm middle frac dfrac tfrac cfrac over
    text textbf textit textrm textsf texttt textnormal emph mbox hbox mathrm mathbf mathit mathsf mathtt mathcal
    mathbb mathfrak mathscr boldsymbol bm operatorname displaystyle textstyle scriptstyle limits nolimits quad qquad
    enspace thinspace noindent par newline hfill medskip smallskip bigskip cdot times ast div cdots ldots dots dotsc
    dotsb dotsm vdots ddots mid vert lvert rvert Vert lVert rVert overline underline bar vec hat widehat tilde
    widetilde overrightarrow overleftarrow overset underset boxed fbox rm bf it mathop mathord mathbin mathrel
    mathopen mathclose mathpunct prime lbrace rbrace lbrack rbrack langle rangle label tag nonumber notag hline item
    centering phantom hphantom kern mkern arc overarc wideparen colon displaylimits lparen rparen pod
"""
_SILENT = frozenset(_SILENT_COMMANDS.split())
"""Commands without a meaning of their own: layout, fonts, brackets, fractions, products, decorations of a letter."""
_CURRENCY = frozenset({"usd", "dollar", "dollars"})
"""Left out too: the dollar sign is dropped because it is also a delimiter of formulas."""
_SAME = {
    "leq": "le", "leqslant": "le", "leqq": "le", "<=": "le", "geq": "ge", "geqslant": "ge", "geqq": "ge", ">=": "ge",
    "neq": "ne", "!=": "ne", "==": "=", "lt": "<", "gt": ">", "rightarrow": "to", "longrightarrow": "to",
    "circ": "degree", "°": "degree", "degrees": "degree", "deg": "degree", "percent": "%", "varnothing": "emptyset",
    "determine": "find", "compute": "find", "calculate": "find", "evaluate": "find", "write": "express",
    "suppose": "let", "assume": "let", "land": "and", "lor": "or",
    "dbinom": "binom", "tbinom": "binom", "choose": "binom", "bmod": "mod", "pmod": "mod",
    "root": "sqrt", "infinity": "infty", "arctan": "atan", "arcsin": "asin", "arccos": "acos",
    "two": "2", "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7", "eight": "8",
    "nine": "9", "ten": "10", "eleven": "11", "twelve": "12",
}  # fmt: skip
_GREEK_LETTERS = """
    alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta iota kappa lambda mu nu xi rho varrho sigma
    tau upsilon phi varphi chi psi omega Gamma Delta Theta Lambda Xi Sigma Phi Psi Omega ell
"""
_GREEK = frozenset(_GREEK_LETTERS.split())
_WORDS_OF_TWO_OR_THREE = """
    an as at be by do go he if in is it me my no of on or so to up us we add age ago all and any are arc area ask
    bag ball bar bat bed big bit box boy bus but buy can car cat cos cow cup cut dad day did die dog dot dry due
    each ear eat egg end eye far few fit fly for fox fun get girl got had has hat hen her him his hit hot how ice
    its job key kid law led leg let lie log lot low man map may men met mix mom net new nor not now odd off oil old
    one our out own pay pen per pet pie pig pot put ran rat raw red rib rod row run sad sat saw say sea see set she
    sin sit six sky sum sun tan tax tea ten the tie tin tip toe ton too top toy try two use van via war was way wet
    who why win won yes yet you lim max min mod det gcd lcm sec csc cot exp arg sup inf deg dim ker pi ln lg cm mm
    km kg mg ml ft lb oz mi hr mph sq st nd rd th le ge ne int abs cis sgn id tr air ant arm art ate bad bet bid bow
    bug cap dig etc fan fat fee fix gas gon gum ham hay hip hop ii iii iv jam jar jog lab lap lay lbs mow mug non
    pad pan pop ray re sip son sub tap ups urn vs web zoo sqrt arctg ctg
"""
_SHORT_WORDS = frozenset(_WORDS_OF_TWO_OR_THREE.split())
_VOWELS = re.compile("[aeiouy]")
_ALPHABET = "abcdefghijklmnopqrstuvwxyz"
_MAX_LETTERS = 6
"""Up to this number, capitals in a row are points or variables (`ABCDEF`). Longer runs are words."""

_GROUP = 3
"""Digits are cut into groups of this size, so that 1,000 and 1000 and 1\\,000 are the same tokens."""
_MAX_CACHED = 40
"""Most characters of a word that is cached. A text of one endless word must not fill the memory."""
_MAX_WORDS = 1_000_000

_INSTRUCTION = re.compile(
    r"""
    (?:
      please\ reason\ step\ by\ step[^\n]*
    | let['’]?s\ think\ step\ by\ step[^\n]*
    | (?:please\ )?put\ your\ final\ answer\ (?:with)?in\ \\boxed[^\n]*
    | after\ solving\ the\ above\ problem,?\ please.*
    )\s*\Z
    """,
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)
_MARKS = ("step by step", "boxed", "after solving")
_FIGURES = (
    ("[asy]", "[/asy]"),
    ("<asy>", "</asy>"),
    ("\\begin{asy}", "\\end{asy}"),
    ("\\begin{tikzpicture}", "\\end{tikzpicture}"),
)


def tokens(text: str) -> list[str]:
    r"""Return the tokens of a text, in order. A variable keeps its letter here.

    >>> tokens(r"Find $\frac{1}{2} x$.") == tokens("Find 1/2 * x")
    True
    """
    return list(chain.from_iterable(map(_expanded, _raw(text))))


def without_frame(text: str, least: int) -> str:
    """Remove the instructions on the form of the answer and the code of figures from a benchmark's statement.

    Somebody who copies a problem leaves these out. A part stays if fewer than `least` tokens would be left without it.
    """
    for shorten in (_without_instruction, _without_figures):
        shorter = shorten(text)
        if shorter is not text and len(tokens(shorter)) >= least:
            text = shorter
    return text


def _without_instruction(text: str) -> str:
    # Looking for three words takes a fraction of the time of the expression, which finds nothing in most texts.
    small = text.lower()
    return _INSTRUCTION.sub("", text.rstrip()) if any(mark in small for mark in _MARKS) else text


def _without_figures(text: str) -> str:
    for opening, closing in _FIGURES:
        while (start := text.find(opening)) >= 0 and (end := text.find(closing, start)) >= 0:
            text = f"{text[:start]} {text[end + len(closing) :]}"
    return text


class Wording:
    """A text as numbers: one code per token, and for each variable the distance to its last place."""

    __slots__ = ("codes", "distances")

    def __init__(self, text: str) -> None:
        raw = _raw(text)
        codes = np.fromiter(chain.from_iterable(map(_CODES.__getitem__, raw)), np.uint64)
        if not len(codes):  # nothing that is read as a token: the text as it is stands for itself
            codes = np.array([_hash(normalised(text))], np.uint64)
        self.codes = codes
        self.distances = _distances(codes)

    def __len__(self) -> int:
        return len(self.codes)

    def ngrams(self, size: int) -> np.ndarray:
        """Compute one hash for each run of `size` tokens, in order. A shorter text has one hash, of all its tokens."""
        size = min(size, len(self.codes))
        codes, back = _windows(self.codes, size), _windows(self.distances, size)
        # _PLACES[0] stands for a variable that is new in the n-gram.
        known = _PLACES[np.where(back <= np.arange(size), back, 0) % len(_PLACES)]
        return _mixed((np.where(back < 0, codes, known) * _factors(size)).sum(axis=1, dtype=np.uint64))

    def numbers(self) -> frozenset[int]:
        """Return the codes of the numbers in the text."""
        return frozenset(self.codes[self.codes & np.uint64(_NUMERAL) > 0].tolist())

    def key(self) -> int:
        """Compute a key that is equal for texts with the same tokens, up to the names of variables."""
        whole = np.where(self.distances < 0, self.codes, self.distances.astype(np.uint64))
        return int.from_bytes(hashlib.blake2b(whole.tobytes(), digest_size=8).digest(), "big")


class _Codes(dict[str, tuple[int, ...]]):
    """Piece of text -> codes of its tokens, computed once."""

    def __missing__(self, piece: str) -> tuple[int, ...]:
        codes = tuple(_hash(token) for token in _expanded(piece))
        if len(piece) <= _MAX_CACHED:
            if len(self) >= _MAX_WORDS:
                self.clear()
            self[piece] = codes
        return codes


_CODES = _Codes()


def _raw(text: str) -> list[str]:
    if not text.isascii():
        text = "".join(c for c in text if unicodedata.category(c) != "Cf")  # soft hyphens, spaces without width
        text = _SMALL_RUN.sub(lambda match: f" {match.group().translate(_SMALL)} ", text).translate(_UNICODE)
        text = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    # The text is written in capitals throughout, so they are not names of points.
    return _TOKEN.findall(text.lower() if text.isupper() else text)


def _expanded(piece: str) -> tuple[str, ...]:
    """Return the tokens of one piece: none for a silent command, several for a run of letters or of digits."""
    if piece[0] == "\\":
        return _command(piece[1:])
    if piece[0].isdecimal() or piece[0] == ".":
        return _number(piece)
    if piece[0].isalpha():
        return () if piece[-1].isspace() else _word(piece)
    return () if piece == "!" else (_SAME.get(piece, piece),)


def _command(name: str) -> tuple[str, ...]:
    if name[-1].isdecimal():
        return (name[-1],) if "frac" in name else (name[:3], name[-1])
    if name in _SILENT or not name.isalpha():
        return ()
    if name in _GREEK:
        return (f"${name.removeprefix('var')}",)
    return (_SAME.get(name, name.casefold()),)


def _number(digits: str) -> tuple[str, ...]:
    whole, point, fraction = digits.partition(".")
    first = len(whole) % _GROUP
    groups = [whole[:first]] if first else []
    groups += [whole[start : start + _GROUP] for start in range(first, len(whole), _GROUP)]
    if point:
        groups = ([] if whole.strip("0") == "" else groups) + [f".{fraction}"]
    return tuple(groups)


def _word(piece: str) -> tuple[str, ...]:
    """Return a word, or the single letters of a product such as `xy` or of points such as `ABC`."""
    word = piece.partition("'")[0] if len(piece.partition("'")[0]) == 1 else piece.replace("'", "")
    if len(word) == 1:
        return (f"${_GREEK_NAMES.get(word, word)}",)
    small = word.casefold()
    if small in _CURRENCY:
        return ()
    if word.isupper() and len(word) <= _MAX_LETTERS:
        return tuple(f"${letter}" for letter in word)
    if small[1:] == "th":  # the nth term
        return (f"${word[0]}", "th")
    name = len(word) > 2 and word.istitle()
    if small.isascii() and not name and small not in _SHORT_WORDS and small not in _SAME and _is_product(small):
        return tuple(f"${letter}" for letter in word)
    return (_SAME.get(small, small),)


def _is_product(word: str) -> bool:
    return len(word) <= _GROUP or word in _ALPHABET or (len(word) <= _MAX_LETTERS and not _VOWELS.search(word))


def _greek_names() -> dict[str, str]:
    names = {}
    for letter in map(chr, range(0x391, 0x3CA)):
        name = unicodedata.name(letter, "").rpartition(" ")[2].lower().replace("lamda", "lambda")
        if name in _GREEK:
            names[letter] = name if letter.islower() else name.capitalize()
    return names


_GREEK_NAMES = _greek_names()


_VARIABLE, _NUMERAL = 1, 2
"""The last two bits of a code."""


def _hash(token: str) -> int:
    """Hash a token to 64 bits. The last two bits tell the kind of token."""
    digest = hashlib.blake2b(token.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    kind = _VARIABLE if token.startswith("$") else _NUMERAL * (token[:1].isdecimal() or token[:1] == ".")
    return int.from_bytes(digest, "big") & ~(_VARIABLE | _NUMERAL) | kind


def _distances(codes: np.ndarray) -> np.ndarray:
    """Return for each variable how many tokens ago it last stood, 0 if it is new; -1 for every other token."""
    distances = np.full(len(codes), -1, np.int64)
    places = np.flatnonzero(codes & np.uint64(_VARIABLE))
    ordered = places[np.argsort(codes[places], kind="stable")]
    same = codes[ordered[1:]] == codes[ordered[:-1]]
    distances[places] = 0
    distances[ordered[1:][same]] = (ordered[1:] - ordered[:-1])[same]
    return distances


_CONSTANTS = np.random.default_rng(2026)
_PLACES = _CONSTANTS.integers(0, 2**63, 4096, dtype=np.uint64)
"""The number of a variable in an n-gram, by its distance. Distances beyond the last entry share one number."""
_FIRST_FACTORS = _CONSTANTS.integers(0, 2**63, 64, dtype=np.uint64) * np.uint64(2) + np.uint64(1)


def _windows(values: np.ndarray, size: int) -> np.ndarray:
    """Return every run of `size` values as rows that share memory. NumPy's own function takes longer than the rest."""
    step = values.itemsize
    return np.ndarray((len(values) - size + 1, size), values.dtype, values, strides=(step, step))


def _factors(size: int) -> np.ndarray:
    """Return odd factors, one per place of an n-gram. They are the same for a size in every run."""
    if size <= len(_FIRST_FACTORS):
        return _FIRST_FACTORS[:size]
    return np.random.default_rng(size).integers(0, 2**63, size, dtype=np.uint64) * np.uint64(2) + np.uint64(1)


def _mixed(values: np.ndarray) -> np.ndarray:
    """Apply the finaliser of MurmurHash3: every bit of the sum changes every bit of the hash."""
    for factor in (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53):
        values = (values ^ (values >> np.uint64(33))) * np.uint64(factor)
    return values ^ (values >> np.uint64(33))
