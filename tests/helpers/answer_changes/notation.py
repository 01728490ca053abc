r"""Write an answer in another notation.

Each function takes a gold and returns the same answer, written otherwise, or None where the change has no place. The
templates at the end are pairs that are equal by arithmetic, which the numbers in them are chosen for.
"""

import random
import re
from collections.abc import Callable
from fractions import Fraction

from tests.helpers.answer_changes.evaluate import Unproven, symbols
from tests.helpers.answer_changes.structure import read, split, tidy

Respelling = Callable[[str, random.Random], str | None]
_FRACTION = r"\\[dt]?frac\s*\{([^{}]*)\}\s*\{([^{}]*)\}"


def _each(pattern: str, new: str | Callable[[re.Match[str]], str]) -> Respelling:
    def change(text: str, source: random.Random) -> str | None:
        changed = re.sub(pattern, new, text)
        return changed if changed != text else None

    return change


def _one_of(*choices: str) -> Respelling:
    """Put the answer in one of these wrappings, which stand around a `*`."""

    def change(text: str, source: random.Random) -> str | None:
        return source.choice(choices).replace("*", text, 1)

    return change


def _if(kind: str, change: Respelling) -> Respelling:
    """Change golds of one kind only."""

    def checked(text: str, source: random.Random) -> str | None:
        try:
            return change(text, source) if read(text).kind == kind else None
        except Unproven:
            return None

    return checked


def _spaced(text: str, source: random.Random) -> str | None:
    if "text" in text:
        return None
    space = source.choice((" ", r"\,", r"\;", r"\ ", "~", r"\!"))
    changed = re.sub(r"(?<=[\w})])([+=<>])(?=[\w\\({])", lambda m: space + m.group(1) + space, text)
    return changed if changed != text else None


def _decimal(text: str, source: random.Random) -> str | None:
    match = re.fullmatch(r"(-?)\\[dt]?frac\s*\{(\d+)\}\s*\{(\d+)\}", tidy(text))
    if match is None:
        return None
    value = Fraction(int(match.group(2)), int(match.group(3)))
    below = value.denominator
    for prime in (2, 5):
        while below % prime == 0:
            below //= prime
    return (
        None
        if below != 1 or value.denominator > 1000
        else match.group(1) + f"{float(value):.10f}".rstrip("0").rstrip(".")
    )


def _as_fraction(text: str, source: random.Random) -> str | None:
    if not re.fullmatch(r"-?\d+\.\d{1,4}", text):
        return None
    value = Fraction(text)
    sign = "-" if value < 0 else ""
    return rf"{sign}\frac{{{abs(value.numerator)}}}{{{value.denominator}}}"


def _sign_inside(text: str, source: random.Random) -> str | None:
    match = re.fullmatch(r"-\s*\\[dt]?frac\s*\{([\w\\ ]*)\}\s*\{([\w\\ ]*)\}", text)
    if match is None:
        return None
    upper, lower = match.groups()
    return source.choice(
        (rf"\frac{{-{upper}}}{{{lower}}}", rf"\frac{{{upper}}}{{-{lower}}}", rf"-\frac{{-{upper}}}{{-{lower}}}")
    )


def _thousands(text: str, source: random.Random) -> str | None:
    if not re.fullmatch(r"-?\d{4,}", text):
        return None
    return f"{int(text):,}".replace(",", source.choice((",", "{,}", r"\,", r",\!", "~", " ", r"\ ", r"\;", "\u2009")))


def _order(text: str, source: random.Random) -> str | None:
    text = tidy(text)
    opening, closing = (r"\{", r"\}") if text.startswith(r"\{") else ("", "")
    try:
        if read(text).kind != "unordered":
            return None
        members = split(text[len(opening) : len(text) - len(closing)])
    except Unproven:
        return None
    turned = members[1:] + members[:1]
    return f"{opening}{', '.join(turned)}{closing}" if turned != members else None


def _terms(text: str, source: random.Random) -> str | None:
    """Write the last term of a sum first."""
    match = re.fullmatch(r"([^+=<>,()\[\]-]+(?:[+-][^+=<>,()\[\]-]+)*)([+-])([^+=<>,()\[\]-]+)", text)
    if match is None or "text" in text or "\\circ" in text or "\\%" in text or not _is_value(text):
        return None
    first, sign, last = match.groups()
    if any(group.count("{") != group.count("}") for group in (first, last)):
        return None
    return f"{'-' if sign == '-' else ''}{last.strip()}+{first.strip()}"


