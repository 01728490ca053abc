"""Algebra for the test split, easy and medium: linear models, roots, work rates, quadratic functions, logarithms."""

from __future__ import annotations

import math
from fractions import Fraction

import mpmath
import sympy

from sure_math.curated.latex import decimal, fraction, interval, listed, plural, polynomial, surd, term
from sure_math.curated.template import Draft, Draw, Members, Points, template

At = tuple[dict[str, int | Fraction], int | Fraction]


@template(topic="algebra", tier="easy", split="test", answer_type="decimal", variants=2)
def two_candles(draw: Draw) -> Draft | None:
    pick = draw.random
    if draw.variant == 0:
        time = pick.choice([Fraction(n, 4) for n in (10, 15, 25, 30, 35)])
        slow, faster = Fraction(pick.randint(5, 11), 10), Fraction(pick.choice([4, 8, 12, 16]), 10)
        short, fast, lead = pick.randint(11, 18), 2 * slow + faster, time * faster
        tall = 2 * short + int(lead)
        if lead.denominator != 1 or tall - fast * time < 2:
            return None
        answer = decimal(time)
        found = [
            Fraction(n, 20)
            for n in range(1, 2000)
            if tall - fast * Fraction(n, 20) == 2 * (short - slow * Fraction(n, 20))
        ]
        return Draft(
            problem=f"A slim candle is {tall} cm tall and a stout one {short} cm. They are lit at the same moment. The "
            f"slim one becomes shorter by {decimal(fast)} cm every hour and the stout one by {decimal(slow)} cm "
            "every hour. After how many hours is the slim candle exactly twice as tall as the stout one? "
            "Give your answer as a decimal.",
            steps=(
                f"After $t$ hours the heights are ${tall} - {decimal(fast)}t$ and ${short} - {decimal(slow)}t$ "
                "centimetres.",
                f"The condition is ${tall} - {decimal(fast)}t = {2 * short} - {decimal(2 * slow)}t$.",
                f"Hence ${decimal(fast - 2 * slow)}t = {tall - 2 * short}$ and $t = \\boxed{{{answer}}}$.",
            ),
            answer=answer,
            closed=time,
            checked=found[0] if len(found) == 1 else 0,
        )
    hours, tall = pick.choice([4, 5, 8, 10]), pick.randint(22, 36)
    drop, fast = pick.randint(2, 9), Fraction(pick.randint(15, 30), 10)
    rate, short, left = fast - Fraction(drop, hours), tall - drop, tall - fast * hours
    if rate < Fraction(2, 5) or left < 2 or (10 * rate).denominator == 1:
        return None
    answer = decimal(rate)
    found = [Fraction(n, 1000) for n in range(1, 4000) if short - Fraction(n * hours, 1000) == left]
    return Draft(
        problem=f"Two candles, {tall} cm and {short} cm tall, are lit at the same time, and each burns down at a "
        f"steady rate. The taller one loses {decimal(fast)} cm per hour. Exactly {plural(hours, 'hour')} after they "
        "were lit, the candles have the same height and are still burning. How many centimetres per hour does the "
        "shorter one lose? Give your answer as a decimal.",
        steps=(
            f"After {plural(hours, 'hour')} the taller candle has ${tall} - {hours} \\cdot {decimal(fast)} = "
            f"{decimal(left)}$ cm left.",
            f"So the shorter one has lost ${short} - {decimal(left)} = {decimal(short - left)}$ cm.",
            f"Per hour this is ${decimal(short - left)} \\div {hours} = \\boxed{{{answer}}}$.",
        ),
        answer=answer,
        closed=rate,
        checked=found[0] if len(found) == 1 else 0,
    )


