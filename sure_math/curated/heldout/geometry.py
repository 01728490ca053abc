"""Geometry for the test split, easy and medium: boxes, polygons, circles and lines, parallelograms, rolling discs."""

from __future__ import annotations

import math
from fractions import Fraction

import mpmath
import sympy

from sure_math.curated.latex import decimal, fraction, interval, listed, ordered, polynomial, root, surd, term
from sure_math.curated.template import Draft, Draw, Members, template


@template(topic="geometry", tier="easy", split="test", answer_type="decimal", variants=2)
def ribbon_around_a_box(draw: Draw) -> Draft | None:
    pick = draw.random
    bow = pick.choice([30, 35, 40, 45, 50])
    way = (
        "A ribbon is tied around it twice: once around the length and the height, once around the width and the height"
    )
    if draw.variant == 0:
        long, wide, high = pick.randint(20, 40), pick.randint(12, 19), Fraction(pick.randint(9, 25), 2)
        ribbon = 2 * long + 2 * wide + 4 * high + bow
        if high.denominator == 1:
            return None
        answer = decimal(high)
        found = next(Fraction(n, 10) for n in range(1, 400) if 2 * (long + wide + 2 * Fraction(n, 10)) + bow == ribbon)
        return Draft(
            problem=f"A gift box with a rectangular base is {long} cm long and {wide} cm wide. {way}; both times it "
            "runs "
            f"straight over the top, down the sides and across the bottom. The bow takes another {bow} cm. Altogether "
            f"{ribbon} cm of ribbon are used. How many centimetres high is the box? Give your answer as a decimal.",
            steps=(
                f"Without the bow ${ribbon} - {bow} = {ribbon - bow}$ cm of ribbon go around the box.",
                "They run twice along the length, twice along the width and four times along the height, so four "
                "heights "
                f"are ${ribbon - bow} - 2 \\cdot {long} - 2 \\cdot {wide} = {4 * high}$ cm.",
                f"In centimetres the height is ${4 * high} \\div 4 = \\boxed{{{answer}}}$.",
            ),
            answer=answer,
            closed=high,
            checked=found,
        )
    side, share = pick.randint(12, 30), pick.choice([20, 25, 30, 40, 60, 75, 80])
    high = Fraction(side * share, 100)
    used = 4 * side + 4 * high + bow
    volume = Fraction(side * side) * high / 1000
    if high.denominator > 2 or used.denominator > 1 or volume.denominator == 1:
        return None
    length = next(s for s in range(1, 200) if 4 * s + Fraction(4 * s * share, 100) + bow == used)
    answer = decimal(volume)
    return Draft(
        problem=f"A gift box has a square base, and its height is ${share}\\%$ of the side of the base. {way}; both "
        "times it "
        f"runs straight over the top, down the sides and across the bottom. Together with {bow} cm for the bow this "
        "takes "
        f"{used} cm of ribbon. What is the volume of the box in litres? (One litre is 1000 cubic centimetres.) Give "
        "the exact answer as a decimal.",
        steps=(
            f"Without the bow ${used} - {bow} = {used - bow}$ cm of ribbon go around the box: four sides of the "
            "base and "
            "four heights.",
            f"A side and a height together measure ${used - bow} \\div 4 = {decimal((used - bow) / 4)}$ cm, "
            "which is "
            f"${decimal(1 + Fraction(share, 100))}$ times the side. So the side is ${side}$ cm and the height "
            f"${decimal(high)}$ cm.",
            f"The volume is ${side} \\cdot {side} \\cdot {decimal(high)} = {decimal(1000 * volume)}$ cubic "
            "centimetres, "
            f"in litres $\\boxed{{{answer}}}$.",
        ),
        answer=answer,
        closed=volume,
        checked=sum((Fraction(length * share, 100) for _ in range(length * length)), Fraction(0)) / 1000,
    )