def _is_value(text: str) -> bool:
    try:
        return read(text).kind == "value"
    except Unproven:
        return False


def _plain(text: str, source: random.Random) -> str | None:
    """Write a formula as programs write it: `sqrt(3)/2`, `2*pi`."""
    if not _is_value(text) or re.search(r"\\(?!frac|dfrac|tfrac|sqrt\{|pi|cdot|times|,|!|left|right)", text):
        return None
    changed = tidy(text)
    for _ in range(4):
        changed = re.sub(_FRACTION, r"((\1)/(\2))", changed)
        changed = re.sub(r"\\sqrt\s*\{([^{}]*)\}", r"sqrt(\1)", changed)
        changed = re.sub(r"\^\{([^{}]*)\}", r"^(\1)", changed)
    changed = re.sub(r"\\cdot|\\times", "*", changed).replace(r"\pi", "pi")
    changed = re.sub(r"(?<=[\d)])\s*(?=sqrt|pi|\()", "*", changed)
    changed = re.sub(r"(?<=pi)\s*(?=sqrt|\()", "*", changed)
    return changed if changed != text and "\\" not in changed and "{" not in changed else None


def _rationalised(text: str, source: random.Random) -> str | None:
    match = re.fullmatch(r"\\frac\s*\{\\sqrt\s*\{(\d+)\}\}\s*\{(\d+)\}", text)
    if match is None:
        return None
    radicand, below = int(match.group(1)), int(match.group(2))
    return rf"\frac{{{radicand}}}{{{below}\sqrt{{{radicand}}}}}"


def _under_root(text: str, source: random.Random) -> str | None:
    match = re.fullmatch(r"(\d+)\s*\\sqrt\s*\{(\d+)\}", text)
    return match and rf"\sqrt{{{int(match.group(1)) ** 2 * int(match.group(2))}}}"


def _enlarged(text: str, source: random.Random) -> str | None:
    factor = source.choice((2, 3, 7, 10))
    match = re.fullmatch(r"(-?)\\[dt]?frac\s*\{(\d+)\}\s*\{(\d+)\}", text)
    return match and rf"{match.group(1)}\frac{{{int(match.group(2)) * factor}}}{{{int(match.group(3)) * factor}}}"


def _split_number(text: str, source: random.Random) -> str | None:
    if not re.fullmatch(r"\d{1,5}", text) or text == "0":
        return None
    value, part = int(text), source.randint(1, 99)
    return source.choice(
        (
            f"{value + part}-{part}",
            rf"\frac{{{value * 2}}}{{2}}",
            f"{value}.0",
            f"+{value}",
            f"{value}.00",
            rf"{value} \cdot 1",
        )
    )


def _inequality(text: str, source: random.Random) -> str | None:
    match = re.fullmatch(r"([(\[])([^,()\[\]]+),([^,()\[\]]+)([)\]])", tidy(text))
    if match is None or not (r"\infty" in text or match.group(1) + match.group(4) in ("(]", "[)")):
        return None
    left, low, high, right = match.groups()
    below, above = ("<" if left == "(" else r"\le ", "<" if right == ")" else r"\le ")
    low, high = low.strip(), high.strip()
    if r"\infty" in low and r"\infty" in high:
        return None
    if r"\infty" in low:
        return f"x {above} {high}"
    if r"\infty" in high:
        return f"x {'>' if left == '(' else chr(92) + 'ge'} {low}"
    return f"{low} {below} x {above} {high}"


def _unicode(text: str, source: random.Random) -> str | None:
    changed = text.replace("-", "−") if source.random() < 0.5 else text
    for latex, sign in (
        (r"\pi", "π"),
        (r"\cdot", "·"),
        (r"\times", "×"),
        (r"\infty", "∞"),
        (r"\cup", "∪"),
        (r"\le ", "≤ "),
        (r"\ge ", "≥ "),
        (r"\pm", "±"),
    ):
        changed = re.sub(re.escape(latex) + ("(?![A-Za-z])" if latex[-1].isalpha() else ""), sign, changed)
    changed = re.sub(r"(?<=[A-Za-z\d)])\^(?:2|\{2\})(?!\d)", "²", changed)
    changed = re.sub(r"\\sqrt\s*\{(\d+)\}", r"√\1", changed)
    return changed if changed != text else None


_FULL_WIDTH = str.maketrans("(),=+-<>", "（），＝＋－＜＞")
_FULL_WIDTH_DIGITS = str.maketrans("0123456789", "０１２３４５６７８９")


