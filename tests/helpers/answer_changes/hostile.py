r"""Strings that are hard to read: nested, long, unbalanced, huge, mixed, and cut off anywhere."""

import random
from collections.abc import Callable

MAX_REPEATS = 400
_ATOMS = (
    *(
        "x",
        "1",
        "12",
        "0.5",
        r"\pi",
        "e",
        "i",
        r"\frac{1}{2}",
        r"\sqrt{2}",
        "a_1",
        "f(x)",
        "(1,2)",
        r"\{1,2\}",
        "[0,1)",
    ),
    *(
        "5 cm",
        "n!",
        "|x|",
        r"\text{or}",
        "米",
        "٣",
        "५",
        r"\infty",
        "50%",
        "3:4",
        r"\overline{AB}",
        "-1",
        "x=1",
        "0.(3)",
    ),
)
_PIECES = (
    *(
        r"\frac",
        r"\sqrt",
        "{",
        "}",
        "(",
        ")",
        "[",
        "]",
        r"\{",
        r"\}",
        "|",
        "!",
        "^",
        "_",
        "&",
        r"\\",
        "$",
        "$$",
        "%",
        "#",
        "~",
    ),
    *(
        r"\left",
        r"\right",
        r"\left(",
        r"\right)",
        r"\left|",
        r"\right.",
        r"\begin{cases}",
        r"\end{cases}",
        r"\begin{array}{l}",
    ),
    *(
        r"\end{array}",
        r"\begin",
        r"\end",
        r"\begin{pmatrix}",
        r"\end{pmatrix}",
        r"\text{",
        r"\boxed{",
        r"\mathrm{",
        "=",
        "<",
    ),
    *(
        ">",
        r"\le",
        ",",
        ";",
        ":",
        ".",
        "..",
        "...",
        "'",
        '"',
        "`",
        "\\",
        "/",
        "*",
        "+",
        "-",
        "±",
        r"\pm",
        "∓",
        "\n",
        "\t",
        "\r",
    ),
    *(
        "\x00",
        "\x07",
        "\x1b",
        "\x7f",
        "\ud800",
        "\udfff",
        "\u200b",
        "\u202e",
        "\ufeff",
        "\u0301",
        "\u0338",
        "\u20dd",
        "﷽",
        "🙂",
    ),
    *(
        "𝟓",
        "Ⅻ",
        "①",
        "½",
        "²",
        "₃",
        "−",
        "×",
        "√",
        "∛",
        "∑",
        "∫",
        "∂",
        "→",
        "𝑥",
        "ß",
        "ſ",
        "İ",
        "ﬁ",
        "Ａ",
        "１",
        "万",
        "или",
        "أو",
    ),
    *(
        r"\sum_{k=1}^{n}",
        r"\int_0^1",
        r"\lim_{x\to0}",
        r"\prod",
        r"\log",
        r"\sin",
        r"\binom",
        r"\det",
        r"\max",
        r"\gcd",
        r"\bmod",
    ),
    *(
        r"\pmod",
        r"\overline",
        r"\bar",
        r"\dot",
        r"\ddot",
        r"\hat",
        r"\color{red}",
        r"\over",
        r"\cdots",
        r"\quad",
        r"\hspace{1cm}",
    ),
    *(
        "million",
        "and",
        "or",
        "where",
        "if",
        "x",
        "y",
        "e",
        "i",
        "pi",
        "sqrt(",
        "1e9",
        "1e-9",
        "1e999999",
        "0x1F",
        "1_000",
        "NaN",
    ),
)
_WRAPPINGS = (
    *(
        ("(", ")"),
        ("{", "}"),
        ("[", "]"),
        (r"\{", r"\}"),
        (r"\left(", r"\right)"),
        (r"\frac{", "}{2}"),
        (r"\frac{1}{1+", "}"),
    ),
    *(
        (r"\sqrt{1+", "}"),
        (r"\sqrt[3]{", "}"),
        ("|", "|"),
        (r"\left|", r"\right|"),
        ("-(", ")"),
        ("x^{", "}"),
        ("2^{", "}"),
    ),
    *(
        ("x_{", "}"),
        (r"\text{", "}"),
        (r"\boxed{", "}"),
        (r"\sin(", ")"),
        (r"\ln ", ""),
        ("-", ""),
        ("", "!"),
        ("(", ")!"),
    ),
    *(
        (r"\overline{", "}"),
        (r"\begin{cases}", r"\end{cases}"),
        (r"\begin{pmatrix}", r"\end{pmatrix}"),
        ("(1,", ")"),
        ("f(", ")"),
    ),
    *(
        (r"\mathrm{", "}"),
        (r"\lfloor ", r"\rfloor"),
        ("$", "$"),
        (r"\binom{", "}{2}"),
        (r"\frac{d}{dx}(", ")"),
        ("**", "**"),
    ),
)
_HUGE = (
    *(
        "9^{9^{9}}",
        "9^{9^{9^{9}}}",
        "10^{10^{10}}",
        "99999!",
        "((9!)!)!",
        "9!!!!!!!!!",
        r"\binom{999999}{499999}",
        "2^{2^{2^{2^{2^{2}}}}}",
    ),
    *(
        r"\sum_{k=0}^{99999999}\binom{99999999}{k}",
        r"\prod_{k=1}^{10^9}k",
        "1e999999999",
        "10^{-999999999}",
        r"\sqrt[99999999]{2}",
    ),
    *(
        "(x+1)^{99999}",
        "(x+y+z+1)^{300}",
        "x^{x^{x^{x^{x}}}}",
        r"\int_0^\infty e^{-x^{99}}dx",
        r"\sin(10^{10^{8}})",
        "7^{7777777}-7^{7777777}",
    ),
    *(
        r"\log_{1}{5}",
        "0^{0}",
        r"\frac{1}{0}",
        "0^{-1}",
        r"\frac{0}{0}",
        r"\ln 0",
        r"\tan\frac{\pi}{2}",
        r"\infty-\infty",
        "(-1)^{1/2}",
        "(-8)^{1/3}",
    ),
    *(
        r"\begin{pmatrix}" + " & ".join("1" * 60) + r"\end{pmatrix}",
        "{" * 300 + "x" + "}" * 300,
        "x" * 2900,
        "1" * 2900,
        "," * 2900,
    ),
)


