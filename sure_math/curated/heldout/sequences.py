"""Sequences for the test split, easy and medium: grids, training plans, sums of neighbours, halving, ratios."""

from __future__ import annotations

import math
from fractions import Fraction

import mpmath
import sympy

from sure_math.curated.latex import braces, decimal, fraction, interval, ordered, plural, term
from sure_math.curated.template import Draft, Draw, Members, Points, template

At = tuple[dict[str, int | Fraction], int | Fraction]


@template(topic="sequences", tier="easy", split="test", answer_type="expression", variants=2)
def sticks_of_a_grid(draw: Draw) -> Draft | None:
    pick = draw.random
    rows = pick.randint(3, 9)
    n = sympy.Symbol("n")
    values: list[At] = []
    for columns in (2, 3, 5, 8):
        sticks: dict[frozenset[tuple[int, int]], int] = {}
        for left in range(columns):
            for low in range(rows):
                corners = [(left, low), (left + 1, low), (left + 1, low + 1), (left, low + 1)]
                for one, other in zip(corners, corners[1:] + corners[:1], strict=True):
                    side = frozenset((one, other))
                    sticks[side] = sticks.get(side, 0) + 1
        shared = sum(1 for count in sticks.values() if count == 2)
        values.append(({"n": columns}, len(sticks) if draw.variant == 0 else shared))
    if draw.variant == 0:
        slope, rest = 2 * rows + 1, rows
        answer = f"{slope}n + {rest}"
        text = (
            f"Sticks of equal length are laid out as a rectangular grid of small squares with {rows} rows and $n$ "
            "columns of squares. Neighbouring squares share a stick, and each side of a small square is one stick. "
            "How many sticks are needed in all?"
        )
        steps = (
            f"There are {rows + 1} horizontal lines of $n$ sticks each, which makes ${rows + 1}n$ sticks.",
            f"There are $n + 1$ vertical lines of {rows} sticks each, which makes ${rows}n + {rows}$ sticks.",
            f"Together these are $\\boxed{{{answer}}}$.",
        )
    else:
        slope, rest = 2 * rows - 1, -rows
        answer = f"{slope}n - {rows}"
        text = (
            f"A glass roof consists of square panes of the same size in {rows} rows of $n$ panes. Wherever two "
            "panes meet along a side, that side is sealed with one rubber strip; there is no strip along the outer "
            "edge of the roof. How many strips does the roof have?"
        )
        steps = (
            f"Between the rows there are {rows - 1} lines of $n$ strips, which makes ${rows - 1}n$ strips.",
            f"Between the columns there are $n - 1$ lines of {rows} strips, which makes ${rows}n - {rows}$ strips.",
            f"Together these are $\\boxed{{{answer}}}$.",
        )
    return Draft(
        problem=f"{text} Write your answer as a simplified expression in $n$.",
        steps=steps,
        answer=answer,
        closed=slope * n + rest,
        checked=Points(values=tuple(values)),
    )


@template(topic="sequences", tier="easy", split="test", answer_type="decimal", variants=2)
def longer_every_week(draw: Draw) -> Draft | None:
    pick = draw.random
    weeks = pick.choice([6, 8, 9, 10, 12])
    start, more = Fraction(pick.randint(8, 40), 20), Fraction(pick.randint(3, 9), 20)
    total = weeks * start + more * weeks * (weeks - 1) / 2
    name, verb, done = pick.choice([("Noor", "swims", "swum"), ("Mateo", "rows", "rowed"), ("Ingrid", "skis", "skied")])
    if draw.variant == 0:
        if total.denominator == 1:
            return None
        answer, closed = decimal(total), total
        lengths = [start]
        while len(lengths) < weeks:
            lengths.append(lengths[-1] + more)
        checked = sum(lengths, Fraction(0))
        last = start + (weeks - 1) * more
        text = (
            f"{name} {verb} {decimal(start)} km in the first week of a training plan and {decimal(more)} km more in "
            f"every week than in the week before. How many kilometres has {name} {done} after {weeks} weeks "
            "altogether?"
        )
        steps = (
            f"In week {weeks} the distance is ${decimal(start)} + {weeks - 1} \\cdot {decimal(more)} = "
            f"{decimal(last)}$ km.",
            f"The mean of the first and the last week is ${decimal((start + last) / 2)}$ km, and this is the mean "
            "of all weeks.",
            f"The total is ${weeks} \\cdot {decimal((start + last) / 2)} = \\boxed{{{answer}}}$ km.".replace(
                "$ km.", "$."
            ),
        )
    else:
        answer, closed = decimal(more), more
        if total.denominator > 20 or start == more:
            return None
        found = [
            step
            for step in (Fraction(n, 100) for n in range(1, 200))
            if sum((start + week * step for week in range(weeks)), Fraction(0)) == total
        ]
        checked = found[0] if len(found) == 1 else Fraction(0)
        text = (
            f"{name} {verb} {decimal(start)} km in the first week of a training plan. From then on, every week's "
            f"distance is longer than that of the week before, always by the same amount. After {weeks} weeks "
            f"{name} has {done} {decimal(total)} km in total. By how many kilometres does the distance grow from "
            "each week to the next?"
        )
        pairs = weeks * (weeks - 1) // 2
        steps = (
            f"If every week had been like the first, the total would be ${weeks} \\cdot {decimal(start)} = "
            f"{decimal(weeks * start)}$ km.",
            f"The other ${decimal(total)} - {decimal(weeks * start)} = {decimal(total - weeks * start)}$ km consist of "
            f"$1 + 2 + \\dots + {weeks - 1} = {pairs}$ weekly increases.",
            f"One increase is ${decimal(total - weeks * start)} \\div {pairs} = \\boxed{{{answer}}}$.",
        )
    return Draft(
        problem=f"{text} Give your answer as a decimal.", steps=steps, answer=answer, closed=closed, checked=checked
    )


