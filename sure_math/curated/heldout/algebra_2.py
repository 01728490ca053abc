"""Algebra for the test split, hard and competition: circles as constraints, whole parts, symmetric systems, roots."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction

import mpmath
import sympy

from sure_math.curated.latex import braces, fraction, listed, ordered, polynomial, surd, term
from sure_math.curated.template import Draft, Draw, Points, template


def _roots(coefficients: list[mpmath.mpf]) -> list[mpmath.mpc]:
    return mpmath.polyroots(coefficients, maxsteps=500, extraprec=400)


def _extreme(value: Callable[[mpmath.mpf], mpmath.mpf], sign: int) -> mpmath.mpf:
    """The least (sign -1) or greatest (sign 1) value of a smooth function of period 2 pi."""
    step = mpmath.pi / 60
    best = max((step * n for n in range(120)), key=lambda angle: sign * value(angle))
    top = mpmath.findroot(lambda angle: mpmath.diff(value, angle), (best - step, best + step), solver="anderson")
    return value(top)


@template(topic="algebra", tier="hard", split="test", answer_type="radical", variants=2)
def farthest_on_a_hidden_circle(draw: Draw) -> Draft | None:
    pick = draw.random
    a, b = pick.choice([-7, -5, -4, -3, -2, 2, 3, 4, 5, 6]), pick.choice([-6, -5, -3, -2, 2, 3, 4, 5, 7])
    if draw.variant == 0:
        c, d = pick.randint(1, 5), pick.randint(1, 5)
        if c == d:
            return None
        inner = (a * a + b * b) * (c * c + d * d)
        whole, factor = Fraction(a * c + b * d, 2), Fraction(1, 2)
        text = (
            f"Real numbers $x$ and $y$ satisfy $x^2 + y^2 = {polynomial([a, 0])}{term(b, 'y')}$. Find the greatest "
            f"possible value of ${polynomial([c, 0])}{term(d, 'y')}$."
        )
        middle = f"\\left({fraction(Fraction(a, 2))}, {fraction(Fraction(b, 2))}\\right)"
        steps: tuple[str, ...] = (
            f"Completing squares, the condition is a circle with centre ${middle}$ and radius "
            f"${surd(0, Fraction(1, 2), a * a + b * b)}$.",
            f"At the centre ${polynomial([c, 0])}{term(d, 'y')}$ has the value ${fraction(whole)}$.",
            f"On the circle it exceeds this by at most the radius times ${surd(0, 1, c * c + d * d)}$, by the "
            "Cauchy-Schwarz inequality, and this is reached.",
        )
        with mpmath.workdps(60):
            radius = mpmath.sqrt(a * a + b * b) / 2
            center = (mpmath.mpf(a) / 2, mpmath.mpf(b) / 2)
            checked = _extreme(
                lambda t: c * (center[0] + radius * mpmath.cos(t)) + d * (center[1] + radius * mpmath.sin(t)), 1
            )
    else:
        extra = pick.randint(1, 12)
        square = a * a + b * b + extra
        # (|centre| + radius)^2 = a^2 + b^2 + r^2 + 2 sqrt((a^2 + b^2) r^2)
        inner, whole, factor = (a * a + b * b) * square, Fraction(a * a + b * b + square), Fraction(2)
        text = (
            f"The real numbers $x$ and $y$ satisfy $x^2 + y^2 = {polynomial([2 * a, 0])}{term(2 * b, 'y')} + {extra}$. "
            "What is the largest value that $x^2 + y^2$ can have?"
        )
        steps = (
            f"Completing squares, $(x{term(-a)})^2 + (y{term(-b)})^2 = {square}$, a circle of radius "
            f"${surd(0, 1, square)}$.",
            f"Its centre has the distance ${surd(0, 1, a * a + b * b)}$ from the origin, and the point of the circle "
            f"farthest from the origin has the distance ${surd(0, 1, a * a + b * b)} + {surd(0, 1, square)}$.",
        )
        with mpmath.workdps(60):
            size = mpmath.sqrt(square)
            checked = _extreme(lambda t: (a + size * mpmath.cos(t)) ** 2 + (b + size * mpmath.sin(t)) ** 2, 1)
        if math.isqrt(square) ** 2 == square:
            return None
    if math.isqrt(inner) ** 2 == inner:
        return None
    answer = surd(whole, factor, inner)
    final = "The greatest value is" if draw.variant == 0 else "Squaring this distance gives"
    return Draft(
        problem=f"{text} Give an exact answer in simplest radical form.",
        steps=(*steps, f"{final} $\\boxed{{{answer}}}$."),
        answer=answer,
        closed=sympy.Rational(whole) + sympy.Rational(factor) * sympy.sqrt(inner),
        checked=checked,
    )


@template(topic="algebra", tier="hard", split="test", answer_type="set", variants=2)
def whole_and_fractional_part(draw: Draw) -> Draft | None:
    pick = draw.random
    if draw.variant == 0:
        p, q, r = pick.randint(2, 5), pick.randint(1, 20), pick.randint(7, 19)
        found = [n for n in range(-50, 50) if 0 <= p * n + q < r]
        values = [n + Fraction(p * n + q, r) for n in found]
        text = (
            "Let $\\lfloor x \\rfloor$ denote the greatest integer not exceeding $x$, and let $\\{x\\} = x - "
            f"\\lfloor x \\rfloor$. Find the set of all real numbers $x$ with ${p}\\lfloor x \\rfloor + {q} = "
            f"{r}\\{{x\\}}$."
        )
        steps = (
            f"With $n = \\lfloor x \\rfloor$ the equation says $\\{{x\\}} = \\frac{{{p}n + {q}}}{{{r}}}$.",
            f"This is a fractional part exactly when $0 \\le {p}n + {q} < {r}$, that is for $n = {listed(found)}$.",
            "Adding $n$ and the fractional part gives the solutions.",
        )

        def gap(whole: int, part: Fraction) -> Fraction:
            return p * whole + q - r * part

    else:
        total = pick.randint(5, 11)
        found = [n for n in range(1, total + 1) if total + 1 < 2 * (n + 1) and n + 1 <= total + 1]
        values = [n + Fraction(total + 1, n + 1) - 1 for n in found]
        text = (
            "Every real number $x$ can be split in exactly one way as $x = n + t$ with an integer $n$ and $0 \\le t < "
            f"1$. Which real numbers $x$ have the property $x + nt = {total}$? Give the set of all of them."
        )
        steps = (
            f"The equation is $n + t + nt = {total}$, that is $(n + 1)(t + 1) = {total + 1}$.",
            f"Since $1 \\le t + 1 < 2$, $n + 1$ is positive, at most ${total + 1}$ and greater than "
            f"${fraction(Fraction(total + 1, 2))}$; so $n = {listed(found)}$.",
            f"For each of them $x = n + \\frac{{{total + 1}}}{{n + 1}} - 1$.",
        )

        def gap(whole: int, part: Fraction) -> Fraction:
            return whole + part + whole * part - total

    if not 3 <= len(values) <= 5 or all(value.denominator == 1 for value in values):
        return None
    checked = set()
    for n in range(-100, 101):
        # The difference of the sides is linear in the fractional part.
        left, right = gap(n, Fraction(0)), gap(n, Fraction(1))
        if left == 0 or left * right < 0:
            checked.add(n + left / (left - right))
    answer = braces(fraction(value) for value in values)
    return Draft(
        problem=f"{text} Write the elements as integers or fractions in lowest terms.",
        steps=(*steps, f"The set of solutions is $\\boxed{{{answer}}}$."),
        answer=answer,
        closed=frozenset(values),
        checked=frozenset(checked),
    )


@template(topic="algebra", tier="hard", split="test", answer_type="expression", variants=2)
def two_numbers_in_a_swap(draw: Draw) -> Draft | None:
    pick = draw.random
    p = sympy.Symbol("p")
    values: list[tuple[dict[str, int | Fraction], mpmath.mpf]] = []
    if draw.variant == 0:
        k = pick.choice([-5, -4, -3, 2, 3, 4, 5, 6, 7])
        # a^2 = p b + k and b^2 = p a + k: a + b = -p and a b = p^2 - k.
        closed, answer = 2 * p**3 - 3 * k * p, polynomial([2, 0, -3 * k, 0], "p")
        text = (
            f"Two different complex numbers $a$ and $b$ satisfy $a^2 = pb{term(k)}$ and $b^2 = pa{term(k)}$, where "
            "$p$ is a real number."
        )
        wanted = "a^3 + b^3"
        steps: tuple[str, ...] = (
            "Subtracting the equations, $(a - b)(a + b) = -p(a - b)$, and $a \\ne b$ gives $a + b = -p$.",
            f"Adding them, $a^2 + b^2 = p(a + b){term(2 * k)} = -p^2{term(2 * k)}$, so $2ab = p^2 - "
            f"(-p^2{term(2 * k)})$ and $ab = p^2{term(-k)}$.",
            f"Then $a^3 + b^3 = (a + b)^3 - 3ab(a + b) = -p^3 + 3p(p^2{term(-k)}) = \\boxed{{{answer}}}$.",
        )
        with mpmath.workdps(60):
            for at in (5, 6, 7, 11):
                # b = (a^2 - k) / p in the second equation.
                roots = _roots([1, 0, -2 * k, -(mpmath.mpf(at) ** 3), k * k - k * at * at])
                a = max(roots, key=lambda root: abs((root**2 - k) / at - root))
                values.append(({"p": at}, (a**3 + ((a**2 - k) / at) ** 3).real))
    else:
        q = pick.randint(2, 9)
        # a^3 = p a + q b and b^3 = p b + q a with a^2 != b^2: a b = -q and a^2 + b^2 = p.
        closed, answer = p**3 - 3 * q * q * p, f"p^{{3}} - {3 * q * q}p"
        text = (
            f"Let $p$ be a real number with $p^2 \\ne {4 * q * q}$. The complex numbers $a$ and $b$, whose squares are "
            f"different, are solutions of the system $a^3 = pa + {q}b$, $b^3 = pb + {q}a$."
        )
        wanted = "a^6 + b^6"
        steps = (
            f"Adding and dividing by $a + b$, which is not zero, $a^2 - ab + b^2 = p + {q}$.",
            f"Subtracting and dividing by $a - b$, $a^2 + ab + b^2 = p - {q}$.",
            f"Hence $a^2 + b^2 = p$ and $ab = -{q}$.",
            f"Then $a^6 + b^6 = (a^2 + b^2)^3 - 3a^2b^2(a^2 + b^2) = \\boxed{{{answer}}}$.",
        )
        with mpmath.workdps(60):
            for at in (2 * q + 1, 2 * q + 3, 2 * q + 4, 2 * q + 7):
                # b = (a^3 - p a) / q; roots with a^2 = b^2 are p + q, p - q and 0.
                third = sympy.Poly((sympy.Symbol("a") ** 3 - at * sympy.Symbol("a")) / q, sympy.Symbol("a"))
                whole = third**3 - at * third - q * sympy.Poly(sympy.Symbol("a"), sympy.Symbol("a"))
                roots = _roots([mpmath.mpf(c.p) / c.q for c in whole.all_coeffs()])
                a = max(roots, key=lambda root: abs(((root**3 - at * root) / q) ** 2 - root**2))
                values.append(({"p": at}, (a**6 + ((a**3 - at * a) / q) ** 6).real))
    return Draft(
        problem=f"{text} Express ${wanted}$ as an expanded polynomial in $p$.",
        steps=steps,
        answer=answer,
        closed=closed,
        checked=Points(values=tuple(values)),
    )


@template(topic="algebra", tier="hard", split="test", answer_type="multiple_values", variants=2)
def parameter_of_a_common_root(draw: Draw) -> Draft | None:
    pick = draw.random
    x, k = sympy.symbols("x k")
    if draw.variant == 0:
        a, b, c, m = pick.randint(-6, 6), pick.randint(-6, 6), pick.randint(-8, 8), pick.choice([2, 3])
        # The difference of the quadratics vanishes at x = ((m - 1) k - c) / (a - b).
        step = m - 1
        if a == b or 0 in (a, b, c):
            return None
        d = a - b
        coefficients = [step * step, a * step * d + d * d - 2 * c * step, c * c + c * d * d - a * c * d]
        inner = coefficients[1] ** 2 - 4 * coefficients[0] * coefficients[2]
        one, other = f"x^2{term(a, 'x')} + k{term(c)}", f"x^2{term(b, 'x')} + {m}k"
        text = (
            f"For which real numbers $k$ do the equations ${one} = 0$ and ${other} = 0$ have at least one common root?"
        )
        steps = (
            f"For a common root, subtracting gives ${polynomial([d, 0])} = {polynomial([step, -c], 'k')}$.",
            f"Multiplying ${one} = 0$ by ${d * d}$ and inserting this, ${polynomial(coefficients, 'k')} = 0$.",
        )
        ours: sympy.Expr = sympy.resultant(x**2 + a * x + k + c, x**2 + b * x + m * k, x)
    else:
        first, second = pick.sample(range(-5, 6), 2)
        # Critical points at the two numbers: 2 x^3 - 3 (s + t) x^2 + 6 s t x + k.
        cubic = [2, -3 * (first + second), 6 * first * second]
        if 0 in cubic or (cubic[1] % 2 == 0 and pick.random() < 0.5):
            return None
        heights = [-(2 * t**3 + cubic[1] * t * t + cubic[2] * t) for t in sorted((first, second))]
        coefficients = [1, -sum(heights), heights[0] * heights[1]]
        inner = (heights[0] - heights[1]) ** 2
        body = f"{polynomial([*cubic, 0])} + k"
        text = f"For which real numbers $k$ does the equation ${body} = 0$ have a root of multiplicity at least two?"
        steps = (
            f"Such a root is also a root of the derivative ${polynomial([6, 2 * cubic[1], cubic[2]])} = "
            f"6(x{term(-min(first, second))})(x{term(-max(first, second))})$.",
            f"If $x = {min(first, second)}$ is a root, then $k = {heights[0]}$; if $x = {max(first, second)}$ is one, "
            f"then $k = {heights[1]}$.",
        )
        ours = sympy.discriminant(2 * x**3 + cubic[1] * x**2 + cubic[2] * x + k, x)
    root = math.isqrt(max(inner, 0))
    if inner <= 0 or root * root != inner or coefficients[2] == 0:
        return None
    values = sorted(Fraction(-coefficients[1] + sign * root, 2 * coefficients[0]) for sign in (-1, 1))
    answer = listed(fraction(value) for value in values)
    return Draft(
        problem=f"{text} List all such $k$ in increasing order, as integers or fractions in lowest terms, "
        "separated by a comma.",
        steps=(*steps, f"So the values of $k$ are $\\boxed{{{answer}}}$."),
        answer=answer,
        closed=frozenset(values),
        checked=frozenset(sympy.real_roots(sympy.Poly(ours, k), multiple=False)[i][0] for i in range(2)),
    )


@template(topic="algebra", tier="competition", split="test", answer_type="fraction", variants=2)
def power_sums_to_a_higher_one(draw: Draw) -> Draft | None:
    pick = draw.random
    e1 = pick.randint(1, 5)
    e2, e3 = pick.randint(-6, 6), Fraction(pick.randint(-9, 9), pick.choice([1, 2, 3]))
    if e2 == 0 or e3 == 0:
        return None
    p2 = e1 * e1 - 2 * e2
    p3 = e1 * p2 - e2 * e1 + 3 * e3
    p4 = e1 * p3 - e2 * p2 + e3 * e1
    p5 = e1 * p4 - e2 * p3 + e3 * p2
    guess = [mpmath.mpc("0.9", "0.3"), mpmath.mpc("-1.1", "0.8"), mpmath.mpc("0.4", "-1.3")]
    numbers = "Complex numbers $x$, $y$ and $z$ satisfy"
    if draw.variant == 0:
        value = p5
        text = f"{numbers} $x + y + z = {e1}$, $x^2 + y^2 + z^2 = {p2}$ and $x^3 + y^3 + z^3 = {fraction(p3)}$."
        wanted = "x^5 + y^5 + z^5"
        steps = (
            f"From $(x + y + z)^2 = x^2 + y^2 + z^2 + 2(xy + yz + zx)$ we get $xy + yz + zx = {e2}$.",
            "Each of the numbers satisfies $t^3 = e_1t^2 - e_2t + e_3$ with $e_1 = x + y + z$, $e_2 = xy + yz + zx$ "
            "and $e_3 = xyz$. Adding the three equations, "
            f"${fraction(p3)} = {e1} \\cdot {p2} - ({e2}) \\cdot {e1} + 3xyz$, so $xyz = {fraction(e3)}$.",
            f"Multiplying by $t$ first, $x^4 + y^4 + z^4 = {e1} \\cdot {fraction(p3)} - ({e2}) \\cdot {p2} + "
            f"({fraction(e3)}) \\cdot {e1} = {fraction(p4)}$.",
            f"Multiplying by $t^2$, $x^5 + y^5 + z^5 = {e1} \\cdot ({fraction(p4)}) - ({e2}) \\cdot ({fraction(p3)}) + "
            f"({fraction(e3)}) \\cdot {p2} = \\boxed{{{fraction(value)}}}$.",
        )

        def system(x: mpmath.mpc, y: mpmath.mpc, z: mpmath.mpc) -> list[mpmath.mpc]:
            third = mpmath.mpf(p3.numerator) / p3.denominator
            return [x + y + z - e1, x**2 + y**2 + z**2 - p2, x**3 + y**3 + z**3 - third]

        power = 5
    else:
        value = p4
        inverse = e2 / e3
        text = (
            f"{numbers} $x + y + z = {e1}$, $xyz = {fraction(e3)}$ and "
            f"$\\frac{{1}}{{x}} + \\frac{{1}}{{y}} + \\frac{{1}}{{z}} = {fraction(inverse)}$."
        )
        wanted = "x^4 + y^4 + z^4"
        steps = (
            f"Multiplying the third equation by $xyz$, $xy + yz + zx = {fraction(inverse)} \\cdot "
            f"\\left({fraction(e3)}\\right) = {e2}$.",
            f"So $x^2 + y^2 + z^2 = {e1}^2 - 2 \\cdot ({e2}) = {p2}$.",
            f"Next $x^2y^2 + y^2z^2 + z^2x^2 = (xy + yz + zx)^2 - 2xyz(x + y + z) = {e2 * e2} - 2 \\cdot "
            f"\\left({fraction(e3)}\\right) \\cdot {e1} = {fraction(e2 * e2 - 2 * e3 * e1)}$.",
            f"Finally $x^4 + y^4 + z^4 = {p2 if p2 > 0 else f'({p2})'}^2 - 2 \\cdot "
            f"\\left({fraction(e2 * e2 - 2 * e3 * e1)}\\right) = \\boxed{{{fraction(value)}}}$.",
        )

        def system(x: mpmath.mpc, y: mpmath.mpc, z: mpmath.mpc) -> list[mpmath.mpc]:
            third = mpmath.mpf(e3.numerator) / e3.denominator
            return [x + y + z - e1, x * y * z - third, x * y + y * z + z * x - e2 * x * y * z / third]

        power = 4
    if value.denominator == 1 or p3 == 0 or p2 == 0:
        return None
    with mpmath.workdps(50):
        try:
            solution = mpmath.findroot(system, guess, maxsteps=60)
        except (ValueError, ZeroDivisionError):
            return None
        checked = sum((number**power for number in solution), mpmath.mpc(0)).real
    return Draft(
        problem=f"{text} Find ${wanted}$ as a fraction in lowest terms.",
        steps=steps,
        answer=fraction(value),
        closed=value,
        checked=checked,
    )


@template(topic="algebra", tier="competition", split="test", answer_type="fraction", variants=2)
def nested_quadratic(draw: Draw) -> Draft | None:
    pick = draw.random
    b = Fraction(pick.choice([-8, -5, -2, 1, 4, 7]), 3)
    # g(x) = (x + b)^2 - 2 - b is y -> y^2 - 2 in the variable y = x + b.
    linear, constant = 2 * b, b * b - b - 2
    rule = f"g(x) = x^2{term(linear, 'x')}{term(constant)}"
    shift = f"x{term(b)}"
    first = f"Completing the square, $g(x){term(b)} = ({shift})^2 - 2$. With $y = {shift}$ one step of $g$ is "
    if draw.variant == 0:
        level = Fraction(pick.randint(-4, 4), pick.choice([2, 3, 5])) - b
        end = level + b
        if abs(end) >= 2 or end.denominator == 1:
            return None
        value = 16 + 8 * b * b
        text = f"Let ${rule}$. Find the sum of the squares of all real solutions of $g(g(g(x))) = {fraction(level)}$."
        steps: tuple[str, ...] = (
            f"{first}$y \\mapsto y^2 - 2$, and the equation says that three steps lead to ${fraction(end)}$.",
            f"Since $-2 < {fraction(end)} < 2$, we can write ${fraction(end)} = 2\\cos\\theta$ with $0 < \\theta < "
            "\\pi$; with $y = 2\\cos\\alpha$ a step doubles $\\alpha$, so the solutions are $y = 2\\cos\\alpha$ with "
            "$8\\alpha = \\pm\\theta + 2\\pi m$: eight different real numbers.",
            "They are the roots of the polynomial of degree $8$ that the three steps make, "
            "$y^8 - 8y^6 + \\dots$, so their sum is $0$ and the sum of their squares is $0^2 + 2 \\cdot 8 = 16$.",
            f"For $x = y{term(-b)}$ the sum of the squares is $16 + 8 \\cdot \\left({fraction(b)}\\right)^2 = "
            f"\\boxed{{{fraction(value)}}}$.",
        )
        with mpmath.workdps(60):
            reached = [mpmath.mpf(level.numerator) / level.denominator]
            p, q = (
                mpmath.mpf(linear.numerator) / linear.denominator,
                mpmath.mpf(constant.numerator) / constant.denominator,
            )
            for _ in range(3):
                spreads = [(z, p * p - 4 * (q - z)) for z in reached]
                reached = [(-p + s * mpmath.sqrt(d)) / 2 for _, d in spreads if d >= 0 for s in (1, -1)]
            checked = mpmath.fsum(root * root for root in reached)
    else:
        # Points of period three: y^6 + y^5 - 5 y^4 - 3 y^3 + 7 y^2 + y - 1 has the sums -1 and 11.
        value = 11 + 2 * b + 6 * b * b
        text = (
            f"Each point $x$ of the number line is moved to the point ${rule}$. Some points are back at their place "
            "after three such moves, but not after one. Square the coordinates of all these points; what do the "
            "squares add up to?"
        )
        steps = (
            f"{first}$y \\mapsto y^2 - 2$, and three steps have to lead back to $y$.",
            "Three steps make $y^8 - 8y^6 + 20y^4 - 16y^2 + 2$. The equation $y^8 - 8y^6 + 20y^4 - 16y^2 - y + 2 = "
            "0$ has eight different real roots: with $y = 2\\cos\\alpha$ they come from $8\\alpha = \\pm\\alpha + "
            "2\\pi m$; a number outside $[-2, 2]$ moves away from it.",
            "Their sum is $0$ and the sum of their squares $2 \\cdot 8 = 16$.",
            "Two of the roots, $2$ and $-1$, are fixed by a single step. The other six have the sum $0 - 1 = -1$ "
            "and the sum of squares $16 - 5 = 11$.",
            f"For $x = y{term(-b)}$ the sum of the squares is $11 - 2 \\cdot \\left({fraction(b)}\\right) \\cdot "
            f"(-1) + 6 \\cdot \\left({fraction(b)}\\right)^2 = \\boxed{{{fraction(value)}}}$.",
        )
        with mpmath.workdps(80):
            x = sympy.Symbol("x")
            g = x**2 + sympy.Rational(linear) * x + sympy.Rational(constant)
            thrice = sympy.Poly(g.subs(x, g.subs(x, g)) - x, x)
            found = _roots([mpmath.mpf(c.p) / c.q for c in thrice.all_coeffs()])
            checked = mpmath.mpf(0)
            for root in found:
                moved = root * root + mpmath.mpf(linear.numerator) / linear.denominator * root
                moved += mpmath.mpf(constant.numerator) / constant.denominator
                if abs(mpmath.im(root)) < mpmath.mpf(10) ** -40 and abs(moved - root) > mpmath.mpf(10) ** -20:
                    checked += mpmath.re(root) ** 2
    if value.denominator == 1:
        return None
    return Draft(
        problem=f"{text} Give your answer as a fraction in lowest terms.",
        steps=steps,
        answer=fraction(value),
        closed=value,
        checked=checked,
    )


@template(topic="algebra", tier="competition", split="test", answer_type="tuple", variants=2)
def product_under_two_sums(draw: Draw) -> Draft | None:
    pick = draw.random
    a, s = pick.randint(1, 7), pick.choice([2, 4, 6, 8, 10])
    # The extrema lie where two numbers equal t = (2 a +- s) / 6; the sum of squares is b = (s^2 + 2 a^2) / 6.
    b = Fraction(s * s + 2 * a * a, 6)
    e2 = (a * a - b) / 2
    if b.denominator > 2 or e2 == 0:
        return None
    doubled = [Fraction(2 * a - s, 6), Fraction(2 * a + s, 6)]
    products = [t * t * (a - 2 * t) for t in doubled]
    low, high = sorted(products)
    if 0 in (low, high):
        return None
    shape = " and ".join(f"$t = {fraction(t)}$" for t in doubled)
    found = " and ".join(f"${fraction(value)}$" for value in products)
    start = (
        f"For given $z$, $x + y = {a} - z$ and $xy = z^2 - {a if a > 1 else ''}z{term(e2)}$; real $x$ and $y$ exist "
        f"exactly when $({a} - z)^2 \\ge 4(z^2 - {a if a > 1 else ''}z{term(e2)})$."
    )
    middle = (
        f"So $z$ runs through a closed interval, and $P = xyz = z^3 - {a if a > 1 else ''}z^2{term(e2, 'z')}$ has its "
        "extreme values at an end of it, where $x = y$, or at a zero of the derivative "
        f"$3z^2 - {2 * a}z{term(e2)}$. The derivative equals $(z - x)(z - y)$, so there too two of the numbers are "
        "equal."
    )
    equal = (
        f"If two of the numbers are $t$ and the third is ${a} - 2t$, then $t^2 + 2t({a} - 2t) = {fraction(e2)}$, "
        f"that is $3t^2 - {2 * a}t{term(e2)} = 0$, with the solutions {shape}."
    )
    if draw.variant == 0:
        text = (
            f"Real numbers $x$, $y$ and $z$ satisfy $x + y + z = {a}$ and $x^2 + y^2 + z^2 = {fraction(b)}$. Find the "
            "smallest and the greatest possible value of $xyz$"
        )
        closed = (low, high)
        lead = (
            f"The condition on squares means $xy + yz + zx = \\frac{{1}}{{2}}({a}^2 - {fraction(b)}) = {fraction(e2)}$."
        )
        end = f"There $xyz = t^2({a} - 2t)$ has the values {found}."
    else:
        text = (
            f"The sum of three real numbers is ${a}$, and the three products of two of them add up to "
            f"${fraction(e2)}$. The "
            "sum of the cubes of the numbers is not determined by this. Give its least and its greatest possible value"
        )
        base = a**3 - 3 * a * e2
        closed = (base + 3 * low, base + 3 * high)
        lead = (
            "Call the numbers $x$, $y$, $z$. From $(x + y + z)^3$ one finds $x^3 + y^3 + z^3 = (x + y + z)^3 - 3(x "
            f"+ y + z)(xy + yz + zx) + 3xyz = {fraction(base)} + 3xyz$, so only the range of $P = xyz$ is needed."
        )
        end = f"There $xyz = t^2({a} - 2t)$ has the values {found}, to be tripled and added to ${fraction(base)}$."
    with mpmath.workdps(60):
        size = mpmath.sqrt(mpmath.mpf(b.numerator) / b.denominator - mpmath.mpf(a * a) / 3) * mpmath.sqrt(
            mpmath.mpf(2) / 3
        )

        def numbers(angle: mpmath.mpf) -> list[mpmath.mpf]:
            return [mpmath.mpf(a) / 3 + size * mpmath.cos(angle + 2 * mpmath.pi * n / 3) for n in range(3)]

        def quantity(angle: mpmath.mpf) -> mpmath.mpf:
            x, y, z = numbers(angle + mpmath.mpf("0.01"))
            return x * y * z if draw.variant == 0 else x**3 + y**3 + z**3

        checked = tuple(_extreme(quantity, sign) for sign in (-1, 1))
    answer = ordered(fraction(value) for value in closed)
    return Draft(
        problem=f"{text}, as an ordered pair (smallest, greatest) of integers or fractions in lowest terms.",
        steps=(lead, start, middle, equal, end, f"The pair is $\\boxed{{{answer}}}$."),
        answer=answer,
        closed=closed,
        checked=checked,
    )