def _fullwidth(text: str, source: random.Random) -> str | None:
    if not re.fullmatch(r"[\d\s,()+=<>-]+", text):
        return None
    return text.translate(_FULL_WIDTH if re.search(r"[(),=+<>-]", text) else _FULL_WIDTH_DIGITS)


def _is_bare(text: str) -> bool:
    try:
        return not symbols(text)
    except Unproven:
        return False


def _labelled(text: str, source: random.Random) -> str | None:
    return (
        source.choice(("x = ", "x=", "n=", "S = ", r"\text{Answer: }", "f(2) = ", "a_5=", "N=")) + text
        if _is_bare(text)
        else None
    )


def _with_unit(text: str, source: random.Random) -> str | None:
    if not _is_bare(text) or "circ" in text or re.search(r"(?<![a-z])i(?![a-z])", text):
        return None
    return text + source.choice(
        (
            r"\text{ cm}",
            r"\text{ meters}",
            " units",
            r"\text{ square units}",
            r"\ \text{hours}",
            r"\mathrm{~m}",
            " km/h",
            r"\text{ apples}",
            " 元",
            " 米",
            " час",
            "時間",
            " घंटे",
            "명",
        )
    )


def _product(text: str, source: random.Random) -> str | None:
    match = re.fullmatch(r"(\d+)\s*(\\sqrt\s*\{\d+\}|\\pi)", text)
    return match and source.choice(
        (
            f"{match.group(2)} \\cdot {match.group(1)}",
            f"{match.group(1)} \\cdot {match.group(2)}",
            f"{match.group(2)} \\times {match.group(1)}",
            f"({match.group(1)})({match.group(2)})",
        )
    )


def _whole_latex(text: str, source: random.Random) -> str | None:
    return source.choice(
        (
            "$*$",
            r"\(*\)",
            r"\[*\]",
            r"\boxed{*}",
            r"$\boxed{*}$",
            r"\displaystyle *",
            "{*}",
            "*.",
            "$*$.",
            r"\left. * \right.",
            " * ",
        )
    ).replace("*", text, 1)


def _styled(text: str, source: random.Random) -> str | None:
    if not re.fullmatch(r"-?[\d.]+|\\[dt]?frac\{\d+\}\{\d+\}", text):
        return None
    return source.choice(
        (
            r"\mathbf{*}",
            r"\boldsymbol{*}",
            r"\textbf{*}",
            r"\textcolor{red}{*}",
            r"\color{blue}{*}",
            r"\bf *",
            r"\mathrm{*}",
            r"{\large *}",
            r"\Large{*}",
            r"\underline{*}",
            r"\boxed{\mathbf{*}}",
            r"\bm{*}",
            r"\fbox{*}",
        )
    ).replace("*", text, 1)


def _text_number(text: str, source: random.Random) -> str | None:
    if not re.fullmatch(r"-?\d[\d.]*", text):
        return None
    return source.choice((r"\text{*}", r"\mbox{*}", r"\text{ * }", r"\mathrm{*}", r"\textnormal{*}")).replace("*", text)


def _fraction_command(text: str, source: random.Random) -> str | None:
    if not re.search(_FRACTION, text):
        return None
    new = source.choice(
        (
            r"\\dfrac{\1}{\2}",
            r"\\tfrac{\1}{\2}",
            r"\\cfrac{\1}{\2}",
            r"{\1 \\over \2}",
            r"\\frac {\1} {\2}",
            r"\\left(\\frac{\1}{\2}\\right)",
        )
    )
    return re.sub(_FRACTION, new, text) if not ("left(" in new and not _is_value(text)) else None


def _short_fraction(text: str, source: random.Random) -> str | None:
    changed = re.sub(r"\\[dt]?frac\s*\{(\d)\}\s*\{(\d)\}", r"\\frac\1\2", text)
    return changed if changed != text else None


def _slash(text: str, source: random.Random) -> str | None:
    match = re.fullmatch(r"(-?)\\[dt]?frac\s*\{(\d+)\}\s*\{(\d+)\}", text)
    return match and source.choice(
        (
            f"{match.group(1)}{match.group(2)}/{match.group(3)}",
            rf"{match.group(1)}\nicefrac{{{match.group(2)}}}{{{match.group(3)}}}",
            rf"{match.group(1)}{match.group(2)} \div {match.group(3)}",
            f"{match.group(1)}({match.group(2)})/({match.group(3)})",
        )
    )