@template(topic="sequences", tier="easy", split="test", answer_type="tuple", variants=2)
def each_the_sum_of_two(draw: Draw) -> Draft | None:
    pick = draw.random
    row = [pick.randint(-9, 12), pick.randint(-9, 12)]
    while len(row) < 8:
        row.append(row[-1] + row[-2])
    if row[0] == row[1] or 0 in row or len(set(row)) < 8:
        return None
    rule = "In a list of numbers, every number from the third one on is the sum of the two numbers just before it."
    candidates = [(a, b) for a in range(-60, 61) for b in range(-60, 61)]
    if draw.variant == 0:
        # Third a + b, sixth 3 a + 5 b.
        found = [pair for pair in candidates if sum(pair) == row[2] and 3 * pair[0] + 5 * pair[1] == row[5]]
        closed = (row[0], row[1])
        text = (
            f"{rule} The third number is ${row[2]}$ and the sixth number is ${row[5]}$. Find the first two numbers, "
            "as an ordered pair (first, second)."
        )
        steps = (
            f"If the fourth number is $x$, the fifth is ${row[2]} + x$ and the sixth is ${row[2]} + 2x$.",
            f"So $2x = {row[5]}{term(-row[2])}$ and $x = {row[3]}$.",
            f"Going back, the second number is ${row[3]}{term(-row[2])} = {row[1]}$ and the first is "
            f"${row[2]}{term(-row[1])} = {row[0]}$.",
        )
    else:
        found = []
        for a, b in candidates:
            here = [a, b]
            while len(here) < 7:
                here.append(here[-1] + here[-2])
            if a == row[0] and here[6] == row[6]:
                found.append((here[4], here[5]))
        closed = (row[4], row[5])
        text = (
            f"{rule} The first number is ${row[0]}$ and the seventh number is ${row[6]}$. Find the fifth and the sixth "
            "number, as an ordered pair (fifth, sixth)."
        )
        steps = (
            f"If the second number is $x$, the list continues with ${row[0]} + x$, ${row[0]} + 2x$, ${2 * row[0]} + "
            f"3x$, ${3 * row[0]} + 5x$, ${5 * row[0]} + 8x$.",
            f"So $8x = {row[6]}{term(-5 * row[0])}$ and $x = {row[1]}$.",
            f"The fifth number is ${2 * row[0]}{term(3 * row[1])} = {row[4]}$ and the sixth is "
            f"${3 * row[0]}{term(5 * row[1])} = {row[5]}$.",
        )
    answer = ordered(closed)
    return Draft(
        problem=text,
        steps=(*steps, f"The pair is $\\boxed{{{answer}}}$."),
        answer=answer,
        closed=closed,
        checked=found[0] if len(found) == 1 else (0, 0),
    )