def _nested(source: random.Random) -> str:
    text = source.choice(_ATOMS)
    wrapping = source.choice(_WRAPPINGS)
    for _ in range(source.choice((1, 3, 10, 40, 150))):
        if source.random() < 0.2:
            wrapping = source.choice(_WRAPPINGS)
        text = wrapping[0] + text + wrapping[1]
    return text


def _run(source: random.Random) -> str:
    piece = source.choice((*_PIECES, *_ATOMS))
    return source.choice(_ATOMS) + piece * source.choice((2, 7, 30, MAX_REPEATS)) + source.choice(_ATOMS)


def _joined(source: random.Random) -> str:
    joint = source.choice(
        ("+", "-", "*", "/", "^", ",", " or ", " and ", "=", "<", r"\\", "&", " ", "", "±", r"\cup", ":", "\n", "!")
    )
    return joint.join(source.choice(_ATOMS) for _ in range(source.choice((2, 5, 20, 120))))


def _jumble(source: random.Random) -> str:
    return "".join(source.choice(_PIECES + _ATOMS) for _ in range(source.randint(1, 40)))


def _any_characters(source: random.Random) -> str:
    ranges = (
        (32, 127),
        (0, 32),
        (0x80, 0x24F),
        (0x370, 0x5FF),
        (0x600, 0x97F),
        (0x2000, 0x2BFF),
        (0x300, 0x36F),
        (0xD800, 0xDFFF),
        (0x4E00, 0x4FFF),
        (0x1D400, 0x1D7FF),
        (0xFF00, 0xFFEF),
    )
    return "".join(chr(source.randint(*source.choice(ranges))) for _ in range(source.randint(1, 60)))


def _long_number(source: random.Random) -> str:
    digits = "".join(source.choice("0123456789") for _ in range(source.choice((20, 300, 2500))))
    return (
        source.choice(("", "-", "0.", "0.(", "1e", "1/", "3."))
        + digits
        + source.choice(("", ")", "%", "!", "^{" + digits[:9] + "}", " cm", "_7"))
    )


def _huge(source: random.Random) -> str:
    return (
        source.choice(("", "1+", "x=", r"\frac{1}{", "-", "(0,"))
        + source.choice(_HUGE)
        + source.choice(("", "+1", "}", r"\cdot x", ")", "!"))
    )


def _cut(source: random.Random) -> str:
    text = source.choice((_nested, _joined, _huge))(source)
    start, end = sorted((source.randint(0, len(text)), source.randint(0, len(text))))
    return text[start:end]


_MAKERS: tuple[Callable[[random.Random], str], ...] = (
    *(_nested, _run, _joined, _jumble, _any_characters, _long_number, _huge, _cut),
)


def hostile_pairs(count: int, seed: int) -> list[tuple[str, str]]:
    """Return pairs of hostile strings: two of any kind, a string and an ordinary answer, or one and a small change.

    >>> len(hostile_pairs(10, 0)), hostile_pairs(3, 0) == hostile_pairs(3, 0)
    (10, True)
    """
    source = random.Random(seed)
    return [_pair(source) for _ in range(count)]


def _pair(source: random.Random) -> tuple[str, str]:
    first = source.choice(_MAKERS)(source)
    how = source.random()
    if how < 0.3:
        return first, source.choice(_ATOMS)
    if how < 0.6:
        return first, source.choice(_MAKERS)(source)
    at = source.randint(0, len(first))
    return first, first[:at] + source.choice(_PIECES + _ATOMS) + first[at + source.randint(0, 1) :]