def _big_brackets(text: str, source: random.Random) -> str | None:
    if "left" in text or r"\(" in text or not re.search(r"[(\[]", text) or "text" in text or "bmatrix" in text:
        return None
    left, right = source.choice(
        ((r"\left", r"\right"), (r"\big", r"\big"), (r"\Bigl", r"\Bigr"), (r"\left ", r"\right "))
    )
    if re.search(r"sqrt\s*\[", text):
        return None
    opened = re.sub(r"[(\[]", lambda match: left + match.group(), text)
    return re.sub(r"[)\]]", lambda match: right + match.group(), opened)


def _percent(text: str, source: random.Random) -> str | None:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*\\%", text)
    if match is None:
        return None
    value = match.group(1)
    share = Fraction(value) / 100
    return source.choice(
        (
            f"{value}%",
            f"{value} %",
            f"{value} percent",
            rf"{value}\text{{ percent}}",
            rf"\frac{{{share.numerator}}}{{{share.denominator}}}",
        )
    )


def _degrees(text: str, source: random.Random) -> str | None:
    match = re.fullmatch(r"([\d.]+)\s*\^\s*\{?\\circ\}?", text)
    others = ("*°", r"*^{\circ}", r"*\text{ degrees}", "* degrees", r"*\degree", r"*^\circ")
    return match and source.choice(others).replace("*", match.group(1))


def _matrix_style(text: str, source: random.Random) -> str | None:
    if "pmatrix" not in text or "phantom" in text:
        return None
    new = text.replace("pmatrix", "bmatrix")
    return source.choice(
        (
            new,
            re.sub(
                r"\\begin\{pmatrix\}(.*?)\\end\{pmatrix\}",
                lambda m: r"\left(\begin{array}{cccc}" + m.group(1) + r"\end{array}\right)",
                text,
            ),
            text.replace("pmatrix", "matrix")
            .replace(r"\begin{matrix}", r"\left(\begin{matrix}")
            .replace(r"\end{matrix}", r"\end{matrix}\right)"),
        )
    )


RESPELLINGS: dict[str, Respelling] = {
    "fraction command": _fraction_command,
    "fraction without braces": _short_fraction,
    "fraction with a slash": _slash,
    "decimal of a fraction": _decimal,
    "fraction of a decimal": _as_fraction,
    "fraction enlarged": _enlarged,
    "sign inside a fraction": _sign_inside,
    "thousands": _thousands,
    "number split": _split_number,
    "order of members": _order,
    "order of terms": _terms,
    "order of factors": _product,
    "plain text": _plain,
    "root rationalised": _rationalised,
    "root of a product": _under_root,
    "interval as inequality": _inequality,
    "spacing": _spaced,
    "big brackets": _big_brackets,
    "Unicode": _unicode,
    "full width": _fullwidth,
    "math delimiters": _whole_latex,
    "styled": _styled,
    "number as text": _text_number,
    "label": _labelled,
    "unit on one side": _with_unit,
    "percent": _percent,
    "degrees": _degrees,
    "matrix brackets": _matrix_style,
}

