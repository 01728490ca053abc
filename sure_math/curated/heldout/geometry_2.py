"""Geometry for the test split, hard and competition: boxes, medians, tangent circles, balls in a cone, folded paper."""

from __future__ import annotations

import math
from fractions import Fraction

import mpmath
import sympy

from sure_math.curated.latex import fraction, root
from sure_math.curated.template import Draft, Draw, template


def _heron(a: int, b: int, c: int) -> int:
    """16 times the squared area of a triangle; not positive when there is none."""
    return (a + b + c) * (b + c - a) * (c + a - b) * (a + b - c)


def _apex(a: int | mpmath.mpf, b: int | mpmath.mpf, c: int | mpmath.mpf) -> mpmath.mpc:
    """A of the triangle with B at 0 and C at a."""
    x = (mpmath.mpf(a) ** 2 + mpmath.mpf(c) ** 2 - mpmath.mpf(b) ** 2) / (2 * a)
    return mpmath.mpc(x, mpmath.sqrt(mpmath.mpf(c) ** 2 - x * x))


def _rational(square: Fraction) -> bool:
    return bool(sympy.sqrt(sympy.Rational(square)).is_rational)


@template(topic="geometry", tier="hard", split="test", answer_type="radical", variants=2)
def skew_lines_of_a_box(draw: Draw) -> Draft | None:
    pick = draw.random
    a, b, c = pick.randint(2, 12), pick.randint(2, 12), pick.randint(2, 12)
    if len({a, b, c}) < 3:
        return None
    box = (
        "A rectangular box has base $ABCD$ and top $EFGH$, with $E$, $F$, $G$, $H$ straight above $A$, $B$, $C$, $D$. "
        f"Its edges are $AB = {a}$, $AD = {b}$ and $AE = {c}$."
    )
    with mpmath.workdps(60):
        if draw.variant == 0:
            square = Fraction((a * b) ** 2, a * a + b * b)
            # The nearest points s (a, b, c) and (a, 0, t): both derivatives of the squared distance vanish.
            s, t = mpmath.lu_solve(mpmath.matrix([[a * a + b * b + c * c, -c], [-c, 1]]), mpmath.matrix([a * a, 0]))
            checked = mpmath.sqrt((s * a - a) ** 2 + (s * b) ** 2 + (s * c - t) ** 2)
            ask = (
                "Find the distance between the lines $AG$ and $BF$, that is, the length of the shortest segment that "
                "joins them."
            )
            steps = (
                "Line $BF$ is parallel to $AE$, so it is parallel to the plane $ACGE$, which contains $AG$; the "
                "distance between the "
                "lines is the distance of $B$ from this plane.",
                "The plane is perpendicular to the base, so this is the distance of $B$ from the line $AC$ in the "
                "base.",
                f"In the right triangle $ABC$ it is $\\frac{{AB \\cdot BC}}{{AC}} = \\frac{{{a} \\cdot "
                f"{b}}}{{\\sqrt{{{a}^2 + {b}^2}}}}$",
            )
        else:
            flat, full = a * a + b * b, a * a + b * b + c * c
            square = Fraction((a * a - b * b) ** 2, flat * full)
            # The angle at B between BH and the parallel to AC through B, by the sides of a triangle.
            one = mpmath.matrix([a, b, 0])
            two = mpmath.matrix([-a, b, c])
            p, q, r = (mpmath.norm(side) for side in (one, two, one - two))
            checked = abs((p * p + q * q - r * r) / (2 * p * q))
            ask = (
                "Find the cosine of the angle between the lines $AC$ and $BH$. (The angle between skew lines is the "
                "one between "
                "parallels to them through a common point, and it is at most $90^\\circ$.)"
            )
            steps = (
                f"With $A$ as origin and axes along $AB$, $AD$, $AE$ the lines have the directions $({a}, {b}, 0)$ and "
                f"$({-a}, {b}, {c})$.",
                f"The scalar product is $-{a * a} + {b * b} = {b * b - a * a}$, and the squared lengths are ${flat}$ "
                f"and ${full}$.",
                f"The cosine is $\\frac{{{abs(b * b - a * a)}}}{{\\sqrt{{{flat}}} \\cdot \\sqrt{{{full}}}}}$",
            )
    if _rational(square) or square.denominator > 20000:
        return None
    answer = root(square)
    return Draft(
        problem=f"{box} {ask} Give your answer in simplest radical form, with a rational denominator.",
        steps=(*steps[:-1], f"{steps[-1]}, which is $\\boxed{{{answer}}}$."),
        answer=answer,
        closed=sympy.sqrt(sympy.Rational(square)),
        checked=checked,
    )


