"""Precalculus for the test split, easy and medium: machines, growth, sinusoids, vectors, parabolas, rotations."""

from __future__ import annotations

import math
from fractions import Fraction

import mpmath
import sympy

from sure_math.curated.latex import decimal, fraction, interval, listed, ordered, polynomial, root, surd, term
from sure_math.curated.template import Draft, Draw, Members, Points, template

At = tuple[dict[str, int | Fraction], int | Fraction]


@template(topic="precalculus", tier="easy", split="test", answer_type="fraction", variants=2)
def machines_in_either_order(draw: Draw) -> Draft | None:
    pick = draw.random
    a, b, c, d = pick.randint(3, 8), pick.randint(2, 14), pick.randint(2, 7), pick.randint(2, 14)
    if a == c:
        return None
    if draw.variant == 0:
        value = Fraction(b * (c - 1), a - 1)

        def gap(k: Fraction) -> Fraction:
            # Both orders differ by the same number for every input; 10 is one.
            return (a * (c * 10 + k) + b) - (c * (a * 10 + b) + k)

        text = (
            f"Machine F multiplies a number by ${a}$ and then adds ${b}$. Machine G multiplies a number by ${c}$ and "
            "then adds $k$. For "
            "one number $k$ the order of the machines makes no difference: whatever is fed in, F followed by G gives "
            "the "
            "same result as G followed by F. What is $k$?"
        )
        steps = (
            f"F followed by G turns $x$ into ${c}({a}x + {b}) + k = {a * c}x + {b * c} + k$.",
            f"G followed by F turns $x$ into ${a}({c}x + k) + {b} = {a * c}x + {a}k + {b}$.",
            f"These agree when ${a - 1}k = {b * c} - {b} = {b * (c - 1)}$, so $k = ",
        )
    else:
        times = pick.choice([2, 3])
        value = Fraction(b * c + d - times * (a * d + b), (times - 1) * a * c)

        def gap(k: Fraction) -> Fraction:
            return (c * (a * k + b) + d) - times * (a * (c * k + d) + b)

        word = {2: "twice", 3: "three times"}[times]
        text = (
            f"Machine F multiplies a number by ${a}$ and then adds ${b}$. Machine G multiplies a number by ${c}$ and "
            f"then adds ${d}$. "
            "The same number $x$ is sent once through F and then G, and once through G and then F; the first result "
            "is exactly "
            f"{word} the second one. What is $x$?"
        )
        steps = (
            f"F followed by G gives ${c}({a}x + {b}) + {d} = {a * c}x + {b * c + d}$.",
            f"G followed by F gives ${a}({c}x + {d}) + {b} = {a * c}x + {a * d + b}$.",
            f"From ${a * c}x + {b * c + d} = {times}({a * c}x + {a * d + b})$ we get ${(times - 1) * a * c}x = "
            f"{b * c + d - times * (a * d + b)}$, so $x = ",
        )
    if value.denominator == 1:
        return None
    zero, one = gap(Fraction(0)), gap(Fraction(1))
    answer = fraction(value)
    return Draft(
        problem=f"{text} Give your answer as a fraction in lowest terms.",
        steps=(*steps[:-1], f"{steps[-1]}\\boxed{{{answer}}}$."),
        answer=answer,
        closed=value,
        checked=zero / (zero - one),
    )


