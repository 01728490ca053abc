"""Counting and probability, easy and medium: outcomes, surveys, selections, arrangements and conditional chances."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from itertools import combinations, permutations, product
from math import comb, factorial, isqrt, prod

import sympy

from sure_math.curated.latex import decimal, fraction, listed, ordered
from sure_math.curated.template import Draft, Draw, Points, template


@template(topic="counting_and_probability", tier="easy", split="train", answer_type="integer")
def letter_and_digit_codes(draw: Draw) -> Draft:
    letters, digits = draw.random.randint(3, 9), draw.random.choice((3, 4))
    leading_zero = draw.random.random() < 0.5
    last_letter = "ABCDEFGHI"[letters - 1]
    free = [9 - k for k in range(digits - 1)] if leading_zero else [8, *(8 - k for k in range(digits - 2))]
    closed = letters * 5 * prod(free)
    checked = letters * sum(
        code[-1] % 2 == 1 and (leading_zero or code[0] > 0) for code in permutations(range(10), digits)
    )
    answer = str(closed)
    word = {3: "three", 4: "four"}[digits]
    first = "The first digit may be 0." if leading_zero else "The first digit is not 0."
    problem = draw.random.choice(
        (
            f"A locker code consists of one of the letters A to {last_letter}, followed by {word} different digits, "
            f"the last of which is odd. {first} How many such codes are there?",
            f"The library labels its shelves with one letter from A to {last_letter} and then {word} digits. No digit "
            f"occurs twice in a label, and the last digit must be odd. {first} How many different labels are possible?",
        )
    )
    times = " \\cdot ".join(map(str, free))
    if leading_zero:
        reason = f"each of the other digits must differ from those chosen before, which leaves {listed(free)} choices"
    else:
        reason = (
            f"the first digit is neither 0 nor the last digit, which leaves 8 choices; after that 0 is allowed, and "
            f"each new digit must differ from those chosen before, which leaves {listed(free[1:])} choices"
        )
    steps = (
        f"There are {letters} choices for the letter and 5 choices for the last digit.",
        f"Then choose the digits from left to right: {reason}.",
        f"Together the number is ${letters} \\cdot 5 \\cdot {times} = \\boxed{{{answer}}}$.",
    )
    return Draft(problem=problem, steps=steps, answer=answer, closed=closed, checked=checked)


@template(topic="counting_and_probability", tier="easy", split="train", answer_type="fraction")
def product_of_two_spinners(draw: Draw) -> Draft | None:
    one, other = draw.random.sample((4, 5, 6, 7, 8, 9, 10, 12), 2)
    prime = draw.random.choice((2, 3, 5))
    first, second = one - one // prime, other - other // prime
    if min(one, other) < prime:
        return None
    closed = 1 - Fraction(first * second, one * other)
    good = sum(a * b % prime == 0 for a in range(1, one + 1) for b in range(1, other + 1))
    answer = fraction(closed)
    wanted = "an even number" if prime == 2 else f"a multiple of {prime}"
    problem = draw.random.choice(
        (
            f"A spinner has {one} equal sectors numbered 1 to {one}, and a second spinner has {other} equal sectors "
            f"numbered 1 to {other}. Both are spun once, and the two numbers are multiplied. What is the probability "
            f"that the product is {wanted}? Give your answer as a fraction in lowest terms.",
            f"Box A holds {one} cards numbered 1 to {one}, and box B holds {other} cards numbered 1 to {other}. Leila "
            f"draws one card at random from each box and multiplies the two numbers. Find the probability that she "
            f"gets {wanted}, as a fraction in lowest terms.",
        )
    )
    steps = (
        f"The product is not {wanted} exactly when neither number is {wanted}, because {prime} is prime.",
        f"Of the numbers 1 to {one}, {first} qualify, and of the numbers 1 to {other}, {second} qualify. So ${first} "
        f"\\cdot {second} = {first * second}$ of the ${one} \\cdot {other} = {one * other}$ equally likely pairs fail.",
        f"The probability is $1 - \\frac{{{first * second}}}{{{one * other}}} = \\boxed{{{answer}}}$.",
    )
    return Draft(problem=problem, steps=steps, answer=answer, closed=closed, checked=Fraction(good, one * other))


@template(topic="counting_and_probability", tier="easy", split="train", answer_type="percentage")
def survey_with_exactly_one(draw: Draw) -> Draft | None:
    total = draw.random.choice((40, 50, 80, 120, 125, 150, 160, 200, 250))
    none, both = draw.random.randint(3, total // 5), draw.random.randint(4, total // 4)
    one = draw.random.randint(both + 3, total - none - 3)
    other = total - none - one + both
    share = Fraction(100 * (one + other - 2 * both), total)
    if other <= both or one == other or 10 % share.denominator:
        return None
    overlap = next(x for x in range(total + 1) if (one - x) + (other - x) + x + none == total)
    single = sum(1 for person in range(total - none) if (person < one) != (person >= one - overlap))
    answer = decimal(share) + "\\%"
    problem = draw.random.choice(
        (
            f"A school asked {total} students about their afternoon activities: {one} of them play an instrument, "
            f"{other} are in a sports team, and {none} do neither. What percentage of the students asked do exactly "
            f"one of the two?",
            f"In a village of {total} households, {one} own a car, {other} own a bicycle, and {none} own neither. What "
            f"percentage of the households own exactly one of the two kinds of vehicle, that is, a car but no bicycle, "
            f"or a bicycle but no car?",
            f"Of {total} visitors of a museum, {one} saw the paintings, {other} saw the sculptures, and {none} saw "
            f"neither because they only went to the café. What percentage of the visitors saw exactly one of the two "
            f"collections?",
        )
    )
    steps = (
        f"At least one of the two applies to ${total} - {none} = {total - none}$.",
        f"Adding the two groups gives ${one} + {other} = {one + other}$, so ${one + other} - {total - none} = {both}$ "
        f"belong to both groups.",
        f"Exactly one applies to ${total - none} - {both} = {total - none - both}$.",
        f"As a percentage of {total} this is $\\boxed{{{answer}}}$.",
    )
    return Draft(problem=problem, steps=steps, answer=answer, closed=share, checked=Fraction(100 * single, total))


@template(topic="counting_and_probability", tier="medium", split="train", answer_type="fraction")
def exactly_two_colours(draw: Draw) -> Draft | None:
    counts = [draw.random.randint(2, 6) for _ in range(3)]
    if len(set(counts)) == 1:
        return None
    total = sum(counts)
    ways, same, different = comb(total, 3), sum(comb(count, 3) for count in counts), prod(counts)
    closed = Fraction(ways - same - different, ways)
    colours = "".join(letter * count for letter, count in zip("rbg", counts, strict=True))
    good = sum(len(set(hand)) == 2 for hand in combinations(colours, 3))
    checked = Fraction(good, len(list(combinations(colours, 3))))
    answer = fraction(closed)
    red, blue, green = counts
    problem = draw.random.choice(
        (
            f"A bag contains {red} red, {blue} blue and {green} green marbles. Three marbles are drawn at random "
            f"without replacement. Find the probability that exactly two colours appear among them. Give your answer "
            f"as a fraction in lowest terms.",
            f"A drawer holds {red} red, {blue} blue and {green} green pencils. Tom takes three of them at once without "
            f"looking. What is the probability that his three pencils show exactly two different colours? Give a "
            f"fraction in lowest terms.",
        )
    )
    steps = (
        f"There are $\\binom{{{total}}}{{3}} = {ways}$ equally likely choices of three.",
        f"All three have the same colour in ${' + '.join(str(comb(count, 3)) for count in counts)} = {same}$ of them, "
        f"and all three colours appear in ${red} \\cdot {blue} \\cdot {green} = {different}$ of them.",
        f"Exactly two colours appear in the remaining ${ways} - {same} - {different} = {ways - same - different}$.",
        f"The probability is $\\frac{{{ways - same - different}}}{{{ways}}}$, that is, $\\boxed{{{answer}}}$.",
    )
    return Draft(problem=problem, steps=steps, answer=answer, closed=closed, checked=checked)


@template(topic="counting_and_probability", tier="medium", split="train", answer_type="decimal")
def expected_prize_of_two_wheels(draw: Draw) -> Draft | None:
    small, big = sorted(draw.random.sample((4, 5, 8, 10), 2))
    bonus = draw.random.randint(2, 6)
    pairs = small * big
    highest = sum(k * (2 * k - 1) for k in range(1, small + 1)) + small * sum(range(small + 1, big + 1))
    extra = (bonus - 1) * small * (small + 1) // 2
    closed = Fraction(highest + extra, pairs)
    checked = Fraction(
        sum(bonus * a if a == b else max(a, b) for a, b in product(range(1, small + 1), range(1, big + 1))), pairs
    )
    if closed.denominator == 1:
        return None
    answer = decimal(closed)
    times = {2: "twice", 3: "three times", 4: "four times", 5: "five times", 6: "six times"}[bonus]
    problem = draw.random.choice(
        (
            f"At a fair, one wheel shows each of the numbers 1 to {small} with the same probability, and another wheel "
            f"shows each of the numbers 1 to {big} with the same probability. Both wheels are turned once. If the "
            f"numbers differ, the player wins the larger number in dollars; if they are equal, the player wins {times} "
            f"that number in dollars. Find the expected prize in dollars, as an exact decimal.",
            f"Two fair dice are not cubes: one has {small} faces numbered 1 to {small}, the other has {big} faces "
            f"numbered 1 to {big}, and each face is equally likely. They are rolled together. The score is the larger "
            f"of the two numbers if they differ, and {times} the common number if they agree. What is the expected "
            f"score? Give an exact decimal.",
        )
    )
    steps = (
        f"There are ${small} \\cdot {big} = {pairs}$ equally likely pairs. First pay the larger number in every case, "
        f"also when the numbers agree.",
        f"For $k \\le {small}$ the larger number is $k$ in $2k - 1$ pairs; for $k > {small}$ it is $k$ in {small} "
        f"pairs. The sum of the larger numbers over all pairs is therefore {highest}.",
        f"Each pair $(k, k)$ with $k \\le {small}$ pays ${'' if bonus == 2 else bonus - 1}k$ more, which adds {extra} "
        f"over all these pairs.",
        f"The expected value is $\\frac{{{highest} + {extra}}}{{{pairs}}} = \\boxed{{{answer}}}$.",
    )
    return Draft(problem=problem, steps=steps, answer=answer, closed=closed, checked=checked)


WORDS = (
    *("COFFEE", "PEPPER", "BALLOON", "PARALLEL", "TOMORROW", "SUCCESS", "MAMMAL", "GRASSLAND", "SLEEPLESS", "KANGAROO"),
    *("ELEVEN", "SEVENTEEN", "CALCULUS", "SPACESHIP", "LEMONADE"),
)


@template(topic="counting_and_probability", tier="medium", split="train", answer_type="integer")
def words_without_neighbouring_vowels(draw: Draw) -> Draft | None:
    word = draw.random.choice(WORDS)
    vowels = Counter(letter for letter in word if letter in "AEIOU")
    others = Counter(letter for letter in word if letter not in "AEIOU")
    inner, outer = vowels.total(), others.total()
    if inner > outer + 1:
        return None
    rows = factorial(outer) // prod(factorial(k) for k in others.values())
    fillings = factorial(inner) // prod(factorial(k) for k in vowels.values())
    closed = rows * comb(outer + 1, inner) * fillings
    checked = _separated(tuple(sorted(Counter(word).items())), False)
    answer = str(closed)
    problem = draw.random.choice(
        (
            f"In how many different ways can the letters of the word {word} be arranged in a row so that no two vowels "
            f"are next to each other? (Equal letters cannot be told apart; the vowels are A, E, I, O and U.)",
            f"Nora has one letter tile for each letter of the word {word}; tiles with the same letter look alike. How "
            f"many different strings can she make with all of her tiles if two vowels (A, E, I, O, U) may never stand "
            f"side by side?",
        )
    )
    steps = (
        f"The {outer} consonants can be put in order in $\\frac{{{outer}!}}"
        f"{{{' '.join(f'{k}!' for k in others.values())}}} = {rows}$ ways.".replace("! ", "! \\cdot "),
        f"They leave {outer + 1} gaps, counting both ends. Each gap takes at most one vowel, so the gaps for the "
        f"{inner} vowels can be chosen in $\\binom{{{outer + 1}}}{{{inner}}} = {comb(outer + 1, inner)}$ ways.",
        f"The vowels can be put into the chosen gaps in {fillings} different {'way' if fillings == 1 else 'ways'}.",
        f"The number of arrangements is ${rows} \\cdot {comb(outer + 1, inner)} \\cdot {fillings} = "
        f"\\boxed{{{answer}}}$.",
    )
    return Draft(problem=problem, steps=steps, answer=answer, closed=closed, checked=checked)


def _separated(left: tuple[tuple[str, int], ...], after_vowel: bool) -> int:
    """Strings of the letters left, letter by letter."""
    if not left:
        return 1
    total = 0
    for place, (letter, count) in enumerate(left):
        vowel = letter in "AEIOU"
        if vowel and after_vowel:
            continue
        rest = ((letter, count - 1),) if count > 1 else ()
        total += _separated(left[:place] + rest + left[place + 1 :], vowel)
    return total


@template(topic="counting_and_probability", tier="medium", split="train", answer_type="expression")
def committees_from_two_groups(draw: Draw) -> Draft:
    more = draw.random.choice((1, 3, 4, 5, 6, 7))
    equal = draw.random.random() < 0.5 and more > 1
    n = sympy.Symbol("n")
    half = (more - 2) // 2
    if equal:
        closed = n * (n - 1) * (n + more) * (n + more - 1) / 4
        answer = f"\\frac{{n(n - 1)(n + {more})(n + {more - 1})}}{{4}}"
        rule, size = "four members, two from each group", 4
    else:
        closed = n * (n + more) * (2 * n + more - 2) / 2
        last = "2n - 1" if more == 1 else f"2n + {more - 2}"
        answer = f"n(n + {more})(n + {half})" if more % 2 == 0 else f"\\frac{{n(n + {more})({last})}}{{2}}"
        rule, size = "three members, with at least one from each group", 3
    values: list[tuple[dict[str, int | Fraction], int]] = []
    for count in (3, 4, 5, 6, 7):
        people = "j" * count + "s" * (count + more)
        teams = ["".join(team).count("j") for team in combinations(people, size)]
        values.append(({"n": count}, sum(juniors == 2 if equal else 0 < juniors < 3 for juniors in teams)))
    problem = draw.random.choice(
        (
            f"A chess club has $n$ junior members and $n + {more}$ senior members, where $n \\ge 3$. In how many ways "
            f"can the club choose a committee of {rule}? Express your answer in terms of $n$.",
            f"On an expedition there are $n \\ge 3$ divers and $n + {more}$ climbers; nobody is both. Find, in terms "
            f"of $n$, the number of ways to form a team of {rule}.",
        )
    )
    if equal:
        steps: tuple[str, ...] = (
            "Two people of the smaller group can be chosen in $\\binom{n}{2} = \\frac{n(n - 1)}{2}$ ways.",
            f"Two people of the larger group can be chosen in $\\binom{{n + {more}}}{{2}} = \\frac{{(n + {more})(n + "
            f"{more - 1})}}{{2}}$ ways.",
            f"The choices are independent, so the number is $\\boxed{{{answer}}}$.",
        )
    else:
        steps = (
            f"Two of the smaller group and one of the larger: $\\frac{{n(n - 1)}}{{2}} \\cdot (n + {more})$ ways.",
            f"One of the smaller group and two of the larger: $n \\cdot \\frac{{(n + {more})(n + {more - 1})}}{{2}}$ "
            f"ways."
            if more > 1
            else "One of the smaller group and two of the larger: $n \\cdot \\frac{(n + 1)n}{2}$ ways.",
            f"The common factor of the two is $\\frac{{n(n + {more})}}{{2}}$, and it is multiplied by "
            f"$(n - 1) + (n{f' + {more - 1}' if more > 1 else ''}) = {'2n - 1' if more == 1 else f'2n + {more - 2}'}$.",
            f"The sum is $\\boxed{{{answer}}}$.",
        )
    return Draft(problem=problem, steps=steps, answer=answer, closed=closed, checked=Points(values=tuple(values)))


@template(topic="counting_and_probability", tier="medium", split="train", answer_type="tuple")
def even_sum_and_both_even(draw: Draw) -> Draft | None:
    low = draw.random.randint(1, 9)
    high = low + draw.random.randint(6, 16)
    even, odd = high // 2 - (low - 1) // 2, (high + 1) // 2 - low // 2
    total = even + odd
    same = comb(even, 2) + comb(odd, 2)
    closed = (Fraction(same, comb(total, 2)), Fraction(comb(even, 2), same))
    pairs = list(combinations(range(low, high + 1), 2))
    sums = [pair for pair in pairs if sum(pair) % 2 == 0]
    checked = (Fraction(len(sums), len(pairs)), Fraction(sum(a % 2 == 0 for a, _ in sums), len(sums)))
    if even == odd:
        return None
    answer = ordered(fraction(each) for each in closed)
    problem = draw.random.choice(
        (
            f"Two different tickets are drawn at random from tickets numbered {low} to {high}. Let $p$ be the "
            f"probability that the sum of the two numbers is even, and let $q$ be the probability that both numbers "
            f"are even, given that their sum is even. Find the ordered pair $(p, q)$, both entries as fractions in "
            f"lowest terms.",
            f"From the integers {low}, {low + 1}, ..., {high}, two are chosen at random without replacement. The "
            f"probability that their sum is even is $p$. Under the condition that the sum is even, the chosen numbers "
            f"are both even with probability $q$. Give $(p, q)$ as an ordered pair of fractions in lowest terms.",
        )
    )
    steps = (
        f"From {low} to {high} there are {even} even and {odd} odd numbers, {total} in all.",
        f"The sum is even if both numbers are even, $\\binom{{{even}}}{{2}} = {comb(even, 2)}$ ways, or both are odd, "
        f"$\\binom{{{odd}}}{{2}} = {comb(odd, 2)}$ ways.",
        f"So $p = \\frac{{{same}}}{{{comb(total, 2)}}}$ and $q = \\frac{{{comb(even, 2)}}}{{{same}}}$.",
        f"In lowest terms $(p, q) = \\boxed{{{answer}}}$.",
    )
    return Draft(problem=problem, steps=steps, answer=answer, closed=closed, checked=checked)


@template(topic="counting_and_probability", tier="medium", split="train", answer_type="percentage")
def origin_of_a_faulty_item(draw: Draw) -> Draft | None:
    shares = [draw.random.choice((15, 20, 25, 30, 35, 40, 45, 50)) for _ in range(2)]
    shares.append(100 - sum(shares))
    rates = [draw.random.randint(1, 8) for _ in range(3)]
    if shares[2] < 10 or len(set(rates)) < 3 or len(set(shares)) < 3:
        return None
    wanted = draw.random.randrange(3)
    parts = [share * rate for share, rate in zip(shares, rates, strict=True)]
    closed = Fraction(100 * parts[wanted], sum(parts))
    if 10 % closed.denominator:
        return None
    items = [(maker, k % 100 < rates[maker]) for maker in range(3) for k in range(100 * shares[maker])]
    makers = [maker for maker, faulty in items if faulty]
    checked = Fraction(100 * makers.count(wanted), len(makers))
    answer = decimal(closed) + "\\%"
    name = "ABC"[wanted]
    start, items_name, item, event, events = draw.random.choice(
        (
            ("A lamp factory has three machines A, B and C. They make", "lamps", "lamp", "is faulty", "are faulty"),
            (
                "A phone company buys its batteries from the firms A, B and C, which supply",
                "batteries",
                "battery",
                "has to be replaced within a year",
                "have to be replaced within a year",
            ),
        )
    )
    problem = (
        f"{start} {shares[0]}%, {shares[1]}% and {shares[2]}% of all {items_name}, respectively. Of the {items_name} "
        f"from A, B and C, {rates[0]}%, {rates[1]}% and {rates[2]}%, respectively, {events}. A {item} chosen at random "
        f"{event}. What is the probability that it comes from {name}? Give your answer as an exact percentage."
    ).replace("%", "\\%")
    steps = (
        f"Imagine 10000 {items_name}. Of these, ${100 * shares[0]}$, ${100 * shares[1]}$ and ${100 * shares[2]}$ come "
        f"from A, B and C.",
        f"Among them ${parts[0]}$, ${parts[1]}$ and ${parts[2]}$ {events}, which makes {sum(parts)} in all.",
        f"From {name} come {parts[wanted]} of these {sum(parts)}, so the probability is $\\boxed{{{answer}}}$.",
    )
    return Draft(problem=problem, steps=steps, answer=answer, closed=closed, checked=checked)


@template(topic="counting_and_probability", tier="medium", split="train", answer_type="multiple_values")
def how_many_of_one_colour(draw: Draw) -> Draft | None:
    total, red = draw.random.randint(9, 28), draw.random.randint(2, 9)
    if 2 * red >= total or total - red == 2 * red:
        return None
    chance = Fraction(2 * red * (total - red), total * (total - 1))
    product_of_both = chance * total * (total - 1) / 2
    root = isqrt(int(total * total - 4 * product_of_both))
    closed = ((total - root) // 2, (total + root) // 2)
    checked = tuple(
        r
        for r in range(total + 1)
        if Fraction(sum(a != b for a, b in combinations([k < r for k in range(total)], 2)), comb(total, 2)) == chance
    )
    answer = listed(closed)
    problem = draw.random.choice(
        (
            f"A bag contains {total} balls, some red and the others white. If two balls are drawn at random without "
            f"replacement, the probability that they have different colours is ${fraction(chance)}$. List all possible "
            f"numbers of red balls in the bag, separated by commas.",
            f"A class of {total} students votes on a trip; every student votes either for the sea or for the "
            f"mountains. Two different students picked at random voted differently with probability "
            f"${fraction(chance)}$. List all possible numbers of votes for the sea, separated by commas.",
        )
    )
    count = int(product_of_both)
    steps = (
        f"Let $r$ be the number in question. There are $\\binom{{{total}}}{{2}} = {comb(total, 2)}$ pairs, and "
        f"$r({total} - r)$ of them are mixed.",
        f"So $r({total} - r) = {fraction(chance)} \\cdot {comb(total, 2)} = {count}$, that is, $r^2 - {total}r + "
        f"{count} = 0$.",
        f"The solutions are $r = \\frac{{{total} \\pm {root}}}{{2}}$, and both are possible: $\\boxed{{{answer}}}$.",
    )
    return Draft(problem=problem, steps=steps, answer=answer, closed=closed, checked=checked)
