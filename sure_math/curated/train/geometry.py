"""Geometry for the training split, easy and medium: areas, angles, solids, circles, points in the plane."""

from __future__ import annotations

import math
from fractions import Fraction

import mpmath
import sympy

from sure_math.curated.latex import decimal, fraction, interval, ordered, polynomial, root
from sure_math.curated.template import Draft, Draw, Members, template


@template(topic="geometry", tier="easy", split="train", answer_type="decimal")
def path_around_three_sides(draw: Draw) -> Draft | None:
    pick = draw.random
    long, short, width = pick.randint(10, 24), pick.randint(5, 9), Fraction(pick.choice([1, 3, 5]), 2)
    area = (long + 2 * width) * (short + width) - long * short
    if area.denominator == 1:
        return None
    half = int(2 * width)
    # Squares with sides of half a metre, counted one by one; the house lies below the first row.
    cells = sum(
        not (half <= column < half + 2 * long and row < 2 * short)
        for column in range(2 * long + 2 * half)
        for row in range(2 * short + half)
    )
    plot, cover = pick.choice([("lawn", "gravel path"), ("flower bed", "brick path"), ("swimming pool", "wooden deck")])
    answer = decimal(area)
    return Draft(
        problem=f"A rectangular {plot} is {long} m long and {short} m wide, and one of its long sides lies along the "
        f"wall of a house. A {cover} of constant width {decimal(width)} m runs around the other three sides, "
        "outside the "
        f"{plot} and with square corners, and ends at the wall on both sides. What is the area of the {cover} in "
        "square metres? Give your answer as a decimal.",
        steps=(
            f"Together with the {cover} the rectangle is ${long} + 2 \\cdot {decimal(width)} = "
            f"{decimal(long + 2 * width)}$ m long and ${short} + {decimal(width)} = {decimal(short + width)}$ m wide.",
            f"The {plot} alone has the area ${long} \\cdot {short} = {long * short}$ square metres.",
            f"The {cover} covers ${decimal(long + 2 * width)} \\cdot {decimal(short + width)} - {long * short} = "
            f"\\boxed{{{answer}}}$.",
        ),
        answer=answer,
        closed=area,
        checked=Fraction(cells, 4),
    )


@template(topic="geometry", tier="easy", split="train", answer_type="decimal")
def between_height_and_bisector(draw: Draw) -> Draft | None:
    pick = draw.random
    b, c = pick.randint(48, 86), pick.randint(21, 46)
    value = Fraction(b - c, 2)
    if value.denominator == 1 or b + c <= 92:
        return None
    top, foot, meet = pick.choice([("A", "H", "W"), ("A", "F", "D"), ("A", "K", "L")])
    with mpmath.workdps(60):
        tangents = [mpmath.tan(mpmath.radians(angle)) for angle in (b, c)]
        # The height is 1; the bisector ends where its distances from both sides are equal.
        left, right = -1 / tangents[0], 1 / tangents[1]
        sides = [mpmath.sqrt(1 + left**2), mpmath.sqrt(1 + right**2)]
        end = mpmath.findroot(lambda x: (x - left) / sides[0] - (right - x) / sides[1], (left, right))
        checked = mpmath.degrees(mpmath.atan(abs(end)))
    answer = decimal(value)
    third = 180 - b - c
    return Draft(
        problem=f"In triangle $ABC$ the angle at $B$ measures ${b}^\\circ$ and the angle at $C$ measures ${c}^\\circ$. "
        f"The altitude from ${top}$ meets side $BC$ at ${foot}$, and the bisector of angle $A$ meets side $BC$ at "
        f"${meet}$. How many degrees does angle ${foot}{top}{meet}$ measure? Give your answer as a decimal.",
        steps=(
            f"The angle at $A$ measures $180^\\circ - {b}^\\circ - {c}^\\circ = {third}^\\circ$, so angle "
            f"$BA{meet}$ measures ${decimal(Fraction(third, 2))}^\\circ$.",
            f"In the right triangle $AB{foot}$ the angle at $A$ measures $90^\\circ - {b}^\\circ = {90 - b}^\\circ$.",
            f"The angle we want is their difference, ${decimal(Fraction(third, 2))} - {90 - b} = \\boxed{{{answer}}}$.",
        ),
        answer=answer,
        closed=value,
        checked=checked,
    )


