"""Counting and probability, hard and competition: independence, subsets, spread, comparisons, jumps and walks."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations, product
from math import comb, isqrt, prod

import mpmath
import sympy

from sure_math.curated.latex import fraction, interval, listed, ordered, surd, term
from sure_math.curated.template import DIGITS, Draft, Draw, Members, Points, template


@template(topic="counting_and_probability", tier="hard", split="test", answer_type="tuple", variants=2)
def two_independent_events(draw: Draw) -> Draft | None:
    choices = [Fraction(n, d) for d in (3, 4, 5, 6, 8) for n in range(1, d)]
    p, q = draw.random.sample(choices, 2)
    grid = sorted({Fraction(n, d) for d in range(2, 25) for n in range(1, d)})
    if draw.variant == 0:
        only_a, only_b = p * (1 - q), q * (1 - p)
        if p + q <= 1:
            return None
        gap = only_a - only_b
        root = _root((1 - gap) ** 2 - 4 * only_b)
        small = (1 - gap + root) / 2
        closed = (small + gap, small)
        checked = [(x, x - gap) for x in grid if x * (1 - x + gap) == only_a and 2 * x - gap > 1]
        problem = (
            f"The events $A$ and $B$ are independent. The probability that $A$ happens but $B$ does not is "
            f"${fraction(only_a)}$, and the probability that $B$ happens but $A$ does not is ${fraction(only_b)}$. "
            f"Moreover, $P(A) + P(B) > 1$. Find the ordered pair $(P(A), P(B))$, both entries as fractions in lowest "
            f"terms."
        )
        other = (1 - gap - root) / 2
        steps: tuple[str, ...] = (
            f"Let $p = P(A)$ and $q = P(B)$. Then $p - pq = {fraction(only_a)}$ and $q - pq = {fraction(only_b)}$, so "
            f"$p - q = {fraction(gap)}$.",
            f"Substituting $p = q{term(gap)}$ in the second equation gives $q\\left(1 - q{term(-gap)}\\right) = "
            f"{fraction(only_b)}$, that is, $q^2 - {fraction(1 - gap)}q + {fraction(only_b)} = 0$.",
            f"Its solutions are $q = {fraction(small)}$ and $q = {fraction(other)}$, with $p = "
            f"{fraction(small + gap)}$ and $p = {fraction(other + gap)}$. Only the first pair has a sum greater than "
            f"1.",
        )
        if gap == 0:
            return None
    else:
        p, q = max(p, q), min(p, q)
        one, some = p + q - 2 * p * q, p + q - p * q
        both, total = some - one, 2 * some - one
        root = _root(total**2 - 4 * both)
        closed = ((total + root) / 2, (total - root) / 2)
        checked = [(x, total - x) for x in grid if total - x < x and x * (total - x) == both]
        problem = (
            f"Two rangers watch the same valley from different huts and notice a passing animal independently of each "
            f"other. The probability that exactly one of them notices it is ${fraction(one)}$, and the probability "
            f"that at least one of them does is ${fraction(some)}$. The first ranger notices it with probability $p$, "
            f"the second with the smaller probability $q$. Find the ordered pair $(p, q)$, both entries as fractions "
            f"in lowest terms."
        )
        steps = (
            f"Both notice the animal with probability $pq = {fraction(some)} - {fraction(one)} = {fraction(both)}$.",
            f"At least one does with probability $p + q - pq = {fraction(some)}$, so $p + q = {fraction(total)}$.",
            f"Hence $p$ and $q$ are the roots of $t^2 - {fraction(total)}t + {fraction(both)} = 0$, which are "
            f"{fraction(closed[0])} and "
            f"{fraction(closed[1])}.".replace(
                f"are {fraction(closed[0])} and", f"are ${fraction(closed[0])}$ and"
            ).replace(f"{fraction(closed[1])}.", f"${fraction(closed[1])}$."),
        )
    if len(checked) != 1:
        return None
    answer = ordered(fraction(each) for each in closed)
    steps = (*steps, f"The pair is $\\boxed{{{answer}}}$.")
    return Draft(problem=problem, steps=steps, answer=answer, closed=closed, checked=checked[0])


def _root(value: Fraction) -> Fraction:
    """Of the square of a fraction."""
    return Fraction(isqrt(value.numerator), isqrt(value.denominator))


@template(topic="counting_and_probability", tier="hard", split="test", answer_type="integer", variants=2)
def subsets_without_related_elements(draw: Draw) -> Draft:
    top = draw.random.randint(11, 14)
    fibonacci = [1, 2]
    while len(fibonacci) < 16:
        fibonacci.append(fibonacci[-1] + fibonacci[-2])
    if draw.variant == 0:
        gap = draw.random.choice((3, 4))
        chains = [list(range(start, top + 1, gap)) for start in range(1, gap + 1)]
        checked = sum(mask & (mask >> gap) == 0 for mask in range(2**top))
        relation = f"contain no two elements whose difference is {gap}"
        kind = f"differ by {gap}"
    else:
        chains = [[odd * 2**k for k in range(8) if odd * 2**k <= top] for odd in range(1, top + 1, 2)]
        doubles = [(1 << (k - 1)) | (1 << (2 * k - 1)) for k in range(1, top // 2 + 1)]
        checked = sum(all(mask & pair != pair for pair in doubles) for mask in range(2**top))
        relation = "contain no two elements of which one is twice the other"
        kind = "are in the ratio 1 to 2"
    factors = [fibonacci[len(chain)] for chain in chains]
    closed = prod(factors)
    answer = str(closed)
    long = [chain for chain in chains if len(chain) > 1]
    single = len(chains) - len(long)
    problem = f"How many subsets of $\\{{1, 2, \\ldots, {top}\\}}$, the empty set included, {relation}?"
    steps = (
        f"Split the numbers into chains in which neighbours {kind}: {'; '.join(listed(chain) for chain in long)}"
        + (f"; the {single} numbers that are left stand alone." if single else "."),
        "A subset is allowed exactly if it contains no two neighbours of any chain, and the choices in different "
        "chains are independent.",
        "A chain of length $k$ has $f_k$ subsets without neighbours, where $f_1 = 2$, $f_2 = 3$ and $f_k = f_{k-1} + "
        "f_{k-2}$, so $f_3 = 5$, $f_4 = 8$, $f_5 = 13$.",
        f"The chains contribute the factors {listed(factors)}.",
        f"Their product is $\\boxed{{{answer}}}$.",
    )
    return Draft(problem=problem, steps=steps, answer=answer, closed=closed, checked=checked)


@template(topic="counting_and_probability", tier="hard", split="test", answer_type="radical", variants=2)
def standard_deviation_of_a_draw(draw: Draw) -> Draft | None:
    if draw.variant == 0:
        red, white, drawn = draw.random.randint(3, 8), draw.random.randint(3, 8), draw.random.randint(3, 5)
        total = red + white
        variance = Fraction(drawn * red * white * (total - drawn), total * total * (total - 1))
        if drawn > min(red, white) or total > 13:
            return None
        outcomes = [sum(hand) for hand in combinations([1] * red + [0] * white, drawn)]
        problem = (
            f"From a bag with {red} red and {white} white balls, {drawn} balls are drawn at random without "
            f"replacement. Let $X$ be the number of red balls drawn. Find the standard deviation of $X$, that is, the "
            f"square root of its variance, in simplest radical form."
        )
        pairs = Fraction(red * (red - 1), total * (total - 1))
        steps: tuple[str, ...] = (
            f"Write $X$ as a sum of {drawn} variables $X_i$ that are 1 if the $i$th ball is red and 0 if not. Each has "
            f"the mean $\\frac{{{red}}}{{{total}}}$, so $E(X) = {fraction(Fraction(drawn * red, total))}$.",
            f"For $i \\ne j$, $E(X_i X_j) = \\frac{{{red} \\cdot {red - 1}}}{{{total} \\cdot {total - 1}}} = "
            f"{fraction(pairs)}$.",
            f"So $E(X^2) = {fraction(Fraction(drawn * red, total))} + {drawn} \\cdot {drawn - 1} \\cdot "
            f"{fraction(pairs)} = {fraction(Fraction(drawn * red, total) + drawn * (drawn - 1) * pairs)}$.",
            f"The variance is $E(X^2) - E(X)^2 = {fraction(variance)}$.",
        )
    else:
        top = draw.random.randint(6, 15)
        variance = Fraction((top - 2) * (top + 1), 18)
        outcomes = [max(pair) for pair in combinations(range(1, top + 1), 2)]
        pairs_count = comb(top, 2)
        mean = Fraction(2 * (top + 1), 3)
        square = Fraction(sum(m * m * (m - 1) for m in range(2, top + 1)), pairs_count)
        problem = (
            f"Two different integers are chosen at random from $1, 2, \\ldots, {top}$, and $M$ is the larger of the "
            f"two. Find the standard deviation of $M$, that is, the square root of its variance, in simplest radical "
            f"form."
        )
        steps = (
            f"There are {pairs_count} pairs, and $M = m$ for $m - 1$ of them.",
            f"So $E(M) = \\frac{{1}}{{{pairs_count}}} \\sum_{{m=2}}^{{{top}}} m(m - 1) = {fraction(mean)}$.",
            f"In the same way $E(M^2) = \\frac{{1}}{{{pairs_count}}} \\sum_{{m=2}}^{{{top}}} m^2(m - 1) = "
            f"{fraction(square)}$.",
            f"The variance is $E(M^2) - E(M)^2 = {fraction(variance)}$.",
        )
    inside = variance.numerator * variance.denominator
    if isqrt(inside) ** 2 == inside:
        return None
    with mpmath.workdps(DIGITS + 10):
        size = mpmath.mpf(len(outcomes))
        checked = mpmath.sqrt(sum(x * x for x in outcomes) / size - (sum(outcomes) / size) ** 2)
    answer = surd(0, Fraction(1, variance.denominator), inside)
    steps = (*steps, f"The standard deviation is $\\boxed{{{answer}}}$.")
    return Draft(
        problem=problem, steps=steps, answer=answer, closed=sympy.sqrt(sympy.Rational(variance)), checked=checked
    )


@template(topic="counting_and_probability", tier="hard", split="test", answer_type="interval", variants=2)
def chances_that_favour_a_choice(draw: Draw) -> Draft | None:
    return _worthwhile_game(draw) if draw.variant == 0 else _two_routes_to_the_final(draw)


def _worthwhile_game(draw: Draw) -> Draft | None:
    low, high = sorted(draw.random.sample([Fraction(n, d) for d in (3, 4, 5, 6, 8, 10) for n in range(1, d)], 2))
    scale = low.denominator * high.denominator * draw.random.choice((1, 2, 3, 4))
    twice, stake = scale * (low + high), scale * low * high
    if twice.denominator > 1 or twice % 2 or stake.denominator > 1 or low + high <= 1 or scale > 90:
        return None
    single, double, cost = int(twice) // 2, int(twice) - scale, int(stake)
    if double < 2 or double == single or cost >= single or high == low + Fraction(1, 2):
        return None
    closed = sympy.Interval(sympy.Rational(low), sympy.Rational(high))
    near = Fraction(1, 1000)
    points = [low, high, low - near, low + near, high - near, high + near, (low + high) / 2]
    gains = [2 * p * (1 - p) * single + p * p * double - cost for p in points]
    answer = interval(low, high, "[]")
    return Draft(
        problem=(
            f"A coin shows heads with probability $p$, where $0 \\le p \\le 1$. In a game the coin is tossed twice. "
            f"The player pays {cost} dollars to play and is paid {single} dollars if exactly one toss shows heads, "
            f"{double} dollars if both do, and nothing if neither does. For which values of $p$ is the expected amount "
            f"paid to the player at least as large as the price of the game? Give your answer in interval notation."
        ),
        steps=(
            f"The expected amount paid out is $2p(1 - p) \\cdot {single} + p^2 \\cdot {double} = {2 * single}p - "
            f"{scale}p^2$.",
            f"The condition ${2 * single}p - {scale}p^2 \\ge {cost}$ is ${scale}p^2 - {2 * single}p + {cost} \\le 0$.",
            f"The roots of the left side are $p = {fraction(low)}$ and $p = {fraction(high)}$, and it is at most 0 "
            f"between them.",
            f"So $p$ must be in $\\boxed{{{answer}}}$.",
        ),
        answer=answer,
        closed=closed,
        checked=Members(
            inside=tuple(p for p, gain in zip(points, gains, strict=True) if gain >= 0),
            outside=tuple(p for p, gain in zip(points, gains, strict=True) if gain < 0),
        ),
    )


def _two_routes_to_the_final(draw: Draw) -> Draft:
    ratio = draw.random.choice([Fraction(*pair) for pair in ((1, 2), (1, 3), (1, 4), (2, 5), (3, 5), (2, 3))])
    low = 2 * ratio / (1 + ratio * ratio)
    near = Fraction(1, 1000)
    points = [low, low - near, low + near, (low + 1) / 2, low / 2, Fraction(1), Fraction(1, 50)]
    better = [p * p >= 1 - (1 - ratio * p) ** 2 for p in points]
    answer = interval(low, Fraction(1), "[]")
    return Draft(
        problem=(
            f"A player can reach a final in one of two ways. In route A, two matches must both be won, and each is won "
            f"with probability $p$. In route B, there are also two matches, against stronger opponents: each is won "
            f"with probability ${fraction(ratio)}p$, but winning at least one of them is enough. All matches are "
            f"independent. For which $p$ with $0 < p \\le 1$ does route A lead to the final with at least as high "
            f"a probability as route B? Give your answer in interval notation."
        ),
        steps=(
            f"Route A succeeds with probability $p^2$, route B with probability $1 - \\left(1 - "
            f"{fraction(ratio)}p\\right)^2 = {fraction(2 * ratio)}p - {fraction(ratio * ratio)}p^2$.",
            f"The condition $p^2 \\ge {fraction(2 * ratio)}p - {fraction(ratio * ratio)}p^2$ may be divided by $p > "
            f"0$: ${fraction(1 + ratio * ratio)}p \\ge {fraction(2 * ratio)}$.",
            f"So $p \\ge {fraction(low)}$.",
            f"Together with $p \\le 1$ this gives $\\boxed{{{answer}}}$.",
        ),
        answer=answer,
        closed=sympy.Interval(sympy.Rational(low), 1),
        checked=Members(
            inside=tuple(p for p, good in zip(points, better, strict=True) if good),
            outside=tuple(p for p, good in zip(points, better, strict=True) if not good),
        ),
    )


@template(topic="counting_and_probability", tier="competition", split="test", answer_type="fraction", variants=2)
def frog_that_jumps_ahead(draw: Draw) -> Draft:
    last = draw.random.randint(6, 9)
    setting = (
        f"Lily pads in a row are numbered 0, 1, ..., {last}. A frog starts on pad 0. From each pad it jumps to one of "
        f"the pads with a larger number, all of them being equally likely, until it reaches pad {last}."
    )
    visit = (
        f"Let $q_k$ be the probability that the frog visits pad $k$, for $1 \\le k \\le {last - 1}$. Consider the "
        f"first time it lands on one of the pads $k, k + 1, \\ldots, {last}$. Whichever pad below $k$ it comes from, "
        f"these ${last + 1} - k$ pads are equally likely, so $q_k = \\frac{{1}}{{{last + 1} - k}}$."
    )
    if draw.variant == 0:
        parts = [Fraction(k, last + 1 - k) for k in range(1, last)]
        closed = last + sum(parts, Fraction(0))
        after = [Fraction(0)] * (last + 1)
        for pad in range(last - 1, -1, -1):
            after[pad] = sum((target + after[target] for target in range(pad + 1, last + 1)), Fraction(0)) / (
                last - pad
            )
        checked = after[0]
        problem = (
            f"{setting} Find the expected value of the sum of the numbers of all pads it lands on, including {last}. "
            f"Give your answer as a fraction in lowest terms."
        )
        steps: tuple[str, ...] = (
            visit,
            f"Pad {last} is always visited and contributes {last} to the sum.",
            f"Pad $k < {last}$ contributes $k$ with probability $q_k$, so its expected contribution is "
            f"$\\frac{{k}}{{{last + 1} - k}}$.",
            f"For $k = 1, \\ldots, {last - 1}$ these contributions are "
            f"${', '.join(fraction(part) for part in parts)}$, and expected values add up, so they make "
            f"${fraction(sum(parts, Fraction(0)))}$ together.",
        )
    else:
        odds = [Fraction(1, k) for k in range(1, last)]
        pairs = sum((a * b for a, b in combinations(odds, 2)), Fraction(0))
        closed = pairs / last
        chances = [Fraction(0)] * (last + 1)
        chances[0] = Fraction(1)
        for _ in range(3):
            chances = [
                sum((chances[pad] / (last - pad) for pad in range(target)), Fraction(0)) for target in range(last + 1)
            ]
        checked = chances[last]
        question = (
            "Find the probability that it makes exactly three jumps. Give your answer as a fraction in lowest terms."
        )
        problem = f"{setting} {question}"
        steps = (
            visit,
            f"The same argument shows that this probability does not depend on which pads below $k$ were visited, so "
            f"visits to different pads are independent. We need exactly two of the pads $1, \\ldots, {last - 1}$ to be "
            f"visited.",
            f"The probability that none is visited is $\\prod_k (1 - q_k) = \\frac{{1}}{{2}} \\cdot \\frac{{2}}{{3}} "
            f"\\cdots \\frac{{{last - 1}}}{{{last}}} = \\frac{{1}}{{{last}}}$. To visit exactly the pads $i$ and $j$, "
            f"two factors $1 - q_k$ are replaced by $q_k$, which multiplies the product by $\\frac{{q_k}}{{1 - q_k}} = "
            f"\\frac{{1}}{{{last} - k}}$ for $k = i$ and $k = j$.",
            f"The numbers $\\frac{{1}}{{{last} - k}}$ are $1, \\frac{{1}}{{2}}, \\ldots, \\frac{{1}}{{{last - 1}}}$. "
            f"Half the difference of the square of their sum and the sum of their squares is the sum over all pairs: "
            f"${fraction(pairs)}$.",
        )
    answer = fraction(closed)
    steps = (*steps, f"The result is $\\boxed{{{answer}}}$.")
    return Draft(problem=problem, steps=steps, answer=answer, closed=closed, checked=checked)


@template(topic="counting_and_probability", tier="competition", split="test", answer_type="integer", variants=2)
def walks_in_a_half_plane(draw: Draw) -> Draft:
    def catalan(k: int) -> int:
        return comb(2 * k, k) // (k + 1)

    length = draw.random.choice((6, 8, 10)) if draw.variant == 0 else draw.random.randint(6, 10)
    places = {(0, 0): 1}
    for _ in range(length):
        following: dict[tuple[int, int], int] = {}
        for (x, y), count in places.items():
            for place in ((x + 1, y), (x - 1, y), (x, y + 1), (x, y - 1)):
                if place[1] >= 0:
                    following[place] = following.get(place, 0) + count
        places = following
    start = (
        f"A robot starts at the origin of the coordinate plane and makes {length} steps, each of length 1 in one of "
        f"the directions up, down, left and right. It never enters the region below the $x$-axis."
    )
    if draw.variant == 0:
        half = length // 2
        parts = [comb(length, 2 * k) * catalan(k) * comb(length - 2 * k, half - k) for k in range(half + 1)]
        closed, checked = sum(parts), places[0, 0]
        problem = f"{start} In how many ways can it walk so that it is back at the origin after the last step?"
        steps: tuple[str, ...] = (
            f"Let $2k$ be the number of vertical steps. Their places among the {length} steps can be chosen in "
            f"$\\binom{{{length}}}{{2k}}$ ways.",
            "The vertical steps go up and down equally often and never lead below the axis, so by the ballot theorem "
            "they can be ordered in $C_k = \\frac{1}{k+1}\\binom{2k}{k}$ ways.",
            f"The other ${length} - 2k$ steps go left and right equally often, in any order: $\\binom{{{length} - "
            f"2k}}{{{half} - k}}$ ways.",
            f"For $k = 0, 1, \\ldots, {half}$ the products are {listed(parts)}.",
        )
        last = "Their sum is"
    else:
        closed = catalan(length + 1)
        checked = sum(count for (_, y), count in places.items() if y == 0)
        problem = f"{start} In how many ways can it walk so that it is on the $x$-axis after the last step?"
        steps = (
            f"Replace every step by two signs: up by $++$, down by $--$, left by $+-$, right by $-+$. A walk turns "
            f"into a sequence of {2 * length} signs, and all such sequences occur when nothing is forbidden.",
            "After each pair of signs, the sum of the signs so far is twice the height of the robot. So it ends on the "
            "axis exactly if the total is 0, and it never goes below the axis exactly if the sums after whole pairs "
            "are at least 0.",
            "Put an additional $+$ in front and a $-$ at the end. The sums that were at least 0 after whole pairs are "
            "now at least 1, so all sums in between are at least 0; conversely, if all sums are at least 0, then those "
            "after the $+$ and some whole pairs are odd and hence at least 1.",
            f"So the walks correspond to the sequences of {length + 1} plus signs and {length + 1} minus signs without "
            f"a negative partial sum. Their number is the Catalan number "
            f"$\\frac{{1}}{{{length + 2}}}\\binom{{{2 * length + 2}}}{{{length + 1}}}$.",
        )
        last = "The number of walks is"
    answer = str(closed)
    steps = (*steps, f"{last} $\\boxed{{{answer}}}$.")
    return Draft(problem=problem, steps=steps, answer=answer, closed=closed, checked=checked)


@template(topic="counting_and_probability", tier="competition", split="test", answer_type="expression", variants=2)
def sums_over_all_subsets(draw: Draw) -> Draft:
    n = sympy.Symbol("n", positive=True, integer=True)
    if draw.variant == 0:
        closed = (n - 3) * 2**n + n + 3
        answer = "(n - 3) \\cdot 2^n + n + 3"
        task = (
            "the difference between its largest and its smallest element (0 for a single element) is written on a board"
        )
        steps: tuple[str, ...] = (
            "The largest element is $m$ for $2^{m-1}$ subsets, so the largest elements have the sum $S = \\sum_{m=1}^n "
            "m \\cdot 2^{m-1}$.",
            "Subtracting $S$ from $2S$ term by term gives $S = n \\cdot 2^n - (1 + 2 + \\cdots + 2^{n-1}) = (n - 1) "
            "\\cdot 2^n + 1$.",
            "Replacing each element $x$ by $n + 1 - x$ turns smallest elements into largest ones, so the smallest "
            "elements have the sum $(n + 1)(2^n - 1) - S$.",
            "The sum of the differences is $2S - (n + 1)(2^n - 1) = (2n - 2) \\cdot 2^n + 2 - (n + 1) \\cdot 2^n + n + "
            "1$.",
        )
    else:
        closed = (n**2 - n + 2) * 2 ** (n - 1) - 1
        answer = "(n^2 - n + 2) \\cdot 2^{n - 1} - 1"
        task = "the product of its largest element and the number of its elements is written on a board"
        steps = (
            "Fix the largest element $m$. The rest of the subset is any subset $T$ of $\\{1, \\ldots, m - 1\\}$, and "
            "the number on the board is $m(1 + |T|)$.",
            "There are $2^{m-1}$ sets $T$, and their sizes add up to $(m - 1) \\cdot 2^{m-2}$, since each element "
            "belongs to half of them. So the subsets with largest element $m$ contribute $m\\left(2^{m-1} + (m - 1) "
            "\\cdot 2^{m-2}\\right) = m(m + 1) \\cdot 2^{m-2}$.",
            "To add these up over $m$, look for numbers $g(m) = (am^2 + bm + c) \\cdot 2^{m-1}$ with "
            "$g(m) - g(m - 1) = m(m + 1) \\cdot 2^{m-2}$. Comparing coefficients gives $a = 1$, $b = -1$, $c = 2$.",
            "The sum telescopes to $g(n) - g(0)$, and $g(0) = 2 \\cdot 2^{-1} = 1$.",
        )
    values: list[tuple[dict[str, int | Fraction], int]] = []
    for top in (3, 4, 5, 6, 7, 8):
        subsets = [
            [k for k, chosen in enumerate(choice, 1) if chosen]
            for choice in product((False, True), repeat=top)
            if any(choice)
        ]
        numbers = [s[-1] - s[0] if draw.variant == 0 else s[-1] * len(s) for s in subsets]
        values.append(({"n": top}, sum(numbers)))
    problem = (
        f"Let $n$ be a positive integer. For every nonempty subset of $\\{{1, 2, \\ldots, n\\}}$, {task}. Find the sum "
        f"of all numbers on the board. Express your answer in closed form in terms of $n$."
    )
    steps = (*steps, f"The sum is $\\boxed{{{answer}}}$.")
    return Draft(problem=problem, steps=steps, answer=answer, closed=closed, checked=Points(values=tuple(values)))