@template(topic="precalculus", tier="easy", split="test", answer_type="decimal", variants=2)
def way_back_in_a_straight_line(draw: Draw) -> Draft | None:
    pick = draw.random
    traveller = pick.choice(["A drone flies", "A survey boat goes", "A rescue dog runs"])
    if draw.variant == 0:
        p, q, r = pick.choice([(3, 4, 5), (4, 3, 5), (5, 12, 13), (8, 15, 17), (15, 8, 17), (12, 5, 13)])
        scale = pick.choice([10, 20, 30, 40])
        south, west = pick.randint(5, 20) * 10, pick.randint(5, 20) * 10
        north, east = south + scale * p, west + scale * q
        speed = pick.choice([4, 8, 16, 20, 25])
        time = Fraction(scale * r, speed)
        if time.denominator == 1 or time.denominator > 4:
            return None
        with mpmath.workdps(50):
            place = mpmath.mpc(0)
            for way, length in ((1j, north), (1, east), (-1j, south), (-1, west)):
                place += mpmath.mpc(way) * length
            checked = abs(place) / speed
        answer = decimal(time)
        return Draft(
            problem=f"{traveller} {north} m north, then {east} m east, then {south} m south and then "
            f"{west} m west. From "
            f"there it returns to its starting point in a straight line at {speed} metres per second. How many "
            "seconds does the "
            "way back take? Give your answer as a decimal.",
            steps=(
                f"It ends up ${north} - {south} = {north - south}$ m north and ${east} - {west} = "
                f"{east - west}$ m east of its "
                "starting point.",
                f"The straight way back has the length $\\sqrt{{{north - south}^2 + {east - west}^2}} = {scale * r}$ "
                f"m.",
                f"At {speed} metres per second this takes ${scale * r} \\div {speed}$ seconds, that is "
                f"$\\boxed{{{answer}}}$.",
            ),
            answer=answer,
            closed=time,
            checked=checked,
        )
    p, q, r = pick.choice([(4, 3, 5), (12, 5, 13), (8, 15, 17), (24, 7, 25)])
    halves = 2 * pick.randint(5, 24) + 1
    value, north, total = Fraction(q * halves, 2), p * halves // 2, (p + q + r) * halves // 2
    quarters = [Fraction(n, 4) for n in range(1, 4 * (total - north))]
    found = [x for x in quarters if (total - north - x) ** 2 == north * north + x * x]
    if len(found) != 1:
        return None
    answer = decimal(value)
    return Draft(
        problem=f"{traveller} {north} m north, then some distance east, and then straight back to its starting "
        "point. The whole round "
        f"trip is exactly {total} m long. How many metres long is the part that leads east? Give your answer "
        "as a decimal.",
        steps=(
            f"If the part that leads east is $x$ m long, the way back is ${total} - {north} - x = "
            f"{total - north} - x$ m long.",
            f"The first two parts are perpendicular, so $({total - north} - x)^2 = {north}^2 + x^2$.",
            f"The squares of $x$ cancel: ${2 * (total - north)}x = {(total - north) ** 2} - {north * north} = "
            f"{total * total - 2 * north * total}$, so $x = \\boxed{{{answer}}}$.",
        ),
        answer=answer,
        closed=value,
        checked=found[0],
    )


@template(topic="precalculus", tier="easy", split="test", answer_type="percentage", variants=2)
def doubling_and_halving(draw: Draw) -> Draft | None:
    pick = draw.random
    if draw.variant == 0:
        days, steps, extra = pick.randint(2, 6), pick.randint(3, 5), pick.randint(2, 6)
        full = days * (steps + extra)
        early = full - days * steps
        share = Fraction(100, 2**steps)
        size = Fraction(100)
        for _ in range(full, early, -days):
            size /= 2
        plant, place = pick.choice(
            [("Duckweed", "a garden pond"), ("Water ferns", "a small lake"), ("Green algae", "a tank")]
        )
        grow = "grows" if plant == "Duckweed" else "grow"
        answer = f"{decimal(share)}\\%"
        return Draft(
            problem=f"{plant} {grow} on {place} so that the covered area doubles every {days} days. On day {full} "
            "the surface becomes "
            f"completely covered. What percentage of the surface was covered on day {early}? Give the exact value "
            "with a percent sign.",
            steps=(
                f"From day {early} to day {full} there are ${full} - {early} = {full - early}$ days, that is "
                f"${steps}$ doublings.",
                f"So on day {early} the fraction $\\frac{{1}}{{2^{steps}}} = \\frac{{1}}{{{2**steps}}}$ of the "
                "surface was covered.",
                f"As a percentage this is $\\boxed{{{answer}}}$.",
            ),
            answer=answer,
            closed=share,
            checked=size,
        )
    half, count, last = pick.choice([2, 3, 4, 6]), pick.randint(3, 4), pick.randint(1, 2)
    # Tablets at 0, half, 2 half, ...; asked `last` half-lives after the last one.
    share = Fraction(100 * (2**count - 1), 2 ** (count - 1 + last))
    body = Fraction(0)
    for hour in range(half * (count - 1 + last)):
        body += 100 if hour % half == 0 and hour // half < count else 0
        if (hour + 1) % half == 0:
            body /= 2
    answer = f"{decimal(share)}\\%"
    return Draft(
        problem=f"The amount of a medicine in the body halves every {half} hours. A patient who has none of it in "
        f"the body takes {count} "
        f"equal tablets, one every {half} hours. What amount is in the body exactly {last * half} hours after the "
        "last tablet, as a percentage of the amount in one tablet? Assume that a tablet is absorbed at once, and give "
        "the exact value with a percent sign.",
        steps=(
            f"The last tablet has been halved {'once' if last == 1 else 'twice'}, the one before it once more, and "
            "so on; the first one has been "
            f"halved ${count - 1 + last}$ times.",
            f"In tablets this is ${' + '.join(f'{chr(92)}frac{{1}}{{{2**k}}}' for k in range(last, last + count))} = "
            f"{fraction(share / 100)}$.",
            f"As a percentage this is $\\boxed{{{answer}}}$.",
        ),
        answer=answer,
        closed=share,
        checked=body,
    )