@template(topic="geometry", tier="easy", split="train", answer_type="fraction")
def water_poured_together(draw: Draw) -> Draft | None:
    pick = draw.random
    a, b, high = pick.randint(6, 15), pick.randint(6, 15), pick.randint(5, 14)
    c, d, deep = pick.randint(16, 24), pick.randint(10, 18), pick.randint(2, 9)
    depth = deep + Fraction(a * b * high, c * d)
    if depth.denominator == 1 or depth.denominator > 40 or deep >= high:
        return None
    base = c * d
    found = next(Fraction(n, base) for n in range(1, 60 * base) if n == base * deep + a * b * high)
    box, other = pick.choice([("fish tank", "glass trough"), ("plastic box", "metal tray"), ("vase", "fish tank")])
    answer = fraction(depth)
    return Draft(
        problem=f"A {box} with a rectangular base of {a} cm by {b} cm holds water to a height of {high} cm. All of "
        "this "
        f"water is poured into a {other} with a rectangular base of {c} cm by {d} cm, in which the water already "
        f"stood {deep} cm high. Both have vertical walls and nothing spills. How many centimetres high does the water "
        f"stand in the {other} now? Give your answer as a fraction in lowest terms.",
        steps=(
            f"The {box} holds ${a} \\cdot {b} \\cdot {high} = {a * b * high}$ cubic centimetres of water.",
            f"The base of the {other} measures ${c} \\cdot {d} = {base}$ square centimetres, so the water rises by "
            f"$\\frac{{{a * b * high}}}{{{base}}}$, which is ${fraction(depth - deep)}$ cm.",
            f"The height in centimetres is now ${deep} + {fraction(depth - deep)} = \\boxed{{{answer}}}$.",
        ),
        answer=answer,
        closed=depth,
        checked=found,
    )