@template(topic="geometry", tier="hard", split="test", answer_type="radical", variants=2)
def medians_at_a_right_angle(draw: Draw) -> Draft | None:
    pick = draw.random
    if draw.variant == 0:
        p, q = 3 * pick.randint(2, 9), pick.randint(5, 24)
        square = Fraction(4 * (p * p + 4 * q * q), 9)
        if p == q or _rational(square):
            return None
        with mpmath.workdps(60):
            # The centroid is the origin; A + B + C = 0.
            corner, other = mpmath.mpc(mpmath.mpf(-2 * p) / 3, 0), mpmath.mpc(0, mpmath.mpf(-2 * q) / 3)
            checked = abs(-corner - other - other)
        answer = root(square)
        return Draft(
            problem=f"In triangle $ABC$ the medians $AD = {p}$ and $BE = {q}$ are perpendicular to each other. Find "
            "the length of "
            "side $BC$ in simplest radical form.",
            steps=(
                f"The medians meet at the centroid $G$, and $GD = \\frac{{1}}{{3}} AD = {fraction(Fraction(p, 3))}$, "
                f"$GB = \\frac{{2}}{{3}} BE = {fraction(Fraction(2 * q, 3))}$.",
                f"In the right triangle $BGD$, $BD^2 = {fraction(Fraction(p * p, 9))} + "
                f"{fraction(Fraction(4 * q * q, 9))} = "
                f"{fraction(square / 4)}$.",
                f"Since $D$ is the midpoint of $BC$, $BC^2 = 4 BD^2 = {fraction(square)}$ and $BC = "
                f"\\boxed{{{answer}}}$.",
            ),
            answer=answer,
            closed=sympy.sqrt(sympy.Rational(square)),
            checked=checked,
        )
    a, b = pick.randint(5, 25), pick.randint(5, 25)
    square, area = Fraction(a * a + b * b, 5), Fraction(0)
    # 16 K^2 = 4 a^2 b^2 - (a^2 + b^2 - c^2)^2 with c^2 = (a^2 + b^2) / 5.
    inner = 4 * a * a * b * b - (Fraction(4, 5) * (a * a + b * b)) ** 2
    if inner <= 0 or a == b or square.denominator > 1 or _rational(inner):
        return None
    area = inner / 16
    with mpmath.workdps(60):

        def lean(c: mpmath.mpf) -> mpmath.mpf:
            top = _apex(a, b, c)
            return ((mpmath.mpf(a) / 2 - top) * mpmath.conj((top + a) / 2)).real

        third = mpmath.findroot(lean, mpmath.sqrt(mpmath.mpf(a * a + b * b) / 5) + mpmath.mpf("0.01"))
        checked = a * _apex(a, b, third).imag / 2
    answer = root(area)
    return Draft(
        problem=f"Triangle $ABC$ has sides $BC = {a}$ and $CA = {b}$, and its medians from $A$ and from $B$ are "
        "perpendicular to "
        "each other. Find the area of the triangle in simplest radical form.",
        steps=(
            "Let the medians meet at the centroid $G$, and let $GA = 2x$, $GB = 2y$, so that the midpoints of $BC$ "
            "and $CA$ "
            "are at the distances $x$ and $y$ from $G$.",
            f"The right angles at $G$ give $\\frac{{{a}^2}}{{4}} = x^2 + 4y^2$ and $\\frac{{{b}^2}}{{4}} = 4x^2 + "
            "y^2$.",
            f"Solving, $x^2 = {fraction(Fraction(4 * b * b - a * a, 60))}$ and $y^2 = "
            f"{fraction(Fraction(4 * a * a - b * b, 60))}$.",
            "Triangle $ABG$ has the area $2xy$ and is a third of triangle $ABC$, so the area is $6xy = "
            f"\\boxed{{{answer}}}$.",
        ),
        answer=answer,
        closed=sympy.sqrt(sympy.Rational(area)),
        checked=checked,
    )