@template(topic="geometry", tier="easy", split="test", answer_type="decimal", variants=2)
def angles_around_a_regular_polygon(draw: Draw) -> Draft | None:
    pick = draw.random
    with mpmath.workdps(50):
        if draw.variant == 0:
            n = pick.choice([16, 24, 32, 40, 48])
            inside = 180 - Fraction(360, n)
            value = (inside - 90) / 2
            corner, before, after = (mpmath.expjpi(mpmath.mpf(2 * k) / n) for k in (0, 1, -1))
            # The polygon runs counterclockwise; B follows A, and the square lies to the right of AB.
            far = corner + mpmath.mpc(0, -1) * (before - corner)
            checked = mpmath.degrees(abs(mpmath.arg((corner - far) / (after - far))))
            answer = decimal(value)
            return Draft(
                problem=f"$A$ and $B$ are neighbouring vertices of a regular polygon with {n} sides, and $Z$ is the "
                "other "
                "neighbour of $A$. Outside the polygon a square $ABPQ$ is drawn on side $AB$. How many degrees does "
                "angle $AQZ$ measure? Give your answer as a decimal.",
                steps=(
                    f"An interior angle of the polygon measures $180^\\circ - 360^\\circ \\div {n} = "
                    f"{decimal(inside)}^\\circ$.",
                    f"Around $A$ there remains angle $QAZ = 360^\\circ - 90^\\circ - {decimal(inside)}^\\circ = "
                    f"{decimal(270 - inside)}^\\circ$.",
                    "Since $AQ = AB = AZ$, triangle $AQZ$ is isosceles with equal angles at $Q$ and $Z$, each of "
                    f"$(180 - {decimal(270 - inside)}) \\div 2$ degrees, that is $\\boxed{{{answer}}}$.",
                ),
                answer=answer,
                closed=value,
                checked=checked,
            )
        n = pick.choice([16, 24, 32, 40])
        second, first = pick.randint(3, 5), pick.randint(6, 9)
        last = pick.randint(first + 2, 13)
        arcs = (second - 1) + (last - first)
        value = Fraction(180 * arcs, n)
        value = min(value, 180 - value)
        if value.denominator == 1 or value == 90:
            return None
        at = {k: mpmath.expjpi(mpmath.mpf(2 * k) / n) for k in (1, second, first, last)}
        turn = abs(mpmath.degrees(mpmath.arg((at[first] - at[1]) / (at[last] - at[second]))))
        checked = min(turn, 180 - turn)
        answer = decimal(value)
        other = "" if Fraction(180 * arcs, n) == value else ", and the angle next to it is the smaller one"
        return Draft(
            problem=f"The vertices of a regular polygon with {n} sides are numbered from 1 to {n} in order. The "
            "diagonal "
            f"from vertex 1 to vertex {first} crosses the diagonal from vertex {second} to vertex {last}. How many "
            "degrees "
            "does the smaller of the angles between these two diagonals measure? Give your answer as a decimal.",
            steps=(
                f"On the circle through all vertices, neighbouring vertices are ${decimal(Fraction(360, n))}^\\circ$ "
                "apart.",
                f"Two vertical angles at the crossing stand over the arcs from vertex 1 to vertex {second} and from "
                "vertex "
                f"{first} to vertex {last}, which together have ${second - 1} + {last - first} = {arcs}$ steps.",
                f"The angle is half of ${arcs} \\cdot {decimal(Fraction(360, n))}^\\circ$, that is "
                f"${decimal(Fraction(180 * arcs, n))}^\\circ${other}: $\\boxed{{{answer}}}$.",
            ),
            answer=answer,
            closed=value,
            checked=checked,
        )