@template(topic="precalculus", tier="medium", split="test", answer_type="interval", variants=2)
def warm_part_of_the_day(draw: Draw) -> Draft | None:
    pick = draw.random
    middle, swing = pick.randint(9, 24), 2 * pick.randint(2, 6)
    if draw.variant == 0:
        shift = pick.randint(4, 13)
        low, high, ends = Fraction(shift + 2), Fraction(shift + 10), "[]"
        level = middle + swing // 2
        text = (
            f"On a certain day the temperature in a greenhouse, in degrees Celsius, is $T(t) = {middle} + {swing} "
            "\\sin "
            f"\\frac{{\\pi (t - {shift})}}{{12}}$ at $t$ hours after midnight, $0 \\le t \\le 24$. For which $t$ is "
            f"it at least ${level}$ "
            "degrees?"
        )
        steps = (
            f"The condition is $\\sin \\frac{{\\pi (t - {shift})}}{{12}} \\ge \\frac{{1}}{{2}}$.",
            "In one period the sine is at least one half for angles from $\\frac{\\pi}{6}$ to $\\frac{5\\pi}{6}$, "
            "that is for "
            f"$2 \\le t - {shift} \\le 10$; other periods lie outside of $0 \\le t \\le 24$.",
        )

        def warm(t: Fraction) -> bool:
            angle = mpmath.pi * (t - shift).numerator / (t - shift).denominator / 12
            return bool(middle + swing * mpmath.sin(angle) >= level - mpmath.mpf(10) ** -40)

    else:
        top = Fraction(2 * pick.randint(9, 15) + 1, 2)
        low, high, ends = top - 8, top + 8, "()"
        level = middle - swing // 2
        coldest, clock = top + 12 if top < 12 else top - 12, f"{int(top)}:30"
        cold = f"{int(coldest)}:30"
        text = (
            "The temperature of a shallow lake follows a sine curve with a period of 24 hours. Today it is highest, "
            f"{middle + swing} degrees Celsius, at {clock}, and lowest, {middle - swing} degrees Celsius, at {cold} "
            "(24-hour clock). Let $t$ be "
            "the number of hours after midnight, $0 \\le t \\le 24$. For which $t$ is the temperature higher than "
            f"${level}$ degrees?"
        )
        steps = (
            f"The temperature is ${middle} + {swing} \\cos \\frac{{\\pi (t - {decimal(top)})}}{{12}}$, and the "
            "condition is that the cosine is "
            "greater than $-\\frac{1}{2}$.",
            "In the period around the maximum this holds for angles between $-\\frac{2\\pi}{3}$ and "
            "$\\frac{2\\pi}{3}$, that is for "
            f"$-8 < t - {decimal(top)} < 8$; the neighbouring periods lie outside of $0 \\le t \\le 24$.",
        )

        def warm(t: Fraction) -> bool:
            angle = mpmath.pi * (t - top).numerator / (t - top).denominator / 12
            return bool(middle + swing * mpmath.cos(angle) > level + mpmath.mpf(10) ** -40)

    if low < 0 or high > 24 or (draw.variant and not (low >= 1 and high + 8 > 24)):
        return None
    with mpmath.workdps(60):
        hours = [Fraction(n, 6) for n in range(145)]
        inside = tuple(t for t in hours if warm(t))
        outside = tuple(t for t in hours if not warm(t))
    answer = interval(low, high, ends)
    return Draft(
        problem=f"{text} Write your answer in interval notation, with integers or fractions in lowest terms as ends.",
        steps=(*steps, f"Therefore $t$ lies in $\\boxed{{{answer}}}$."),
        answer=answer,
        closed=sympy.Interval(sympy.Rational(low), sympy.Rational(high), ends == "()", ends == "()"),
        checked=Members(inside=inside, outside=outside),
    )