@template(topic="sequences", tier="medium", split="test", answer_type="percentage", variants=2)
def same_rate_every_year(draw: Draw) -> Draft | None:
    pick = draw.random
    rate = Fraction(pick.choice([4, 5, 8, 12, 15, 18, 22, 24, 25, 30, 35, 45]))
    factor = 1 + rate / 100
    answer = f"{decimal(rate)}\\%"
    if draw.variant == 0:
        start = pick.choice([400, 500, 800, 1200, 2000, 2500, 4000, 5000])
        second, fourth = start * factor, start * factor**3
        if fourth.denominator != 1:
            return None
        thing = pick.choice(["A museum counted", "A ferry line carried", "A data archive lent"])
        what = {"A museum counted": "visitors", "A ferry line carried": "bicycles", "A data archive lent": "tapes"}[
            thing
        ]
        text = (
            f"{thing} {second} {what} in its second year and {fourth} in its fourth year. From each year to the "
            "next the number grew by the same percentage. By what percentage did it grow each year?"
        )
        steps = (
            f"In two years the number was multiplied by $\\frac{{{fourth}}}{{{second}}} = {decimal(fourth / second)}$.",
            f"In one year it was multiplied by $\\sqrt{{{decimal(factor**2)}}} = {decimal(factor)}$.",
        )
        found = [r for r in (Fraction(k, 2) for k in range(1, 200)) if second * (100 + r) ** 2 == fourth * 10000]
    else:
        start = pick.choice([200, 300, 400, 500, 600, 800, 1000])
        total = start * (1 + factor + factor**2)
        if (100 * total).denominator != 1:
            return None
        text = (
            f"Odile rents a desk in a shared workshop and pays \\${start} for the first year. The yearly rent rises by "
            "the same percentage after the first and after the second year, and for all three years together she pays "
            f"\\${_money(total)}. By what percentage does the yearly rent rise each time?"
        )
        rest = total / start - 1
        steps = (
            f"If the rent is multiplied by $q$ each time, then ${start}(1 + q + q^2) = {_money(total)}$, so "
            f"$q^2 + q = {decimal(rest)}$.",
            f"The positive solution is $q = \\frac{{-1 + \\sqrt{{1 + 4 \\cdot {decimal(rest)}}}}}{{2}} = "
            f"{decimal(factor)}$.",
        )
        found = []
        for r in (Fraction(k, 2) for k in range(1, 200)):
            first = Fraction(start)
            later = first + first * r / 100
            if first + later + later + later * r / 100 == total:
                found.append(r)
    return Draft(
        problem=f"{text} Give your answer as a percentage.",
        steps=(*steps, f"The percentage is $\\boxed{{{answer}}}$."),
        answer=answer,
        closed=rate,
        checked=found[0] if len(found) == 1 else 0,
    )


def _money(amount: Fraction) -> str:
    return decimal(amount) if amount.denominator == 1 else f"{int(amount)}.{int(amount * 100) % 100:02d}"