@template(topic="algebra", tier="easy", split="test", answer_type="expression", variants=2)
def price_after_a_threshold(draw: Draw) -> Draft | None:
    pick = draw.random
    first, later, limit = pick.randint(6, 14), pick.randint(2, 5), pick.randint(8, 40)
    base = (first - later) * limit
    if draw.variant == 0:
        n = sympy.Symbol("n")
        values: list[At] = []
        for count in (limit + 1, limit + 4, limit + 9, limit + 30):
            values.append(({"n": count}, sum(first if poster <= limit else later for poster in range(1, count + 1))))
        answer = f"{later}n + {base}"
        return Draft(
            problem=f"A print shop charges \\${first} for each of the first {limit} posters of an order and \\${later} "
            f"for every poster after that. An order consists of $n$ posters, where $n > {limit}$. Write its price in "
            "dollars as a simplified expression in $n$.",
            steps=(
                f"The first {limit} posters cost ${first} \\cdot {limit} = {first * limit}$ dollars.",
                f"The other $n - {limit}$ posters cost ${later}(n - {limit}) = {later}n - {later * limit}$ dollars.",
                f"Together the price is $\\boxed{{{answer}}}$.",
            ),
            answer=answer,
            closed=later * n + base,
            checked=Points(values=tuple(values)),
        )
    whole = pick.randint(30, 80)
    price, spent = sympy.Symbol("p"), limit * first
    # Everything beyond the limit is cheaper by `later` dollars; the shop names the budget, not the number.
    values = []
    for unit in (later + 1, later + 2, later + 7, later + 15):
        budget = Fraction(whole * unit) + sum(unit - later for _ in range(limit))
        values.append(({"p": unit}, Fraction(budget - limit * unit, unit - later) + limit))
    if spent == whole:
        return None
    total = whole + limit
    answer = f"\\frac{{{total}p - {2 * limit * later}}}{{p - {later}}}"
    return Draft(
        problem=f"A print shop charges $p$ dollars for each of the first {limit} posters of an order, where $p > "
        f"{later}$, and $p - {later}$ dollars for each further poster. A customer pays exactly ${total}p - "
        f"{limit * later}$ dollars for an order of more than {limit} posters. Write the number of posters in the "
        "order as a single fraction in terms of $p$.",
        steps=(
            f"The first {limit} posters cost ${limit}p$ dollars, which leaves ${whole}p - {limit * later}$ dollars.",
            f"They buy $\\frac{{{whole}p - {limit * later}}}{{p - {later}}}$ further posters.",
            f"In total the order has ${limit} + \\frac{{{whole}p - {limit * later}}}{{p - {later}}} = "
            f"\\boxed{{{answer}}}$.",
        ),
        answer=answer,
        closed=(total * price - 2 * limit * later) / (price - later),
        checked=Points(values=tuple(values)),
    )


@template(topic="algebra", tier="easy", split="test", answer_type="fraction", variants=2)
def made_up_operation(draw: Draw) -> Draft | None:
    pick = draw.random
    k, m = pick.randint(2, 7), pick.randint(2, 9)
    p, r, goal = pick.randint(2, 9), pick.randint(2, 9), pick.randint(10, 60)

    def combine(a: Fraction | int, b: Fraction | int) -> Fraction:
        return Fraction(a * b - k * a + m)

    rule = f"$a \\star b = ab - {k}a + {m}$ for all numbers $a$ and $b$"
    if p <= k or r <= k or p == r:
        return None
    if draw.variant == 0:
        inner = Fraction(goal - m, r - k)
        value = (inner - m) / (p - k)
        text = f"Find the number $x$ for which $(x \\star {p}) \\star {r} = {goal}$."
        steps = (
            f"Let $y = x \\star {p}$. Then $y \\star {r} = {polynomial([r - k, m], 'y')} = {goal}$, so "
            f"$y = {fraction(inner)}$.",
            f"Now $x \\star {p} = {polynomial([p - k, m])} = {fraction(inner)}$.",
        )

        def gap(x: Fraction) -> Fraction:
            return combine(combine(x, p), r) - goal

    else:
        # p * x = p x - k p + m and x * r = (r - k) x + m.
        if p == r - k:
            return None
        value = Fraction(k * p, p - r + k)
        text = f"Which number $x$ satisfies ${p} \\star x = x \\star {r}$?"
        steps = (
            f"By the rule ${p} \\star x = {polynomial([p, m - k * p])}$ and $x \\star {r} = {polynomial([r - k, m])}$.",
            f"The two are equal when ${polynomial([p - r + k, 0])} = {k * p}$.",
        )

        def gap(x: Fraction) -> Fraction:
            return combine(p, x) - combine(x, r)

    zero, one = gap(Fraction(0)), gap(Fraction(1))
    if value.denominator == 1 or m == k * p:
        return None
    answer = fraction(value)
    return Draft(
        problem=f"A new operation is defined by {rule}. {text} Give your answer as a fraction in lowest terms.",
        steps=(*steps, f"Therefore $x = \\boxed{{{answer}}}$."),
        answer=answer,
        closed=value,
        checked=zero / (zero - one),
    )


