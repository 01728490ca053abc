"""Counting and probability, hard and competition: paths, games of unbounded length, distributions, expectations."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations, product
from math import comb, isqrt

import mpmath
import sympy

from sure_math.curated.latex import fraction, interval, plural, surd
from sure_math.curated.template import DIGITS, Draft, Draw, Members, template


@template(topic="counting_and_probability", tier="hard", split="train", answer_type="integer")
def paths_through_exactly_one_corner(draw: Draw) -> Draft | None:
    right, up = draw.random.randint(6, 9), draw.random.randint(5, 8)
    a = (draw.random.randint(1, right - 3), draw.random.randint(1, up - 3))
    b = (draw.random.randint(a[0] + 1, right - 1), draw.random.randint(a[1], up - 1))

    def ways(start: tuple[int, int], end: tuple[int, int]) -> int:
        return comb(end[0] - start[0] + end[1] - start[1], end[0] - start[0])

    goal = (right, up)
    via_a, via_b = ways((0, 0), a) * ways(a, goal), ways((0, 0), b) * ways(b, goal)
    via_both = ways((0, 0), a) * ways(a, b) * ways(b, goal)
    closed = via_a + via_b - 2 * via_both
    table: dict[tuple[int, int, int], int] = {(0, 0, 0): 1}
    for x, y in product(range(right + 1), range(up + 1)):
        for met in range(3):
            if (x, y) != (0, 0):
                before = met - ((x, y) in (a, b))
                table[x, y, met] = table.get((x - 1, y, before), 0) + table.get((x, y - 1, before), 0)
    answer = str(closed)
    problem = draw.random.choice(
        (
            f"A path from $(0, 0)$ to $({right}, {up})$ consists of steps of length 1, each going right or up. How "
            f"many such paths pass through exactly one of the points $A{a}$ and $B{b}$?",
            f"The streets of a town form a square grid. Ines walks from the crossing $(0, 0)$ to the crossing "
            f"$({right}, {up})$, always one block east or one block north. There are kiosks at the crossings ${a}$ and "
            f"${b}$. In how many ways can she walk so that she passes exactly one of the two kiosks?",
        )
    )
    steps = (
        f"Paths through the first point: $\\binom{{{sum(a)}}}{{{a[0]}}} \\cdot "
        f"\\binom{{{right + up - sum(a)}}}{{{right - a[0]}}} = {via_a}$.",
        f"Paths through the second point: $\\binom{{{sum(b)}}}{{{b[0]}}} \\cdot "
        f"\\binom{{{right + up - sum(b)}}}{{{right - b[0]}}} = {via_b}$.",
        f"Paths through both points: $\\binom{{{sum(a)}}}{{{a[0]}}} \\cdot "
        f"\\binom{{{sum(b) - sum(a)}}}{{{b[0] - a[0]}}} \\cdot \\binom{{{right + up - sum(b)}}}{{{right - b[0]}}} = "
        f"{via_both}$.",
        f"They are counted in both of the first two numbers and must not be counted at all, so the answer is "
        f"${via_a} + {via_b} - 2 \\cdot {via_both} = \\boxed{{{answer}}}$.",
    )
    return Draft(problem=problem, steps=steps, answer=answer, closed=closed, checked=table[right, up, 1])


@template(topic="counting_and_probability", tier="hard", split="train", answer_type="fraction")
def one_hit_against_two(draw: Draw) -> Draft | None:
    chances = [Fraction(1, k) for k in (3, 4, 5, 6)] + [Fraction(1, 2), Fraction(2, 3), Fraction(3, 4), Fraction(2, 5)]
    one, other = draw.random.choice(chances[:4]), draw.random.choice(chances)
    if other <= one:
        return None
    stay = (1 - one) * (1 - other)
    later = one / (1 - stay)
    closed = (one + (1 - one) * other * later) / (1 - stay)
    with mpmath.workdps(DIGITS):
        a, b = (mpmath.mpf(each.numerator) / each.denominator for each in (one, other))
        checked = mpmath.mpf(0)
        for misses in range(700):
            behind = (1 - b) ** misses + (misses * b * (1 - b) ** (misses - 1) if misses else 0)
            checked += a * (1 - a) ** misses * behind
    answer = fraction(closed)
    problem = draw.random.choice(
        (
            f"Ana and Ben throw darts in turn, and Ana throws first. Each throw of Ana's hits with probability "
            f"${fraction(one)}$, each throw of Ben's with probability ${fraction(other)}$, all throws being "
            f"independent. Ana wins as soon as she has hit once; Ben wins as soon as he has hit twice (not necessarily "
            f"in a row). Find the probability that Ana wins, as a fraction in lowest terms.",
            f"Two robots take turns trying to open a safe, robot A making the first attempt. An attempt of A succeeds "
            f"with probability ${fraction(one)}$, an attempt of B with probability ${fraction(other)}$, independently "
            f"of all others. Robot A needs one success, robot B needs two successes, which may lie apart. The robot "
            f"that first has what it needs gets the prize. With what probability does A get it? Give a fraction in "
            f"lowest terms.",
        )
    )
    steps = (
        "Let $u$ and $v$ be the probabilities that the first player wins when it is this player's turn and the second "
        "player has no hit and one hit, respectively.",
        f"With one hit, the game returns to the same state if both fail, which has probability ${fraction(1 - one)} "
        f"\\cdot {fraction(1 - other)} = {fraction(stay)}$. So $v = {fraction(one)} + {fraction(stay)}v$ and $v = "
        f"{fraction(later)}$.",
        f"With no hit, $u = {fraction(one)} + {fraction(1 - one)} \\left({fraction(1 - other)} u + {fraction(other)} "
        f"v\\right)$, so ${fraction(1 - stay)}u = {fraction(one + (1 - one) * other * later)}$.",
        f"Hence $u = \\boxed{{{answer}}}$.",
    )
    return Draft(problem=problem, steps=steps, answer=answer, closed=closed, checked=checked)


@template(topic="counting_and_probability", tier="hard", split="train", answer_type="interval")
def most_likely_number_of_heads(draw: Draw) -> Draft | None:
    tosses = draw.random.randint(5, 13)
    heads = draw.random.randint(1, tosses - 1)
    low, high = Fraction(heads, tosses + 1), Fraction(heads + 1, tosses + 1)
    closed = sympy.Interval.open(sympy.Rational(low), sympy.Rational(high))

    def wins(chance: Fraction) -> bool:
        weights = [comb(tosses, k) * chance**k * (1 - chance) ** (tosses - k) for k in range(tosses + 1)]
        return all(weights[heads] > weight for k, weight in enumerate(weights) if k != heads)

    near = Fraction(1, 10_000)
    points = sorted({low, high, low - near, low + near, high - near, high + near, (low + high) / 2, low / 2})
    checked = Members(
        inside=tuple(point for point in points if wins(point)), outside=tuple(each for each in points if not wins(each))
    )
    answer = interval(low, high)
    problem = draw.random.choice(
        (
            f"A coin shows heads with probability $p$, where $0 < p < 1$. It is tossed {tosses} times. Find all values "
            f"of $p$ for which getting exactly {heads} heads is strictly more likely than getting exactly $k$ heads "
            f"for every other $k$. Give your answer in interval notation.",
            f"Each of {tosses} seeds sprouts with probability $p$, independently of the others, where $0 < p < 1$. For "
            f"which $p$ is exactly {heads} the unique most likely number of sprouting seeds? Answer in interval "
            f"notation.",
        )
    ).replace("exactly 1 heads", "exactly one head")
    steps = (
        f"Let $P(k) = \\binom{{{tosses}}}{{k}} p^k (1 - p)^{{{tosses} - k}}$. Then $\\frac{{P(k)}}{{P(k - 1)}} = "
        f"\\frac{{({tosses + 1} - k)p}}{{k(1 - p)}}$.",
        f"This ratio is greater than 1 exactly when $({tosses + 1} - k)p > k(1 - p)$, that is, when $p > "
        f"\\frac{{k}}{{{tosses + 1}}}$. So $P$ first rises and then falls.",
        f"Hence $P({heads})$ is the only largest value exactly when $P({heads}) > P({heads - 1})$ and $P({heads}) > "
        f"P({heads + 1})$.",
        f"The first says $p > {fraction(low)}$, the second $p < {fraction(high)}$, so the answer is "
        f"$\\boxed{{{answer}}}$.",
    )
    return Draft(problem=problem, steps=steps, answer=answer, closed=closed, checked=checked)


@template(topic="counting_and_probability", tier="hard", split="train", answer_type="integer")
def gifts_with_a_limit_for_one(draw: Draw) -> Draft:
    gifts, most = draw.random.randint(6, 10), draw.random.choice((2, 3))
    cases = [(k, comb(gifts, k), 2 ** (gifts - k) - 2) for k in range(1, most + 1)]
    closed = sum(chosen * rest for _, chosen, rest in cases)
    checked = 0
    for owners in product(range(3), repeat=gifts):
        checked += 1 <= owners.count(0) <= most and owners.count(1) > 0 and owners.count(2) > 0
    answer = str(closed)
    problem = draw.random.choice(
        (
            f"Pia, Quinn and Rosa are given {gifts} different books. Everyone gets at least one book, and Pia gets "
            f"at most {most}. In how many ways can the books be given out?",
            f"A project has {gifts} different tasks. Each task is assigned to exactly one of three engineers, Xu, Yara "
            f"and Zane, so that nobody is left without a task and Xu has at most {most} tasks. How many assignments "
            f"are there?",
        )
    )
    lines = [
        f"With {plural(k, 'item')} for the first person there are $\\binom{{{gifts}}}{{{k}}} = {chosen}$ choices; the "
        f"other {gifts - k} items go to the other two, both getting something, in $2^{{{gifts - k}}} - 2 = {rest}$ "
        f"ways."
        for k, chosen, rest in cases
    ]
    total = " + ".join(f"{chosen} \\cdot {rest}" for _, chosen, rest in cases)
    steps = (
        f"Distinguish how many items the person with the limit gets, from 1 to {most}.",
        *lines,
        f"Together: ${total} = \\boxed{{{answer}}}$.",
    )
    return Draft(problem=problem, steps=steps, answer=answer, closed=closed, checked=checked)


@template(topic="counting_and_probability", tier="hard", split="train", answer_type="radical")
def how_long_to_wait(draw: Draw) -> Draft | None:
    span = draw.random.choice((30, 40, 60, 80, 90, 120))
    chance = draw.random.choice([Fraction(k, d) for d in (2, 3, 4, 5, 6, 8, 9) for k in range(1, d)])
    miss = 1 - chance
    if isqrt(miss.numerator * miss.denominator) ** 2 == miss.numerator * miss.denominator:
        return None
    answer = surd(span, -Fraction(span, miss.denominator), miss.numerator * miss.denominator)
    closed = span - span * sympy.sqrt(sympy.Rational(miss))

    def met(wait: mpmath.mpf) -> mpmath.mpf:
        bends = sorted([mpmath.mpf(0), wait, span - wait, mpmath.mpf(span)])
        area = mpmath.quad(
            lambda x: min(x + wait, span) - max(x - wait, 0), bends, method="gauss-legendre", maxdegree=2
        )
        return area / span**2 - mpmath.mpf(chance.numerator) / chance.denominator

    with mpmath.workdps(DIGITS):
        checked = mpmath.findroot(met, (mpmath.mpf(span) / 3, mpmath.mpf(span) / 2))
    problem = draw.random.choice(
        (
            f"Two friends arrive at a station independently, each at a time that is uniformly distributed over the "
            f"same {span} minutes. Each waits for the other for $w$ minutes and then leaves, even if the period is not "
            f"over. For which $w$ with $0 < w < {span}$ do they meet with probability exactly ${fraction(chance)}$? "
            f"Give the exact value in minutes.",
            f"Two rain showers begin at independent times, both uniformly distributed over an interval of {span} "
            f"minutes, and each lasts $w$ minutes, where $0 < w < {span}$. The probability that the showers overlap in "
            f"time is ${fraction(chance)}$. Find the exact value of $w$.",
        )
    )
    steps = (
        f"The two starting times are a uniformly distributed point $(x, y)$ in a square of side {span}. The event in "
        f"question is $|x - y| < w$; a single value of $|x - y|$ has probability 0.",
        f"Its complement consists of two right triangles with legs ${span} - w$, so it has probability "
        f"$\\frac{{({span} - w)^2}}{{{span}^2}}$.",
        f"This must be $1 - {fraction(chance)} = {fraction(miss)}$, so ${span} - w = "
        f"{span}\\sqrt{{{fraction(miss)}}}$.",
        f"Hence $w = \\boxed{{{answer}}}$.",
    )
    return Draft(problem=problem, steps=steps, answer=answer, closed=closed, checked=checked)


@template(topic="counting_and_probability", tier="competition", split="train", answer_type="fraction")
def rolls_until_a_divisible_sum(draw: Draw) -> Draft | None:
    sides, modulus = draw.random.choice((4, 5, 6, 7, 8, 9, 10)), draw.random.choice((3, 4, 5))
    share = [Fraction(len(range(r or modulus, sides + 1, modulus)), sides) for r in range(modulus)]
    if min(share) == 0:
        return None
    factors = [(1 - share[-r % modulus]) / (1 - share[r] * share[-r % modulus]) for r in range(modulus)]
    inner = sum((q * f for q, f in zip(share, factors, strict=True)), Fraction(0))
    closed = 1 / (1 - inner)
    if closed.denominator == 1:
        return None
    with mpmath.workdps(DIGITS):
        last = [mpmath.mpf(1) / sides] * sides
        checked = mpmath.mpf(1)
        while (alive := mpmath.fsum(last)) > mpmath.mpf(10) ** -32:
            checked += alive
            last = [
                mpmath.fsum(p for a, p in enumerate(last, 1) if (a + b) % modulus) / sides for b in range(1, sides + 1)
            ]
    answer = fraction(closed)
    problem = draw.random.choice(
        (
            f"A fair die with {sides} faces, numbered 1 to {sides}, is rolled again and again until the sum of the "
            f"last two rolls is a multiple of {modulus}. Find the expected number of rolls. Give your answer as a "
            f"fraction in lowest terms.",
            f"A computer writes down random integers from 1 to {sides}, each chosen uniformly and independently of the "
            f"others, and stops as soon as two numbers written one directly after the other have a sum divisible by "
            f"{modulus}. What is the expected number of integers it writes down? Give a fraction in lowest terms.",
        )
    )
    shares = ", ".join(f"$q_{r} = {fraction(q)}$" for r, q in enumerate(share))
    values = ", ".join(f"$E_{r} = {fraction(f)}T$" for r, f in enumerate(factors))
    steps = (
        f"Only remainders modulo {modulus} matter. A number has remainder $r$ with probability $q_r$: {shares}.",
        "Let $E_r$ be the expected number of further numbers when the last one had remainder $r$, and let "
        "$T = 1 + \\sum_r q_r E_r$ be the expected total.",
        "From remainder $r$ the process stops exactly if the next remainder is the opposite one, $-r$, so "
        f"$E_r = T - q_{{-r}} E_{{-r}}$ with indices modulo {modulus}.",
        f"Solving the equations for $r$ and $-r$ together gives $E_r = \\frac{{1 - q_{{-r}}}}{{1 - q_r q_{{-r}}}} T$, "
        f"that is, {values}.",
        f"Substituting in the definition of $T$ gives $T = 1 + {fraction(inner)}T$.",
        f"Therefore $T = \\boxed{{{answer}}}$.",
    )
    return Draft(problem=problem, steps=steps, answer=answer, closed=closed, checked=checked)


@template(topic="counting_and_probability", tier="competition", split="train", answer_type="integer")
def strings_with_a_lonely_colour_and_parity(draw: Draw) -> Draft:
    length, free = draw.random.randint(6, 10), draw.random.choice((3, 4))
    even = draw.random.random() < 0.5

    def sequence(weight: int) -> list[int]:
        values = [1, weight + 1]
        while len(values) <= length:
            values.append(weight * (values[-1] + values[-2]))
        return values

    plain, signed = sequence(free), sequence(free - 2)
    closed = (plain[length] + (signed[length] if even else -signed[length])) // 2
    ends: dict[tuple[int, int], int] = {(-1, 0): 1}
    for _ in range(length):
        following: dict[tuple[int, int], int] = {}
        for (last, parity), count in ends.items():
            for colour in range(free + 1):
                if not (last == colour == 0):
                    key = (colour, parity ^ (colour == 1))
                    following[key] = following.get(key, 0) + count
        ends = following
    checked = sum(count for (_, parity), count in ends.items() if parity == (0 if even else 1))
    answer = str(closed)
    colours = "red, blue, green and yellow" if free == 3 else "red, blue, green, yellow and white"
    word = "even (possibly 0)" if even else "odd"
    problem = draw.random.choice(
        (
            f"Beads of the colours {colours} are threaded on a wire to form a row of {length} beads, and the two ends "
            f"of the wire can be told apart. How many rows have no two neighbouring red beads and a number of blue "
            f"beads that is {word}?",
            f"Each of {length} flagpoles in a row carries one flag, whose colour is one of {colours}. Neighbouring "
            f"poles may not both carry red flags, and the number of blue flags has to be {word}. In how many ways can "
            f"the colours be chosen?",
        )
    )
    sign = "+" if even else "-"
    steps = (
        f"Let $a_n$ be the number of rows of length $n$ without neighbouring reds. Such a row ends in one of {free} "
        f"other colours, or in one of these followed by red, so $a_n = {free}(a_{{n-1}} + a_{{n-2}})$ with $a_0 = 1$, "
        f"$a_1 = {free + 1}$.",
        f"Let $d_n$ be the number of such rows with an even number of blues minus the number with an odd number. "
        f"Counting each blue with the factor $-1$ replaces {free} by ${free - 1} - 1 = {free - 2}$: $d_n = "
        f"{'' if free == 3 else free - 2}(d_{{n-1}} + d_{{n-2}})$ with $d_0 = 1$, $d_1 = {free - 1}$.",
        f"The first sequence is ${', '.join(map(str, plain))}$, so $a_{{{length}}} = {plain[length]}$.",
        f"The second is ${', '.join(map(str, signed))}$, so $d_{{{length}}} = {signed[length]}$.",
        f"The number of rows is $\\frac{{a_{{{length}}} {sign} d_{{{length}}}}}{{2}} = \\frac{{{plain[length]} {sign} "
        f"{signed[length]}}}{{2}} = \\boxed{{{answer}}}$.",
    )
    return Draft(problem=problem, steps=steps, answer=answer, closed=closed, checked=checked)


@template(topic="counting_and_probability", tier="competition", split="train", answer_type="fraction")
def product_of_extremes(draw: Draw) -> Draft | None:
    top, size = draw.random.randint(8, 15), draw.random.choice((3, 4, 5))
    larger, smaller = Fraction((top + 1) * (top + 2), size + 2), Fraction(top + 1, size + 1)
    closed = larger - smaller
    if closed.denominator == 1 or comb(top, size) > 3100:
        return None
    hands = list(combinations(range(1, top + 1), size))
    answer = fraction(closed)
    word = {3: "three", 4: "four", 5: "five"}[size]
    problem = draw.random.choice(
        (
            f"A {word}-element subset of $\\{{1, 2, \\ldots, {top}\\}}$ is chosen uniformly at random, and its "
            f"smallest element is multiplied by its largest element. Find the expected value of the product as a "
            f"fraction in lowest terms.",
            f"From {top} cards numbered 1 to {top}, {word} cards are drawn without replacement. What is the expected "
            f"value of the product of the lowest and the highest number drawn? Give a fraction in lowest terms.",
        )
    )
    steps = (
        "Let $a$ be the smallest and $b$ the largest number drawn. Write $ab = a(b + 1) - a$ and treat the two parts "
        "separately.",
        f"Summed over all subsets, $a$ counts the ways to choose {size} numbers and one more element of $\\{{0, 1, "
        f"\\ldots, {top}\\}}$ below all of them, that is, {size + 1} of {top + 1} numbers. So the mean of $a$ is "
        f"$\\binom{{{top + 1}}}{{{size + 1}}} / \\binom{{{top}}}{{{size}}} = {fraction(smaller)}$.",
        f"The sum of $a({top + 1} - b)$ over all subsets counts choices of {size} numbers with one more below all of "
        f"them, from 0 on, and one more above all of them, up to {top + 1}: there are "
        f"$\\binom{{{top + 2}}}{{{size + 2}}}$, so the mean of $a({top + 1} - b)$ is "
        f"$\\binom{{{top + 2}}}{{{size + 2}}} / \\binom{{{top}}}{{{size}}} = "
        f"{fraction(Fraction(comb(top + 2, size + 2), comb(top, size)))}$.",
        f"Since $a(b + 1) = {top + 2}a - a({top + 1} - b)$, its mean is ${top + 2} \\cdot {fraction(smaller)} - "
        f"{fraction(Fraction(comb(top + 2, size + 2), comb(top, size)))} = {fraction(larger)}$.",
        f"The expected product is ${fraction(larger)} - {fraction(smaller)} = \\boxed{{{answer}}}$.",
    )
    checked = Fraction(sum(hand[0] * hand[-1] for hand in hands), len(hands))
    return Draft(problem=problem, steps=steps, answer=answer, closed=closed, checked=checked)