@template(topic="geometry", tier="easy", split="test", answer_type="percentage", variants=2)
def block_of_painted_cubes(draw: Draw) -> Draft | None:
    pick = draw.random
    a, b, c = sorted((pick.randint(3, 10) for _ in range(3)), reverse=True)
    number = a * b * c
    ranges = [(x, y, z) for x in range(a) for y in range(b) for z in range(c)]
    faces = [sum((x == 0) + (x == s - 1) for x, s in zip(at, (a, b, c), strict=True)) for at in ranges]
    colour = pick.choice(["red", "blue", "silver", "yellow"])
    block = (
        f"A solid block, {a} cubes long, {b} wide and {c} high, is glued together from {number} equal white wooden "
        "cubes"
    )
    if draw.variant == 0:
        painted = 2 * (a * b + b * c + c * a)
        share = Fraction(100 * painted, 6 * number)
        text = (
            f"{block}. The whole outside of the block, including its bottom, is painted {colour}, and then the cubes "
            "are taken apart again. What "
            f"percentage of all the faces of the small cubes are {colour}? Write your answer with a percent sign."
        )
        steps = (
            f"The outside of the block consists of $2({a} \\cdot {b} + {b} \\cdot {c} + {c} \\cdot {a}) = {painted}$ "
            "faces of "
            "small cubes.",
            f"The {number} cubes have $6 \\cdot {number} = {6 * number}$ faces.",
            f"The painted share is $\\frac{{{painted}}}{{{6 * number}}}$",
        )
        checked = Fraction(100 * sum(faces), 6 * number)
    else:
        single = 2 * ((a - 2) * (b - 2) + (b - 2) * (c - 2) + (c - 2) * (a - 2))
        share = Fraction(100 * single, number)
        text = (
            f"{block}. The whole outside of the block, including its bottom, is painted {colour}, and then the cubes "
            "are "
            f"taken apart again. What percentage of the small cubes have exactly one {colour} face? Write your answer "
            "with a percent sign."
        )
        steps = (
            "A cube has exactly one painted face when it lies inside a face of the block, away from its edges.",
            f"There are $2({a - 2} \\cdot {b - 2} + {b - 2} \\cdot {c - 2} + {c - 2} \\cdot {a - 2}) = {single}$ "
            "such cubes.",
            f"Their share of all {number} cubes is $\\frac{{{single}}}{{{number}}}$",
        )
        checked = Fraction(100 * faces.count(1), number)
    if (10 * share).denominator != 1 or a == c or a * b * c > 700:
        return None
    answer = f"{decimal(share)}\\%"
    return Draft(
        problem=text,
        steps=(*steps[:-1], f"{steps[-1]}, that is $\\boxed{{{answer}}}$."),
        answer=answer,
        closed=share,
        checked=checked,
    )


@template(topic="geometry", tier="medium", split="test", answer_type="tuple", variants=2)
def circle_and_a_line(draw: Draw) -> Draft | None:
    pick = draw.random
    a1, a2, b1, b2 = (pick.randint(-6, 9) for _ in range(4))
    if 0 in (a1, a2, b1, b2) or a1 == b1 or a2 == b2:
        return None
    if draw.variant == 0:
        m, k = pick.choice([-3, -2, 2, 3]), pick.choice([-5, -4, -3, 3, 4, 5])
        slope = 2 * (b1 - a1) + 2 * m * (b2 - a2)
        constant = a1**2 + a2**2 - b1**2 - b2**2 + 2 * k * (b2 - a2)
        if slope == 0:
            return None
        x = Fraction(-constant, slope)
        centre = (x, m * x + k)
        if x.denominator not in (2, 3, 4, 5, 6, 7) or abs(x) > 12:
            return None

        def gap(at: int) -> int:
            return (at - a1) ** 2 + (m * at + k - a2) ** 2 - (at - b1) ** 2 - (m * at + k - b2) ** 2

        found = Fraction(-gap(0), gap(1) - gap(0))
        answer = ordered([fraction(part) for part in centre])
        return Draft(
            problem=f"A circle passes through $A{ordered([a1, a2])}$ and $B{ordered([b1, b2])}$, and its centre lies "
            "on the "
            f"line $y = {polynomial([m, k])}$. Find its centre. Give your answer as an ordered pair $(x, y)$ of "
            "fractions "
            "or integers in lowest terms.",
            steps=(
                f"The centre is $(t, {polynomial([m, k], 't')})$ for some $t$, and its distances from $A$ and $B$ "
                "are equal.",
                f"$(t - {a1})^2 + ({polynomial([m, k - a2], 't')})^2 = (t - {b1})^2 + "
                f"({polynomial([m, k - b2], 't')})^2$.".replace("- -", "+ "),
                f"The squares of $t$ cancel, and ${polynomial([slope, constant], 't')} = 0$ remains, so $t = "
                f"{fraction(x)}$.",
                f"The centre is $\\boxed{{{answer}}}$.",
            ),
            answer=answer,
            closed=centre,
            checked=(found, m * found + k),
        )
    # The centre is B.
    p, q = pick.choice([1, 2, 3, -1, -2, -3, 5, -5]), pick.choice([1, 2, 3, 4])
    square = p * p + q * q
    t = Fraction(-2 * ((a1 - b1) * q + (a2 - b2) * p), square)
    other = (a1 + t * q, a2 + t * p)
    if math.gcd(p, q) > 1 or t == 0 or all(part.denominator == 1 for part in other) or square > 30:
        return None
    apart = (a1 - b1) ** 2 + (a2 - b2) ** 2
    steps_out = [Fraction(n, square) for n in range(-2000, 2001) if n]
    found = next(s for s in steps_out if (a1 + s * q - b1) ** 2 + (a2 + s * p - b2) ** 2 == apart)
    answer = ordered([fraction(part) for part in other])
    return Draft(
        problem=f"The circle with centre $M{ordered([b1, b2])}$ that passes through $A{ordered([a1, a2])}$ meets the "
        "line "
        f"through $A$ with slope ${fraction(Fraction(p, q))}$ in a second point $C$. Find the coordinates of $C$. "
        "Give your "
        "answer as an ordered pair $(x, y)$ of integers or fractions in lowest terms.",
        steps=(
            f"The points of the line are $({a1}{term(q, 't')}, {a2}{term(p, 't')})$.",
            f"Their squared distance from $M$ is $({a1 - b1}{term(q, 't')})^2 + ({a2 - b2}{term(p, 't')})^2$, which "
            "has to be "
            f"${apart}$.",
            f"This means ${square}t^2{term(2 * ((a1 - b1) * q + (a2 - b2) * p), 't')} = 0$. The root $t = 0$ belongs "
            "to $A$, "
            f"and $t = {fraction(t)}$ to $C$.",
            f"So $C$ is the point $\\boxed{{{answer}}}$.",
        ),
        answer=answer,
        closed=other,
        checked=(a1 + found * q, a2 + found * p),
    )