@template(topic="geometry", tier="hard", split="test", answer_type="fraction", variants=2)
def half_disc_in_a_triangle(draw: Draw) -> Draft | None:
    pick = draw.random
    if draw.variant == 0:
        b, c = pick.randint(7, 30), pick.randint(7, 30)
        sides = [a for a in range(abs(b - c) + 1, b + c) if math.isqrt(_heron(a, b, c)) ** 2 == _heron(a, b, c)]
        # Acute angles at B and C keep the half disc inside.
        sides = [a for a in sides if b * b < a * a + c * c and c * c < a * a + b * b and a * a != b * b + c * c]
        if b == c or not sides:
            return None
        a = pick.choice(sides)
        area = Fraction(math.isqrt(_heron(a, b, c)), 4)
        value = 2 * area / (b + c)
        if value.denominator == 1:
            return None
        with mpmath.workdps(60):
            top = _apex(a, b, c)
            slope, other = mpmath.arg(top), mpmath.pi - mpmath.arg(top - a)
            centre = mpmath.findroot(lambda x: x * mpmath.sin(slope) - (a - x) * mpmath.sin(other), mpmath.mpf(a) / 2)
            checked = centre * mpmath.sin(slope)
        answer = fraction(value)
        return Draft(
            problem=f"Triangle $ABC$ has sides $BC = {a}$, $CA = {b}$ and $AB = {c}$. A semicircle whose diameter "
            "lies on side $BC$ "
            "is inside the triangle and touches the sides $AB$ and $AC$. Find its radius. Give your answer as a "
            "fraction in "
            "lowest terms.",
            steps=(
                f"By Heron's formula the area of the triangle is ${area}$.",
                "Let $M$ be the centre and $r$ the radius of the semicircle. The distances of $M$ from $AB$ and $AC$ "
                "both equal "
                "$r$.",
                f"The triangles $ABM$ and $ACM$ make up triangle $ABC$, so $\\frac{{1}}{{2}} \\cdot {c} \\cdot r + "
                f"\\frac{{1}}{{2}} "
                f"\\cdot {b} \\cdot r = {area}$.",
                f"Hence $r = \\frac{{2 \\cdot {area}}}{{{b + c}}} = \\boxed{{{answer}}}$.",
            ),
            answer=answer,
            closed=value,
            checked=checked,
        )
    p, q, r = pick.choice([(3, 4, 5), (4, 3, 5), (5, 12, 13), (12, 5, 13), (8, 15, 17), (15, 8, 17), (20, 21, 29)])
    # Half the base is m; the radius is m p / r, the tangent piece at the base m q / r.
    k = pick.randint(1, 3)
    half, radius = k * r, k * p
    high = Fraction(half * p, q)
    value = half * high
    if value.denominator == 1:
        return None
    with mpmath.workdps(60):
        tall = mpmath.findroot(
            lambda h: half * h / mpmath.hypot(half, h) - radius, mpmath.mpf(high.numerator) / high.denominator + 0.1
        )
        checked = half * tall
    answer = fraction(value)
    return Draft(
        problem=f"In an isosceles triangle $ABC$ with $AB = AC$ and $BC = {2 * half}$, a semicircle with radius "
        f"${radius}$ lies inside "
        "the triangle: its centre is the midpoint of $BC$, its diameter lies on $BC$, and it touches both $AB$ and "
        "$AC$. Find the "
        "area of the triangle. Give your answer as a fraction in lowest terms.",
        steps=(
            "Let $M$ be the midpoint of $BC$ and $T$ the point where the semicircle touches $AB$. In the right "
            "triangle $BMT$, "
            f"$BT^2 = {half}^2 - {radius}^2$, so $BT = {k * q}$.",
            f"The right triangles $BMT$ and $BAM$ share the angle at $B$, so $\\frac{{AM}}{{BM}} = "
            f"\\frac{{MT}}{{BT}}$ and $AM = "
            f"{half} \\cdot \\frac{{{radius}}}{{{k * q}}} = {fraction(high)}$.",
            f"The area is $BM \\cdot AM = {half} \\cdot {fraction(high)} = \\boxed{{{answer}}}$.",
        ),
        answer=answer,
        closed=value,
        checked=checked,
    )