@template(topic="algebra", tier="medium", split="test", answer_type="multiple_values", variants=2)
def coefficient_from_the_roots(draw: Draw) -> Draft | None:
    pick = draw.random
    if draw.variant == 0:
        c, gap = pick.randint(2, 15), pick.randint(3, 9)
        inner = gap * gap + 4 * c
        if math.isqrt(inner) ** 2 == inner:
            return None
        with mpmath.workdps(60):
            found = []
            # The larger root r has r (r - gap) = c; it is searched among positive and among negative numbers.
            for sign in (1, -1):
                big = mpmath.findroot(
                    lambda r: r * (r - gap) - c, (gap, gap + 2 * c) if sign > 0 else (-2 * c, 0), solver="anderson"
                )
                found.append(-(2 * big - gap))
        answer = listed([surd(0, -1, inner), surd(0, 1, inner)])
        return Draft(
            problem=f"For which real numbers $k$ does $x^2 + kx + {c} = 0$ have two real roots such that the larger "
            f"root minus the smaller root equals ${gap}$? List all values of $k$ in simplest radical form "
            "and in increasing order, separated by a comma.",
            steps=(
                f"For roots $r > s$, $(r - s)^2 = (r + s)^2 - 4rs = k^2 - {4 * c}$.",
                f"This has to be ${gap}^2 = {gap * gap}$, so $k^2 = {inner}$.",
                f"For these $k$ the discriminant is positive, so both values count: $\\boxed{{{answer}}}$.",
            ),
            answer=answer,
            closed=frozenset({sympy.sqrt(inner), -sympy.sqrt(inner)}),
            checked=frozenset(found),
        )
    s = pick.randint(2, 9)
    # t c^2 + 2 c - s^2 = 0 with t = (s^2 - 2 c) / c^2.
    t = pick.choice([Fraction(n, d) for n in range(1, 13) for d in range(1, 10) if math.gcd(n, d) == 1])
    inner_square = 1 + t * s * s
    root = Fraction(math.isqrt(inner_square.numerator), math.isqrt(inner_square.denominator))
    if root**2 != inner_square:
        return None
    values = sorted([(-1 - root) / t, (-1 + root) / t])
    if any(value.denominator > 20 for value in values) or all(value.denominator == 1 for value in values):
        return None
    with mpmath.workdps(60):

        def excess(c: mpmath.mpf) -> mpmath.mpf:
            spread = mpmath.sqrt(mpmath.mpc(s * s - 4 * c))
            total = (2 / (s + spread)) ** 2 + (2 / (s - spread)) ** 2
            return total.real - mpmath.mpf(t.numerator) / t.denominator

        checked = frozenset(
            mpmath.findroot(excess, tuple(mpmath.mpf(v.numerator) / v.denominator + d for d in (-0.01, 0.013)))
            for v in values
        )
    answer = listed(fraction(value) for value in values)
    return Draft(
        problem=f"The roots of $x^2 - {s}x + c = 0$, which may be real or complex, are both different from zero, "
        f"and the sum of the squares of their reciprocals is ${fraction(t)}$. List all possible values of the real "
        "number $c$ in increasing order, as integers or fractions in lowest terms, separated by a comma.",
        steps=(
            f"For the roots $r$ and $q$, $\\frac{{1}}{{r^2}} + \\frac{{1}}{{q^2}} = "
            f"\\frac{{(r + q)^2 - 2rq}}{{(rq)^2}} = \\frac{{{s * s} - 2c}}{{c^2}}$.",
            f"Setting this equal to ${fraction(t)}$ gives "
            f"${polynomial([t.numerator, 2 * t.denominator, -s * s * t.denominator], 'c')} = 0$.",
            f"The solutions of this quadratic equation are $\\boxed{{{answer}}}$.",
        ),
        answer=answer,
        closed=frozenset(values),
        checked=checked,
    )


