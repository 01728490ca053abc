"""Number theory, easy and medium: digits, recurring decimals, floors, primes, remainders and divisors."""

from __future__ import annotations

from fractions import Fraction
from math import gcd, isqrt, lcm

import mpmath
import sympy

from sure_math.curated.latex import braces, decimal, factored, fraction, interval, listed, ordered, polynomial
from sure_math.curated.template import DIGITS, Draft, Draw, Members, Points, template


@template(topic="number_theory", tier="easy", split="test", answer_type="set", variants=2)
def middle_digit_from_outer_digits(draw: Draw) -> Draft | None:
    if draw.variant == 0:
        divisor = draw.random.choice((8, 12, 13, 14, 17))
        closed = tuple(11 * k for k in range(10, 100) if k // 10 + k % 10 <= 9 and k % divisor == 0)
        rule, middle = "equals the sum of its first and its last digit", 1
        steps: tuple[str, ...] = (
            "Let $a$ and $c$ be the first and the last digit. The number is $100a + 10(a + c) + c = 110a + 11c = "
            "11(10a + c)$, where $a + c \\le 9$.",
            f"As {divisor} has no common factor with 11, the two-digit number $10a + c$ must be divisible by "
            f"{divisor}.",
            f"The two-digit multiples of {divisor} with a digit sum of at most 9 are "
            f"{listed(number // 11 for number in closed)}.",
        )
    else:
        divisor = draw.random.choice((13, 17))
        pairs = [(a, c) for a in range(1, 10) for c in range(a % 2, 10, 2) if (35 * a + 2 * c) % divisor == 0]
        closed = tuple(3 * (35 * a + 2 * c) for a, c in pairs)
        rule, middle = "is the average of its first and its last digit", 2
        steps = (
            "Let $a$ and $c$ be the first and the last digit. The number is $100a + 10 \\cdot \\frac{a + c}{2} + c = "
            "105a + 6c = 3(35a + 2c)$, where $a$ and $c$ are both even or both odd.",
            f"So $35a + 2c$ must be divisible by {divisor}. Since $35a + 2c = {35 // divisor * divisor}a + "
            f"({35 % divisor if 35 % divisor > 1 else ''}a + 2c)$, this means that "
            f"${35 % divisor if 35 % divisor > 1 else ''}a + 2c$ is a multiple of {divisor}.",
            f"Trying $a = 1, \\ldots, 9$ with $c$ of the same parity leaves $(a, c)$ equal to "
            f"{listed(f'$({a}, {c})$' for a, c in pairs)}.",
        )
    checked = tuple(
        each
        for each in range(divisor, 1000, divisor)
        if each > 99 and middle * int(str(each)[1]) == int(str(each)[0]) + int(str(each)[2])
    )
    answer = braces(closed)
    problem = draw.random.choice(
        (
            f"A three-digit number is divisible by {divisor}, and its middle digit {rule}. Give the set of all "
            "numbers with these properties.",
            f"The middle digit of a three-digit house number {rule}, and the house number is a multiple of {divisor}. "
            "Give the set of all possible house numbers.",
        )
    )
    steps = (*steps, f"The numbers form the set $\\boxed{{{answer}}}$.")
    return Draft(problem=problem, steps=steps, answer=answer, closed=frozenset(closed), checked=frozenset(checked))


@template(topic="number_theory", tier="easy", split="test", answer_type="fraction", variants=2)
def two_recurring_decimals(draw: Draw) -> Draft | None:
    block = draw.random.choice((18, 27, 36, 45, 54, 63, 72))
    lead, tail = draw.random.randint(1, 8), draw.random.choice((3, 6))
    pure, mixed = Fraction(block, 99), Fraction(9 * lead + tail, 90)
    first, second = f"0.\\overline{{{block}}}", f"0.{lead}\\overline{{{tail}}}"
    with mpmath.workdps(2 * DIGITS):
        digits = (mpmath.mpf("0." + str(block) * DIGITS), mpmath.mpf(f"0.{lead}" + str(tail) * 2 * DIGITS))
        checked = digits[0] * digits[1] if draw.variant == 0 else digits[1] / digits[0]
    closed = pure * mixed if draw.variant == 0 else mixed / pure
    if lead == tail or closed.denominator < 10 or closed.numerator < 3:
        return None
    answer = fraction(closed)
    if draw.variant == 0:
        problem = (
            f"Write the product of the recurring decimals ${first}$ and ${second}$ as a fraction in lowest terms. (The "
            f"digits under a bar repeat for ever.)"
        )
        last = f"The product is ${fraction(pure)} \\cdot {fraction(mixed)} = \\boxed{{{answer}}}$."
    else:
        problem = (
            f"By which number must the recurring decimal ${first}$ be multiplied to give the recurring decimal "
            f"${second}$? Give your answer as a fraction in lowest terms. (The digits under a bar repeat for ever.)"
        )
        last = f"The factor is ${fraction(mixed)} \\div {fraction(pure)} = \\boxed{{{answer}}}$."
    steps = (
        f"If $x = {first}$, then $100x - x = {block}$, so $x = \\frac{{{block}}}{{99}} = {fraction(pure)}$.",
        f"If $y = {second}$, then $100y - 10y = {10 * lead + tail} - {lead} = {9 * lead + tail}$, so "
        f"$y = \\frac{{{9 * lead + tail}}}{{90}} = {fraction(mixed)}$.",
        last,
    )
    return Draft(problem=problem, steps=steps, answer=answer, closed=closed, checked=checked)


@template(topic="number_theory", tier="easy", split="test", answer_type="percentage", variants=2)
def digits_of_page_numbers(draw: Draw) -> Draft | None:
    if draw.variant == 0:
        hundreds = draw.random.choice((4, 5, 8))
        digit, top = draw.random.randint(2, hundreds - 1), 100 * hundreds
        without = (hundreds - 1) * 81
        closed = Fraction(100 * (top - without), top)
        checked = Fraction(100 * sum(str(digit) in str(each) for each in range(1, top + 1)), top)
        problem = (
            f"The pages of an archive are numbered 1 to {top}. What percentage of the page numbers contain the digit "
            f"{digit} at least once? Give the exact percentage."
        )
        steps: tuple[str, ...] = (
            f"Count the numbers without this digit instead, and write all of them with three digits, from 000 to "
            f"{top - 1}.",
            f"The first digit is one of $0, 1, \\ldots, {hundreds - 1}$ other than {digit}, which leaves "
            f"{hundreds - 1} choices. The other two digits have 9 choices each, so there are ${hundreds - 1} \\cdot 81 "
            f"= {without}$ such numbers.",
            f"Replacing 000 by {top}, which does not contain the digit either, changes nothing. So {top - without} of "
            f"the {top} page numbers contain the digit.",
        )
    else:
        extra = draw.random.choice((160, 200, 250, 320, 400, 500)) - 63
        top, total = 99 + extra, 189 + 3 * extra
        closed = Fraction(300 * extra, total)
        lengths = [len(str(page)) for page in range(1, top + 1)]
        checked = Fraction(100 * sum(length for length in lengths if length == 3), sum(lengths))
        problem = (
            f"A book has {top} pages, numbered from 1 to {top}, and every page number is printed once. What percentage "
            f"of all the printed digits belong to three-digit page numbers? Give the exact percentage."
        )
        steps = (
            "The one-digit page numbers use 9 digits, and the two-digit page numbers use $2 \\cdot 90 = 180$ digits.",
            f"There are ${top} - 99 = {extra}$ three-digit page numbers, with {3 * extra} digits.",
            f"Altogether $9 + 180 + {3 * extra} = {total}$ digits are printed.",
        )
    answer = decimal(closed) + "\\%"
    steps = (*steps, f"The percentage is $\\boxed{{{answer}}}$.")
    return Draft(problem=problem, steps=steps, answer=answer, closed=closed, checked=checked)


@template(topic="number_theory", tier="medium", split="test", answer_type="interval", variants=2)
def real_numbers_with_given_floors(draw: Draw) -> Draft | None:
    return _floor_and_ceiling(draw) if draw.variant == 0 else _sum_of_floors(draw)


def _floor_and_ceiling(draw: Draw) -> Draft | None:
    one, other = draw.random.sample((4, 5, 6, 7, 9, 11), 2)
    down, up = draw.random.randint(5, 14), draw.random.randint(5, 14)
    low, high = max(one * down, other * (up - 1)), min(one * down + one, other * up)
    if low >= high or one * down == other * (up - 1) or one * down + one == other * up:
        return None
    ends = ("[" if low == one * down else "(") + (")" if high == one * down + one else "]")
    if ends in ("[)", "(]"):
        return None
    closed = sympy.Interval(low, high, ends[0] == "(", ends[1] == ")")
    near = Fraction(1, 100)
    points = [Fraction(low), low - near, low + near, Fraction(high), high - near, high + near]
    fits = [(each // one, -(-each // other)) == (down, up) for each in points]
    answer = interval(low, high, ends)
    steps = (
        f"The first equation says ${down} \\le \\frac{{x}}{{{one}}} < {down + 1}$, that is, ${one * down} \\le x < "
        f"{one * down + one}$.",
        f"The second says ${up - 1} < \\frac{{x}}{{{other}}} \\le {up}$, that is, ${other * (up - 1)} < x \\le "
        f"{other * up}$.",
        f"Both hold exactly for $x$ in $\\boxed{{{answer}}}$.",
    )
    return Draft(
        problem=(
            f"Find all real numbers $x$ with $\\left\\lfloor \\dfrac{{x}}{{{one}}} \\right\\rfloor = {down}$ and "
            f"$\\left\\lceil \\dfrac{{x}}{{{other}}} \\right\\rceil = {up}$, where $\\lfloor t \\rfloor$ is the "
            f"greatest integer not greater than $t$ and $\\lceil t \\rceil$ is the least integer not less than $t$. "
            f"Give your answer in interval notation."
        ),
        steps=steps,
        answer=answer,
        closed=closed,
        checked=Members(
            inside=tuple(each for each, fit in zip(points, fits, strict=True) if fit),
            outside=tuple(each for each, fit in zip(points, fits, strict=True) if not fit),
        ),
    )


def _sum_of_floors(draw: Draw) -> Draft:
    whole, part = draw.random.randint(11, 60), draw.random.choice((1, 2, 3))
    total = 6 * whole + part
    bends = (Fraction(0), Fraction(1, 3), Fraction(1, 2), Fraction(2, 3), Fraction(1))
    low, high = whole + bends[part], whole + bends[part + 1]
    near = Fraction(1, 1000)
    points = [low, low - near, low + near, high, high - near, high + near, Fraction(whole)]
    fits = [each // 1 + (2 * each) // 1 + (3 * each) // 1 == total for each in points]
    answer = interval(low, high, "[)")
    return Draft(
        problem=(
            f"For a real number $t$, let $\\lfloor t \\rfloor$ be the greatest integer not greater than $t$. Find all "
            f"real numbers $x$ such that $\\lfloor x \\rfloor + \\lfloor 2x \\rfloor + \\lfloor 3x \\rfloor = "
            f"{total}$. Give your answer in interval notation."
        ),
        steps=(
            "Let $x = n + r$ with an integer $n$ and $0 \\le r < 1$. The left side is $6n + \\lfloor 2r \\rfloor + "
            "\\lfloor 3r \\rfloor$.",
            "The last two terms add up to 0 for $r < \\frac{1}{3}$, to 1 for $\\frac{1}{3} \\le r < \\frac{1}{2}$, to "
            "2 for $\\frac{1}{2} \\le r < \\frac{2}{3}$, and to 3 for $r \\ge \\frac{2}{3}$.",
            f"Since ${total} = 6 \\cdot {whole} + {part}$, we need $n = {whole}$ and the sum {part}.",
            f"So $x$ is in $\\boxed{{{answer}}}$.",
        ),
        answer=answer,
        closed=sympy.Interval.Ropen(sympy.Rational(low), sympy.Rational(high)),
        checked=Members(
            inside=tuple(each for each, fit in zip(points, fits, strict=True) if fit),
            outside=tuple(each for each, fit in zip(points, fits, strict=True) if not fit),
        ),
    )


@template(topic="number_theory", tier="medium", split="test", answer_type="tuple", variants=2)
def a_pair_of_primes(draw: Draw) -> Draft | None:
    primes = list(sympy.primerange(3, 60))
    p, q = draw.random.sample(primes, 2)
    if draw.variant == 0:
        one, other = draw.random.randint(2, 9), draw.random.randint(2, 9)
        value = p * q + one * p - other * q
        rest = value - one * other
        if one == other or rest <= 0 or value > 4000:
            return None
        found = [
            (int(d) + other, rest // int(d) - one)
            for d in sympy.divisors(rest)
            if sympy.isprime(int(d) + other) and sympy.isprime(rest // int(d) - one)
        ]
        small = [x for x in sympy.primerange(2, value + other + 2) if x != other]
        checked = [(x, (value - one * x) // (x - other)) for x in small if (value - one * x) % (x - other) == 0]
        checked = [(x, y) for x, y in checked if y > 1 and sympy.isprime(y)]
        equation = f"pq + {one}p - {other}q = {value}"
        pairs = [(int(d), rest // int(d)) for d in sympy.divisors(rest)]
        steps: tuple[str, ...] = (
            f"Subtracting {one * other} on both sides makes the left side a product: $(p - {other})(q + {one}) = "
            f"{rest} = {factored(rest)}$.",
            f"Since $q + {one} > 0$, both factors are positive divisors of {rest}, and $q + {one} \\ge {one + 2}$.",
            f"The divisors for $p - {other}$ to try are {listed(d for d, e in pairs if e >= one + 2)}. Only $p - "
            f"{other} = {p - other}$ makes both $p$ and $q$ prime.",
        )
    else:
        p, q = max(p, q), min(p, q)
        value = p * p - q * q
        pairs = [(int(d), value // int(d)) for d in sympy.divisors(value) if int(d) ** 2 < value]
        pairs = [(d, e) for d, e in pairs if (d + e) % 2 == 0]
        found = [((d + e) // 2, (e - d) // 2) for d, e in pairs if sympy.isprime((d + e) // 2)]
        found = [(x, y) for x, y in found if sympy.isprime(y)]
        small = list(sympy.primerange(2, value // 2 + 2))
        checked = [(x, isqrt(x * x - value)) for x in small if x * x > value]
        checked = [(x, y) for x, y in checked if sympy.isprime(y) and x * x - y * y == value]
        equation = f"p^2 - q^2 = {value}"
        if len(pairs) < 3 or value > 4000:
            return None
        steps = (
            f"We have $(p - q)(p + q) = {value} = {factored(value)}$, and the two factors have the same parity.",
            f"The pairs $(p - q, p + q)$ with this product, the first smaller, are "
            f"{listed(f'$({d}, {e})$' for d, e in pairs)}.",
            f"They give $(p, q)$ equal to {listed(f'$({(d + e) // 2}, {(e - d) // 2})$' for d, e in pairs)}, and only "
            f"one of these pairs consists of two primes.",
        )
    if len(found) != 1:
        return None
    answer = ordered(found[0])
    problem = draw.random.choice(
        (
            f"The prime numbers $p$ and $q$ satisfy ${equation}$. Find the ordered pair $(p, q)$.",
            f"There is exactly one ordered pair $(p, q)$ of prime numbers with ${equation}$. Find it.",
        )
    )
    steps = (*steps, f"Therefore $(p, q) = \\boxed{{{answer}}}$.")
    return Draft(problem=problem, steps=steps, answer=answer, closed=found[0], checked=checked[0])


@template(topic="number_theory", tier="medium", split="test", answer_type="expression", variants=2)
def smallest_number_with_remainders(draw: Draw) -> Draft:
    n = sympy.Symbol("n")
    if draw.variant == 0:
        short = draw.random.randint(2, 5)
        coefficients = (1, 1, -short)
        first, second = f"the remainder $n - {short}$", f"the remainder $n - {short - 1}$"
        conditions = f"{first} when divided by $n$ and {second} when divided by $n + 1$"

        def fits(x: int, k: int) -> bool:
            return x % k == k - short and x % (k + 1) == k + 1 - short

        steps: tuple[str, ...] = (
            f"In both cases the remainder is {short} less than the divisor, so the number increased by {short} is a "
            f"multiple of $n$ and of $n + 1$.",
            "Consecutive integers have no common factor, so it is a multiple of $n(n + 1)$.",
            f"The smallest positive choice is $n(n + 1) - {short} = n^2 + n - {short}$, which is positive for $n \\ge "
            f"10$.",
        )
    else:
        rest = draw.random.randint(4, 8)
        coefficients = (1, 2 - rest, 1)
        conditions = f"the remainder 1 when divided by $n$ and the remainder {rest} when divided by $n + 1$"

        def fits(x: int, k: int) -> bool:
            return x % k == 1 and x % (k + 1) == rest

        steps = (
            "The number is $1 + nk$ with an integer $k \\ge 0$.",
            f"Modulo $n + 1$ we have $n \\equiv -1$, so $1 - k \\equiv {rest}$ and $k \\equiv -{rest - 1} \\pmod{{n + "
            f"1}}$.",
            f"The smallest nonnegative choice is $k = n + 1 - {rest - 1} = n - {rest - 2}$, so the number is "
            f"$1 + n(n - {rest - 2})$.",
        )
    values = tuple(({"n": k}, next(x for x in range(1, 10_000) if fits(x, k))) for k in (10, 11, 13, 16, 20))
    answer = polynomial(coefficients, "n").replace("^{2}", "^2")
    closed = coefficients[0] * n**2 + coefficients[1] * n + coefficients[2]
    problem = (
        f"Let $n \\ge 10$ be an integer. Find, in terms of $n$, the smallest positive integer that leaves "
        f"{conditions}. Give your answer as a polynomial in $n$."
    )
    steps = (*steps, f"Multiplied out, it is $\\boxed{{{answer}}}$.")
    return Draft(
        problem=problem,
        steps=steps,
        answer=answer,
        closed=closed,
        checked=Points(values=tuple((dict(where), value) for where, value in values)),
    )


@template(topic="number_theory", tier="medium", split="test", answer_type="set", variants=2)
def numbers_known_by_their_divisors(draw: Draw) -> Draft | None:
    low = draw.random.randint(20, 60) * 10
    high = low + (draw.random.randint(3, 8) * 100 if draw.variant == 0 else draw.random.choice((10, 12, 14)))
    primes = list(sympy.primerange(2, high))
    if draw.variant == 0:
        values = {p**8 for p in primes if p < 5} | {(p * q) ** 2 for p in primes[:20] for q in primes[:20] if p < q}
        question = "have exactly nine positive divisors"
        step = (
            "Nine is $9$ or $3 \\cdot 3$, so a number has nine divisors exactly if it is $p^8$ or $p^2 q^2$ with "
            "different primes $p$ and $q$."
        )
        kind = f"Its square root is then $p^4$ or $pq$ and lies between {isqrt(low)} and {isqrt(high) + 1}."
    else:
        values = {p**3 for p in primes[:20]} | {p * q for p in primes for q in primes if p < q and p * q <= high}
        question = "are equal to the product of all their positive divisors other than the number itself"
        step = (
            "If $n$ has $d$ positive divisors, their product is $n^{d/2}$, since they form pairs with the product $n$. "
            "Without $n$ itself the product is $n^{d/2 - 1}$, so we need $d = 4$."
        )
        kind = "Such a number is $p^3$ or $pq$ with different primes $p$ and $q$."
    closed = tuple(sorted(value for value in values if low < value < high))
    found = []
    for number in range(low + 1, high):
        proper = [d for d in range(1, number) if number % d == 0]
        product = 1
        for d in proper:
            product *= d
        if len(proper) == 8 if draw.variant == 0 else product == number:
            found.append(number)
    if not 2 <= len(closed) <= 5:
        return None
    answer = braces(closed)
    problem = f"Give the set of all integers strictly between {low} and {high} that {question}."
    shown = listed(f"${number} = {factored(number)}$" for number in closed)
    steps = (step, kind, f"In the given range these are {shown}.", f"The set is $\\boxed{{{answer}}}$.")
    return Draft(problem=problem, steps=steps, answer=answer, closed=frozenset(closed), checked=frozenset(found))


@template(topic="number_theory", tier="medium", split="test", answer_type="decimal", variants=2)
def common_measures_of_lengths(draw: Draw) -> Draft | None:
    unit = draw.random.choice((6, 8, 12, 14, 18))
    one, other, third = draw.random.sample((3, 4, 5, 6, 7, 8, 9, 10, 11), 3)
    if draw.variant == 0:
        which, word = draw.random.choice(((3, "third"), (4, "fourth"), (5, "fifth"), (7, "seventh")))
        first, second = unit * min(one, other), unit * max(one, other)
        multiple = lcm(first, second)
        closed = Fraction(which * multiple, 100)
        checked = Fraction(
            sorted(set(range(first, 100_000, first)) & set(range(second, 100_000, second)))[which - 1], 100
        )
        problem = (
            f"Two toy robots start side by side at a wall and walk along the same straight line away from it. One "
            f"leaves a mark every {decimal(Fraction(first, 100))} m, the other every {decimal(Fraction(second, 100))} "
            f"m, neither of them marking the wall itself. How far from the wall, in metres, is the {word} place where "
            f"the marks coincide? Give an exact decimal."
        )
        steps: tuple[str, ...] = (
            f"In centimetres, the marks are at the positive multiples of {first} and of {second}.",
            f"They coincide at the multiples of $\\operatorname{{lcm}}({first}, {second}) = {multiple}$.",
            f"The {word} place is ${which} \\cdot {multiple} = {which * multiple}$ cm from the wall.",
        )
        last = "In metres this is"
    else:
        if gcd(gcd(one, other), third) > 1 or unit % 2:
            return None
        lengths = sorted(unit * k for k in (one, other, third))
        shown = [decimal(Fraction(length, 100)) for length in lengths]
        bound = unit - draw.random.randint(1, unit // 2 - 1)
        part = max(int(d) for d in sympy.divisors(unit) if int(d) <= bound)
        closed = Fraction(part, 100)
        checked = Fraction(max(d for d in range(1, bound + 1) if all(length % d == 0 for length in lengths)), 100)
        problem = (
            f"Three ribbons are {shown[0]} m, {shown[1]} m and {shown[2]} m long. All three are cut completely into "
            f"pieces of the same length, which is a whole number of centimetres and at most "
            f"{decimal(Fraction(bound, 100))} m. What is the greatest possible length of a piece, in metres? Give an "
            f"exact decimal."
        )
        steps = (
            f"In centimetres the ribbons are {lengths[0]}, {lengths[1]} and {lengths[2]} long, and the length of a "
            f"piece must divide all three numbers.",
            f"Their greatest common divisor is {unit}, so the length of a piece is one of its divisors: "
            f"{listed(sympy.divisors(unit))}.",
            f"The greatest of them that is not more than {bound} is {part}.",
        )
        last = "In metres the length is"
    if closed.denominator == 1:
        return None
    answer = decimal(closed)
    steps = (*steps, f"{last} $\\boxed{{{answer}}}$.")
    return Draft(problem=problem, steps=steps, answer=answer, closed=closed, checked=checked)