@template(topic="geometry", tier="medium", split="test", answer_type="multiple_values", variants=2)
def tangents_of_a_circle(draw: Draw) -> Draft | None:
    pick = draw.random
    h, j, r = pick.randint(-6, 7), pick.randint(-6, 7), pick.randint(2, 7)
    if h == 0 or j == 0:
        return None
    circle = f"$(x{term(-h)})^2 + (y{term(-j)})^2 = {r * r}$"
    if draw.variant == 0:
        m = pick.choice([-4, -3, -2, 2, 3, 4])
        inner, middle = m * m + 1, j - m * h
        if middle == 0:
            return None
        with mpmath.workdps(60):
            points = mpmath.findroot
            # Tangent points of the direction (1, m), found as the extremes of y - m x along the circle.
            checked = frozenset(
                j - m * h + r * (mpmath.sin(t) - m * mpmath.cos(t))
                for t in (points(lambda u: mpmath.cos(u) + m * mpmath.sin(u), start) for start in _starts(m))
            )
        answer = listed([surd(middle, -r, inner), surd(middle, r, inner)])
        return Draft(
            problem=f"For which values of $k$ is the line $y = {'' if m > 0 else '-'}{abs(m)}x + k$ tangent to the "
            "circle "
            f"{circle}? List all values in simplest radical form, separated by a comma.",
            steps=(
                f"The circle has the centre $({h}, {j})$ and radius ${r}$; the line is ${polynomial([m, 0])} - y + k "
                "= 0$.",
                f"The distance of the centre from the line is $\\frac{{|{m * h} - ({j}) + "
                f"k|}}{{\\sqrt{{{inner}}}}}$, and it "
                f"has to be ${r}$.",
                f"So $|k{term(-middle)}| = {r}\\sqrt{{{inner}}}$, which gives $\\boxed{{{answer}}}$.",
            ),
            answer=answer,
            closed=frozenset(middle + sign * r * sympy.sqrt(inner) for sign in (-1, 1)),
            checked=checked,
        )
    p1, p2 = pick.randint(-12, 12), pick.randint(-12, 12)
    u, v = h - p1, j - p2
    rest = u * u + v * v - r * r
    if rest <= 0 or math.isqrt(rest) ** 2 != rest or u * u == r * r or v * v == r * r or 0 in (p1, p2):
        return None
    slopes = sorted(Fraction(u * v + sign * r * math.isqrt(rest), u * u - r * r) for sign in (-1, 1))
    if max(slope.denominator for slope in slopes) > 30 or slopes[0] == -slopes[1]:
        return None
    with mpmath.workdps(60):
        toward, half = mpmath.arg(mpmath.mpc(u, v)), mpmath.asin(r / mpmath.hypot(u, v))
        checked = frozenset({mpmath.tan(toward + half), mpmath.tan(toward - half)})
    answer = listed(fraction(slope) for slope in slopes)
    equation = polynomial([u * u - r * r, -2 * u * v, v * v - r * r], "m")
    return Draft(
        problem=f"Two lines through the point ${ordered([p1, p2])}$ are tangent to the circle {circle}. Find the "
        "slopes of the "
        "two lines. List them as integers or fractions in lowest terms, separated by a comma.",
        steps=(
            f"The line with slope $m$ is $y{term(-p2)} = m(x{term(-p1)})$.",
            f"Its distance from the centre ${ordered([h, j])}$ is $\\frac{{|{fraction(u)}m{term(-v)}|}}{{\\sqrt{{m^2 "
            f"+ 1}}}}$, "
            f"which has to be ${r}$.",
            f"Squaring, $({fraction(u)}m{term(-v)})^2 = {r * r}(m^2 + 1)$, that is ${equation} = 0$.",
            f"The slopes are the roots of this equation: $\\boxed{{{answer}}}$.",
        ),
        answer=answer,
        closed=frozenset(slopes),
        checked=checked,
    )