@template(topic="algebra", tier="medium", split="test", answer_type="interval", variants=2)
def ticket_prices_that_pay(draw: Draw) -> Draft | None:
    pick = draw.random
    # n - m p visitors at price p.
    m, low, high = pick.choice([5, 10, 20, 25]), pick.randint(4, 12), pick.randint(13, 30)
    if draw.variant == 0:
        n, goal = m * (low + high), m * low * high
        crowd, place = pick.choice([("visitors", "A small aquarium"), ("spectators", "An open-air theatre")])
        text = (
            f"{place} finds that a ticket price of $p$ dollars brings ${n} - {m}p$ {crowd} a day, for every real "
            f"number $p$ with $0 \\le p \\le {low + high}$. For which prices $p$ is the daily income from tickets at "
            f"least \\${goal}?"
        )
        steps = (
            f"The income is $p({n} - {m}p)$ dollars, so the condition is ${m}p^2 - {n}p + {goal} \\le 0$.",
            f"Dividing by ${m}$ and factoring, $(p - {low})(p - {high}) \\le 0$.",
        )
        bounds, ends = (low, high), "[]"

        def holds(p: Fraction) -> bool:
            return 0 <= p <= low + high and p * (n - m * p) >= goal

    else:
        unit = low - pick.randint(1, 3)
        # Profit m (p - u)(N - p) - F > 0 with roots low and high: u + N = low + high, u N + F / m = low high.
        top = low + high - unit
        fixed = m * (low * high - unit * top)
        n = m * top
        if fixed <= 0 or unit <= 0:
            return None
        thing = pick.choice(["lamps", "rucksacks", "board games"])
        text = (
            f"A workshop can sell ${n} - {m}p$ {thing} a month at a price of $p$ dollars each, for every real number "
            f"$p$ with $0 \\le p \\le {top}$. It makes exactly as many {thing} as it sells, at a cost of \\${unit} "
            f"for each of them, and in addition it has fixed costs of \\${fixed} a month. For which prices "
            "$p$ does the workshop make a profit, that is, more income than costs?"
        )
        steps = (
            f"The profit is $(p - {unit})({n} - {m}p) - {fixed}$ dollars.",
            f"It is positive when ${m}p^2 - {n + m * unit}p + {m * unit * top + fixed} < 0$, that is "
            f"$(p - {low})(p - {high}) < 0$.",
        )
        bounds, ends = (low, high), "()"

        def holds(p: Fraction) -> bool:
            return 0 <= p <= top and p * (n - m * p) > unit * (n - m * p) + fixed

    grid = [
        Fraction(k, 4)
        for k in range(0, 4 * (low + high) + 1)
        if k % 4 == 0 or abs(k - 4 * low) < 2 or abs(k - 4 * high) < 2
    ]
    answer = interval(*bounds, ends)
    return Draft(
        problem=f"{text} Give your answer in interval notation.",
        steps=(*steps, f"This holds for $p$ in $\\boxed{{{answer}}}$."),
        answer=answer,
        closed=sympy.Interval(*bounds, left_open=ends == "()", right_open=ends == "()"),
        checked=Members(inside=tuple(p for p in grid if holds(p)), outside=tuple(p for p in grid if not holds(p))),
    )


