"""Precalculus for the test split, hard and competition: linear maps, regular polygons, complex numbers, solvability."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction

import mpmath
import sympy

from sure_math.curated.latex import fraction, interval, ordered, polynomial, root, surd, term
from sure_math.curated.template import Draft, Draw, Members, Points, template

SINE = "\\sin"
At = tuple[dict[str, int | Fraction], mpmath.mpf]


@template(topic="precalculus", tier="hard", split="test", answer_type="tuple", variants=2)
def linear_map_from_two_images(draw: Draw) -> Draft | None:
    pick = draw.random
    a, b, c, d, p, q = (pick.choice([-4, -3, -2, -1, 1, 2, 3, 4, 5]) for _ in range(6))
    e, f, g, h = (pick.choice([-6, -5, -3, -2, -1, 1, 2, 3, 4, 7]) for _ in range(4))
    area, image = a * d - b * c, e * h - f * g
    if abs(area) < 2 or abs(image) < 2 or abs(area) > 15 or abs(image) > 30:
        return None
    sources, targets = sympy.Matrix([[a, c], [b, d]]), sympy.Matrix([[e, g], [f, h]])
    given = sympy.Matrix([p, q])
    matrix = targets * sources.inv()
    outcome = matrix * given if draw.variant == 0 else matrix.inv() * given
    value = tuple(Fraction(int(part.p), int(part.q)) for part in outcome)
    if all(part.denominator == 1 for part in value) or 0 in value:
        return None
    told = (
        "A linear map $T$ of the plane, that is, a map with $T(u + v) = T(u) + T(v)$ and $T(ku) = kT(u)$ for all "
        "vectors $u$, $v$ and "
        f"numbers $k$, satisfies $T{ordered([a, b])} = {ordered([e, f])}$ and $T{ordered([c, d])} = {ordered([g, h])}$."
    )
    if draw.variant == 0:
        # (p, q) = s (a, b) + t (c, d) by Cramer's rule.
        s, t = Fraction(p * d - q * c, area), Fraction(a * q - b * p, area)
        checked = (s * e + t * g, s * f + t * h)
        ask = f"Find $T{ordered([p, q])}$."
        steps = (
            f"We write ${ordered([p, q])} = s{ordered([a, b])} + t{ordered([c, d])}$: the equations "
            f"${polynomial([a, 0], 's')}{term(c, 't')} = {p}$ and "
            f"${polynomial([b, 0], 's')}{term(d, 't')} = {q}$ have the solution $s = {fraction(s)}$, $t = "
            f"{fraction(t)}$.",
            f"By linearity $T{ordered([p, q])} = s{ordered([e, f])} + t{ordered([g, h])}$.",
            "Inserting $s$ and $t$, the image is",
        )
    else:
        s, t = Fraction(p * h - q * g, image), Fraction(e * q - f * p, image)
        checked = (s * a + t * c, s * b + t * d)
        ask = f"Which vector $v$ has the image $T(v) = {ordered([p, q])}$?"
        steps = (
            f"We write ${ordered([p, q])} = s{ordered([e, f])} + t{ordered([g, h])}$: the equations "
            f"${polynomial([e, 0], 's')}{term(g, 't')} = {p}$ and "
            f"${polynomial([f, 0], 's')}{term(h, 't')} = {q}$ have the solution $s = {fraction(s)}$, $t = "
            f"{fraction(t)}$.",
            f"By linearity the vector $v = s{ordered([a, b])} + t{ordered([c, d])}$ has this image, and no other one "
            "has, because the two "
            "given images are not parallel.",
            "Inserting $s$ and $t$, $v$ is",
        )
    answer = ordered(fraction(part) for part in value)
    return Draft(
        problem=f"{told} {ask} Give your answer as an ordered pair of integers or fractions in lowest terms.",
        steps=(*steps[:-1], f"{steps[-1]} $\\boxed{{{answer}}}$."),
        answer=answer,
        closed=value,
        checked=checked,
    )


@template(topic="precalculus", tier="hard", split="test", answer_type="expression", variants=2)
def sums_over_equal_angles(draw: Draw) -> Draft | None:
    pick = draw.random
    a, b = pick.randint(2, 9), pick.randint(2, 9)
    n = sympy.Symbol("n", positive=True, integer=True)
    if a == b:
        return None
    values: list[At] = []
    with mpmath.workdps(60):
        for count in (3, 4, 5, 7, 12):
            turns = [mpmath.mpf(2 * k) / count for k in range(1, count + 1)]
            if draw.variant == 0:
                total = sum((a + b * mpmath.cospi(turn)) ** 2 for turn in turns)
            else:
                total = sum(abs(a * mpmath.expjpi(turn) - b * mpmath.expjpi(mpmath.mpf(1) / 5)) ** 4 for turn in turns)
            values.append(({"n": count}, total))
    if draw.variant == 0:
        factor = Fraction(2 * a * a + b * b, 2)
        text = (
            f"Let $n \\ge 3$ be an integer. Find the sum $\\sum_{{k=1}}^{{n}} \\left({a} + {b} \\cos \\frac{{2\\pi "
            f"k}}{{n}}\\right)^2$. Express your "
            "answer in terms of $n$."
        )
        steps = (
            f"Multiplying out, each term is ${a * a} + {2 * a * b} \\cos \\frac{{2\\pi k}}{{n}} + {b * b} \\cos^2 "
            f"\\frac{{2\\pi k}}{{n}}$.",
            "The numbers $\\cos \\frac{2\\pi k}{n}$ are the real parts of the $n$-th roots of unity, so their sum is "
            "$0$.",
            "With $\\cos^2 x = \\frac{1 + \\cos 2x}{2}$ the sum of the squares is $\\frac{n}{2}$, because $\\sum "
            "\\cos \\frac{4\\pi k}{n} = 0$ for "
            "$n \\ge 3$.",
            f"The sum is ${a * a}n + {b * b} \\cdot \\frac{{n}}{{2}} = ",
        )
    else:
        factor = Fraction((a * a + b * b) ** 2 + 2 * a * a * b * b)
        text = (
            "The vertices of a regular polygon with $n \\ge 3$ sides lie on a circle with centre $O$ and radius "
            f"${a}$, and $P$ is a point of its plane "
            f"with $OP = {b}$. Find the sum of the fourth powers of the distances from $P$ to all $n$ vertices. "
            "Express your answer in terms of $n$."
        )
        steps = (
            f"If $\\varphi_k$ is the angle between $OP$ and the ray to vertex $k$, the squared distance is ${a * a} "
            f"+ {b * b} - {2 * a * b} \\cos "
            "\\varphi_k$, by the law of cosines.",
            f"Its square is ${(a * a + b * b) ** 2} - {4 * a * b * (a * a + b * b)} \\cos \\varphi_k + "
            f"{4 * a * a * b * b} \\cos^2 \\varphi_k$.",
            "The angles $\\varphi_k$ are evenly spaced around the full circle, and so are, possibly several times "
            "over, the angles $2\\varphi_k$; for "
            "$n \\ge 3$ therefore $\\sum \\cos \\varphi_k = 0$ and $\\sum \\cos^2 \\varphi_k = \\frac{n}{2}$.",
            f"The sum is ${(a * a + b * b) ** 2}n + {2 * a * a * b * b}n = ",
        )
    answer = f"{factor}n" if factor.denominator == 1 else f"\\frac{{{factor.numerator}n}}{{{factor.denominator}}}"
    return Draft(
        problem=text,
        steps=(*steps[:-1], f"{steps[-1]}\\boxed{{{answer}}}$."),
        answer=answer,
        closed=sympy.Rational(factor) * n,
        checked=Points(values=tuple(values)),
    )


@template(topic="precalculus", tier="hard", split="test", answer_type="radical", variants=2)
def extreme_sizes_of_complex_numbers(draw: Draw) -> Draft | None:
    pick = draw.random
    a, b, c, d = (pick.choice([-7, -6, -5, -4, -3, -2, 2, 3, 4, 5, 6, 7, 9]) for _ in range(4))
    if a == c or b == d:
        return None
    first, second = f"{a}{term(b, 'i')}", f"{c}{term(d, 'i')}"
    apart = (a - c) ** 2 + (b - d) ** 2
    with mpmath.workdps(60):
        if draw.variant == 0:
            radius = pick.randint(2, 6)
            far = pick.choice([True, False])
            if math.isqrt(apart) ** 2 == apart or apart <= radius * radius:
                return None
            sign = 1 if far else -1

            def size(turn: mpmath.mpf) -> mpmath.mpf:
                return (a - c + radius * mpmath.cos(turn)) ** 2 + (b - d + radius * mpmath.sin(turn)) ** 2

            def slope(turn: mpmath.mpf) -> mpmath.mpf:
                return (b - d) * mpmath.cos(turn) - (a - c) * mpmath.sin(turn)

            start = max((mpmath.mpf(k) / 10 for k in range(64)), key=lambda turn: sign * size(turn))
            checked = mpmath.sqrt(size(mpmath.findroot(slope, start)))
            closed = sympy.sqrt(apart) + sign * radius
            answer = surd(sign * radius, 1, apart)
            word = "greatest" if far else "least"
            text = (
                f"The complex number $z$ satisfies $|z - ({first})| = {radius}$. Find the {word} possible value of "
                f"$|z - ({second})|$. Give an exact answer in simplest radical form."
            )
            steps = (
                f"In the complex plane $z$ lies on the circle with centre ${ordered([a, b])}$ and radius ${radius}$.",
                f"The distance from the centre to the point ${ordered([c, d])}$ is $\\sqrt{{{(a - c) ** 2} + "
                f"{(b - d) ** 2}}} = {root(apart)}$, "
                f"which is more than ${radius}$.",
                f"The {'farthest' if far else 'nearest'} point of the circle lies on the line through the centre, so "
                "the value is ",
            )
        else:
            one, two = a * a + b * b, c * c + d * d
            square = Fraction((one - two) ** 2, 4 * apart)
            if one == two or bool(sympy.sqrt(sympy.Rational(square)).is_rational) or a * d == b * c:
                return None
            # z = (p + q) / 2 + i t (p - q); the derivative of its squared size vanishes at the nearest point.
            middle, way = mpmath.mpc(a + c, b + d) / 2, mpmath.mpc(d - b, a - c)
            t = mpmath.findroot(lambda s: ((middle + s * way) * mpmath.conj(way)).real, mpmath.mpf(0))
            checked = abs(middle + t * way)
            closed = sympy.sqrt(sympy.Rational(square))
            answer = root(square)
            text = (
                f"The complex number $z$ satisfies $|z - ({first})| = |z - ({second})|$. Find the least possible value "
                "of $|z|$. Give an exact answer in simplest radical form, with a rational denominator."
            )
            difference = f"{polynomial([2 * (c - a), 0])}{term(2 * (d - b), 'y')} = {two - one}"
            steps = (
                f"With $z = x + yi$ the condition says $(x{term(-a)})^2 + (y{term(-b)})^2 = (x{term(-c)})^2 + "
                f"(y{term(-d)})^2$.",
                f"The squares of $x$ and $y$ cancel, and ${difference}$ remains: the equation of a line.",
                "The least $|z|$ is the distance of the origin from this line, "
                f"$\\frac{{{abs(two - one)}}}{{\\sqrt{{{4 * apart}}}}}$, that is ",
            )
    return Draft(
        problem=text,
        steps=(*steps[:-1], f"{steps[-1]}$\\boxed{{{answer}}}$."),
        answer=answer,
        closed=closed,
        checked=checked,
    )


@template(topic="precalculus", tier="hard", split="test", answer_type="interval", variants=2)
def when_a_trigonometric_equation_is_solvable(draw: Draw) -> Draft | None:
    pick = draw.random
    if draw.variant == 0:
        a, leg, c = pick.choice(
            [(3, 4, 5), (4, 3, 5), (5, 12, 13), (12, 5, 13), (8, 15, 17), (15, 8, 17), (7, 24, 25), (24, 7, 25)]
        )
        scale = pick.randint(1, 3)
        shift = pick.choice([-5, -4, -3, -2, -1, 1, 2, 3, 4, 5])
        a, leg, c = scale * a, scale * leg, scale * c
        low, high = shift - leg, shift + leg
        if c > 40:
            return None
        with mpmath.workdps(50):

            def reached(m: Fraction) -> bool:
                # The greatest value of the left side, at the angle where it is attained.
                factor = mpmath.mpf((m - shift).numerator) / (m - shift).denominator
                turn = mpmath.atan2(a, factor)
                return bool(a * mpmath.sin(turn) + factor * mpmath.cos(turn) >= c - mpmath.mpf(10) ** -40)

            grid = [Fraction(n, 3) + shift for n in range(-3 * leg - 12, 3 * leg + 13)]
            grid += [end + side for end in (low, high) for side in (Fraction(-1, 99), Fraction(1, 99))]
            inside = tuple(m for m in grid if reached(m))
            outside = tuple(m for m in grid if not reached(m))
        closed: sympy.Set = sympy.Union(sympy.Interval(-sympy.oo, low), sympy.Interval(high, sympy.oo))
        answer = f"{interval(None, low, '(]')} \\cup {interval(high, None, '[)')}"
        text = (
            f"For which real numbers $m$ does the equation ${a} \\sin x + (m{term(-shift)}) \\cos x = {c}$ have at "
            "least "
            "one real solution $x$?"
        )
        steps = (
            f"The left side takes exactly the values from $-\\sqrt{{{a}^2 + (m{term(-shift)})^2}}$ to $\\sqrt{{{a}^2 "
            f"+ (m{term(-shift)})^2}}$.",
            f"So there is a solution exactly when ${a * a} + (m{term(-shift)})^2 \\ge {c * c}$, that is "
            f"$(m{term(-shift)})^2 \\ge {leg * leg}$.",
            f"This means $m{term(-shift)} \\le -{leg}$ or $m{term(-shift)} \\ge {leg}$.",
        )
    else:
        m, a = pick.randint(2, 6), pick.randint(1, 15)
        top, bottom = m + Fraction(a * a, 8 * m), Fraction(-m - a)
        if a >= 4 * m or top.denominator == 1:
            return None
        grid = [m - 2 * m * s * s + a * s for s in (Fraction(n, 4 * m) for n in range(-4 * m, 4 * m + 1))]
        beside = Fraction(1, 10**6)
        inside = tuple(grid)
        outside = (max(grid) + beside, min(grid) - beside, max(grid) + 3, min(grid) - 3)
        closed = sympy.Interval(sympy.Rational(bottom), sympy.Rational(top))
        answer = interval(bottom, top, "[]")
        text = (
            f"For which real numbers $k$ does the equation ${m} \\cos 2x{term(a, SINE + ' x')} = k$ have at least "
            "one real "
            "solution $x$?"
        )
        steps = (
            f"With $s = \\sin x$ the left side is ${polynomial([-2 * m, a, m], 's')}$, where $s$ takes all values "
            "from $-1$ to $1$.",
            f"This quadratic function has its greatest value at $s = {fraction(Fraction(a, 4 * m))}$, which lies "
            "between $-1$ and $1$; it is "
            f"${fraction(top)}$.",
            f"Its least value is at the end farther from there, $s = -1$: it is ${fraction(bottom)}$. All values in "
            "between are taken.",
        )
    return Draft(
        problem=f"{text} Write your answer in interval notation.",
        steps=(*steps, f"The answer is $\\boxed{{{answer}}}$."),
        answer=answer,
        closed=closed,
        checked=Members(inside=inside, outside=outside),
    )


def _where(test: Callable[[mpmath.mpf], bool], parts: int, end: int) -> list[Fraction]:
    """The multiples of pi / parts in [0, end pi) that pass, as fractions of pi."""
    return [Fraction(k, parts) for k in range(end * parts) if test(mpmath.mpf(k) / parts)]


@template(topic="precalculus", tier="competition", split="test", answer_type="expression", variants=2)
def sum_of_all_solutions(draw: Draw) -> Draft | None:
    pick = draw.random
    a, b = pick.randint(3, 9), pick.randint(1, 6)
    if a <= b:
        return None
    times = "" if b == 1 else str(b)
    small = mpmath.mpf(10) ** -30
    with mpmath.workdps(40):
        if draw.variant == 0:
            families = [{Fraction(4 * j + 1, 2 * way) for j in range(way)} for way in (a + b, a - b)]
            common = sorted(families[0] & families[1])
            value = sum(families[0] | families[1], Fraction(0))
            found = _where(lambda t: abs(mpmath.sinpi(a * t) - mpmath.cospi(b * t)) < small, 2 * (a * a - b * b), 2)
            text = (
                f"Find the sum of all solutions of the equation $\\sin {a}x = \\cos {times}x$ with $0 "
                "\\le x < 2\\pi$, each solution "
                "taken once."
            )
            sums = [sum(family, Fraction(0)) for family in families]
            shown = ", ".join(f"${_pi(at)}$" for at in common)
            steps = (
                f"$\\cos {times}x = \\sin\\left(\\frac{{\\pi}}{{2}} - {times}x\\right)$, "
                f"so either ${a}x = \\frac{{\\pi}}{{2}} - "
                f"{times}x + 2\\pi j$ or ${a}x = \\frac{{\\pi}}{{2}} + {times}x + 2\\pi "
                "j$ with an integer $j$.",
                f"The first case gives $x = \\frac{{(4j + 1)\\pi}}{{{2 * (a + b)}}}$ for $j = 0, \\dots, "
                f"{a + b - 1}$, with the sum ${_pi(sums[0])}$.",
                f"The second case gives $x = \\frac{{(4j + 1)\\pi}}{{{2 * (a - b)}}}$"
                + (f" for $j = 0, \\dots, {a - b - 1}$" if a - b > 1 else " for $j = 0$")
                + f", with the sum ${_pi(sums[1])}$.",
                f"Both families contain {shown}, so ${_pi(sum(common, Fraction(0)))}$ has been counted twice.",
                "The sum of all solutions is ",
            )
            if not common or a - b == 1:
                return None
        else:
            angles = {Fraction(2 * j + 1, 2 * (a + b)) for j in range(a + b)}
            bad = {x for x in angles if (a * x).denominator == 2 or (b * x).denominator == 2}
            value = sum(angles - bad, Fraction(0))

            def holds(t: mpmath.mpf) -> bool:
                bottom = mpmath.cospi(a * t) * mpmath.cospi(b * t)
                return bool(abs(bottom) > small and abs(mpmath.sinpi(a * t) * mpmath.sinpi(b * t) - bottom) < small)

            found = _where(holds, 2 * a * b * (a + b), 1)
            text = (
                f"Find the sum of all solutions of the equation $\\tan {a}x \\cdot \\tan {times}x = 1$ "
                "with $0 < x < \\pi$. (Both tangents have "
                "to be defined.)"
            )
            if not bad:
                return None
            steps = (
                f"Where both tangents are defined, the equation says $\\cos {a}x \\cos {times}x - "
                f"\\sin {a}x \\sin {times}x = 0$, "
                f"that is $\\cos {a + b}x = 0$.",
                f"In the given range this holds for $x = \\frac{{(2j + 1)\\pi}}{{{2 * (a + b)}}}$ with $j = 0, "
                f"\\dots, {a + b - 1}$.",
                f"These ${a + b}$ numbers lie symmetrically about $\\frac{{\\pi}}{{2}}$, so their sum is "
                f"${_pi(Fraction(a + b, 2))}$.",
                "A tangent is not defined at "
                + ", ".join(f"${_pi(x)}$" for x in sorted(bad))
                + f"; leaving this out takes ${_pi(sum(bad, Fraction(0)))}$ from the sum.",
                "The sum of all solutions is ",
            )
        total = sum(found, Fraction(0))
        checked = mpmath.pi * total.numerator / total.denominator
    answer = _pi(value)
    return Draft(
        problem=f"{text} Give an exact answer in terms of $\\pi$.",
        steps=(*steps[:-1], f"{steps[-1]}$\\boxed{{{answer}}}$."),
        answer=answer,
        closed=sympy.Rational(value) * sympy.pi,
        checked=checked,
    )


def _pi(value: Fraction) -> str:
    """`\\frac{3\\pi}{4}` of 3/4."""
    top = "\\pi" if value.numerator == 1 else f"{value.numerator}\\pi"
    return top if value.denominator == 1 else f"\\frac{{{top}}}{{{value.denominator}}}"


@template(topic="precalculus", tier="competition", split="test", answer_type="expression", variants=2)
def polynomial_of_shifted_cosines(draw: Draw) -> Draft | None:
    pick = draw.random
    x = sympy.Symbol("x")
    y = sympy.Symbol("y")
    m = pick.choice([-5, -4, -3, 3, 4, 5, 6] if draw.variant == 0 else [3, 4, 5, 6, 7])
    with mpmath.workdps(60):
        if draw.variant == 0:
            cosines = [2 * mpmath.cospi(mpmath.mpf(2 * k) / 7) for k in (1, 2, 3)]
            values = [c * c + m * c for c in cosines]
            eliminant = sympy.Poly(sympy.resultant(y**3 + y**2 - 2 * y - 1, x - y**2 - m * y, y), x)
            coefficients = [int(part) for part in eliminant.all_coeffs()]
            if coefficients[0] < 0:
                coefficients = [-part for part in coefficients]
            scale = mpmath.mpf(1)
            text = (
                f"For $k = 1, 2, 3$ let $c_k = 2 \\cos \\frac{{2\\pi k}}{{7}}$ and $r_k = c_k^2{term(m, 'c_k')}$. "
                "Find the polynomial $p(x)$ of degree three with "
                "leading coefficient $1$ and the roots $r_1, r_2, r_3$."
            )
            e1, e2, e3 = (-coefficients[1], coefficients[2], -coefficients[3])
            steps = (
                "The seventh roots of unity other than $1$ satisfy $z^3 + z^2 + z + 1 + z^{-1} + z^{-2} + z^{-3} = "
                "0$; with $c = z + z^{-1}$ this becomes "
                "$c^3 + c^2 - 2c - 1 = 0$, whose roots are $c_1, c_2, c_3$.",
                "So the elementary symmetric functions of the $c_k$ are $-1$, $-2$ and $1$, and $\\sum c_k^2 = "
                "(-1)^2 - 2(-2) = 5$.",
                f"Hence $\\sum r_k = 5{term(-m)} = {e1}$, and $r_1 r_2 r_3 = c_1 c_2 c_3 "
                f"(c_1{term(m)})(c_2{term(m)})(c_3{term(m)}) = {e3}$.",
                f"From $\\sum r_k^2 = \\sum c_k^4{term(2 * m)} \\sum c_k^3{term(m * m)} \\sum c_k^2$ with $\\sum "
                "c_k^3 = -4$ and $\\sum c_k^4 = 13$ we get "
                f"$\\sum r_k^2 = {13 - 8 * m + 5 * m * m}$, so the sum of the products of two of them is "
                f"$\\frac{{({e1})^2 - {13 - 8 * m + 5 * m * m}}}{{2}} = {e2}$.",
                "The polynomial is ",
            )
        else:
            cosines = [2 * mpmath.cospi(mpmath.mpf(2 * k) / 9) for k in (1, 2, 4)]
            values = [1 / (m - c) for c in cosines]
            expanded = sympy.Poly(sympy.expand(x**3 * ((m - 1 / x) ** 3 - 3 * (m - 1 / x) + 1)), x)
            coefficients = [int(part) for part in expanded.all_coeffs()]
            scale = mpmath.mpf(-1)
            for value in values:
                scale /= -value
            text = (
                "Let $a = 2 \\cos 40^\\circ$, $b = 2 \\cos 80^\\circ$ and $c = 2 \\cos 160^\\circ$. Find the "
                "polynomial $p(x)$ of degree three with constant "
                f"term $-1$ whose roots are $\\frac{{1}}{{{m} - a}}$, $\\frac{{1}}{{{m} - b}}$ and $\\frac{{1}}{{{m} "
                f"- c}}$."
            )
            steps = (
                "By the formula $\\cos 3\\theta = 4\\cos^3 \\theta - 3\\cos \\theta$ the number $y = 2 \\cos "
                "\\theta$ satisfies $y^3 - 3y = 2 \\cos 3\\theta$.",
                "For $\\theta = 40^\\circ, 80^\\circ, 160^\\circ$ the right side is $2 \\cos 120^\\circ = 2 \\cos "
                "240^\\circ = 2 \\cos 480^\\circ = -1$, so $a$, $b$, $c$ are the "
                "roots of $y^3 - 3y + 1$.",
                f"If $x = \\frac{{1}}{{{m} - y}}$, then $y = {m} - \\frac{{1}}{{x}}$, so the wanted roots satisfy "
                f"$\\left({m} - \\frac{{1}}{{x}}\\right)^3 - "
                f"3\\left({m} - \\frac{{1}}{{x}}\\right) + 1 = 0$.",
                "Multiplying by $x^3$ gives a polynomial with the constant term $-1$.",
                "Multiplied out, it is ",
            )
        points: list[At] = []
        for at in (-3, 2, 5, 7, 11):
            product = scale if draw.variant else mpmath.mpf(1)
            for value in values:
                product *= at - value
            points.append(({"x": at}, product))
    answer = polynomial(coefficients)
    return Draft(
        problem=f"{text} Write $p(x)$ in expanded form.",
        steps=(*steps[:-1], f"{steps[-1]}$\\boxed{{{answer}}}$."),
        answer=answer,
        closed=sum((part * x ** (3 - power) for power, part in enumerate(coefficients)), sympy.Integer(0)),
        checked=Points(values=tuple(points)),
    )


@template(topic="precalculus", tier="competition", split="test", answer_type="radical", variants=2)
def walk_that_winds_in(draw: Draw) -> Draft | None:
    pick = draw.random
    length = pick.choice([6, 8, 10, 12, 14, 15, 18, 20, 24])
    q = pick.randint(2, 7)
    r = Fraction(pick.randint(1, q - 1), q)
    turn = pick.choice([60, 120])
    lean = 1 if turn == 60 else -1
    insect = pick.choice(["beetle", "snail", "toy robot"])
    if r.denominator != q:
        return None
    if draw.variant == 0:
        # |1 - r w|^2 = 1 - 2 r cos(turn) + r^2.
        below = 1 - lean * r + r * r
        square = length * length / below
        path = f"turns left by ${turn}^\\circ$ on the spot and then walks straight ahead again, each time"
        steps: tuple[str, ...] = (
            f"In the complex plane let the first piece be ${length}$. Every turn multiplies the direction by $w = "
            f"\\cos {turn}^\\circ + i \\sin {turn}^\\circ$, and "
            f"every piece is ${fraction(r)}$ times as long as the one before.",
            f"So the point is the sum of the geometric series ${length}\\left(1 + {fraction(r)}w + "
            f"({fraction(r)}w)^2 + \\dots\\right) = "
            f"\\frac{{{length}}}{{1 - {fraction(r)}w}}$.",
            f"$|1 - {fraction(r)}w|^2 = 1 - 2 \\cdot {fraction(r)} \\cos {turn}^\\circ + {fraction(r * r)} = "
            f"{fraction(below)}$.",
            f"The square of the distance is $\\frac{{{length}^2}}{{{fraction(below)}}} = {fraction(square)}$.",
        )
    else:
        above = 1 + lean * r + r * r
        square = length * length * above / (1 - r * r) ** 2
        path = (
            f"turns on the spot and then walks straight ahead again; it turns by ${turn}^\\circ$ to the left after "
            f"the first piece, by ${turn}^\\circ$ to the right "
            "after the second piece, to the left again after the third, and so on in turn. Each time it walks"
        )
        steps = (
            "Pieces number 1, 3, 5, ... all have the direction of the first one, and pieces number 2, 4, 6, ... all "
            f"have the direction $w = \\cos {turn}^\\circ + "
            f"i \\sin {turn}^\\circ$ in the complex plane.",
            f"The first group adds up to $\\frac{{{length}}}{{1 - {fraction(r * r)}}} = "
            f"{fraction(length / (1 - r * r))}$.",
            f"The second group adds up to ${fraction(r)}$ times as much in the direction $w$, so the point is "
            f"${fraction(length / (1 - r * r))}"
            f"\\left(1 + {fraction(r)}w\\right)$.",
            f"$|1 + {fraction(r)}w|^2 = 1 + 2 \\cdot {fraction(r)} \\cos {turn}^\\circ + {fraction(r * r)} = "
            f"{fraction(above)}$, so the square of the distance is "
            f"${fraction(square)}$.",
        )
    if bool(sympy.sqrt(sympy.Rational(square)).is_rational) or square.numerator * square.denominator > 10**7:
        return None
    with mpmath.workdps(60):
        place, heading, piece, number = mpmath.mpc(0), mpmath.mpc(1), mpmath.mpf(length), 0
        one = mpmath.expj(mpmath.radians(turn))
        while piece > mpmath.mpf(10) ** -45:
            place += heading * piece
            number += 1
            heading *= one if draw.variant == 0 or number % 2 else mpmath.conj(one)
            piece = piece * r.numerator / r.denominator
        checked = abs(place)
    answer = root(square)
    return Draft(
        problem=f"A {insect} walks {length} cm straight ahead. Then, again and again without end, it {path} "
        f"${fraction(r)}$ of the length of the piece before. It comes "
        "closer and closer to a certain point. How many centimetres is this point from the start of the walk? Give "
        "an exact answer in simplest "
        "radical form, with a rational denominator.",
        steps=(*steps, f"The distance is $\\boxed{{{answer}}}$."),
        answer=answer,
        closed=sympy.sqrt(sympy.Rational(square)),
        checked=checked,
    )
