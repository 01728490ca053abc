"""Sequences for the test split, hard and competition: recursions with a trick, long sums, binary recursions."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import mpmath
import sympy

from sure_math.curated.latex import fraction, polynomial, surd, term
from sure_math.curated.template import Draft, Draw, Points, template

At = tuple[dict[str, int | Fraction], int | Fraction]


@template(topic="sequences", tier="hard", split="test", answer_type="expression", variants=2)
def recursion_with_a_hidden_factor(draw: Draw) -> Draft | None:
    pick = draw.random
    n = sympy.Symbol("n")
    values: list[At] = []
    if draw.variant == 0:
        c, k = pick.randint(1, 9), pick.randint(2, 5)
        if c == k:
            return None
        closed = n * (n + 1) * (c + k * (n - 1))
        here = Fraction(2 * c)
        for at in range(1, 8):
            values.append(({"n": at}, here))
            here = ((at + 2) * here + k * at * (at + 1) * (at + 2)) / at
        answer = f"n(n + 1)({polynomial([k, c - k], 'n')})"
        text = (
            f"A sequence satisfies $a_1 = {2 * c}$ and $na_{{n+1}} = (n + 2)a_n + {k}n(n + 1)(n + 2)$ for all $n "
            "\\ge 1$. Find a formula for $a_n$ in terms of $n$."
        )
        steps = (
            f"Divided by $n(n + 1)(n + 2)$ it says $\\frac{{a_{{n+1}}}}{{(n + 1)(n + 2)}} = "
            f"\\frac{{a_n}}{{n(n + 1)}} + {k}$.",
            f"So $\\frac{{a_n}}{{n(n + 1)}}$ is an arithmetic sequence with the first term ${c}$ and the difference "
            f"${k}$, and equals ${c} + {k}(n - 1)$.",
            f"Hence $a_n = \\boxed{{{answer}}}$.",
        )
    else:
        times, c = pick.choice([3, 4]), pick.randint(2, 9)
        first = c * (2 if times == 3 else 6)
        closed = c * n * (n + 1) * (1 if times == 3 else n + 2)
        terms = [Fraction(first)]
        while len(terms) < 8:
            terms.append(times * sum(terms, Fraction(0)) / len(terms))
        values = [({"n": at}, value) for at, value in enumerate(terms, 1)]
        answer = f"{c}n(n + 1)" if times == 3 else f"{c}n(n + 1)(n + 2)"
        word = {3: "three", 4: "four"}[times]
        text = (
            f"The first term of a sequence is ${first}$, and every later term is {word} times the arithmetic mean "
            "of all terms before it. Find a formula for the $n$-th term in terms of $n$."
        )
        last = "n(n + 1)" if times == 3 else "n(n + 1)(n + 2)"
        steps = (
            f"Let $S_n$ be the sum of the first $n$ terms. For $n \\ge 1$, $a_{{n+1}} = \\frac{{{times}}}{{n}}S_n$.",
            f"So $S_{{n+1}} = \\frac{{n + {times}}}{{n}}S_n$, and multiplying these factors, $S_n = {first} \\cdot "
            f"\\frac{{n(n + 1) \\cdots (n + {times - 1})}}{{{math.factorial(times)}}}$.",
            f"Then $a_n = \\frac{{{times}}}{{n - 1}}S_{{n-1}}$ for $n \\ge 2$ is a multiple of ${last}$; the "
            f"formula also holds for $n = 1$: $a_n = \\boxed{{{answer}}}$.",
        )
    return Draft(problem=text, steps=steps, answer=answer, closed=closed, checked=Points(values=tuple(values)))


_TURNS = {
    2: [((1, 0), (0, 0)), ((0, 0), (1, 0)), ((-1, 0), (0, 1)), ((0, -1), (1, 0))],
    3: [
        ((1, 0), (0, 0)),
        ((0, 0), (1, 0)),
        ((-1, 0), (0, 1)),
        ((0, -1), (2, 0)),
        ((-2, 0), (0, 1)),
        ((0, -1), (1, 0)),
    ],
}
"""For a_{n+2} = sqrt(d) a_{n+1} - a_n, the terms of half a period: what multiplies a_1 and a_2, as u + v sqrt(d)."""


@template(topic="sequences", tier="hard", split="test", answer_type="radical", variants=2)
def recursion_that_turns_around(draw: Draw) -> Draft | None:
    pick = draw.random
    d = pick.choice([2, 3])
    half = len(_TURNS[d])
    p, q = pick.choice([-7, -5, -3, -2, 1, 2, 4, 6]), pick.choice([-6, -4, -1, 3, 5, 7, 8])
    count = pick.randint(150, 300) * 2 * half + pick.randint(3, 2 * half - 1)
    rule = f"$a_{{n+2}} = \\sqrt{{{d}}}\\,a_{{n+1}} - a_n$ for all $n \\ge 1$"
    index = count % (2 * half)
    if draw.variant == 1 and index in (half + 1, half + 2):
        return None
    with mpmath.workdps(60):
        root = mpmath.sqrt(d)

        def walk(second: int) -> tuple[mpmath.mpf, mpmath.mpf]:
            """The term with the index `count`, and the sum up to it."""
            here, following, total = mpmath.mpf(p), mpmath.mpf(second), mpmath.mpf(0)
            for _ in range(count - 1):
                total += here
                here, following = following, root * following - here
            return here, total + here

        if draw.variant == 0:
            checked = walk(q)[1]
        else:
            zero, one = walk(0)[0], walk(1)[0]
            checked = (q - zero) / (one - zero)
    if draw.variant == 0:
        whole = factor = Fraction(0)
        shown = []
        for place in range(index):
            sign = 1 if place < half else -1
            of_first, of_second = _TURNS[d][place % half]
            parts = sign * (of_first[0] * p + of_second[0] * q), sign * (of_first[1] * p + of_second[1] * q)
            whole, factor = whole + parts[0], factor + parts[1]
            shown.append(f"${surd(parts[0], parts[1], d)}$")
        text = (
            f"A sequence starts with $a_1 = {p}$ and $a_2 = {q}$ and satisfies {rule}. Find the exact value of the sum "
            f"$a_1 + a_2 + \\dots + a_{{{count}}}$."
        )
        steps = (
            f"Computing terms from the recursion gives $a_{{n+{half}}} = -a_n$, so the sequence has the period "
            f"${2 * half}$, and the terms of one period add up to $0$.",
            f"Since ${count} = {count // (2 * half)} \\cdot {2 * half} + {index}$, the sum equals "
            f"$a_1 + \\dots + a_{{{index}}}$.",
            f"These terms are {', '.join(shown)}.",
        )
    else:
        sign = 1 if index <= half else -1
        of_first, of_second = _TURNS[d][(index - 1) % half]
        # sign * (of_first p + of_second x) = q, where of_second is a number or a multiple of the root.
        left = (Fraction(sign * q - of_first[0] * p), Fraction(-of_first[1] * p))
        if of_second[0]:
            whole, factor = left[0] / of_second[0], left[1] / of_second[0]
        else:
            whole, factor = left[1] / of_second[1], left[0] / (of_second[1] * d)
        text = (
            f"A sequence with $a_1 = {p}$ satisfies {rule}. Moreover, $a_{{{count}}} = {q}$. "
            "Find the exact value of $a_2$."
        )
        steps = (
            f"Computing terms from the recursion gives $a_{{n+{half}}} = -a_n$, so the sequence has the period "
            f"${2 * half}$.",
            f"Since ${count} = {count // (2 * half)} \\cdot {2 * half} + {index}$, $a_{{{count}}} = "
            + (f"a_{{{index}}}$." if sign > 0 else f"a_{{{index}}} = -a_{{{index - half}}}$."),
            f"With $a_2 = x$ the recursion gives $a_{{{(index - 1) % half + 1}}} = "
            f"{_combined(of_first, of_second, p, d)}$, and this has to be ${sign * q}$.",
        )
    if factor == 0:
        return None
    answer = surd(whole, factor, d)
    return Draft(
        problem=f"{text} Give your answer in simplest radical form.",
        steps=(*steps, f"The result is $\\boxed{{{answer}}}$."),
        answer=answer,
        closed=sympy.Rational(whole) + sympy.Rational(factor) * sympy.sqrt(d),
        checked=checked,
    )


def _combined(of_first: tuple[int, int], of_second: tuple[int, int], p: int, d: int) -> str:
    many = "" if of_second[0] == 1 else str(of_second[0])
    unknown = f"{many}x" if of_second[0] else f"\\sqrt{{{d}}}x"
    if of_first[0]:
        return f"{unknown}{term(of_first[0] * p)}"
    return f"{unknown}{term(of_first[1] * p, chr(92) + f'sqrt{{{d}}}')}"


@template(topic="sequences", tier="hard", split="test", answer_type="fraction", variants=2)
def sums_that_collapse(draw: Draw) -> Draft | None:
    pick = draw.random
    if draw.variant == 0:
        a, count = pick.randint(2, 3), pick.randint(5, 9)
        value = sum(
            (Fraction(1, k * k) - Fraction(1, (count + k) ** 2) for k in range(1, a + 1)), Fraction(0)
        ) / Fraction(a)
        checked = sum((Fraction(2 * k + a, k * k * (k + a) ** 2) for k in range(1, count + 1)), Fraction(0))
        body = f"\\frac{{2k + {a}}}{{k^2(k + {a})^2}}"
        kept = " + ".join("1" if k == 1 else f"\\frac{{1}}{{{k}^2}}" for k in range(1, a + 1))
        gone = " - ".join(f"\\frac{{1}}{{{count + k}^2}}" for k in range(1, a + 1))
        steps = (
            f"Since $(k + {a})^2 - k^2 = {a}(2k + {a})$, each term is $\\frac{{1}}{{{a}}}\\left(\\frac{{1}}{{k^2}} - "
            f"\\frac{{1}}{{(k + {a})^2}}\\right)$.",
            f"In the sum everything cancels except $\\frac{{1}}{{{a}}}\\left({kept} - {gone}\\right)$.",
        )
    else:
        base, count = pick.randint(2, 4), pick.randint(5, 9)
        value = Fraction(base ** (count + 1), count + 2) - Fraction(base, 2)
        factor = polynomial([base - 1, base - 2], "k")
        checked = sum(
            (Fraction(base**k * ((base - 1) * k + base - 2), (k + 1) * (k + 2)) for k in range(1, count + 1)),
            Fraction(0),
        )
        inner = f"({factor})" if base > 2 else "k"
        body = f"\\frac{{{inner} \\cdot {base}^k}}{{(k + 1)(k + 2)}}"
        steps = (
            f"Combining fractions, $\\frac{{{base}^{{k+1}}}}{{k + 2}} - \\frac{{{base}^k}}{{k + 1}} = {body}$.",
            f"So the sum collapses to $\\frac{{{base}^{{{count + 1}}}}}{{{count + 2}}} - \\frac{{{base}}}{{2}}$.",
        )
    if value.denominator == 1:
        return None
    answer = fraction(value)
    return Draft(
        problem=f"Compute $$\\sum_{{k=1}}^{{{count}}} {body}$$ as a fraction in lowest terms.",
        steps=(*steps, f"This is $\\boxed{{{answer}}}$."),
        answer=answer,
        closed=value,
        checked=checked,
    )


@template(topic="sequences", tier="hard", split="test", answer_type="integer", variants=2)
def up_and_down_again(draw: Draw) -> Draft | None:
    pick = draw.random
    shown = "1, \\; 1, 2, 1, \\; 1, 2, 3, 2, 1, \\; 1, 2, 3, 4, 3, 2, 1, \\; \\dots"
    rule = (
        f"The sequence ${shown}$ consists of blocks, written one after the other: block $n$ counts from $1$ up to "
        "$n$ and back down to $1$."
    )
    listing: list[int] = []
    for block in range(1, 80):
        listing += [*range(1, block + 1), *range(block - 1, 0, -1)]
    if draw.variant == 0:
        blocks = pick.randint(15, 40)
        extra = pick.randint(5, blocks)
        count = blocks * blocks + extra
        whole = blocks * (blocks + 1) * (2 * blocks + 1) // 6
        value, checked = whole + extra * (extra + 1) // 2, sum(listing[:count])
        text = f"{rule} What is the sum of its first ${count}$ terms?"
        steps = (
            f"Block $n$ has $2n - 1$ terms, so $n$ blocks have $n^2$ terms; ${count} = {blocks}^2 + {extra}$.",
            f"The terms of block $n$ add up to $n^2$, so the first {blocks} blocks have the sum "
            f"$1^2 + 2^2 + \\dots + {blocks}^2 = {whole}$.",
            f"The next {extra} terms are $1, 2, \\dots, {extra}$ with the sum ${extra * (extra + 1) // 2}$.",
            f"Together this is ${whole} + {extra * (extra + 1) // 2} = \\boxed{{{value}}}$.",
        )
    else:
        number, times = pick.randint(6, 20), pick.randint(12, 50)
        later, second = divmod(times, 2)
        last = number + later
        value = (last - 1) ** 2 + number if second == 0 else last**2 - number + 1
        checked = [place for place, entry in enumerate(listing, 1) if entry == number][times - 1]
        suffix = "th" if 10 <= times % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(times % 10, "th")
        text = (
            "An endless list of integers is written in groups: $(1)$, $(1, 2, 1)$, $(1, 2, 3, 2, 1)$, and so on; "
            "the $n$-th group rises in steps of one from $1$ to $n$ and falls back to $1$ in the same way. The entries "
            "are numbered $1, 2, 3, \\dots$ from the beginning of the list. Let $N$ be the number of the entry at "
            f"which ${number}$ occurs for the {times}{suffix} time. Find $N$."
        )
        where = (
            f"the first of the two in group ${last}$, after $({last} - 1)^2$ entries of earlier groups, at place "
            f"${number}$ of the group"
            if second == 0
            else f"the second of the two in group ${last}$, ending with entry ${last}^2$, ${number - 1}$ places "
            "before this end"
        )
        steps = (
            "Group $n$ has $2n - 1$ entries, so it ends with entry number $n^2$.",
            f"The number ${number}$ occurs once in group ${number}$ and twice in every later group.",
            f"So its occurrence number ${times}$ is {where}.",
            f"So $N$ is $\\boxed{{{value}}}$.",
        )
    return Draft(problem=text, steps=steps, answer=str(value), closed=value, checked=checked)


@template(topic="sequences", tier="competition", split="test", answer_type="radical", variants=2)
def quadratic_recursion_made_linear(draw: Draw) -> Draft | None:
    pick = draw.random
    second, c = pick.randint(1, 5), pick.randint(2, 20)
    total = 1 + second * second + c
    if total % second:
        return None
    t = total // second
    inner = t * t - 4
    if t > 16 or math.isqrt(inner) ** 2 == inner:
        return None
    terms = [1, second]
    while len(terms) < 110:
        terms.append((terms[-1] ** 2 + c) // terms[-2])
    start = (
        f"A sequence of positive numbers has $a_1 = 1$, $a_2 = {second}$ and $a_na_{{n+2}} = a_{{n+1}}^2 + {c}$ for "
        "all $n \\ge 1$."
    )
    steps: tuple[str, ...] = (
        "Subtracting $a_{n-1}a_{n+1} = a_n^2 + c$ from $a_na_{n+2} = a_{n+1}^2 + c$, where "
        f"$c = {c}$, gives $a_n(a_{{n+2}} + a_n) = a_{{n+1}}(a_{{n+1}} + a_{{n-1}})$.",
        "So $\\frac{a_{n+2} + a_n}{a_{n+1}}$ has the same value for all $n$, namely "
        f"$\\frac{{a_3 + a_1}}{{a_2}} = {t}$, because $a_3 = {terms[2]}$.",
        f"Hence $a_{{n+2}} = {t}a_{{n+1}} - a_n$, with the characteristic equation $x^2 - {t}x + 1 = 0$.",
        "The sequence grows, so the ratio of neighbouring terms tends to the larger root, "
        f"$L = {surd(Fraction(t, 2), Fraction(1, 2), inner)}$.",
    )
    with mpmath.workdps(60):
        if draw.variant == 0:
            whole, factor = Fraction(t, 2), Fraction(1, 2)
            text = f"{start} The quotients $\\frac{{a_{{n+2}}}}{{a_n}}$ have a limit as $n$ grows. Find this limit."
            # The limit is L^2 = t L - 1.
            whole, factor = t * whole - 1, t * factor
            checked = mpmath.mpf(terms[-1]) / terms[-3]
            last = f"The wanted limit is $L^2 = {t}L - 1 = \\boxed{{{surd(whole, factor, inner)}}}$."
        else:
            whole, factor = Fraction(t - 2 * second, 2 * c), Fraction(1, 2 * c)
            text = (
                f"{start} Find the sum of the infinite series $$\\frac{{1}}{{a_1a_2}} + \\frac{{1}}{{a_2a_3}} + "
                "\\frac{1}{a_3a_4} + \\dots.$$"
            )
            checked = mpmath.fsum(mpmath.mpf(1) / (one * other) for one, other in itertools.pairwise(terms))
            steps = (
                *steps,
                f"Dividing the given equation by $a_na_{{n+1}}$, $\\frac{{a_{{n+2}}}}{{a_{{n+1}}}} - "
                f"\\frac{{a_{{n+1}}}}{{a_n}} = \\frac{{{c}}}{{a_na_{{n+1}}}}$, so the series telescopes to "
                f"$\\frac{{1}}{{{c}}}\\left(L - \\frac{{a_2}}{{a_1}}\\right)$.",
            )
            last = f"Its sum is $\\boxed{{{surd(whole, factor, inner)}}}$."
    answer = surd(whole, factor, inner)
    return Draft(
        problem=f"{text} Give your answer in simplest radical form.",
        steps=(*steps, last),
        answer=answer,
        closed=sympy.Rational(whole) + sympy.Rational(factor) * sympy.sqrt(inner),
        checked=checked,
    )


@template(topic="sequences", tier="competition", split="test", answer_type="expression", variants=2)
def recursion_on_binary_digits(draw: Draw) -> Draft | None:
    pick = draw.random
    m = sympy.Symbol("m")
    if draw.variant == 0:
        k, e, first = pick.randint(2, 5), pick.randint(2, 6), pick.randint(1, 7)
        c, lead = (k - 1) * e, first + e
        if lead == k + 1:
            return None
        closed = lead * sympy.Integer(k + 1) ** (m - 1) - e * sympy.Integer(2) ** (m - 1)
        answer = f"{lead} \\cdot {k + 1}^{{m-1}} - {e} \\cdot 2^{{m-1}}"
        table = {1: first}
        for n in range(2, 128):
            table[n] = table[n // 2] + c if n % 2 == 0 else k * table[n // 2]
        values: list[At] = [({"m": at}, sum(table[n] for n in range(2 ** (at - 1), 2**at))) for at in range(1, 8)]
        text = (
            f"A sequence is defined by $a_1 = {first}$, $a_{{2n}} = a_n + {c}$ and $a_{{2n+1}} = {k}a_n$ for all "
            "integers $n \\ge 1$. For a positive integer $m$, let $T_m$ be the sum of all $a_n$ with $2^{m-1} \\le n < "
            "2^m$. Express $T_m$ in terms of $m$."
        )
        steps = (
            "The numbers from $2^m$ to $2^{m+1} - 1$ are the numbers $2n$ and $2n + 1$ with $2^{m-1} \\le n < 2^m$.",
            f"There are $2^{{m-1}}$ such $n$, so $T_{{m+1}} = (T_m + {c} \\cdot 2^{{m-1}}) + {k}T_m = {k + 1}T_m + "
            f"{c} \\cdot 2^{{m-1}}$.",
            f"Trying $u \\cdot 2^{{m-1}}$, we need $2u = {k + 1}u + {c}$, so $u = -{e}$.",
            f"Therefore $T_m + {e} \\cdot 2^{{m-1}}$ is multiplied by ${k + 1}$ in each step, and for $m = 1$ it is "
            f"${first} + {e} = {lead}$.",
            f"So $T_m = \\boxed{{{answer}}}$.",
        )
    else:
        p, s = pick.randint(3, 8), pick.randint(1, 4)
        many, few = s * (p + 1), s * (p - 1)
        closed = many * sympy.Integer(p + 2) ** m - few * sympy.Integer(p) ** m
        if many == p + 2 or few == p:
            return None
        answer = f"{many} \\cdot {p + 2}^m - {few} \\cdot {p}^m"
        table = {1: 2 * s}
        for n in range(2, 130):
            table[n] = p * table[n // 2] if n % 2 == 0 else table[n // 2] + table[n // 2 + 1]
        values = [({"m": at}, sum(table[n] for n in range(2**at, 2 ** (at + 1)))) for at in range(6)]
        text = (
            f"A sequence is defined by $a_1 = {2 * s}$, $a_{{2n}} = {p}a_n$ and $a_{{2n+1}} = a_n + a_{{n+1}}$ for all "
            "$n \\ge 1$. Find, in terms of the integer $m \\ge 0$, the sum $$a_{2^m} + a_{2^m+1} + a_{2^m+2} + "
            "\\dots + a_{2^{m+1}-1}.$$"
        )
        steps = (
            f"Call the sum $T_m$; $T_0 = {2 * s}$. The terms of $T_{{m+1}}$ with even index add up to ${p}T_m$.",
            "Those with odd index are $a_n + a_{n+1}$ with $2^m \\le n < 2^{m+1}$, so they add up to "
            "$2T_m - a_{2^m} + a_{2^{m+1}}$.",
            f"Since $a_{{2^m}} = {2 * s} \\cdot {p}^m$, the difference $a_{{2^{{m+1}}}} - a_{{2^m}}$ is "
            f"${2 * s * (p - 1)} \\cdot {p}^m$, and $T_{{m+1}} = {p + 2}T_m + {2 * s * (p - 1)} \\cdot {p}^m$.",
            f"Trying $u \\cdot {p}^m$ we need ${p}u = {p + 2}u + {2 * s * (p - 1)}$, so $u = -{few}$; then "
            f"$T_m + {few} \\cdot {p}^m$ is multiplied by ${p + 2}$ in each step and starts with ${many}$.",
            f"So $T_m = \\boxed{{{answer}}}$.",
        )
    return Draft(problem=text, steps=steps, answer=answer, closed=closed, checked=Points(values=tuple(values)))


@template(topic="sequences", tier="competition", split="test", answer_type="fraction", variants=2)
def partial_sums_in_a_product(draw: Draw) -> Draft | None:
    pick = draw.random
    about = (
        "A sequence $a_1, a_2, a_3, \\dots$ of positive numbers has the partial sums $S_n = a_1 + a_2 + \\dots + a_n$."
    )
    square = (
        "Since $a_n = S_n - S_{n-1}$ and $2S_n - a_n = S_n + S_{n-1}$, the product $a_n(2S_n - a_n)$ equals "
        "$S_n^2 - S_{n-1}^2$."
    )

    def following(total: mpmath.mpf, product: mpmath.mpf) -> mpmath.mpf:
        """The next partial sum: the positive a with a (2 total + a) = product is added."""
        return total + (-total + mpmath.sqrt(total * total + product))

    with mpmath.workdps(60):
        if draw.variant == 0:
            c, count = pick.randint(2, 9), pick.randint(20, 120)
            value = Fraction(count, c * c * (count + 1))
            checked, total = mpmath.mpf(0), mpmath.sqrt(c)
            for _ in range(count):
                after = following(total, mpmath.mpf(c))
                checked += 1 / (total * after) ** 2
                total = after
            text = (
                f"{about} For every $n \\ge 1$, $a_n(2S_n - a_n) = {c}$. Find the value of "
                f"$$\\frac{{1}}{{S_1^2S_2^2}} + \\frac{{1}}{{S_2^2S_3^2}} + \\dots + \\frac{{1}}{{S_{{{count}}}^2"
                f"S_{{{count + 1}}}^2}}.$$"
            )
            steps = (
                f"For $n = 1$ the condition says $a_1^2 = {c}$, so $S_1^2 = {c}$.",
                square,
                f"Hence the squares $S_n^2$ grow by ${c}$ in each step, and $S_n^2 = {c}n$.",
                f"Each summand is $\\frac{{1}}{{{c * c}n(n + 1)}} = \\frac{{1}}{{{c * c}}}\\left(\\frac{{1}}{{n}} - "
                "\\frac{1}{n + 1}\\right)$.",
                f"The sum telescopes to $\\frac{{1}}{{{c * c}}}\\left(1 - \\frac{{1}}{{{count + 1}}}\\right) = "
                f"\\boxed{{{fraction(value)}}}$.",
            )
        else:
            below = pick.choice([2, 3, 4, 5])
            u, v, w = sorted(pick.sample(range(2, 30), 3))
            p, gap = pick.randint(2, 5), pick.randint(2, 12)
            q, step = p + gap, Fraction(v * v - u * u, gap * below * below)
            far = Fraction(w * w - u * u, below * below) / step
            value = Fraction(w, below)
            if far.denominator != 1 or far > 80 or Fraction(u * u, below * below) <= step * (p - 1):
                return None
            if any(number % below == 0 for number in (u, w)) or value.denominator != below:
                return None
            r = p + int(far)
            ends = (mpmath.mpf(u) / below, mpmath.mpf(v) / below)

            def reached(product: mpmath.mpf) -> mpmath.mpf:
                total = ends[0]
                for _ in range(gap):
                    total = following(total, product)
                return total - ends[1]

            constant = mpmath.findroot(reached, (mpmath.mpf("0.001"), mpmath.mpf(900)), solver="anderson", maxsteps=500)
            checked = ends[0]
            for _ in range(int(far)):
                checked = following(checked, constant)
            text = (
                f"{about} The product $a_n(2S_n - a_n)$ has the same value for all $n \\ge 2$. It is known that "
                f"$S_{{{p}}} = {fraction(Fraction(u, below))}$ and $S_{{{q}}} = {fraction(Fraction(v, below))}$. Find "
                f"$S_{{{r}}}$."
            )
            steps = (
                square,
                "So the squares $S_1^2, S_2^2, S_3^2, \\dots$ form an arithmetic sequence.",
                f"From $S_{{{p}}}^2 = {fraction(Fraction(u * u, below * below))}$ and $S_{{{q}}}^2 = "
                f"{fraction(Fraction(v * v, below * below))}$ its difference is ${fraction(step)}$.",
                f"Then $S_{{{r}}}^2 = {fraction(Fraction(u * u, below * below))} + {r - p} \\cdot {fraction(step)} = "
                f"{fraction(value**2)}$.",
                f"Partial sums of positive numbers are positive, so $S_{{{r}}} = \\boxed{{{fraction(value)}}}$.",
            )
    if value.denominator == 1:
        return None
    return Draft(
        problem=f"{text} Give your answer as a fraction in lowest terms.",
        steps=steps,
        answer=fraction(value),
        closed=value,
        checked=checked,
    )