@template(topic="sequences", tier="medium", split="test", answer_type="fraction", variants=2)
def arithmetic_meets_geometric(draw: Draw) -> Draft | None:
    pick = draw.random
    if draw.variant == 0:
        a, p, q, r = pick.randint(2, 20), *sorted(pick.sample(range(1, 12), 3))
        bottom = (q - 1) ** 2 - (p - 1) * (r - 1)
        if p == 1 or bottom == 0 or p + r == 2 * q:
            return None
        d = Fraction(a * (p + r - 2 * q), bottom)
        terms = [a + (k - 1) * d for k in (p, q, r)]
        if d.denominator == 1 or d.denominator > 30 or 0 in terms:
            return None
        with mpmath.workdps(60):

            def gap(step: mpmath.mpf) -> mpmath.mpf:
                return (a + (q - 1) * step) ** 2 - (a + (p - 1) * step) * (a + (r - 1) * step)

            near = mpmath.mpf(d.numerator) / d.denominator
            checked = mpmath.findroot(gap, (near - mpmath.mpf("0.01"), near + mpmath.mpf("0.013")))
        names = [_ordinal(k) for k in (p, q, r)]
        text = (
            f"The first term of an arithmetic sequence is ${a}$, and its common difference is not zero. Its "
            f"{names[0]}, "
            f"{names[1]} and {names[2]} terms, in this order, are three successive terms of a geometric sequence. "
            "Find the common difference"
        )
        value = d
        steps = (
            f"With the difference $d$ the condition is $({a} + {q - 1}d)^2 = ({a}{term(p - 1, 'd')})({a} + {r - 1}d)$.",
            f"The terms ${a * a}$ cancel, and after dividing by $d \\ne 0$ it says "
            f"${2 * a * (q - 1)}{term((q - 1) ** 2, 'd')} = {a * (p + r - 2)}{term((p - 1) * (r - 1), 'd')}$.",
            f"So $d = \\boxed{{{fraction(value)}}}$.",
        )
    else:
        top, low = sorted(pick.sample(range(2, 8), 2), reverse=True)
        middle = Fraction(pick.randint(4, 24) * low, pick.choice([low, top]))
        ratio = Fraction(top, low)
        value, smallest = middle * ratio, middle / ratio
        total, cut = value + middle + smallest, value + smallest - 2 * middle
        if value.denominator == 1 or cut <= 0 or math.gcd(top, low) > 1 or total.denominator > 12:
            return None
        found = []
        # The three numbers from the smallest up: total and cut fix the middle one; the rest is searched.
        for n in range(1, 4000):
            least = Fraction(n, 2 * top * low * 2)
            mid = (total - cut) / 3
            if least * (total - mid - least) == mid * mid and least < mid:
                found.append(total - mid - least)
        checked = found[0] if len(found) == 1 else 0
        text = (
            "Three positive numbers, written from the smallest to the largest, are successive terms of a geometric "
            f"sequence, and their sum is ${fraction(total)}$. If the largest number is made smaller by "
            f"${fraction(cut)}$, "
            "the three numbers in the same order are successive terms of an arithmetic sequence. Find the largest "
            "of the three numbers"
        )
        steps = (
            f"Let the numbers be $x$, $y$, $z$. The last condition says $x + z - {fraction(cut)} = 2y$, and with "
            f"$x + y + z = {fraction(total)}$ it gives $3y = {fraction(total - cut)}$ and $y = {fraction(middle)}$.",
            f"So $x + z = {fraction(total - middle)}$ and $xz = y^2 = {fraction(middle**2)}$.",
            f"Hence $x$ and $z$ are the roots of $t^2 - {fraction(total - middle)}t + {fraction(middle**2)} = 0$, "
            f"which are ${fraction(smallest)}$ and ${fraction(value)}$; the largest number is "
            f"$\\boxed{{{fraction(value)}}}$.",
        )
    return Draft(
        problem=f"{text}, as a fraction in lowest terms.",
        steps=steps,
        answer=fraction(value),
        closed=value,
        checked=checked,
    )


def _ordinal(number: int) -> str:
    names = ["first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth", "eleventh"]
    return names[number - 1]


@template(topic="sequences", tier="medium", split="test", answer_type="set", variants=2)
def halve_or_add(draw: Draw) -> Draft | None:
    pick = draw.random
    add = pick.choice([3, 5, 7, 9, 11, 13])

    def step(number: int) -> int:
        return number // 2 if number % 2 == 0 else number + add

    rule = (
        f"From a positive integer $a_1$ a sequence is formed: if $a_n$ is even, then $a_{{n+1}} = "
        f"\\frac{{a_n}}{{2}}$, and if $a_n$ is odd, then $a_{{n+1}} = a_n + {add}$."
    )
    if draw.variant == 0:
        goal = pick.randint(8, 40)
        layers = [{goal}]
        for _ in range(3):
            before = {2 * v for v in layers[-1]}
            before |= {v - add for v in layers[-1] if v > add and (v - add) % 2 == 1}
            layers.append(before)
        closed = frozenset(layers[-1])
        checked = frozenset(v for v in range(1, 1000) if step(step(step(v))) == goal)
        if not 3 <= len(closed) <= 6:
            return None
        text = f"{rule} Find the set of all starting values $a_1$ for which $a_4 = {goal}$."
        shown = [", ".join(map(str, sorted(layer))) for layer in layers]
        steps = (
            f"A value $v$ can come from $2v$, and if $v - {add}$ is odd and positive, also from $v - {add}$.",
            f"So $a_4 = {goal}$ leaves for $a_3$ the possibilities ${shown[1]}$, and these leave for $a_2$ the "
            f"possibilities ${shown[2]}$.",
            f"In the same way $a_1$ is one of ${shown[3]}$.",
        )
    else:
        length = pick.choice([2, 3, 4, 5, 6])
        members = []
        for v in range(1, 400):
            here = v
            for _ in range(length):
                here = step(here)
            if here == v:
                members.append(v)
        checked = frozenset(members)
        # Even steps halve and odd steps add; solve the cycle equation for each pattern of h halvings and odd steps.
        solutions = set()
        for pattern in range(2**length):
            slope, rest = Fraction(1), Fraction(0)
            for place in range(length):
                if pattern >> place & 1:
                    rest += add
                else:
                    slope, rest = slope / 2, rest / 2
            value = rest / (1 - slope) if slope != 1 else Fraction(0)
            moved, fits = value, value > 0
            for place in range(length):
                fits = fits and moved.denominator == 1 and moved % 2 == (pattern >> place & 1)
                moved = moved + add if pattern >> place & 1 else moved / 2
            if fits:
                solutions.add(int(value))
        closed = frozenset(solutions)
        if not 3 <= len(closed) <= 6:
            return None
        text = (
            "A positive integer stands on a board. In each move an even number is replaced by its half, and an odd "
            f"number by the number that is ${add}$ larger. For which starting numbers does the starting number "
            f"stand on the board again after {plural(length, 'move')}, no matter whether it also did so earlier? "
            "Write them as a set."
        )
        steps = (
            "Halving cannot go on for ever, so a sequence that returns to its start contains odd numbers. Its "
            "largest odd "
            f"number $v$ comes from $2v$ by halving, and no member exceeds $v + {add}$; hence $2v \\le v + {add}$ and "
            f"$v \\le {add}$.",
            f"Following the odd numbers from $1$ to ${add}$ until they return gives the cycles {_cycles(add)}.",
            f"A number is back after {plural(length, 'move')} exactly when the length of its cycle divides "
            f"${length}$; this "
            f"leaves $ {', '.join(map(str, sorted(closed)))}$.".replace("$ ", "$"),
        )
    answer = braces(sorted(closed))
    return Draft(
        problem=text,
        steps=(*steps, f"The set is $\\boxed{{{answer}}}$."),
        answer=answer,
        closed=closed,
        checked=checked,
    )