@template(topic="geometry", tier="easy", split="train", answer_type="percentage")
def dark_part_of_a_tile(draw: Draw) -> Draft | None:
    pick = draw.random
    side = pick.choice([10, 20, 25, 30, 40, 50])
    leg, inner = pick.randint(2, side // 2), 2 * pick.randint(1, side // 4) + side % 2
    share = Fraction(2 * leg * leg + inner * inner, side * side) * 100
    if inner + leg >= side or (10 * share).denominator != 1 or share > 90 or share < 10:
        return None
    dark = 0
    low = (side - inner) // 2
    for row in range(side):
        for column in range(side):
            corners = [min(row, side - 1 - row) + min(column, side - 1 - column)]
            dark += 2 * any(total < leg - 1 for total in corners) + any(total == leg - 1 for total in corners)
            dark += 2 * (low <= row < low + inner and low <= column < low + inner)
    colour = pick.choice(["dark blue", "black", "green", "red"])
    answer = f"{decimal(share)}\\%"
    return Draft(
        problem=f"A white square tile has sides of {side} cm. At each of its four corners an isosceles right triangle "
        f"with legs of {leg} cm along the edges of the tile is painted {colour}, and so is a square with "
        f"sides of {inner} cm in the middle of the tile, whose sides are parallel to the edges; the painted parts do "
        f"not overlap. What percentage of the tile is {colour}?",
        steps=(
            f"Each triangle has the area $\\frac{{1}}{{2}} \\cdot {leg}^2$, so all four have "
            f"$2 \\cdot {leg}^2 = {2 * leg * leg}$ square centimetres.",
            f"The small square has ${inner}^2 = {inner * inner}$ and the tile ${side}^2 = {side * side}$ square "
            "centimetres.",
            f"The painted share is $\\frac{{{2 * leg * leg} + {inner * inner}}}{{{side * side}}} = "
            f"\\frac{{{2 * leg * leg + inner * inner}}}{{{side * side}}}$, that is $\\boxed{{{answer}}}$.",
        ),
        answer=answer,
        closed=share,
        checked=Fraction(100 * dark, 2 * side * side),
    )


@template(topic="geometry", tier="medium", split="train", answer_type="tuple")
def mirror_image_of_a_corner(draw: Draw) -> Draft | None:
    pick = draw.random
    (a1, a2), (b1, b2), (c1, c2) = ((pick.randint(-7, 9), pick.randint(-7, 9)) for _ in range(3))
    u, v = c1 - b1, c2 - b2
    square, cross = u * u + v * v, (a1 - b1) * v - (a2 - b2) * u
    if u == 0 or v == 0 or cross == 0 or square > 40:
        return None
    share = Fraction((a1 - b1) * u + (a2 - b2) * v, square)
    image = (2 * (b1 + share * u) - a1, 2 * (b2 + share * v) - a2)
    if share in (0, 1) or all(part.denominator == 1 for part in image):
        return None

    def far(t: int) -> int:
        return (b1 + t * u - a1) ** 2 + (b2 + t * v - a2) ** 2

    # The squared distance is a quadratic function of t; three values give the place of its minimum.
    bend = far(2) - 2 * far(1) + far(0)
    least = Fraction(bend - 2 * (far(1) - far(0)), 2 * bend)
    answer = ordered([fraction(part) for part in image])
    frame = pick.choice(
        [
            "The triangle with vertices $A{}$, $B{}$ and $C{}$ is reflected in the line $BC$. Find the coordinates of "
            "the image of $A$.",
            "Given are the points $A{}$, $B{}$ and $C{}$. Let $D$ be the point for which the line $BC$ is the "
            "perpendicular bisector of segment $AD$. Find the coordinates of $D$.",
        ]
    ).format(ordered([a1, a2]), ordered([b1, b2]), ordered([c1, c2]))
    foot = ordered([fraction(b1 + share * u), fraction(b2 + share * v)])
    return Draft(
        problem=f"{frame} Give them as an ordered pair of integers or fractions in lowest terms.",
        steps=(
            f"A vector along the line $BC$ is ${ordered([u, v])}$, and the vector from $B$ to $A$ is "
            f"${ordered([a1 - b1, a2 - b2])}$.",
            f"The foot of the perpendicular from $A$ is $B + t{ordered([u, v])}$ with $t = "
            f"\\frac{{{(a1 - b1) * u + (a2 - b2) * v}}}{{{square}}}$, which is the point ${foot}$.",
            f"It is the midpoint of $A$ and its image, so the image is $\\boxed{{{answer}}}$.",
        ),
        answer=answer,
        closed=image,
        checked=(2 * (b1 + least * u) - a1, 2 * (b2 + least * v) - a2),
    )


@template(topic="geometry", tier="medium", split="train", answer_type="radical")
def slanted_chord(draw: Draw) -> Draft | None:
    pick = draw.random
    radius, apart = pick.randint(5, 15), pick.randint(3, 12)
    angle, square = pick.choice([(30, Fraction(1, 4)), (45, Fraction(1, 2)), (60, Fraction(3, 4))])
    value = 4 * (radius * radius - apart * apart * square)
    if apart >= radius or sympy.sqrt(sympy.Rational(value)).is_rational:
        return None
    with mpmath.workdps(60):
        along = mpmath.cos(mpmath.radians(angle))
        ends = mpmath.polyroots([1, 2 * apart * along, apart * apart - radius * radius], extraprec=200)
        checked = abs(ends[0] - ends[1])
    answer = root(value)
    frame = pick.choice(
        [
            f"A point $P$ lies {apart} cm from the centre $O$ of a circle with radius {radius} cm. A chord through $P$ "
            f"makes an angle of ${angle}^\\circ$ with the line $OP$. How many centimetres long is the chord?",
            f"Inside a circle with centre $O$ and radius {radius} lies a point $P$ with $OP = {apart}$. A line through "
            f"$P$ that meets $OP$ at an angle of ${angle}^\\circ$ cuts the circle at $X$ and $Y$. Find the length of "
            "$XY$.",
        ]
    )
    gap = fraction(apart * apart * square)
    return Draft(
        problem=f"{frame} Give your answer in simplest radical form.",
        steps=(
            f"The distance of the chord from $O$ is ${apart} \\sin {angle}^\\circ$, whose square is ${gap}$.",
            f"Half the chord has the square ${radius}^2 - {gap} = {fraction(value / 4)}$.",
            f"The whole chord has the square ${fraction(value)}$, so its length is $\\boxed{{{answer}}}$.",
        ),
        answer=answer,
        closed=sympy.sqrt(sympy.Rational(value)),
        checked=checked,
    )


@template(topic="geometry", tier="medium", split="train", answer_type="expression")
def cone_from_a_sector(draw: Draw) -> Draft | None:
    pick = draw.random
    angle = pick.choice([60, 72, 90, 120, 144, 150, 180, 240, 270, 300])
    radius = pick.choice([6, 8, 9, 10, 12, 15, 18, 20, 24])
    base = Fraction(radius * angle, 360)
    square = radius * radius - base * base
    if base.denominator > 1:
        return None
    factor = base * base / 3
    with mpmath.workdps(50):
        rim = mpmath.quad(lambda t: radius, [0, mpmath.radians(angle)]) / (2 * mpmath.pi)
        high = mpmath.findroot(lambda h: mpmath.hypot(h, rim) - radius, radius)
        checked = mpmath.quad(lambda h: mpmath.pi * (rim * (1 - h / high)) ** 2, [0, high])
    volume = root(square * factor * factor)
    answer = f"{volume}\\pi"
    what = pick.choice(["paper", "felt", "cardboard", "sheet metal"])
    return Draft(
        problem=f"A piece of {what} has the shape of a sector of a circle with radius {radius} cm and central angle "
        f"${angle}^\\circ$. Its two straight edges are joined, without overlap, to make the curved surface of a cone. "
        "What is the volume of this cone in cubic centimetres? Give an exact answer in terms of $\\pi$, with radicals "
        "simplified.",
        steps=(
            f"The arc of the sector is $\\frac{{{angle}}}{{360}} \\cdot 2\\pi \\cdot {radius} = {2 * base}\\pi$ cm "
            "long; it "
            f"becomes the rim of the cone, whose base radius is therefore ${base}$ cm.",
            f"The radius of the sector becomes the slant height, so the height of the cone is "
            f"$\\sqrt{{{radius}^2 - {base}^2}} = {root(square)}$ cm.",
            f"The volume is $\\frac{{1}}{{3}} \\cdot \\pi \\cdot {base}^2 \\cdot {root(square)} = "
            f"\\boxed{{{answer}}}$.",
        ),
        answer=answer,
        closed=sympy.pi * sympy.sqrt(sympy.Rational(square * factor * factor)),
        checked=checked,
    )


@template(topic="geometry", tier="medium", split="train", answer_type="fraction")
def side_triangle_of_a_trapezoid(draw: Draw) -> Draft | None:
    pick = draw.random
    a, b, h = pick.randint(7, 20), pick.randint(4, 15), pick.randint(3, 12)
    value = Fraction(a * b * h, 2 * (a + b))
    if a <= b or value.denominator == 1:
        return None
    shift = pick.randint(1, 5)
    # AC and BD from A = (0, 0), B = (a, 0), C = (shift + b, h), D = (shift, h), solved for their common point.
    s = sympy.Matrix([[shift + b, a - shift], [h, -h]]).LUsolve(sympy.Matrix([a, 0]))[0]
    x, y = Fraction(int((s * (shift + b)).p), int((s * (shift + b)).q)), Fraction(int((s * h).p), int((s * h).q))
    checked = abs(x * h - y * shift) / 2
    answer = fraction(value)
    frame = pick.choice(
        [
            f"In trapezoid $ABCD$ the parallel sides are $AB = {a}$ and $CD = {b}$, and the distance between them is "
            f"${h}$. The diagonals $AC$ and $BD$ meet at $P$. Find the area of triangle $APD$.",
            f"A trapezoid $ABCD$ with $AB \\parallel CD$ has height ${h}$, $AB = {a}$ and $CD = {b}$. Its diagonals "
            "divide it into four triangles, two of which have a leg of the trapezoid as a side. Find the area of "
            "one of these two triangles, which have equal areas.",
        ]
    )
    part = fraction(Fraction(a * h, a + b))
    return Draft(
        problem=f"{frame} Give your answer as a fraction in lowest terms.",
        steps=(
            f"Let $P$ be the common point of the diagonals. Triangles $ABP$ and $CDP$ are similar with ratio ${a} : "
            f"{b}$, "
            f"so the distance of $P$ from $AB$ is $\\frac{{{a}}}{{{a + b}}} \\cdot {h} = {part}$.",
            f"Triangle $ABD$ has the area $\\frac{{1}}{{2}} \\cdot {a} \\cdot {h} = {fraction(Fraction(a * h, 2))}$, "
            "and "
            f"triangle $ABP$ has the area $\\frac{{1}}{{2}} \\cdot {a} \\cdot {part} = "
            f"{fraction(Fraction(a * a * h, 2 * (a + b)))}$.",
            f"Triangle $APD$ is what remains of triangle $ABD$: $\\boxed{{{answer}}}$.",
        ),
        answer=answer,
        closed=value,
        checked=checked,
    )


@template(topic="geometry", tier="medium", split="train", answer_type="expression")
def farther_by_a_factor(draw: Draw) -> Draft | None:
    pick = draw.random
    (a1, a2), (b1, b2) = ((pick.randint(-6, 8), pick.randint(-6, 8)) for _ in range(2))
    p, q = pick.choice([(2, 1), (3, 1), (3, 2), (4, 1), (4, 3), (5, 3)])
    apart = (a1 - b1) ** 2 + (a2 - b2) ** 2
    square = Fraction(p * p * q * q * apart, (p * p - q * q) ** 2)
    if a1 == b1 or a2 == b2 or 0 in (a1, a2, b1, b2) or square.denominator > 16 or square.numerator > 2000:
        return None
    with mpmath.workdps(60):
        one, two = mpmath.mpc(a1, a2), mpmath.mpc(b1, b2)
        found = []
        for turn in (0, 1, 2):
            way = mpmath.expjpi(mpmath.mpf(turn) / 2 + mpmath.mpf("0.3"))
            # |way t + two - one|^2 q^2 = p^2 t^2 for the distance t from the second point.
            lean = (way * mpmath.conj(two - one)).real
            roots = mpmath.polyroots([q * q - p * p, 2 * q * q * lean, q * q * apart], extraprec=200)
            found.append(two + way * max(mpmath.re(t) for t in roots))
        x, y, z = found
        sides = abs(x - y) * abs(y - z) * abs(z - x)
        radius = sides / (2 * abs(((y - x) * mpmath.conj(z - x)).imag))
        checked = mpmath.pi * radius**2
    area = fraction(square)
    answer = f"{area}\\pi"
    times = {(2, 1): "twice", (3, 1): "three times", (4, 1): "four times"}.get((p, q), f"$\\frac{{{p}}}{{{q}}}$ times")
    x2, lin1, lin2 = p * p - q * q, 2 * (q * q * a1 - p * p * b1), 2 * (q * q * a2 - p * p * b2)
    middle = ordered([fraction(Fraction(-lin1, 2 * x2)), fraction(Fraction(-lin2, 2 * x2))])
    return Draft(
        problem=f"All points of the plane whose distance from $A{ordered([a1, a2])}$ is exactly {times} their distance "
        f"from $B{ordered([b1, b2])}$ form a circle. What is the area inside this circle? Give an exact answer in "
        "terms "
        "of $\\pi$.",
        steps=(
            f"For $P(x, y)$ the condition is ${q * q if q > 1 else ''}\\left((x - {a1})^2 + (y - {a2})^2\\right) = "
            f"{p * p}\\left((x - {b1})^2 + (y - {b2})^2\\right)$.".replace("- -", "+ "),
            f"Dividing by the coefficient ${x2}$ of $x^2$ and completing the squares shows that the centre is "
            f"${middle}$.",
            f"The square of the radius is $\\frac{{{p * p} \\cdot {q * q} \\cdot AB^2}}{{{x2}^2}}$ with $AB^2 = "
            f"{apart}$, that "
            f"is ${area}$, so the area is $\\boxed{{{answer}}}$.",
        ),
        answer=answer,
        closed=sympy.pi * sympy.Rational(square),
        checked=checked,
    )


@template(topic="geometry", tier="medium", split="train", answer_type="interval")
def where_the_angle_is_obtuse(draw: Draw) -> Draft | None:
    pick = draw.random
    a1, b1, level = pick.randint(-9, 4), pick.randint(5, 14), pick.randint(-5, 6)
    up, down = pick.randint(1, 9), pick.randint(1, 9)
    inner = (b1 - a1) ** 2 - 4 * up * down
    if inner <= 0 or math.isqrt(inner) ** 2 != inner or level == 0:
        return None
    low, high = (Fraction(a1 + b1 + sign * math.isqrt(inner), 2) for sign in (-1, 1))
    # The three squared sides decide whether the angle at P is obtuse.
    grid = [Fraction(n, 2) + beside for n in range(2 * a1 - 9, 2 * b1 + 9) for beside in (0, Fraction(1, 99))]
    apart = (a1 - b1) ** 2 + (up - down) ** 2
    obtuse = [x for x in grid if (x - a1) ** 2 + up**2 + (x - b1) ** 2 + down**2 < apart]
    a2, b2 = level + up, level + down
    answer = interval(low, high)
    frame = pick.choice(
        [
            f"A point $P(x, {level})$ moves along the line $y = {level}$. For which values of $x$ is angle $APB$ "
            "obtuse?",
            f"Find all real numbers $x$ for which the point $P(x, {level})$ sees the segment $AB$ under an obtuse "
            "angle "
            "$APB$.",
        ]
    )
    return Draft(
        problem=f"Let $A{ordered([a1, a2])}$ and $B{ordered([b1, b2])}$. {frame} Write your answer in interval "
        "notation.",
        steps=(
            f"The vectors from $P$ to $A$ and $B$ are $({a1} - x, {up})$ and $({b1} - x, {down})$.",
            f"The angle is obtuse when their scalar product is negative: $({a1} - x)({b1} - x) + {up * down} < 0$, "
            "that "
            f"is ${polynomial([1, -a1 - b1, a1 * b1 + up * down])} < 0$. The angle is never straight, because "
            "$A$ and $B$ both lie above the line.",
            f"The roots of this quadratic are ${fraction(low)}$ and ${fraction(high)}$, so $x$ lies in "
            f"$\\boxed{{{answer}}}$.",
        ),
        answer=answer,
        closed=sympy.Interval.open(sympy.Rational(low), sympy.Rational(high)),
        checked=Members(inside=tuple(obtuse), outside=tuple(x for x in grid if x not in set(obtuse))),
    )