def _starts(m: int) -> tuple[mpmath.mpf, mpmath.mpf]:
    """Angles beside the two zeros of cos u + m sin u, half a turn apart."""
    near = mpmath.mpf(3) / 4 * mpmath.pi if abs(m) == 1 else mpmath.mpf("-0.3") * (1 if m > 0 else -1)
    return near, near + mpmath.pi


@template(topic="geometry", tier="medium", split="test", answer_type="radical", variants=2)
def sides_and_diagonals_of_a_parallelogram(draw: Draw) -> Draft | None:
    pick = draw.random
    if draw.variant == 0:
        a, b, d = pick.randint(4, 14), pick.randint(4, 14), pick.randint(5, 20)
        square = 2 * a * a + 2 * b * b - d * d
        if a == b or not abs(a - b) < d < a + b or math.isqrt(square) ** 2 == square:
            return None
        with mpmath.workdps(60):
            x = mpmath.mpf(a * a + d * d - b * b) / (2 * a)
            # D of the parallelogram ABCD is C - B for A at 0, B at a and C at the end of the diagonal.
            corner = mpmath.mpc(x, mpmath.sqrt(d * d - x * x)) - a
            checked = abs(corner - a)
        answer = root(square)
        return Draft(
            problem=f"In parallelogram $ABCD$ the sides are $AB = {a}$ and $BC = {b}$, and the diagonal $AC$ has "
            f"length ${d}$. "
            "Find the length of the diagonal $BD$ in simplest radical form.",
            steps=(
                f"In triangle $ABC$, $\\cos B = \\frac{{{a * a} + {b * b} - {d * d}}}{{2 \\cdot {a} \\cdot {b}}}$.",
                "The angle at $A$ supplements the angle at $B$, so $BD^2 = AB^2 + AD^2 + 2 \\cdot AB \\cdot AD \\cos "
                "B$, "
                f"that is $BD^2 = {a * a} + {b * b} + ({a * a} + {b * b} - {d * d}) = {square}$.",
                f"Hence $BD = \\boxed{{{answer}}}$.",
            ),
            answer=answer,
            closed=sympy.sqrt(square),
            checked=checked,
        )
    p, q, angle = pick.randint(6, 20), pick.randint(5, 19), pick.choice([60, 120])
    short = pick.random() < 0.5
    quarter = Fraction(p * p + q * q + (-p * q if short else p * q), 4)
    if p <= q or sympy.sqrt(sympy.Rational(quarter)).is_rational:
        return None
    with mpmath.workdps(60):
        turn = mpmath.expj(mpmath.radians(angle)) * q
        sides = sorted(abs(p - way * turn) / 2 for way in (1, -1))
        checked = sides[0] if short else sides[1]
    answer = root(quarter)
    which, sign = ("shorter", "-") if short else ("longer", "+")
    return Draft(
        problem=f"The diagonals of a parallelogram have lengths ${p}$ and ${q}$, and one of the angles between them "
        "measures "
        f"${angle}^\\circ$. Find the length of the {which} sides of the parallelogram in simplest radical form.",
        steps=(
            f"The diagonals bisect each other, so two neighbouring sides stand across from angles of $60^\\circ$ and "
            f"$120^\\circ$ between segments of lengths ${fraction(Fraction(p, 2))}$ and ${fraction(Fraction(q, 2))}$.",
            f"The {which} side belongs to the {'smaller' if short else 'larger'} angle. By the law of cosines its "
            "square is "
            f"$\\frac{{{p}^2}}{{4}} + \\frac{{{q}^2}}{{4}} {sign} \\frac{{{p} \\cdot {q}}}{{4}} = "
            f"{fraction(quarter)}$.",
            f"Its length is $\\boxed{{{answer}}}$.",
        ),
        answer=answer,
        closed=sympy.sqrt(sympy.Rational(quarter)),
        checked=checked,
    )