def _cycles(add: int) -> str:
    """The cycles of halving even numbers and adding to odd ones, each from its smallest member."""
    found: set[tuple[int, ...]] = set()
    for start in range(1, add + 1, 2):
        seen = [start]
        while (last := seen[-1] // 2 if seen[-1] % 2 == 0 else seen[-1] + add) not in seen:
            seen.append(last)
        cycle = seen[seen.index(last) :]
        turn = cycle.index(min(cycle))
        found.add(tuple(cycle[turn:] + cycle[:turn]))
    return ", ".join(f"$({', '.join(map(str, cycle))})$" for cycle in sorted(found))


@template(topic="sequences", tier="medium", split="test", answer_type="interval", variants=2)
def parameter_of_the_order(draw: Draw) -> Draft | None:
    pick = draw.random
    p, c = pick.randint(2, 5), pick.choice([-8, -5, -3, 1, 2, 4, 6])
    body = f"{p}n^2 + kn{term(c)}"

    def at(k: Fraction, n: int) -> Fraction:
        return p * n * n + k * n + c

    if draw.variant == 0:
        last = pick.randint(4, 9)
        # a_1 > a_2 > ... > a_last: the last step is the hardest.
        bound = Fraction(-p * (2 * last - 1))
        low, high = None, bound
        text = (
            f"Find all real numbers $k$ for which the first {last} terms of the sequence $a_n = {body}$ "
            f"($n = 1, 2, 3, \\dots$) are strictly decreasing, that is $a_1 > a_2 > \\dots > a_{{{last}}}$."
        )
        steps = (
            f"The difference is $a_{{n+1}} - a_n = {p}(2n + 1) + k$, which grows with $n$.",
            f"So all differences up to $a_{{{last}}} - a_{{{last - 1}}}$ are negative exactly when the last one is: "
            f"${p * (2 * last - 1)} + k < 0$.",
        )
        closed = sympy.Interval.open(-sympy.oo, sympy.Rational(bound))
        marks = [bound + Fraction(n, 7) for n in (-150, -40, -20, -9, -5, -1, 1, 3, 8, 30, 70)]

        def holds(k: Fraction) -> bool:
            return all(at(k, n) > at(k, n + 1) for n in range(1, last))

    else:
        place = pick.randint(3, 12)
        low, high = Fraction(-p * (2 * place + 1)), Fraction(-p * (2 * place - 1))
        text = (
            f"A sequence is given by $a_n = {body}$ for $n = 1, 2, 3, \\dots$ with a real number $k$. For which $k$ "
            f"is the {_ordinal(place) if place < 12 else 'twelfth'} term smaller than every other term?"
        )
        steps = (
            f"The difference $a_{{n+1}} - a_n = {p}(2n + 1) + k$ grows with $n$: the terms fall, then rise.",
            f"The term $a_{{{place}}}$ is the only smallest one exactly when $a_{{{place}}} - a_{{{place - 1}}} = "
            f"{p * (2 * place - 1)} + k < 0$ and $a_{{{place + 1}}} - a_{{{place}}} = {p * (2 * place + 1)} + k > 0$.",
        )
        closed = sympy.Interval.open(sympy.Rational(low), sympy.Rational(high))
        marks = [low + Fraction(n, 7) for n in (-50, -9, -1, 1, 3, 9, 14, 20, 27, 29, 41, 43, 55, 57, 69, 71, 90)]

        def holds(k: Fraction) -> bool:
            return all(at(k, n) > at(k, place) for n in range(1, 60) if n != place)

    marks = [*marks, *(end for end in (low, high) if end is not None)]
    answer = interval(low, high)
    return Draft(
        problem=f"{text} Give your answer in interval notation.",
        steps=(*steps, f"This means that $k$ lies in $\\boxed{{{answer}}}$."),
        answer=answer,
        closed=closed,
        checked=Members(inside=tuple(k for k in marks if holds(k)), outside=tuple(k for k in marks if not holds(k))),
    )


@template(topic="sequences", tier="medium", split="test", answer_type="tuple", variants=2)
def sums_without_end(draw: Draw) -> Draft | None:
    pick = draw.random
    bottom = pick.randint(3, 9)
    ratio = Fraction(pick.randint(1, bottom - 1), bottom)
    first = Fraction(pick.randint(2, 24))
    if ratio.denominator != bottom:
        return None
    total = first / (1 - ratio)
    if draw.variant == 0:
        squares = first**2 / (1 - ratio**2)
        text = (
            f"The terms of an infinite geometric sequence of positive numbers add up to ${fraction(total)}$, and their "
            f"squares add up to ${fraction(squares)}$. Find its first term $a$ and its common ratio $q$."
        )
        quotient = squares / total
        steps = (
            f"We have $\\frac{{a}}{{1 - q}} = {fraction(total)}$ and $\\frac{{a^2}}{{1 - q^2}} = {fraction(squares)}$.",
            f"Dividing the second by the first, $\\frac{{a}}{{1 + q}} = {fraction(quotient)}$.",
            f"So $a = {fraction(total)}(1 - q) = {fraction(quotient)}(1 + q)$, which gives $q = {fraction(ratio)}$ and "
            f"$a = {fraction(first)}$.",
        )

        def wrong(a: mpmath.mpf, q: mpmath.mpf) -> list[mpmath.mpf]:
            return [a - _number(total) * (1 - q), a * a - _number(squares) * (1 - q * q)]

    else:
        odd, even = first / (1 - ratio**2), first * ratio / (1 - ratio**2)
        head = first + first * ratio
        rest = total - head
        text = (
            "In an infinite geometric sequence of positive numbers the first two terms have the sum "
            f"${fraction(head)}$, and all other terms together have the sum ${fraction(rest)}$. Find the first term "
            "$a$ and the common ratio $q$."
        )
        steps = (
            "The terms from the third on are the whole sequence multiplied by $q^2$, and so is their sum.",
            f"The whole sum is ${fraction(head)} + {fraction(rest)} = {fraction(total)}$, hence $q^2 = "
            f"{fraction(ratio**2)}$ and, all terms being positive, $q = {fraction(ratio)}$.",
            f"From $a(1 + q) = {fraction(head)}$ we get $a = {fraction(first)}$.",
        )
        if odd == even:
            return None

        def wrong(a: mpmath.mpf, q: mpmath.mpf) -> list[mpmath.mpf]:
            return [a * (1 + q) - _number(head), a * q * q - _number(rest) * (1 - q)]

    with mpmath.workdps(50):
        guess = (_number(first) * mpmath.mpf("1.07"), _number(ratio) * mpmath.mpf("0.94"))
        solution = mpmath.findroot(wrong, guess)
        checked = (solution[0], solution[1])
    answer = ordered([fraction(first), fraction(ratio)])
    return Draft(
        problem=f"{text} Give the ordered pair $(a, q)$ with integers or fractions in lowest terms.",
        steps=(*steps, f"The pair is $\\boxed{{{answer}}}$."),
        answer=answer,
        closed=(first, ratio),
        checked=checked,
    )


def _number(value: Fraction) -> mpmath.mpf:
    return mpmath.mpf(value.numerator) / value.denominator