@template(topic="precalculus", tier="medium", split="test", answer_type="multiple_values", variants=2)
def vectors_with_a_parameter(draw: Draw) -> Draft | None:
    pick = draw.random
    if draw.variant == 0:
        first, second = Fraction(pick.randint(-9, 9), pick.choice([2, 3, 5])), Fraction(pick.randint(-6, 6))
        scale = first.denominator
        linear, constant = -scale * (first + second), scale * first * second
        if 0 in (first, second, linear) or scale == 1 or first == second:
            return None
        a = pick.choice([k for k in range(2, abs(int(constant)) + 1) if int(constant) % k == 0] or [1])
        b = int(constant) // a
        values = sorted([first, second])
        tried = [Fraction(n, 30) for n in range(-400, 401)]
        found = [t for t in tried if scale * t * t + linear * t + a * b == 0]
        text = (
            f"For which real numbers $t$ are the vectors $({scale}t, {a}, t)$ and $(t, {b}, {linear})$ in space "
            "perpendicular to each other?"
        )
        steps = (
            f"Their scalar product is ${scale}t \\cdot t + {a} \\cdot ({b}) + t \\cdot ({linear})$.",
            f"It vanishes when ${polynomial([scale, int(linear), int(constant)], 't')} = 0$.",
            f"Factored, the left side is a multiple of $(t{term(-first)})(t{term(-second)})$, so the values are",
        )
        checked: frozenset[Fraction | mpmath.mpf] = frozenset(found)
    else:
        q = pick.randint(2, 9)
        p = pick.choice([k for k in range(-q + 1, q) if k])
        values = sorted([Fraction(p - q, p + q), Fraction(p + q, q - p)])
        square = p * p + q * q
        if any(value.denominator == 1 for value in values):
            return None
        with mpmath.workdps(60):
            roots = mpmath.polyroots([2 * p * p - square, 4 * p * q, 2 * q * q - square], extraprec=300)
            checked = frozenset(mpmath.re(t) for t in roots if p * mpmath.re(t) + q > 0)
        text = (
            f"For which real numbers $t$ is the angle between the vectors $(t, 1)$ and $({p}, {q})$ equal to "
            "$45^\\circ$?"
        )
        steps = (
            f"The condition is $\\frac{{{polynomial([p, q], 't')}}}{{\\sqrt{{t^2 + 1}} \\cdot \\sqrt{{{square}}}}} = "
            f"\\frac{{1}}{{\\sqrt{{2}}}}$.",
            f"Squaring gives $2({polynomial([p, q], 't')})^2 = {square}(t^2 + 1)$, that is "
            f"${polynomial([2 * p * p - square, 4 * p * q, 2 * q * q - square], 't')} = 0$.",
            f"For both roots of this equation ${polynomial([p, q], 't')}$ is positive, as it has to be. So the "
            "values are",
        )
    answer = listed(fraction(value) for value in values)
    return Draft(
        problem=f"{text} List all values as integers or fractions in lowest terms, separated by a comma.",
        steps=(*steps[:-1], f"{steps[-1]} $\\boxed{{{answer}}}$."),
        answer=answer,
        closed=frozenset(values),
        checked=checked,
    )