@template(topic="algebra", tier="medium", split="test", answer_type="radical", variants=2)
def pumps_and_drains(draw: Draw) -> Draft | None:
    pick = draw.random
    gap, total = pick.randint(2, 9), pick.randint(3, 12)
    if draw.variant == 0:
        inner = gap * gap + 4 * total * total
        whole = Fraction(2 * total - gap, 2)
        text = (
            f"Two pumps fill an empty basin together in {total} hours. Working alone, the stronger pump would need "
            f"{gap} hours less than the weaker one. How many hours would the stronger pump need alone?"
        )
        steps = (
            f"If the stronger pump needs $x$ hours, then $\\frac{{1}}{{x}} + \\frac{{1}}{{x + {gap}}} = "
            f"\\frac{{1}}{{{total}}}$.",
            f"Clearing denominators, ${polynomial([1, gap - 2 * total, -gap * total])} = 0$.",
        )

        def rest(x: mpmath.mpf) -> mpmath.mpf:
            return 1 / x + 1 / (x + gap) - mpmath.mpf(1) / total

    else:
        inner = gap * gap + 4 * gap * total
        whole = Fraction(-gap, 2)
        text = (
            f"A pump fills an empty basin in a certain number of hours. An open drain needs {gap} hours more than that "
            f"to empty the full basin. With the pump running and the drain open, the empty basin is full after "
            f"{total} hours. How many hours does the pump need when the drain is closed?"
        )
        steps = (
            f"If the pump needs $x$ hours, then $\\frac{{1}}{{x}} - \\frac{{1}}{{x + {gap}}} = "
            f"\\frac{{1}}{{{total}}}$.",
            f"Clearing denominators, ${polynomial([1, gap, -gap * total])} = 0$.",
        )

        def rest(x: mpmath.mpf) -> mpmath.mpf:
            return 1 / x - 1 / (x + gap) - mpmath.mpf(1) / total

    if math.isqrt(inner) ** 2 == inner:
        return None
    with mpmath.workdps(60):
        checked = mpmath.findroot(rest, (mpmath.mpf("0.5"), 3 * total + gap), solver="anderson", maxsteps=500)
    answer = surd(whole, Fraction(1, 2), inner)
    return Draft(
        problem=f"{text} All rates are constant. Give an exact answer in simplest radical form.",
        steps=(*steps, f"Its only positive solution is $x = \\boxed{{{answer}}}$."),
        answer=answer,
        closed=sympy.Rational(whole) + sympy.sqrt(inner) / 2,
        checked=checked,
    )


@template(topic="algebra", tier="medium", split="test", answer_type="expression", variants=2)
def quadratic_from_its_symmetry(draw: Draw) -> Draft | None:
    pick = draw.random
    x = sympy.Symbol("x")
    if draw.variant == 0:
        p, half, a = pick.randint(-6, 3), pick.randint(1, 4), pick.randint(1, 3)
        axis = p + half
        u = pick.randint(-9, 9)
        w = u + a * half * half
        coefficients = [-a, 2 * a * axis, w - a * axis * axis]
        given = [(p, u), (p + 2 * half, u), (axis, w)]
        if u == 0 or w == 0:
            return None
        text = (
            f"A quadratic function $f$ takes the value ${u}$ at $x = {p}$ and at $x = {p + 2 * half}$, and its "
            f"greatest value is ${w}$."
        )
        steps = (
            f"By symmetry the greatest value is taken in the middle, at $x = {axis}$, so $f(x) = {w} - "
            f"a(x{term(-axis)})^2$."
            if axis
            else f"By symmetry $f(x) = {w} - ax^2$.",
            f"At $x = {p}$ this is ${w} - {half * half if half > 1 else ''}a = {u}$, hence $a = {a}$.",
        )
    else:
        total, a = pick.choice([-7, -5, -3, 3, 5, 7, 9]), pick.choice([-3, -2, 2, 3, 4])
        c, at = pick.randint(-9, 9), pick.randint(1, 4)
        if at == total or c == 0:
            return None
        coefficients = [a, -a * total, c]
        height = a * at * at - a * total * at + c
        given = [(0, c), (total, c), (at, height)]
        first = pick.randint(1, 3)
        rest = total - first
        text = (
            f"A quadratic function $f$ satisfies $f(x{term(first)}) = f({rest} - x)$ for all real $x$. Moreover "
            f"$f(0) = {c}$ and $f({at}) = {height}$."
        )
        steps = (
            f"Putting $x = {-first}$ gives $f(0) = f({total})$, so $f(x){term(-c)} = ax(x{term(-total)})$.",
            f"From $f({at}) = {height}$ we get ${at * (at - total)}a = {height - c}$, hence $a = {a}$.",
        )
    if 0 in coefficients:
        return None
    values: list[At] = []
    for here in (-11, -10, 12, 13, 15):
        total_height = Fraction(0)
        for one, value in given:
            weight = Fraction(value)
            for other, _ in given:
                weight *= Fraction(here - other, one - other) if other != one else 1
            total_height += weight
        values.append(({"x": here}, total_height))
    answer = polynomial(coefficients)
    return Draft(
        problem=f"{text} Find $f(x)$. Write your answer as a polynomial in $x$ in expanded form.",
        steps=(*steps, f"Expanding, $f(x) = \\boxed{{{answer}}}$."),
        answer=answer,
        closed=coefficients[0] * x**2 + coefficients[1] * x + coefficients[2],
        checked=Points(values=tuple(values)),
    )