@template(topic="geometry", tier="hard", split="test", answer_type="fraction", variants=2)
def circle_through_a_corner_touching_the_far_side(draw: Draw) -> Draft | None:
    pick = draw.random
    a, b, c = pick.randint(5, 15), pick.randint(5, 15), pick.randint(5, 15)
    if len({a, b, c}) < 3 or 2 * max(a, b, c) >= a + b + c or a >= 2 * min(b, c):
        return None

    def cut(x: mpmath.mpf) -> tuple[mpmath.mpc, mpmath.mpc]:
        """The second common points with AB and AC of the circle through A that touches BC at x."""
        top = _apex(a, b, c)
        up = abs(top - x) ** 2 / (2 * top.imag)
        centre = mpmath.mpc(x, up)
        found = []
        for foot in (mpmath.mpc(0), mpmath.mpc(a)):
            way = (foot - top) / abs(foot - top)
            found.append(top + way * 2 * ((centre - top) * mpmath.conj(way)).real)
        return found[0], found[1]

    triangle = f"Triangle $ABC$ has sides $BC = {a}$, $CA = {b}$ and $AB = {c}$."
    with mpmath.workdps(60):
        if draw.variant == 0:
            one, two = 1 - Fraction(a * a, 4 * c * c), 1 - Fraction(a * a, 4 * b * b)
            value = 1 - one * two
            p, q = cut(mpmath.mpf(a) / 2)
            top = _apex(a, b, c)
            area = abs(((p - top) * mpmath.conj(q - top)).imag)
            checked = 1 - area / (a * top.imag)
            ask = (
                "A circle passes through $A$ and touches side $BC$ at its midpoint; it meets $AB$ again at $P$ and "
                "$AC$ again at $Q$. "
                "What fraction of the area of triangle $ABC$ is the area of quadrilateral $BCQP$?"
            )
            steps = (
                f"By the power of $B$ and of $C$, $BP \\cdot {c} = CQ \\cdot {b} = "
                f"\\left(\\frac{{{a}}}{{2}}\\right)^2$, so "
                f"$BP = {fraction(Fraction(a * a, 4 * c))}$ and $CQ = {fraction(Fraction(a * a, 4 * b))}$.",
                f"Hence $\\frac{{AP}}{{AB}} = {fraction(one)}$ and $\\frac{{AQ}}{{AC}} = {fraction(two)}$.",
                f"Triangle $APQ$ has the share ${fraction(one)} \\cdot {fraction(two)} = {fraction(one * two)}$ of "
                "the area.",
                "The quadrilateral has the rest",
            )
        else:
            touch = Fraction(a * c, b + c)
            value = a * (1 - Fraction(a * a, (b + c) ** 2))
            near = mpmath.mpf(touch.numerator) / touch.denominator
            x = mpmath.findroot(lambda t: (cut(t)[0] - cut(t)[1]).imag, (near - 0.2, near + 0.3))
            p, q = cut(x)
            checked = abs(p - q)
            ask = (
                "A circle passes through $A$, touches side $BC$ at a point $T$, and meets $AB$ again at $P$ and $AC$ "
                "again at $Q$, in "
                "such a way that $PQ$ is parallel to $BC$. Find the length of $PQ$."
            )
            steps = (
                f"By the power of $B$ and of $C$, $BP \\cdot {c} = BT^2$ and $CQ \\cdot {b} = CT^2$.",
                "$PQ$ is parallel to $BC$ exactly when $\\frac{BP}{AB} = \\frac{CQ}{AC}$, that is "
                f"$\\frac{{BT^2}}{{{c}^2}} = \\frac{{CT^2}}{{{b}^2}}$, so $BT : CT = {c} : {b}$ and $BT = "
                f"{fraction(touch)}$.",
                f"Then $\\frac{{BP}}{{AB}} = \\frac{{BT^2}}{{AB^2}} = {fraction(Fraction(a * a, (b + c) ** 2))}$.",
                f"Triangles $APQ$ and $ABC$ are similar, so $PQ = {a} \\cdot "
                f"{fraction(1 - Fraction(a * a, (b + c) ** 2))}$",
            )
    answer = fraction(value)
    if value.denominator == 1:
        return None
    return Draft(
        problem=f"{triangle} {ask} Give your answer as a fraction in lowest terms.",
        steps=(*steps[:-1], f"{steps[-1]}: $\\boxed{{{answer}}}$."),
        answer=answer,
        closed=value,
        checked=checked,
    )