@template(topic="precalculus", tier="medium", split="test", answer_type="radical", variants=2)
def other_angles_from_one_value(draw: Draw) -> Draft | None:
    pick = draw.random
    q = pick.randint(4, 12)
    p = pick.randint(1, q - 1)
    side = q * q - p * p
    if math.gcd(p, q) > 1 or math.isqrt(side) ** 2 == side:
        return None
    with mpmath.workdps(60):
        if draw.variant == 0:
            square, sign = Fraction(4 * p * p * side, q**4), -1
            checked = mpmath.sin(2 * (mpmath.pi - mpmath.asin(mpmath.mpf(p) / q)))
            text = (
                "The angle $\\theta$ is between $90^\\circ$ and $180^\\circ$, and $\\sin \\theta = "
                f"\\frac{{{p}}}{{{q}}}$. Find "
                "$\\sin 2\\theta$."
            )
            steps = (
                f"The cosine of $\\theta$ is negative and has the square $1 - \\frac{{{p * p}}}{{{q * q}}} = "
                f"\\frac{{{side}}}{{{q * q}}}$.",
                f"So $\\cos \\theta = -{root(Fraction(side, q * q))}$.",
                "Then $\\sin 2\\theta = 2 \\sin \\theta \\cos \\theta = ",
            )
        else:
            square, sign = Fraction(q + p, q - p), -1
            checked = mpmath.tan((2 * mpmath.pi - mpmath.acos(-mpmath.mpf(p) / q)) / 2)
            text = (
                "The angle $\\theta$ is between $180^\\circ$ and $270^\\circ$, and $\\cos \\theta = "
                f"-\\frac{{{p}}}{{{q}}}$. Find "
                "$\\tan \\frac{\\theta}{2}$."
            )
            steps = (
                f"From $\\cos \\theta = 2\\cos^2 \\frac{{\\theta}}{{2}} - 1$ we get $\\cos^2 \\frac{{\\theta}}{{2}} "
                f"= {fraction(Fraction(q - p, 2 * q))}$ and "
                f"$\\sin^2 \\frac{{\\theta}}{{2}} = {fraction(Fraction(q + p, 2 * q))}$.",
                f"Hence $\\tan^2 \\frac{{\\theta}}{{2}} = {fraction(square)}$.",
                "Half of $\\theta$ is between $90^\\circ$ and $135^\\circ$, where the tangent is negative: $\\tan "
                "\\frac{\\theta}{2} = ",
            )
    if sympy.sqrt(sympy.Rational(square)).is_rational:
        return None
    answer = f"-{root(square)}"
    return Draft(
        problem=f"{text} Give an exact answer in simplest radical form, with a rational denominator.",
        steps=(*steps[:-1], f"{steps[-1]}\\boxed{{{answer}}}$."),
        answer=answer,
        closed=sign * sympy.sqrt(sympy.Rational(square)),
        checked=checked,
    )


@template(topic="precalculus", tier="medium", split="test", answer_type="expression", variants=2)
def parabola_from_its_focus(draw: Draw) -> Draft | None:
    pick = draw.random
    h, k = pick.choice([-6, -5, -4, -3, -2, 2, 3, 4, 5, 6]), pick.randint(-6, 8)
    x = sympy.Symbol("x")
    if draw.variant == 0:
        m = k + pick.choice([-8, -6, -5, -4, -3, 3, 4, 5, 6, 8])
        line = m
        text = (
            f"A parabola consists of all points that are as far from the point $F{ordered([h, k])}$ as from the line "
            f"$y = {m}$. Write its "
            "equation in the form $y = f(x)$: what is $f(x)$?"
        )
        steps = (
            f"For a point $(x, y)$ of the parabola $(x{term(-h)})^2 + (y{term(-k)})^2 = (y{term(-m)})^2$.",
            f"The squares of $y$ cancel, and $(x{term(-h)})^2 = {polynomial([2 * (k - m), m * m - k * k], 'y')}$ "
            "remains.",
        )
    else:
        p, q, r = pick.choice([(3, 4, 5), (4, 3, 5), (5, 12, 13), (8, 6, 10), (6, 8, 10), (12, 5, 13), (8, 15, 17)])
        px, py = h + p * pick.choice([-1, 1]), k + q * pick.choice([-1, 1])
        m = py - r
        # The directrix below both the focus and the point, at the point's distance from the focus.
        line = next(at for at in range(py, -99, -1) if (py - at) ** 2 == (px - h) ** 2 + (py - k) ** 2 and at < k)
        if px == 0:
            return None
        text = (
            f"A parabola opens upward, its axis is parallel to the $y$-axis, its focus is $F{ordered([h, k])}$, and "
            "it passes through the point "
            f"$P{ordered([px, py])}$. Write its equation in the form $y = f(x)$: what is $f(x)$?"
        )
        steps = (
            f"The distance from $P$ to the focus is $\\sqrt{{{p}^2 + {q}^2}} = {r}$, so the directrix lies ${r}$ "
            "below $P$: it is the line "
            f"$y = {m}$.",
            f"For a point $(x, y)$ of the parabola $(x{term(-h)})^2 + (y{term(-k)})^2 = (y{term(-m)})^2$, that is "
            f"$(x{term(-h)})^2 = "
            f"{polynomial([2 * (k - m), m * m - k * k], 'y')}$.",
        )
    bend, low = 2 * (k - m), Fraction(k + m, 2)
    if low == 0 or k == 0 or m == 0:
        return None
    values: list[At] = []
    for at in (-7, -1, 0, 3, 10):
        # The difference of the squared distances is linear in y.
        gaps = [(at - h) ** 2 + (y - k) ** 2 - (y - line) ** 2 for y in (0, 1)]
        values.append(({"x": at}, Fraction(gaps[0], gaps[0] - gaps[1])))
    answer = f"{'-' if bend < 0 else ''}\\frac{{(x{term(-h)})^{{2}}}}{{{abs(bend)}}}{term(low)}"
    return Draft(
        problem=text,
        steps=(*steps, f"Solving for $y$, $f(x) = \\boxed{{{answer}}}$."),
        answer=answer,
        closed=(x - h) ** 2 / bend + sympy.Rational(low),
        checked=Points(values=tuple(values)),
    )