@template(topic="algebra", tier="medium", split="test", answer_type="radical", variants=2)
def logarithms_with_one_base(draw: Draw) -> Draft | None:
    pick = draw.random
    base, power = pick.choice([(2, 3), (2, 4), (2, 5), (3, 2), (3, 3), (5, 2), (6, 2)])
    product = base**power
    if draw.variant == 0:
        b, c = pick.randint(1, 9), pick.randint(1, 9)
        inner = (b + c) ** 2 + 4 * product
        whole, factor = Fraction(c - b, 2), Fraction(1, 2)
        if math.isqrt(inner) ** 2 == inner or b == c:
            return None
        text = f"Solve $\\log_{{{base}}}(x + {b}) + \\log_{{{base}}}(x - {c}) = {power}$ over the real numbers."
        steps = (
            f"Both arguments have to be positive, so $x > {c}$. Then $(x + {b})(x - {c}) = {product}$.",
            f"This is ${polynomial([1, b - c, -b * c - product])} = 0$, whose roots are "
            f"${surd(whole, factor, inner)}$ and ${surd(whole, -factor, inner)}$.",
            f"Only the larger one exceeds ${c}$: $x = \\boxed{{{surd(whole, factor, inner)}}}$.",
        )
        with mpmath.workdps(60):
            checked = mpmath.findroot(
                lambda x: mpmath.log(x + b, base) + mpmath.log(x - c, base) - power,
                (c + mpmath.mpf("1e-9"), c + 2 * product),
                solver="anderson",
                maxsteps=500,
            )
    else:
        gap = pick.randint(3, 12)
        inner, whole, factor = gap * gap + 4 * product, Fraction(0), Fraction(1)
        if math.isqrt(inner) ** 2 == inner:
            return None
        text = (
            f"Positive real numbers $x$ and $y$ satisfy $x - y = {gap}$ and $\\log_{{{base}}} x + \\log_{{{base}}} y = "
            f"{power}$. Find $x + y$."
        )
        steps = (
            f"The second equation says $xy = {base}^{power} = {product}$.",
            f"Then $(x + y)^2 = (x - y)^2 + 4xy = {gap * gap} + {4 * product} = {inner}$.",
            f"Since $x + y > 0$, $x + y = \\boxed{{{surd(whole, factor, inner)}}}$.",
        )
        with mpmath.workdps(60):
            small = mpmath.findroot(
                lambda y: mpmath.log(y + gap, base) + mpmath.log(y, base) - power,
                (mpmath.mpf("1e-9"), 2 * product),
                solver="anderson",
                maxsteps=500,
            )
            checked = 2 * small + gap
    return Draft(
        problem=f"{text} Give an exact answer in simplest radical form.",
        steps=steps,
        answer=surd(whole, factor, inner),
        closed=sympy.Rational(whole) + sympy.Rational(factor) * sympy.sqrt(inner),
        checked=checked,
    )