@template(topic="geometry", tier="competition", split="test", answer_type="fraction", variants=2)
def two_balls_in_a_cone(draw: Draw) -> Draft | None:
    pick = draw.random
    if draw.variant == 0:
        base, high, slant = pick.choice(
            [
                (3, 4, 5),
                (4, 3, 5),
                (5, 12, 13),
                (8, 15, 17),
                (7, 24, 25),
                (12, 35, 37),
                (9, 40, 41),
                (20, 21, 29),
                (12, 5, 13),
            ]
        )
        k = pick.randint(1, 3)
        base, high, slant = k * base, k * high, k * slant
        large = Fraction(base * high, base + slant)
        shrink = 1 - 2 * large / high
        small = shrink * large
        value = 4 * small**3 / (base * base * high)
        with mpmath.workdps(60):
            first = mpmath.findroot(lambda r: base * (high - r) / mpmath.hypot(base, high) - r, mpmath.mpf(base) / 3)
            left = high - 2 * first
            second = mpmath.findroot(lambda r: base * (left - r) / mpmath.hypot(base, high) - r, mpmath.mpf(base) / 9)
            checked = (4 * mpmath.pi * second**3 / 3) / (mpmath.pi * base**2 * high / 3)
        if value.denominator > 10**5:
            return None
        answer = fraction(value)
        return Draft(
            problem=f"A cone has base radius ${base}$ and height ${high}$. A ball inside the cone touches the base "
            "and, along a circle, the curved surface. A second ball, between the first one and the apex, touches the "
            "first ball and, along another circle, the curved surface. What fraction of the volume of the cone is the "
            "volume of the second ball? Give your answer as a fraction in lowest terms.",
            steps=(
                f"The slant height is $\\sqrt{{{base}^2 + {high}^2}} = {slant}$. In the cross-section through the "
                "axis the first ball "
                f"is the incircle of a triangle with sides ${2 * base}, {slant}, {slant}$.",
                f"Its radius is $\\frac{{{base} \\cdot {high}}}{{{base} + {slant}}} = {fraction(large)}$.",
                f"The plane that touches the first ball from above cuts off a similar cone of height ${high} - 2 "
                "\\cdot "
                f"{fraction(large)} = {fraction(high - 2 * large)}$, whose ratio to the whole cone is "
                f"${fraction(shrink)}$.",
                f"The second ball is the inscribed ball of this smaller cone, so its radius is ${fraction(shrink)} "
                "\\cdot "
                f"{fraction(large)} = {fraction(small)}$.",
                f"The fraction is $\\frac{{4 \\cdot ({fraction(small)})^3}}{{{base}^2 \\cdot {high}}} = "
                f"\\boxed{{{answer}}}$.",
            ),
            answer=answer,
            closed=value,
            checked=checked,
        )
    u, v, k = pick.randint(2, 6), pick.randint(1, 5), pick.randint(1, 2)
    if v >= u or math.gcd(u, v) > 1:
        return None
    big, tiny = k * u * u, k * v * v
    tall_cone, foot = Fraction(2 * big * big, big - tiny), Fraction(k * u**3, v)
    value = 1 - Fraction(4 * (big**3 + tiny**3)) / (foot**2 * tall_cone)
    with mpmath.workdps(60):
        # The half angle at the apex, from the distances of both centres from it.
        near = mpmath.asin(mpmath.mpf(big - tiny) / (big + tiny)) * mpmath.mpf("1.05")
        half = mpmath.findroot(lambda t: (big - tiny) / mpmath.sin(t) - (big + tiny), near)
        tall = big / mpmath.sin(half) + big
        wide = tall * mpmath.tan(half)
        cone = mpmath.quad(lambda x: mpmath.pi * (x * wide / tall) ** 2, [0, tall])
        checked = 1 - 4 * mpmath.pi * (mpmath.mpf(big) ** 3 + mpmath.mpf(tiny) ** 3) / (3 * cone)
    answer = fraction(value)
    if value.denominator > 10**5:
        return None
    return Draft(
        problem=f"Two balls with radii ${big}$ and ${tiny}$ lie inside a closed cone. The larger ball touches the "
        "base and, along a "
        "circle, the curved surface; the smaller one lies between it and the apex, touches the larger ball and, "
        "along a circle, the "
        "curved surface. What fraction of the volume of the cone is outside both balls? Give your answer as a "
        "fraction in lowest "
        "terms.",
        steps=(
            f"Enlarging from the apex by the factor $\\frac{{{big}}}{{{tiny}}}$ takes the smaller ball to the larger "
            "one. If the centre "
            f"of the larger one is at the distance $d$ from the apex, then $d - {big + tiny} = "
            f"\\frac{{{tiny}}}{{{big}}} d$, so $d = "
            f"{fraction(tall_cone - big)}$.",
            f"The height of the cone is $d + {big} = {fraction(tall_cone)}$.",
            f"For the half angle $\\alpha$ at the apex, $\\sin \\alpha = \\frac{{{big}}}{{d}} = "
            f"{fraction(Fraction(big - tiny, big + tiny))}$, "
            f"so $\\tan \\alpha = {fraction(foot / tall_cone)}$ and the base radius is ${fraction(foot)}$.",
            f"The volume of the cone is $\\frac{{\\pi}}{{3}} \\cdot {fraction(foot * foot * tall_cone)}$, and the "
            "balls "
            "have together "
            f"$\\frac{{\\pi}}{{3}} \\cdot 4({big}^3 + {tiny}^3) = \\frac{{\\pi}}{{3}} \\cdot "
            f"{4 * (big**3 + tiny**3)}$.",
            f"Outside both balls lies the fraction $1 - {4 * (big**3 + tiny**3)} \\div "
            f"{fraction(foot * foot * tall_cone)} = "
            f"\\boxed{{{answer}}}$.",
        ),
        answer=answer,
        closed=value,
        checked=checked,
    )