@template(topic="geometry", tier="medium", split="test", answer_type="expression", variants=2)
def swept_by_a_disc(draw: Draw) -> Draft | None:
    pick = draw.random
    if draw.variant == 0:
        a, b, c, r = pick.randint(9, 20), pick.randint(9, 20), pick.randint(9, 20), pick.randint(1, 4)
        if 2 * max(a, b, c) >= a + b + c:
            return None
        straight, square = 2 * r * (a + b + c), 4 * r * r
        with mpmath.workdps(50):
            cosines = [mpmath.mpf(q * q + s * s - p * p) / (2 * q * s) for p, q, s in ((a, b, c), (b, c, a), (c, a, b))]
            # At each corner the coin turns by 180 degrees less the angle of the triangle.
            turns = sum(mpmath.pi - mpmath.acos(cosine) for cosine in cosines)
            checked = straight + mpmath.quad(lambda far: turns * far, [0, 2 * r])
        answer = f"{straight} + {square}\\pi"
        return Draft(
            problem=f"A triangle with sides of {a} cm, {b} cm and {c} cm is drawn on a table. A coin with radius {r} "
            "cm, lying "
            "flat on the table, is rolled once all the way around the outside of the triangle, always touching it, "
            "until "
            "it is back at its starting place. What is the area, in square centimetres, of the part of the table "
            "that the "
            "coin covers at some moment? Give an exact answer in terms of $\\pi$.",
            steps=(
                f"The coin covers exactly the points outside the triangle at a distance of at most ${2 * r}$ cm from "
                "it.",
                f"Along the sides these are three rectangles of width ${2 * r}$, with the total area ${2 * r}({a} + "
                f"{b} + {c}) "
                f"= {straight}$.",
                f"At the corners they are three sectors of radius ${2 * r}$, whose angles add up to $3 \\cdot "
                "180^\\circ - "
                f"180^\\circ = 360^\\circ$: one full disc of area ${square}\\pi$.",
                f"Together this is $\\boxed{{{answer}}}$.",
            ),
            answer=answer,
            closed=straight + square * sympy.pi,
            checked=checked,
        )
    r, a, b = pick.randint(10, 20), pick.randint(20, 50) * 10, pick.randint(15, 40) * 10
    if a <= b:
        return None
    flat = 4 * r * (a + b) - 20 * r * r
    with mpmath.workdps(50):
        edge = mpmath.quad(lambda x: b - 2 * (r - mpmath.sqrt(r * r - (r - x) ** 2)), [0, r])
        checked = 2 * edge + 2 * r * b + (a - 4 * r) * 4 * r
    answer = f"{flat} + {r * r}\\pi"
    return Draft(
        problem=f"A cleaning robot has the shape of a disc with radius {r} cm. In an empty rectangular room, {a} cm "
        "long and "
        f"{b} cm wide, it drives once all the way around along the four walls, always touching a wall, and cleans "
        "every point of the floor that it passes over. How many square centimetres does it clean? Give an exact "
        "answer in "
        "terms of $\\pi$.",
        steps=(
            f"The centre of the robot stays ${r}$ cm from the wall, so the floor farther than ${2 * r}$ cm from all "
            "walls is not "
            f"cleaned: a rectangle of ${a - 4 * r}$ cm by ${b - 4 * r}$ cm.",
            f"In each corner of the room a square of side ${r}$ less a quarter disc of radius ${r}$ is not reached, "
            "in all "
            f"${4 * r * r} - {r * r}\\pi$.",
            f"The cleaned area is ${a} \\cdot {b} - {a - 4 * r} \\cdot {b - 4 * r} - ({4 * r * r} - {r * r}\\pi) = "
            f"\\boxed{{{answer}}}$.",
        ),
        answer=answer,
        closed=flat + r * r * sympy.pi,
        checked=checked,
    )