TEMPLATES: tuple[tuple[str, str, str], ...] = (
    ("system as list", "[env:x=«A»\\\\y=«B»]", "x=«A», y=«B»"),
    ("system as list", "[env:x=«A»\\\\y=«B»]", "(x,y)=(«A»,«B»)"),
    ("system in another environment", "\\begin{cases}x=«A»\\\\y=«B»\\end{cases}", "[env:x=«A»\\\\y=«B»]"),
    ("solutions", "x=«A» \\text{ or } x=«B»", "x=«B» or x=«A»"),
    ("solutions", "x=«A»[or]x=«B»", "x=«A» or x=«B»"),
    ("solutions", "x=«A»[or]x=«B»", "«A», «B»"),
    ("solutions", "«D»[or]«E»", "«E», «D»"),
    ("solutions", "x=«A» \\text{ and } y=«B»", "x=«A»,\\quad y=«B»"),
    ("chain", "x=«j»\\cdot«D»+«k»-«k»=«j»\\cdot«D»", "«j»\\cdot«D»"),
    ("scale", "«j» million", "«j»000000"),
    ("scale", "«j».5 \\text{ million}", "«j»500000"),
    ("scale", "«D» thousand", "«D»,000"),
    ("scale", "«j» billion dollars", "\\$«j»,000,000,000"),
    ("scale", "«j» hundred", "«j»00"),
    ("scale", "«j» dozen", "«j»\\cdot 12"),
    ("scale", "«D»万", "«D»0000"),
    ("scale", "«j»亿", "«j»00000000"),
    ("scale", "«D» тыс.", "«D»000"),
    ("scale", "«j» Millionen", "«j»000000"),
    ("scale", "«j» lakh", "«j»00000"),
    ("scale", "\\$«j».«k» million", "«j»«k»00000"),
    ("upright", "«D»+«E»\\mathrm{i}", "«D»+«E»i"),
    ("upright", "«D»-«E»\\text{i}", "-«E»i+«D»"),
    ("upright", "«D»\\mathrm{e}^{«j»}", "«D»e^«j»"),
    ("power behind", "[f](x)^{«j»}", "([f] x)^{«j»}"),
    ("power behind", "\\ln(«D»)^2", "\\ln^2 «D»"),
    ("power behind", "sin(x)^2+cos(x)^2", "1"),
    ("power behind", "[f]\\left(x\\right)^{«j»}", "[f]^{«j»} x"),
    ("double factorial", "(2n)!!", "2^n n!"),
    ("double factorial", "(2n-1)!!", "\\frac{(2n)!}{2^n n!}"),
    ("period", "0.(«j»)", "0.\\overline{«j»}"),
    ("period", "«k».(«j»)", "«k»+«j»/9"),
    ("period", "0.«k»(«j»)", "\\frac{«k»}{10}+\\frac{«j»}{90}"),
    ("derivative", "\\frac{d}{dx}x^{«j»}", "«j»x^{«j»-1}"),
    ("derivative", "\\frac{dy}{dx}=«j»y", "y'=«j»y"),
    ("determinant", "\\begin{vmatrix}«j»&1\\\\1&«k»\\end{vmatrix}", "«j»\\cdot«k»-1"),
    ("determinant", "\\det\\begin{pmatrix}«j»&«l»\\\\1&«k»\\end{pmatrix}", "«j»\\cdot«k»-«l»"),
    ("times", "«j».«k» x 10^3", "«j»«k»00"),
    ("times", "«j».«k» \\times 10^{«l»}", "«j»«k» \\cdot 10^{«l»-1}"),
    ("times", "«j»e«l»", "«j»\\times10^«l»"),
    ("condition", "x=«j»k\\pi, k\\in\\mathbb{Z}", "x=«j»n\\pi, n\\in\\mathbb{Z}"),
    ("condition", "x=«j»k\\pi,\\ k\\in\\mathbb{Z}", "x=«j»k\\pi\\ (k\\in\\mathbb{Z})"),
    ("condition", "x>1, x\\ne «j»", "(1,«j»)\\cup(«j»,\\infty)"),
    ("condition", "-«D»<x<«D», x\\neq «j»", "(-«D»,«j»)\\cup(«j»,«D»)"),
    ("function argument", "f(x)=«j»x+«D»", "f(t)=«j»t+«D»"),
    ("function argument", "y=«j»x+«D»", "y-«D»=«j»x"),
    ("function argument", "«j»x+«k»y=«D»", "«j»x+«k»y-«D»=0"),
    ("expanded", "(x+«j»)^2", "x^2+2\\cdot«j»x+«j»^2"),
    ("expanded", "(x-«j»)(x+«j»)", "x^2-«j»^2"),
    ("expanded", "«j»(x+«k»)", "«j»x+«j»\\cdot«k»"),
    ("expanded", "\\frac{x+«D»}{«j»}", "\\frac{x}{«j»}+\\frac{«D»}{«j»}"),
    ("identity", "2^3 x «D»^2", "8\\cdot «D»^2"),
    ("identity", "\\left|\\begin{array}{cc}«D»&1\\\\0&1\\end{array}\\right|", "«D»"),
    ("identity", "\\frac{«D»}{«E»}", "«D»\\cdot\\frac{1}{«E»}"),
    ("identity", "\\gcd(«D»\\cdot 2,«D»)", "«D»"),
    ("identity", "\\lfloor «D».5\\rfloor", "«D»"),
    ("identity", "\\ln e^{«D»}", "«D»"),
    ("identity", "|-«D»|", "«D»"),
    ("identity", "\\log_2 8^{«j»}", "3\\cdot«j»"),
    ("identity", "\\frac{1}{\\sqrt{«D»}}", "\\frac{\\sqrt{«D»}}{«D»}"),
    ("identity", "\\frac{1}{\\sqrt{«D»}-1}", "\\frac{\\sqrt{«D»}+1}{«D»-1}"),
    ("identity", "\\binom{«D»}{2}", "\\frac{«D»(«D»-1)}{2}"),
    ("identity", "\\sqrt[3]{«D»}", "«D»^{1/3}"),
    ("identity", "\\max\\{«j»,«D»\\}", "«D»"),
    ("identity", "\\ln(«D»\\cdot«E»)", "\\ln «D»+\\ln «E»"),
    ("set", "x\\in\\{«D»,«E»\\}", "x=«E»\\text{ or }x=«D»"),
    ("set", "\\mathbb{R}\\setminus\\{«D»\\}", "(-\\infty,«D»)\\cup(«D»,\\infty)"),
    ("set", "\\mathbb{R}-\\{«D»\\}", "\\mathbb{R}\\setminus\\{«D»\\}"),
    ("set", "\\{x\\mid x>«D»\\}", "(«D»,\\infty)"),
    ("set", "(-infinity,«j») U («D»,infinity)", "(-\\infty,«j»)\\cup(«D»,\\infty)"),
    ("set", "|x|<«D»", "(-«D»,«D»)"),
    ("set", "\\left\\{«D»,«E»\\right\\}", "\\{«E», «D»\\}"),
    ("set", "\\lbrace «D»,«E» \\rbrace", "\\{«D»,«E»\\}"),
    ("set", "｛«D»，«E»｝", "\\{«D»,«E»\\}"),
    ("set", "]«j»,«D»[", "(«j»,«D»)"),
    ("set", "«j»<x\\leqslant «D»", "(«j»,«D»]"),
    ("set", "«D» > x > «j»", "«j»<x<«D»"),
    ("set", "x &gt; «D»", "x > «D»"),
    ("set", "x\\in\\left(«j»;«D»\\right)", "(«j»,«D»)"),
    ("list", "«A»; «B»", "«A», «B»"),
    ("list", "«D»、«E»", "«E», «D»"),
    ("list", "«A» und «B»", "«B» and «A»"),
    ("list", "«A»,\\ «B»,\\quad «C»", "«C», «A», «B»"),
    ("list", "a=«A»; b=«B»", "a=«A»,\\, b=«B»"),
    ("list", "x_1=«A», x_2=«B»", "x_{1}=«A» \\text{ and } x_{2}=«B»"),
    ("tuple", "\\left(«A»;\\ «B»\\right)", "(«A», «B»)"),
    ("tuple", "\\langle «A»,«B»\\rangle", "\\left\\langle «A», «B» \\right\\rangle"),
    ("tuple", "(x,y)=(«A»,«B»)", "(«A», «B»)"),
    ("mixed number", "«D»\\frac{1}{«j»}", "«D»+\\frac{1}{«j»}"),
    ("mixed number", "«D» 1/«j»", "\\frac{«D»\\cdot«j»+1}{«j»}"),
    ("plus or minus", "\\pm «D»", "-«D», «D»"),
    ("plus or minus", "«D»\\pm\\sqrt{«j»}", "«D»-\\sqrt{«j»}, «D»+\\sqrt{«j»}"),
    ("units", "«D» m/s", "«D»\\text{ m/s}"),
    ("units", "«D» cm^2", "«D»\\text{ cm}^2"),
    ("units", "«D» cm^2", "«D»\\text{ square centimeters}"),
    ("units", "«D» km/h", "«D»"),
    ("units", "\\$«D»", "«D» dollars"),
    ("units", "«D» [unit]", "«D»\\ [unit]"),
    ("units", "«D» [plain unit]", "«D»\\text{ [plain unit]}"),
    ("units", "€«D»", "«D»"),
    ("units", "«D»\\,\\mathrm{cm}^{2}", "«D» cm²"),
    ("units", "«D»\\%", "«D» percent"),
    ("units", "«D».50", "«D».5"),
    ("ordinal", "«j»31st", "«j»31"),
    ("ordinal", "«D»4^{th}", "«D»4"),
    ("word", "[word]", "\\text{[word]}"),
    ("word", "\\text{[word]}", "\\textbf{[word]}."),
    ("word", "(«letter»)", "\\text{«letter»}"),
    ("word", "«letter»", "\\textbf{(«letter»)}"),
    ("same text", "[sentence:«D»]", "[sentence:«D»]."),
    ("same text", "[two:«D»,«E»]", "$[two:«D»,«E»]$"),
)