@template(topic="geometry", tier="competition", split="test", answer_type="radical", variants=2)
def paper_triangle_becomes_a_tetrahedron(draw: Draw) -> Draft | None:
    pick = draw.random
    a, b, c = sorted(pick.randint(4, 14) for _ in range(3))
    x, y, z = (Fraction(p * p + q * q - r * r, 2) for p, q, r in ((b, c, a), (a, c, b), (a, b, c)))
    if min(x, y, z) <= 0 or len({a, b, c}) < 3:
        return None
    with mpmath.workdps(60):
        # Three vertices in the plane, the fourth at the distances a, b, c from them: opposite edges are equal.
        top = _apex(a, b, c)
        left = mpmath.mpf(b * b - c * c + a * a) / (2 * a)
        depth = (b * b - a * a + abs(top) ** 2 - 2 * left * top.real) / (2 * top.imag)
        up = mpmath.sqrt(b * b - left**2 - depth**2)
        if draw.variant == 0:
            square = x * y * z / 9
            checked = a * top.imag / 2 * up / 3
        else:
            square = Fraction(a * a + b * b + c * c, 8)
            points = [
                (mpmath.mpf(a), mpmath.mpf(0), mpmath.mpf(0)),
                (top.real, top.imag, mpmath.mpf(0)),
                (left, depth, up),
            ]
            middle = mpmath.lu_solve(
                mpmath.matrix([[2 * t for t in point] for point in points]),
                mpmath.matrix([sum(t * t for t in point) for point in points]),
            )
            checked = mpmath.norm(middle)
    if _rational(square) or square.numerator * square.denominator > 10**7:
        return None
    answer = root(square)
    ask = (
        "Find the volume of this tetrahedron."
        if draw.variant == 0
        else "Find the radius of the sphere that passes through all four vertices of this tetrahedron."
    )
    last = (
        "The tetrahedron is the box less four corner pyramids, each with a sixth of its volume, so its volume is "
        f"$\\frac{{1}}{{3}} uvw$ "
        f"with $(uvw)^2 = {fraction(x * y * z)}$: $\\boxed{{{answer}}}$."
        if draw.variant == 0
        else "The sphere passes through all eight vertices of the box, and its diameter is the space diagonal, with "
        "square "
        f"$u^2 + v^2 + w^2 = {fraction(x + y + z)}$. The radius is half of that diagonal: $\\boxed{{{answer}}}$."
    )
    return Draft(
        problem=f"A paper triangle has sides of lengths ${2 * a}$, ${2 * b}$ and ${2 * c}$. It is folded along the "
        "three segments that "
        f"join the midpoints of its sides, until its three corners meet in one point and form a tetrahedron. {ask} "
        "Give your "
        "answer in simplest radical form.",
        steps=(
            f"The segments between the midpoints have the lengths ${a}$, ${b}$, ${c}$, so all four faces of the "
            "tetrahedron are "
            f"triangles with these sides, and opposite edges are equal.",
            "Such a tetrahedron fits into a box with edges $u, v, w$ whose face diagonals are its edges.",
            f"So $u^2 + v^2 = {a * a}$, $u^2 + w^2 = {b * b}$ and $v^2 + w^2 = {c * c}$.",
            f"Adding and subtracting, $u^2 = {fraction(z)}$, $v^2 = {fraction(y)}$ and $w^2 = {fraction(x)}$.",
            last,
        ),
        answer=answer,
        closed=sympy.sqrt(sympy.Rational(square)),
        checked=checked,
    )