@template(topic="precalculus", tier="medium", split="test", answer_type="tuple", variants=2)
def points_of_a_rotation(draw: Draw) -> Draft | None:
    pick = draw.random
    a1, a2, b1, b2 = (pick.choice([-7, -5, -4, -3, -2, -1, 1, 2, 3, 4, 5, 6, 8]) for _ in range(4))
    u, v = b1 - a1, b2 - a2
    if 0 in (u, v) or abs(u) == abs(v):
        return None
    with mpmath.workdps(60):
        one, two = mpmath.mpc(a1, a2), mpmath.mpc(b1, b2)
        middle = (Fraction(a1 + b1, 2), Fraction(a2 + b2, 2))
        if draw.variant == 0:
            factor = Fraction(1, 2)
            point = two + (one - two) * mpmath.expjpi(-mpmath.mpf(1) / 3)
            text = (
                f"The triangle $ABC$ with $A{ordered([a1, a2])}$ and $B{ordered([b1, b2])}$ is equilateral, and its "
                "vertices $A$, $B$, $C$ follow "
                "each other counterclockwise. Find the coordinates of $C$."
            )
            steps = (
                f"The vector from $A$ to $B$ is ${ordered([u, v])}$; a quarter turn counterclockwise takes it to "
                f"${ordered([-v, u])}$.",
                f"The altitude from $C$ starts at the midpoint ${ordered(fraction(part) for part in middle)}$ of "
                "$AB$ and is "
                "$\\frac{\\sqrt{3}}{2}$ times that turned vector.",
            )
        else:
            factor = Fraction(1, 6)
            turn = mpmath.expjpi(mpmath.mpf(2) / 3)
            point = (two - turn * one) / (1 - turn)
            text = (
                f"A rotation through $120^\\circ$ counterclockwise about a point $Q$ takes $A{ordered([a1, a2])}$ to "
                f"$B{ordered([b1, b2])}$. Find the "
                "coordinates of $Q$."
            )
            steps = (
                "Triangle $AQB$ is isosceles with the angle $120^\\circ$ at $Q$, so $Q$ lies on the perpendicular "
                "bisector of $AB$ at the "
                "distance $\\frac{AB}{2\\sqrt{3}} = \\frac{\\sqrt{3}}{6} AB$ from $AB$. Seen from $A$ towards $B$ it "
                "is on the left.",
                f"The midpoint of $AB$ is ${ordered(fraction(part) for part in middle)}$, and the vector "
                f"${ordered([u, v])}$ from $A$ to $B$, turned left "
                f"by a quarter turn, is ${ordered([-v, u])}$.",
            )
        checked = (point.real, point.imag)
    answer = ordered([surd(middle[0], -v * factor, 3), surd(middle[1], u * factor, 3)])
    three = sympy.sqrt(3)
    return Draft(
        problem=f"{text} Give an exact answer as an ordered pair, with radicals simplified and rational denominators.",
        steps=(*steps, f"Adding the two gives $\\boxed{{{answer}}}$."),
        answer=answer,
        closed=(
            sympy.Rational(middle[0]) - v * sympy.Rational(factor) * three,
            sympy.Rational(middle[1]) + u * sympy.Rational(factor) * three,
        ),
        checked=checked,
    )
