"""Counting and probability, easy and medium: cards, counters, flags, seats, boards, dice and draws."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations, pairwise, permutations, product
from math import comb, factorial

import sympy

from sure_math.curated.latex import decimal, fraction, listed, polynomial
from sure_math.curated.template import Draft, Draw, Points, template


@template(topic="counting_and_probability", tier="easy", split="test", answer_type="fraction", variants=2)
def two_digit_numbers_from_cards(draw: Draw) -> Draft | None:
    digits = sorted(draw.random.sample(range(1, 10), 6))
    shown = f"{listed(digits[:-1])} and {digits[-1]}"
    if draw.variant == 0:
        tens, unit = draw.random.choice(digits[1:-1]), draw.random.choice([d for d in range(2, 9) if d not in digits])
        bound = 10 * tens + unit
        above, units = sum(d > tens for d in digits), sum(d > unit for d in digits if d != tens)
        good, total = above * 5 + units, 30
        checked = Fraction(sum(10 * a + b > bound for a, b in permutations(digits, 2)), 30)
        problem = (
            f"Six cards carry the digits {shown}. Two cards are drawn at random, one after the other and without "
            f"replacement; the first one gives the tens digit and the second one the units digit of a two-digit "
            f"number. What is the probability that the number is greater than {bound}? Give your answer as a fraction "
            f"in lowest terms."
        )
        steps: tuple[str, ...] = (
            "There are $6 \\cdot 5 = 30$ equally likely numbers.",
            f"The tens digit is greater than {tens} in ${above} \\cdot 5 = {5 * above}$ of them, and all these numbers "
            f"are large enough.",
            f"With the tens digit {tens}, the units digit must be greater than {unit}, which leaves {units} numbers.",
        )
    else:
        count = [sum(d % 3 == r for d in digits) for r in range(3)]
        good, total = count[0] ** 2 + 2 * count[1] * count[2], 36
        checked = Fraction(sum((10 * a + b) % 3 == 0 for a, b in product(digits, repeat=2)), 36)
        problem = (
            f"A bag contains six cards with the digits {shown}. A card is drawn at random, its digit is written down, "
            f"and the card is put back. Then a card is drawn once more, and its digit is written to the right of the "
            f"first one. What is the probability that the two-digit number on the paper is divisible by 3? Give your "
            f"answer as a fraction in lowest terms."
        )
        steps = (
            "There are $6 \\cdot 6 = 36$ equally likely results, and the number is divisible by 3 exactly when its "
            "digit sum is.",
            f"Among the six digits, {count[0]} leave the remainder 0, {count[1]} the remainder 1 and {count[2]} the "
            f"remainder 2 when divided by 3.",
            f"Both digits must leave the remainder 0, or one must leave 1 and the other 2, in either order: "
            f"${count[0]}^2 + 2 \\cdot {count[1]} \\cdot {count[2]} = {good}$ results.",
        )
        if min(count) == 0 or len(set(count)) == 1:
            return None
    closed = Fraction(good, total)
    answer = fraction(closed)
    cancelled = "" if good == closed.numerator else f"$\\frac{{{good}}}{{{total}}}$, in lowest terms "
    steps = (*steps, f"The probability is {cancelled}$\\boxed{{{answer}}}$.")
    return Draft(problem=problem, steps=steps, answer=answer, closed=closed, checked=checked)


@template(topic="counting_and_probability", tier="easy", split="test", answer_type="multiple_values", variants=2)
def counters_in_a_jar(draw: Draw) -> Draft | None:
    if draw.variant == 0:
        red, blue = draw.random.sample([Fraction(n, d) for d in (4, 5, 6, 8, 9) for n in range(1, d // 2 + 1)], 2)
        green = 1 - red - blue
        low = draw.random.randint(3, 9) * 10
        high = low + draw.random.choice((50, 60, 80, 100))
        if green <= Fraction(1, 6) or red.denominator == blue.denominator:
            return None
        step = sympy.ilcm(red.denominator, blue.denominator)
        totals = [total for total in range(low + 1, high) if total % step == 0]
        closed = tuple(int(green * total) for total in totals)
        checked = tuple(
            total - r - b
            for total in range(low + 1, high)
            for r in range(1, total)
            if r * red.denominator == red.numerator * total
            for b in range(1, total - r)
            if b * blue.denominator == blue.numerator * total
        )
        problem = (
            f"A jar contains more than {low} but fewer than {high} counters, each of which is red, blue or green. A "
            f"counter picked at random is red with probability ${fraction(red)}$ and blue with probability "
            f"${fraction(blue)}$. List all possible numbers of green counters, separated by commas."
        )
        steps: tuple[str, ...] = (
            f"The total must be divisible by {red.denominator} and by {blue.denominator}, so it is a multiple of "
            f"{step}: {listed(totals)}.",
            f"The fraction of green counters is $1 - {fraction(red)} - {fraction(blue)} = {fraction(green)}$.",
        )
        last = f"The number of green counters is ${fraction(green)}$ of the total"
    else:
        blue_count = draw.random.choice((18, 20, 22, 24, 26, 30))
        added = blue_count // 2 + draw.random.randint(2, 4)
        closed = tuple(range(blue_count - added + 1, blue_count // 2 + 1))
        checked = tuple(
            r
            for r in range(1, 500)
            if Fraction(r, r + blue_count) <= Fraction(1, 3)
            and Fraction(r + added, r + added + blue_count) > Fraction(1, 2)
        )
        problem = (
            f"A jar contains {blue_count} blue counters and some red ones. At first, the probability of drawing a red "
            f"counter is at most $\\frac{{1}}{{3}}$. After {added} more red counters have been put in, the probability "
            f"of drawing a red counter is greater than $\\frac{{1}}{{2}}$. List all possible numbers of red counters "
            f"that were in the jar at first, separated by commas."
        )
        steps = (
            f"At first at most a third is red, so there are at least twice as many blue counters as red ones: at most "
            f"{blue_count // 2} are red.",
            f"In the end there are more red counters than blue ones, so with $r$ red counters at first, $r + {added} > "
            f"{blue_count}$ and $r > {blue_count - added}$.",
        )
        last = "The possible numbers are"
    if not 2 <= len(closed) <= 4:
        return None
    answer = listed(closed)
    steps = (*steps, f"{last}: $\\boxed{{{answer}}}$.".replace("are:", "are"))
    return Draft(problem=problem, steps=steps, answer=answer, closed=closed, checked=checked)


@template(topic="counting_and_probability", tier="easy", split="test", answer_type="integer", variants=2)
def flags_with_stripes(draw: Draw) -> Draft:
    colours = draw.random.randint(6, 9)
    if draw.variant == 0:
        stripes = draw.random.choice((5, 7))
        closed = colours * (colours - 1) ** (stripes // 2)
        extra = "and the sequence of colours is the same from top to bottom as from bottom to top"
        half = stripes // 2 + 1
        steps: tuple[str, ...] = (
            f"The top {half} stripes determine the others, which repeat them in reverse order.",
            f"The first stripe can have any of {colours} colours, and each of the next {half - 1} any colour other "
            f"than the one above it, so {colours - 1} each.",
            "In the lower half, neighbouring stripes differ because the same pairs occur in the upper half.",
        )
        last = f"The number of flags is ${colours} \\cdot {colours - 1}^{stripes // 2}$, which is"
        sums = [1] * colours
        for _ in range(stripes // 2):
            sums = [sum(sums) - sums[colour] for colour in range(colours)]
        checked = sum(sums)
    else:
        stripes = 4
        closed = colours * (colours - 1) * (colours - 2)
        extra = "and the top stripe has the same colour as the bottom stripe"
        checked = sum(
            flag[0] == flag[3] and all(a != b for a, b in pairwise(flag)) for flag in product(range(colours), repeat=4)
        )
        steps = (
            f"The top stripe can have any of {colours} colours; the bottom stripe has the same one.",
            f"The second stripe must differ from the top one, which leaves {colours - 1} colours.",
            f"The third stripe must differ from the second and from the bottom stripe, which have different colours; "
            f"this leaves {colours - 2}.",
        )
        last = f"The number of flags is ${colours} \\cdot {colours - 1} \\cdot {colours - 2}$, which is"
    number = {4: "four", 5: "five", 7: "seven"}[stripes]
    answer = str(closed)
    problem = (
        f"A flag consists of {number} horizontal stripes of equal height. Each stripe has one of {colours} available "
        f"colours, colours may be used more than once, neighbouring stripes have different colours, {extra}. How many "
        f"such flags are there?"
    )
    steps = (*steps, f"{last} $\\boxed{{{answer}}}$.")
    return Draft(problem=problem, steps=steps, answer=answer, closed=closed, checked=checked)


@template(topic="counting_and_probability", tier="medium", split="test", answer_type="percentage", variants=2)
def throws_that_depend_on_the_last(draw: Draw) -> Draft | None:
    first, made, missed = (Fraction(k, 10) for k in draw.random.sample((3, 4, 5, 6, 7, 8, 9), 3))
    if made <= missed:
        return None
    states: dict[tuple[bool, int], Fraction] = {(True, 1): first, (False, 0): 1 - first}
    for _ in range(2):
        following: dict[tuple[bool, int], Fraction] = {}
        for (hit, count), chance in states.items():
            rate = made if hit else missed
            following[True, count + 1] = following.get((True, count + 1), Fraction(0)) + chance * rate
            following[False, count] = following.get((False, count), Fraction(0)) + chance * (1 - rate)
        states = following
    name = draw.random.choice(("Kofi", "Marta", "Yuki", "Elena"))
    if draw.variant == 0:
        parts = (first * made * (1 - made), first * (1 - made) * missed, (1 - first) * missed * made)
        closed = 100 * sum(parts, Fraction(0))
        checked = 100 * sum((chance for (_, count), chance in states.items() if count == 2), Fraction(0))
        question = "exactly two of the first three shots"
        steps: tuple[str, ...] = (
            "There are three orders with exactly two successes: success, success, failure; success, failure, success; "
            "failure, success, success.",
            f"Their probabilities are ${decimal(first)} \\cdot {decimal(made)} \\cdot {decimal(1 - made)} = "
            f"{decimal(parts[0])}$, ${decimal(first)} \\cdot {decimal(1 - made)} \\cdot {decimal(missed)} = "
            f"{decimal(parts[1])}$ and ${decimal(1 - first)} \\cdot {decimal(missed)} \\cdot {decimal(made)} = "
            f"{decimal(parts[2])}$.",
            f"Together this is {decimal(closed / 100)}.",
        )
    else:
        second = first * made + (1 - first) * missed
        third = second * made + (1 - second) * missed
        closed = 100 * third
        checked = 100 * sum((chance for (hit, _), chance in states.items() if hit), Fraction(0))
        question = "the third shot"
        steps = (
            f"The second shot succeeds with probability ${decimal(first)} \\cdot {decimal(made)} + "
            f"{decimal(1 - first)} \\cdot {decimal(missed)} = {decimal(second)}$.",
            f"For the third shot only the result of the second one matters: ${decimal(second)} \\cdot {decimal(made)} "
            f"+ {decimal(1 - second)} \\cdot {decimal(missed)} = {decimal(third)}$.",
        )
    if closed in (100 * first, 100 * made, 100 * missed):
        return None
    answer = decimal(closed) + "\\%"
    problem = (
        f"{name} scores on the first shot at a basketball hoop with probability {decimal(first)}. After a successful "
        f"shot, the next one succeeds with probability {decimal(made)}; after a miss, the next one succeeds with "
        f"probability {decimal(missed)}. What is the probability that {name} scores on {question}? Give your "
        f"answer as an exact percentage."
    )
    steps = (*steps, f"As a percentage, the probability is $\\boxed{{{answer}}}$.")
    return Draft(problem=problem, steps=steps, answer=answer, closed=closed, checked=checked)


@template(topic="counting_and_probability", tier="medium", split="test", answer_type="integer", variants=2)
def seats_with_wishes(draw: Draw) -> Draft:
    if draw.variant == 0:
        people = draw.random.choice((6, 7, 8))
        closed = factorial(people) // 2 - factorial(people - 1)
        checked = sum(
            order.index(0) < order.index(1) and abs(order.index(2) - order.index(3)) > 1
            for order in permutations(range(people))
        )
        group = f"A group of {people} people, among them Ada, Bela, Cleo and Dan, lines up in a row for a photograph."
        wishes = (
            "As the photographer sees them, Ada wants to be somewhere to the left of Bela, not necessarily next to "
            "her, and Cleo does not want to stand next to Dan. In how many orders can the people stand so that both "
            "wishes are granted?"
        )
        problem = f"{group} {wishes}"
        steps: tuple[str, ...] = (
            f"In half of the ${people}! = {factorial(people)}$ orders Ada is to the left of Bela: "
            f"{factorial(people) // 2} orders.",
            f"Those in which Cleo and Dan are neighbours must be left out. Treat the two as a block: there are $2 "
            f"\\cdot {people - 1}! = {2 * factorial(people - 1)}$ orders with this block, and again Ada is to the left "
            f"of Bela in half of them, {factorial(people - 1)} orders.",
        )
        last = f"This leaves ${factorial(people) // 2} - {factorial(people - 1)}"
    else:
        people = draw.random.choice((8, 9))
        closed = 2 * factorial(people - 3) - 4 * factorial(people - 4)
        checked = 0
        for order in permutations(range(1, people)):
            ring = (0, *order)
            place = ring.index(3)
            checked += {order[0], order[-1]} == {1, 2} and 4 not in (ring[place - 1], ring[(place + 1) % people])
        problem = (
            f"A party of {people} guests, Emil, Fatima, Gita, Hugo and Ida among them, sits down at a round table "
            f"with {people} equal chairs. Emil wants Fatima and Gita to be his two neighbours, one on each side, and "
            "Hugo and Ida do not want to sit next to each other. In how many ways can the guests be seated so that all "
            "of this holds, if two seatings "
            f"that differ only by a rotation count as the same (but mirror images count as different)?"
        )
        steps = (
            "Emil with his neighbours forms a block, with 2 orders of the neighbours.",
            f"The block and the {people - 3} other guests can be arranged round the table in ${people - 3}!$ ways, so "
            f"there are $2 \\cdot {people - 3}! = {2 * factorial(people - 3)}$ seatings.",
            f"If Hugo and Ida sit side by side, they form a second block with 2 orders, which makes "
            f"$2 \\cdot 2 \\cdot {people - 4}! = {4 * factorial(people - 4)}$ seatings to be left out.",
        )
        last = f"This leaves ${2 * factorial(people - 3)} - {4 * factorial(people - 4)}"
    answer = str(closed)
    steps = (*steps, f"{last} = \\boxed{{{answer}}}$.")
    return Draft(problem=problem, steps=steps, answer=answer, closed=closed, checked=checked)


@template(topic="counting_and_probability", tier="medium", split="test", answer_type="expression", variants=2)
def pairs_of_squares_on_a_board(draw: Draw) -> Draft:
    more = draw.random.choice((2, 3, 4, 5))
    n = sympy.Symbol("n")
    m = n + more
    if draw.variant == 0:
        closed = n * m * (n - 1) * (m - 1) / 2
        answer = f"\\frac{{n(n - 1)(n + {more})(n + {more - 1})}}{{2}}"
        relation = "lie neither in the same row nor in the same column"
        steps: tuple[str, ...] = (
            f"The first square can be any of the $n(n + {more})$ squares.",
            f"The second one must be in one of the other $n - 1$ rows and in one of the other $n + {more - 1}$ "
            f"columns, which leaves $(n - 1)(n + {more - 1})$ squares.",
            "Each unordered pair has been counted twice.",
        )
        last = "Half of the product is"
    else:
        closed = 4 * n**2 + (4 * more - 6) * n + 2 - 3 * more
        answer = polynomial((4, 4 * more - 6, 2 - 3 * more), "n").replace("^{2}", "^2")
        relation = "have at least one corner in common"
        steps = (
            "Such squares are neighbours in a row, in a column or diagonally.",
            f"In the $n$ rows of $n + {more}$ squares there are $n(n + {more - 1})$ neighbouring pairs, and in the $n "
            f"+ {more}$ columns of $n$ squares there are $(n + {more})(n - 1)$.",
            f"The board contains $(n - 1)(n + {more - 1})$ blocks of two by two squares, each with two diagonal pairs.",
        )
        last = f"The sum $n(n + {more - 1}) + (n + {more})(n - 1) + 2(n - 1)(n + {more - 1})$ equals"
    values: list[tuple[dict[str, int | Fraction], int]] = []
    for size in (3, 4, 5, 6, 7):
        squares = list(product(range(size), range(size + more)))
        pairs = [(abs(a - c), abs(b - d)) for (a, b), (c, d) in combinations(squares, 2)]
        values.append(({"n": size}, sum(min(pair) > 0 if draw.variant == 0 else max(pair) == 1 for pair in pairs)))
    problem = (
        f"A board has $n \\ge 3$ rows and $n + {more}$ columns of unit squares. In how many ways can two different "
        f"squares be chosen, regardless of their order, that {relation}? Express your answer in terms of $n$."
    )
    steps = (*steps, f"{last} $\\boxed{{{answer}}}$.")
    return Draft(problem=problem, steps=steps, answer=answer, closed=closed, checked=Points(values=tuple(values)))


@template(topic="counting_and_probability", tier="medium", split="test", answer_type="fraction", variants=2)
def relations_among_three_dice(draw: Draw) -> Draft:
    sides = draw.random.choice((8, 10, 12, 20))
    rolls = [sorted(roll) for roll in product(range(1, sides + 1), repeat=3)]
    if draw.variant == 0:
        closed = Fraction(3 * comb(sides, 2), sides**3)
        checked = Fraction(sum(a + b == c for a, b, c in rolls), sides**3)
        event = "one of the three numbers is the sum of the other two"
        steps: tuple[str, ...] = (
            f"Let two particular dice show $a$ and $b$, and let the third show $a + b$. This needs $a + b \\le "
            f"{sides}$.",
            f"For $a = 1, 2, \\ldots, {sides - 1}$ there are ${sides - 1}, {sides - 2}, \\ldots, 1$ choices of $b$, "
            f"together {comb(sides, 2)}.",
            f"Any of the three dice can show the sum, and only one of them can, since the sum is larger than both "
            f"other numbers. So $3 \\cdot {comb(sides, 2)} = {3 * comb(sides, 2)}$ of the ${sides}^3 = {sides**3}$ "
            f"outcomes are favourable.",
        )
    else:
        runs = sum(sides - 2 * gap for gap in range(1, (sides + 1) // 2))
        closed = Fraction(6 * runs, sides**3)
        checked = Fraction(sum(a < b and b - a == c - b for a, b, c in rolls), sides**3)
        event = "the three numbers are all different and, put in increasing order, form an arithmetic progression"
        gaps = [sides - 2 * gap for gap in range(1, (sides + 1) // 2)]
        steps = (
            f"A progression with difference $k$ has the form $a, a + k, a + 2k$ with $a + 2k \\le {sides}$, so there "
            f"are ${sides} - 2k$ of them.",
            f"Adding over $k$ from 1 to {len(gaps)} gives ${' + '.join(map(str, gaps))} = {runs}$ progressions.",
            f"Each can appear on the three dice in 6 ways, so ${6 * runs}$ of the ${sides}^3 = {sides**3}$ outcomes "
            f"are favourable.",
        )
    answer = fraction(closed)
    problem = (
        f"Three fair dice, each with {sides} faces numbered 1 to {sides}, are rolled. Find the probability that "
        f"{event}. Give your answer as a fraction in lowest terms."
    )
    steps = (*steps, f"The probability in lowest terms is $\\boxed{{{answer}}}$.")
    return Draft(problem=problem, steps=steps, answer=answer, closed=closed, checked=checked)


@template(topic="counting_and_probability", tier="medium", split="test", answer_type="decimal", variants=2)
def expected_draws_and_colours(draw: Draw) -> Draft | None:
    if draw.variant == 0:
        red, blue = draw.random.sample((1, 2, 3, 4, 5), 2)
        green = 10 - red - blue
        counts = (red, blue, green)
        if green < 2 or len(set(counts)) < 3:
            return None
        closed = sum((1 - Fraction(10 - count, 10) ** 3 for count in counts), Fraction(0))
        colours = [0] * red + [1] * blue + [2] * green
        checked = Fraction(sum(len(set(hand)) for hand in product(colours, repeat=3)), 1000)
        problem = (
            (
                f"A box contains {red} red, {blue} blue and {green} green balls. Three times in a row, a ball is drawn "
                f"at random, its colour is noted, and the ball is put back. Find the expected number of different "
                f"colours noted, as an exact decimal."
            )
            .replace("contains 1 red", "contains one red")
            .replace(", 1 blue", ", one blue")
        )
        parts = [1 - Fraction(10 - count, 10) ** 3 for count in counts]
        steps: tuple[str, ...] = (
            "The number of different colours is the sum of three variables, one for each colour, that are 1 if the "
            "colour is noted and 0 if not. Expected values add up.",
            f"Red is noted with probability $1 - {decimal(Fraction(10 - red, 10))}^3 = {decimal(parts[0])}$, blue with "
            f"probability $1 - {decimal(Fraction(10 - blue, 10))}^3 = {decimal(parts[1])}$, green with probability $1 "
            f"- {decimal(Fraction(10 - green, 10))}^3 = {decimal(parts[2])}$.",
        )
    else:
        red, others = draw.random.choice((3, 4, 7, 9)), draw.random.randint(5, 17)
        total = red + others
        closed = Fraction(total + 1, red + 1)
        checked, alive = Fraction(0), Fraction(1)
        for drawn in range(others + 1):
            checked += alive
            alive *= Fraction(others - drawn, total - drawn)
        if closed.denominator == 1:
            return None
        problem = (
            f"A bag contains {red} winning tickets and {others} blanks. Tickets are drawn at random, one after another "
            f"and without replacement, until the first winning ticket appears. Find the expected number of tickets "
            f"drawn, the winning one included, as an exact decimal."
        )
        steps = (
            f"Imagine that all {total} tickets are drawn. A particular blank is drawn before the first winning ticket "
            f"if it comes first among itself and the {red} winning tickets, which has probability "
            f"$\\frac{{1}}{{{red + 1}}}$.",
            f"So the expected number of blanks before the first winning ticket is $\\frac{{{others}}}{{{red + 1}}}$, "
            f"and the winning ticket adds 1.",
        )
    answer = decimal(closed)
    steps = (*steps, f"The expected value is $\\boxed{{{answer}}}$.")
    return Draft(problem=problem, steps=steps, answer=answer, closed=closed, checked=checked)