@template(topic="geometry", tier="competition", split="test", answer_type="radical", variants=2)
def touching_circles_and_their_tangent(draw: Draw) -> Draft | None:
    pick = draw.random
    p, q = pick.randint(2, 12), pick.randint(2, 12)
    if p == q or not q < 3 * p < 9 * q:
        return None
    circles = (
        "Two circles are externally tangent at $T$. A line that does not pass through $T$ touches the first "
        "circle at $A$ and "
        "the second circle at $B$."
    )
    with mpmath.workdps(60):
        if draw.variant == 0:
            square = Fraction(4 * p**3 * q**3, (p + q) ** 2)
            gap = mpmath.findroot(lambda d: mpmath.hypot(d, p - q) - (p + q), mpmath.mpf(p + q))
            spot = mpmath.mpc(0, p) + (mpmath.mpc(gap, q) - mpmath.mpc(0, p)) * p / (p + q)
            checked = gap * spot.imag / 2
            ask = f"The radii of the circles are ${p}$ and ${q}$. Find the area of triangle $ABT$."
            steps = (
                f"The centres are at the distance ${p + q}$ from each other and at the distances ${p}$ and ${q}$ "
                "from the line.",
                f"So $AB^2 = {p + q}^2 - ({p} - {q})^2 = {4 * p * q}$ and $AB = {root(4 * p * q)}$.",
                f"$T$ divides the segment between the centres in the ratio ${p} : {q}$, so its distance from the "
                "line is "
                f"$\\frac{{{p} \\cdot {q} + {q} \\cdot {p}}}{{{p + q}}} = {fraction(Fraction(2 * p * q, p + q))}$.",
                f"The area is $\\frac{{1}}{{2}} \\cdot {root(4 * p * q)} \\cdot "
                f"{fraction(Fraction(2 * p * q, p + q))}$",
            )
        else:
            around = p * p + q * q
            square = Fraction(around**3, (2 * p * q) ** 2)

            def distances(r: mpmath.mpf, s: mpmath.mpf) -> tuple[mpmath.mpf, mpmath.mpf]:
                gap = mpmath.sqrt((r + s) ** 2 - (r - s) ** 2)
                spot = mpmath.mpc(0, r) + (mpmath.mpc(gap, s) - mpmath.mpc(0, r)) * r / (r + s)
                return abs(spot) - p, abs(spot - gap) - q

            long = mpmath.hypot(p, q)
            near = (long * p / q * mpmath.mpf("0.53"), long * q / p * mpmath.mpf("0.48"))
            checked = sum(mpmath.findroot(distances, near))
            ask = f"It turns out that $AT = {p}$ and $BT = {q}$. Find the distance between the centres of the circles."
            steps = (
                "The common tangent at $T$ meets $AB$ at a point $M$ with $MA = MT = MB$, so angle $ATB$ is a right "
                "angle and "
                f"$AB^2 = {p}^2 + {q}^2 = {around}$.",
                "Let $r$ and $s$ be the radii at $A$ and $B$. By the angle between a tangent and a chord, $AT = 2r "
                "\\sin \\angle BAT$ "
                "and $BT = 2s \\sin \\angle ABT$.",
                f"Here $\\sin \\angle BAT = \\frac{{{q}}}{{AB}}$ and $\\sin \\angle ABT = \\frac{{{p}}}{{AB}}$, so "
                "$r = "
                f"\\frac{{{p}}}{{{2 * q}}} AB$ and $s = \\frac{{{q}}}{{{2 * p}}} AB$.",
                f"The distance is $r + s = {fraction(Fraction(around, 2 * p * q))} \\cdot {root(around)}$",
            )
    if _rational(square):
        return None
    answer = root(square)
    return Draft(
        problem=f"{circles} {ask} Give your answer in simplest radical form.",
        steps=(*steps[:-1], f"{steps[-1]}, that is $\\boxed{{{answer}}}$."),
        answer=answer,
        closed=sympy.sqrt(sympy.Rational(square)),
        checked=checked,
    )