@template(topic="geometry", tier="medium", split="test", answer_type="interval", variants=2)
def when_two_circles_meet(draw: Draw) -> Draft | None:
    pick = draw.random
    p, q, apart = pick.choice([(3, 4, 5), (6, 8, 10), (5, 12, 13), (8, 15, 17), (9, 12, 15), (7, 24, 25)])
    if pick.random() < 0.5:
        p, q = q, p
    inside: list[Fraction] = []
    outside: list[Fraction] = []
    if draw.variant == 0:
        h, k = pick.randint(-5, 5), pick.randint(-5, 5)
        s = pick.randint(2, apart - 2)
        x, y = h + p * pick.choice([-1, 1]), k + q * pick.choice([-1, 1])
        if 0 in (h, k, x, y):
            return None
        low, high = apart - s, apart + s
        radii = [Fraction(n, 4) for n in range(1, 8 * apart)]
        for radius in radii:
            # Two common points: the radical line is nearer to the first centre than the radius.
            along = Fraction(radius * radius - s * s + apart * apart, 2 * apart)
            (inside if along**2 < radius**2 else outside).append(radius)
        answer = interval(low, high)
        return Draft(
            problem=f"A circle with radius $r$ has its centre at ${ordered([h, k])}$; another circle with radius "
            f"${s}$ has its "
            f"centre at ${ordered([x, y])}$. For which values of $r > 0$ do the circles have exactly two points in "
            "common? "
            "Write your answer in interval notation.",
            steps=(
                f"The distance between the centres is $\\sqrt{{{p}^2 + {q}^2}} = {apart}$.",
                "Two circles meet in two points exactly when this distance is less than the sum of the radii and "
                "greater "
                f"than their difference: $|r - {s}| < {apart} < r + {s}$.",
                f"The second inequality says $r > {low}$, the first one $r < {high}$ (and $r > {s - apart}$): the "
                "values form "
                f"$\\boxed{{{answer}}}$.",
            ),
            answer=answer,
            closed=sympy.Interval.open(low, high),
            checked=Members(inside=tuple(inside), outside=tuple(outside)),
        )
    h, k = pick.randint(-6, 9), q * pick.choice([-1, 1])
    r = pick.randint(1, apart - 1)
    s = apart - r
    if h in (0, p, -p) or r == s or abs(k) <= abs(r - s):
        return None
    low, high = h - p, h + p
    for t in (Fraction(n, 4) + h for n in range(-4 * p - 40, 4 * p + 41)):
        square = (t - h) ** 2 + k * k
        # Squared along-line position of the radical line, free of the root: (d^2 + r^2 - s^2)^2 against 4 d^2 r^2.
        along = square + r * r - s * s
        free = along**2 > 4 * square * r * r
        (inside if free else outside).append(t)
    answer = f"{interval(None, low)} \\cup {interval(high, None)}"
    return Draft(
        problem=f"A circle with radius ${r}$ has its centre at ${ordered([h, k])}$. A second circle has radius "
        f"${s}$, and its "
        "centre is the point $(t, 0)$ of the $x$-axis. For which real numbers $t$ do the two circles have no point in "
        "common? Write your answer in interval notation.",
        steps=(
            f"The centres are at the distance $\\sqrt{{(t{term(-h)})^2 + {k * k}}}$, which is at least ${abs(k)}$.",
            f"Since ${abs(k)} > |{r} - {s}|$, neither circle can lie inside the other, so they have no common point "
            "exactly "
            f"when $(t{term(-h)})^2 + {k * k} > ({r} + {s})^2 = {apart * apart}$.",
            f"So $(t{term(-h)})^2 > {p * p}$, which means $t < {low}$ or $t > {high}$: $\\boxed{{{answer}}}$.",
        ),
        answer=answer,
        closed=sympy.Union(sympy.Interval.open(-sympy.oo, low), sympy.Interval.open(high, sympy.oo)),
        checked=Members(inside=tuple(inside), outside=tuple(outside)),
    )
