"""Logic for the test split, easy and medium: places in a line, odd scales, rotas, alternators, coins, boards, plans."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from fractions import Fraction

import sympy

from sure_math.curated.latex import braces, decimal, interval, listed, ordered, plural
from sure_math.curated.template import Draft, Draw, Members, template


@template(topic="logic", tier="easy", split="test", answer_type="multiple_values", variants=2)
def places_in_a_line(draw: Draw) -> Draft | None:
    pick = draw.random
    names = pick.sample(["Mia", "Leo", "Zoe", "Ravi", "Nele"], 3)
    place = pick.choice(["at a bakery", "in front of a cinema", "at a bus stop"])
    if draw.variant == 0:
        front, back, gap, more = pick.randint(12, 24), pick.randint(9, 20), pick.randint(3, 7), pick.randint(1, 3)
        # The second person stands behind or in front of the first one, who is not near the end in either case.
        totals = [front + gap + back, front - gap - 2 + back]
        if min(totals) < front + more:
            return None
        found = set()
        for total in range(1, 200):
            for other in range(1, total + 1):
                if total - other + 1 == back and abs(other - front) == gap + 1 and total >= front:
                    found.add(total)
        answer = listed(sorted(totals))
        return Draft(
            problem=f"In a line {place}, {names[0]} is number {front} counted from the front, and {names[1]} is "
            f"number {back} counted from the back. Exactly {gap} people stand between the two. How many people can "
            "there be in the line? List all possible numbers in increasing order, separated by a comma.",
            steps=(
                f"If {names[1]} stands behind {names[0]}, the line consists of the {front} people up to {names[0]}, "
                f"the {gap} between them and the last {back}: ${front} + {gap} + {back} = {totals[0]}$.",
                f"If {names[1]} stands in front of {names[0]}, the first {front} and the last {back} people overlap in "
                f"these two and the {gap} between them: ${front} + {back} - {gap + 2} = {totals[1]}$.",
                f"Both cases are possible, so the numbers are $\\boxed{{{answer}}}$.",
            ),
            answer=answer,
            closed=tuple(sorted(totals)),
            checked=tuple(sorted(found)),
        )
    total, front, one, two = pick.randint(35, 60), pick.randint(14, 22), pick.randint(3, 6), pick.randint(8, 12)
    spots = sorted({total + 1 - (front + side * (one + 1) + turn * (two + 1)) for side in (-1, 1) for turn in (-1, 1)})
    kept = [spot for spot in spots if 1 <= spot <= total and total + 1 - spot < total - 1]
    kept = [spot for spot in kept if total + 1 - spot > front]
    if len(kept) != 2 or len(spots) != 4:
        return None
    found = set()
    for second, third in itertools.permutations(range(1, total + 1), 2):
        if front in (second, third) or third <= front:
            continue
        if abs(second - front) == one + 1 and abs(third - second) == two + 1:
            found.add(total + 1 - third)
    answer = listed(kept)
    later = [total + 1 - spot for spot in reversed(kept)]
    return Draft(
        problem=f"There are {total} people in a line {place}. {names[0]} is number {front} counted from the front. "
        f"Exactly {one} people stand between {names[0]} and {names[1]}, and exactly {two} people stand between "
        f"{names[1]} and {names[2]}. {names[2]} stands behind {names[0]}. Counted from the back, which number can "
        f"{names[2]} be? List all possible numbers in increasing order, separated by a comma.",
        steps=(
            f"Counted from the front, {names[1]} is number ${front} - {one + 1} = {front - one - 1}$ or "
            f"${front} + {one + 1} = {front + one + 1}$.",
            f"{names[2]} is {two + 1} places away from there and behind number {front}, so number {later[0]} or "
            f"{later[1]} from the front.",
            f"From the back these are the numbers ${total + 1} - {later[1]}$ and ${total + 1} - {later[0]}$: "
            f"$\\boxed{{{answer}}}$.",
        ),
        answer=answer,
        closed=tuple(kept),
        checked=tuple(sorted(found)),
    )


@template(topic="logic", tier="easy", split="test", answer_type="tuple", variants=2)
def scale_with_a_fault(draw: Draw) -> Draft | None:
    pick = draw.random
    if draw.variant == 0:
        fault = Fraction(pick.choice([-9, -8, -7, -6, -4, -3, 3, 4, 6, 7, 8, 9]), 10)
        first, second = (Fraction(pick.randint(15, 90), 10) for _ in range(2))
        shown = first + fault, second + fault, first + second + fault
        if first == second or any(each.denominator == 1 for each in (first, second)):
            return None
        found: list[tuple[Fraction, ...]] = []
        for tenth in range(-30, 31):
            wrong = Fraction(tenth, 10)
            if shown[0] - wrong + shown[1] - wrong + wrong == shown[2]:
                found.append((shown[0] - wrong, shown[1] - wrong))
        thing = pick.choice(["melons", "parcels", "stones"])
        answer = ordered([decimal(first), decimal(second)])
        return Draft(
            problem="The pointer of a kitchen scale is bent, so that every reading is wrong by the same amount in "
            f"the same direction. With the first of two {thing} on it, the scale shows {decimal(shown[0])} kg, with "
            f"the second {decimal(shown[1])} kg, and with both together {decimal(shown[2])} kg. What are the true "
            f"masses of the two {thing}? Give your answer as an ordered pair (first, second) of decimals in kilograms.",
            steps=(
                f"The readings of the two {thing} alone add up to ${decimal(shown[0])} + {decimal(shown[1])} = "
                f"{decimal(shown[0] + shown[1])}$ kg and contain the error twice; the third reading contains it once.",
                f"So the error is ${decimal(shown[0] + shown[1])} - {decimal(shown[2])} = {decimal(fault)}$ kg.",
                f"Subtracting it from the first two readings gives $\\boxed{{{answer}}}$.",
            ),
            answer=answer,
            closed=(first, second),
            checked=found[0] if len(found) == 1 else (0, 0),
        )
    light, middle, heavy = sorted(pick.sample(range(21, 79), 3))
    masses = [Fraction(each, 2) for each in (light, middle, heavy)]
    if light + heavy == 2 * middle or all(each.denominator == 1 for each in masses) or masses[0] < 11:
        return None
    if middle - light > 25 or heavy - middle > 25:
        return None
    limit = 20
    sums = sorted(one + other for one, other in itertools.combinations(masses, 2))
    if sums[0] < limit or masses[2] >= limit * 2:
        return None
    halves = range(1, 2 * int(sums[2]))
    found = []
    for one, other in itertools.combinations_with_replacement(halves, 2):
        third = 2 * sums[2] - other
        if one <= other <= third and one + other == 2 * sums[0] and one + third == 2 * sums[1]:
            found.append((Fraction(one, 2), Fraction(other, 2), Fraction(third) / 2))
    answer = ordered([decimal(each) for each in masses])
    shuffled = pick.sample(sums, 3)
    return Draft(
        problem=f"Three sacks of different masses are weighed on a scale that is only reliable above {limit} kg. "
        "Therefore they are put on it two at a time, every pair once. The three readings, in kilograms and in no "
        f"particular order, are {decimal(shuffled[0])}, {decimal(shuffled[1])} and {decimal(shuffled[2])}. What are "
        "the masses of the sacks? Give your answer as an ordered triple of decimals in kilograms, in increasing "
        "order.",
        steps=(
            f"Together the readings count every sack twice, so the three sacks have a mass of $({decimal(sums[0])} + "
            f"{decimal(sums[1])} + {decimal(sums[2])}) \\div 2 = {decimal(sum(masses, Fraction(0)))}$ kg.",
            "Subtracting a pair from this leaves the third sack; the heaviest pair leaves the lightest sack.",
            f"So the masses are ${decimal(sum(masses, Fraction(0)))}$ minus the readings from the greatest to the "
            f"least: $\\boxed{{{answer}}}$.",
        ),
        answer=answer,
        closed=tuple(masses),
        checked=found[0] if len(found) == 1 else (0, 0, 0),
    )


@template(topic="logic", tier="easy", split="test", answer_type="set", variants=2)
def days_on_a_rota(draw: Draw) -> Draft | None:
    pick = draw.random
    one, other = pick.sample([3, 4, 5, 6, 7, 8], 2)
    starts = pick.randint(1, one), pick.randint(1, other)
    names = pick.sample(["Alva", "Bruno", "Cem", "Daria"], 2)
    job = pick.choice(["waters the garden", "feeds the shelter's cats", "cleans the aquarium"])
    first = set(range(starts[0], 32, one))
    second = set(range(starts[1], 32, other))
    if draw.variant == 0:
        days = [day for day in range(1, 31) if day % one == starts[0] % one and (day + 1) % other == starts[1] % other]
        found = {day for day in first if day + 1 in second and day + 1 <= 31}
        if not 3 <= len(days) <= 5:
            return None
        answer = braces(days)
        return Draft(
            problem=f"In a month of 31 days, {names[0]} {job} on the day with the date {starts[0]} and then on every "
            f"{_ordinal(one)} day, so that {one - 1} free days lie in between. {names[1]} does the same job on the "
            f"day with the date {starts[1]} and then on every {_ordinal(other)} day. On which dates of this month is "
            f"it {names[0]}'s turn and on the very next day, still in this month, {names[1]}'s turn? Give the set of "
            f"all such dates of {names[0]}'s turns.",
            steps=(
                f"{names[0]}'s dates are {listed(sorted(first))}.",
                f"{names[1]}'s dates are {listed(sorted(second))}; the days before them are "
                f"{listed(day - 1 for day in sorted(second) if day > 1)}.",
                f"The dates in both lists form the set $\\boxed{{{answer}}}$.",
            ),
            answer=answer,
            closed=frozenset(days),
            checked=frozenset(found),
        )
    both = sorted(first & second)
    days = sorted(second - first)
    if len(both) < 1 or not 3 <= len(days) <= 6 or one % other == 0 or len(both) > 2:
        return None
    shared = pick.choice(both)
    checked = {day for day in range(1, 32) if (day - shared) % other == 0 and (day - shared) % one}
    answer = braces(days)
    return Draft(
        problem=f"{names[0]} {job} on every {_ordinal(one)} day, so that {one - 1} free days lie in between, and "
        f"{names[1]} does the same job on every {_ordinal(other)} day, both all year round. In a month of 31 days "
        f"both do it on the day with the date {shared}. On which dates of this month is it {names[1]}'s turn but not "
        f"{names[0]}'s? Give the set of all these dates.",
        steps=(
            f"Going back and forth from the date {shared} in steps of {other}, {names[1]}'s dates are "
            f"{listed(sorted(second))}.",
            f"In the same way {names[0]}'s dates are {listed(sorted(first))}.",
            f"Without the common {'date' if len(both) == 1 else 'dates'} {listed(both)}, the set is "
            f"$\\boxed{{{answer}}}$.",
        ),
        answer=answer,
        closed=frozenset(days),
        checked=frozenset(checked),
    )


def _ordinal(number: int) -> str:
    return {3: "third", 4: "fourth", 5: "fifth", 6: "sixth", 7: "seventh", 8: "eighth"}[number]


_Voice = Callable[[str, int], bool]


def _voice(kind: str, first: bool) -> _Voice:
    """Whether somebody says yes to `are you a ...`, as the question with this number."""

    def says(asked: str, number: int) -> bool:
        fact = asked == kind
        honest = {"knight": True, "liar": False, "alternator": (number % 2 == 0) == first}[kind]
        return fact == honest

    return says


@template(topic="logic", tier="medium", split="test", answer_type="tuple", variants=2)
def people_who_alternate(draw: Draw) -> Draft | None:
    pick = draw.random
    knights, liars = pick.randint(14, 60), pick.randint(11, 55)
    honest, false = pick.randint(8, 40), pick.randint(8, 40)
    if draw.variant == 1:
        false = honest
    everybody = [("knight", True)] * knights + [("liar", True)] * liars
    everybody += [("alternator", True)] * honest + [("alternator", False)] * false
    size, mixed = len(everybody), honest + false
    intro = (
        f"On an island live {size} people: knights, who always tell the truth, liars, who always lie, and "
        "alternators, whose answers are alternately true and false; some of these begin with a true answer and the "
        "others with a false one."
    )
    if len({knights, liars, mixed}) < 3:
        return None
    answer = ordered([knights, liars, mixed])
    if draw.variant == 0:
        asked = ["knight", "alternator", "liar"]
        yes = [sum(_voice(kind, first)(what, i) for kind, first in everybody) for i, what in enumerate(asked)]
        kinds = [("knight", True), ("liar", True), ("alternator", True), ("alternator", False)]
        voices = [[int(_voice(kind, first)(what, i)) for kind, first in kinds] for i, what in enumerate(asked)]
        solution = sympy.Matrix([[1, 1, 1, 1], *voices]).LUsolve(sympy.Matrix([size, *yes]))
        amounts = [int(part) for part in solution]
        return Draft(
            problem=f"{intro} All of them are asked the same three questions one after the other. To ``Are you a "
            f"knight?'' {yes[0]} people answer yes, to ``Are you an alternator?'' {yes[1]}, and to ``Are you a "
            f"liar?'' {yes[2]}. How many knights, liars and alternators live on the island? Give your answer as an "
            "ordered triple (knights, liars, alternators).",
            steps=(
                "Let $k$, $l$, $a$ and $b$ be the numbers of knights, liars, alternators who begin with the truth, and "
                "alternators who begin with a lie.",
                f"The third question is answered yes only by the alternators of the second kind, who lie again then: "
                f"$b = {yes[2]}$.",
                f"The second is answered yes by the liars and by those alternators, who tell the truth then: $l + b = "
                f"{yes[1]}$, so $l = {liars}$.",
                "The first is answered yes by the knights, the liars and the alternators of the second kind: $k + l "
                f"+ b = {yes[0]}$, so $k = {knights}$.",
                f"The remaining ${size} - {knights} - {liars} = {mixed}$ are alternators: $\\boxed{{{answer}}}$.",
            ),
            answer=answer,
            closed=(knights, liars, mixed),
            checked=(amounts[0], amounts[1], amounts[2] + amounts[3]),
        )
    asked = ["liar", "alternator"]
    yes = [sum(_voice(kind, first)(what, i) for kind, first in everybody) for i, what in enumerate(asked)]
    found = []
    for k in range(size + 1):
        for w in range(size + 1 - k):
            rest = size - k - w
            if rest % 2:
                continue
            groups = [
                ("knight", True, k),
                ("liar", True, w),
                ("alternator", True, rest // 2),
                ("alternator", False, rest // 2),
            ]
            if all(
                sum(n for kind, first, n in groups if _voice(kind, first)(what, i)) == yes[i]
                for i, what in enumerate(asked)
            ):
                found.append((k, w, rest))
    return Draft(
        problem=f"{intro} There are as many alternators of the first kind as of the second. All of them are asked the "
        f"same two questions one after the other. To ``Are you a liar?'' {plural(yes[0], 'person', 'people')} "
        f"{'answers' if yes[0] == 1 else 'answer'} yes, and to ``Are you an alternator?'' {yes[1]}. How many knights, "
        "liars and alternators live on the island? Give your answer as an ordered triple (knights, liars, "
        "alternators).",
        steps=(
            "Nobody who is a knight or a liar says yes to the first question: a knight denies it truthfully and a liar "
            "denies it although it is true. An alternator says yes there exactly when his first answer is a lie.",
            f"So {yes[0]} alternators begin with a lie and as many with the truth, which makes {2 * yes[0]} "
            f"alternators.",
            "The second question is answered yes by the liars and by the alternators whose second answer is true, "
            f"those who began with a lie. So there are ${yes[1]} - {yes[0]} = {liars}$ liars.",
            f"The remaining ${size} - {2 * yes[0]} - {liars} = {knights}$ are knights: $\\boxed{{{answer}}}$.",
        ),
        answer=answer,
        closed=(knights, liars, mixed),
        checked=found[0] if len(found) == 1 else (0, 0, 0),
    )


@template(topic="logic", tier="medium", split="test", answer_type="set", variants=2)
def bags_of_wrong_coins(draw: Draw) -> Draft | None:
    pick = draw.random
    right = pick.randint(8, 15)
    if draw.variant == 0:
        bags, lack = 7, Fraction(pick.choice([2, 3, 4, 6, 7]), 10)
        wrong = sorted(pick.sample(range(1, bags + 1), pick.randint(3, 4)))
        units = sum(2 ** (bag - 1) for bag in wrong)
        whole = (2**bags - 1) * right
        reading = whole - units * lack
        found = []
        for size in range(bags + 1):
            for some in itertools.combinations(range(1, bags + 1), size):
                mass = sum(
                    2 ** (bag - 1) * (right - lack if bag in some else Fraction(right)) for bag in range(1, bags + 1)
                )
                if mass == reading:
                    found.append(frozenset(some))
        powers = " + ".join(str(2 ** (bag - 1)) for bag in reversed(wrong))
        answer = braces(wrong)
        return Draft(
            problem="Seven bags, numbered from 1 to 7, contain 100 coins each that all look the same. A genuine coin "
            f"has a mass of {right} grams, a false one of {decimal(right - lack)} grams. In each bag either all coins "
            "are genuine or all are false, and any number of bags may be false. One coin is taken from bag 1, 2 "
            "coins from bag 2, 4 from bag 3, and so on, always twice as many from the next bag. All these coins "
            f"together have a mass of {decimal(reading)} grams. Which bags contain false coins? Give the set of their "
            "numbers.",
            steps=(
                f"There are ${2**bags - 1}$ coins, and if all were genuine, they would have a mass of ${2**bags - 1} "
                f"\\cdot {right} = {whole}$ grams.",
                f"The missing ${decimal(units * lack)}$ grams come from ${decimal(units * lack)} \\div "
                f"{decimal(lack)} = {units}$ false coins.",
                f"There is only one way to write this as a sum of different powers of 2: ${units} = {powers}$.",
                f"Bag $k$ contributed $2^{{k-1}}$ coins, so the false bags are $\\boxed{{{answer}}}$.",
            ),
            answer=answer,
            closed=frozenset(wrong),
            checked=found[0] if len(found) == 1 else frozenset(),
        )
    bags = 6
    kinds = [pick.choice([-1, 0, 0, 1]) for _ in range(bags)]
    light = sorted(i + 1 for i, kind in enumerate(kinds) if kind < 0)
    heavy = sorted(i + 1 for i, kind in enumerate(kinds) if kind > 0)
    if not 2 <= len(light) <= 3 or len(heavy) < 1:
        return None
    offset = sum(kind * 3**i for i, kind in enumerate(kinds))
    whole = (3**bags - 1) // 2 * right
    found = [
        frozenset(i + 1 for i, kind in enumerate(some) if kind < 0)
        for some in itertools.product((-1, 0, 1), repeat=bags)
        if sum(3**i * (right + kind) for i, kind in enumerate(some)) == whole + offset
    ]
    parts = " ".join(
        f"{'-' if kind < 0 else '+'} {3**i}" for i, kind in reversed(list(enumerate(kinds))) if kind
    ).removeprefix("+ ")
    if parts.startswith("- "):
        parts = "-" + parts[2:]
    answer = braces(light)
    return Draft(
        problem=f"Six machines, numbered from 1 to 6, produce washers that should have a mass of {right} grams each. "
        f"Some of the machines may be out of adjustment: each machine makes either only washers of {right} grams, or "
        f"only washers of {right - 1} grams, or only washers of {right + 1} grams. To find out, one washer is taken "
        "from machine 1, 3 washers from machine 2, 9 from machine 3, and so on, always three times as many from the "
        f"next machine. All these washers together have a mass of {whole + offset} grams. Which machines make washers "
        "that are too light? Give the set of their numbers.",
        steps=(
            f"There are $1 + 3 + 9 + 27 + 81 + 243 = {(3**bags - 1) // 2}$ washers, and with correct ones the mass "
            f"would be {whole} grams.",
            f"The difference to this is ${offset}$ grams. Machine $k$ contributes $-3^{{k-1}}$, $0$ or $3^{{k-1}}$ "
            f"to it.",
            "Such a sum is unique, because its remainder modulo 3 decides about machine 1, then the quotient about "
            f"machine 2, and so on: ${offset} = {parts}$.",
            f"The negative terms belong to the machines $\\boxed{{{answer}}}$.",
        ),
        answer=answer,
        closed=frozenset(light),
        checked=found[0] if len(found) == 1 else frozenset(),
    )


@template(topic="logic", tier="medium", split="test", answer_type="integer", variants=2)
def counter_on_a_board(draw: Draw) -> Draft | None:
    pick = draw.random
    rows, columns = pick.sample(range(17, 48), 2)
    if draw.variant == 0:
        reach = pick.choice([2, 3])
        moves = [(-step, 0) for step in range(1, reach + 1)] + [(0, -step) for step in range(1, reach + 1)]
        cycle = reach + 1
        counts = [
            sum(1 for at in range(size) if at % cycle == rest) for size in (rows, columns) for rest in range(cycle)
        ]
        products = [counts[rest] * counts[cycle + rest] for rest in range(cycle)]
        value = sum(products)
        rule = (
            f"In a turn a player moves the counter either 1 to {reach} squares to the left or 1 to {reach} squares down"
            if reach > 2
            else "In a turn a player moves the counter either one or two squares to the left or one or two squares down"
        )
        end, goal = "loses", "Whoever cannot move, because the counter is in the lower left corner, loses."
        steps = (
            "Number rows and columns from 0, beginning at the lower left corner. If row and column leave the same "
            f"remainder modulo {cycle}, every move destroys this, and the opponent can restore it by making up "
            f"{cycle} squares in one direction or by the same move in the other one.",
            "From all other squares it can be produced in one move. Since the corner has this property, the second "
            "player wins exactly from the squares with equal remainders.",
            f"For the remainders 0 to {reach} there are {listed(products)} such squares.",
        )
    else:
        moves = [(-1, 0), (0, -1), (-1, -1)]
        value = ((rows + 1) // 2) * ((columns + 1) // 2)
        misere = pick.choice([True, False])
        rule = (
            "In a turn a player moves the counter one square to the left, or one square down, or one square "
            "diagonally to the left and down"
        )
        end = "wins" if misere else "loses"
        goal = f"Whoever cannot move, because the counter is in the lower left corner, {end}."
        if misere:
            value = rows // 2 + columns // 2 + ((rows - 1) // 2) * ((columns - 1) // 2)
            steps = (
                "Number rows and columns from 0, beginning at the lower left corner, and call a square lost if the "
                "player to move loses. The corner is not lost, so along the lowest row and along the left column the "
                f"squares with odd number are lost: {columns // 2} and {rows // 2} of them.",
                "Square (1, 1) can be left to (0, 1), which is lost, so it is not lost. Working upwards, inside the "
                "board exactly the squares whose row and column are both even and at least 2 are lost: from them "
                "every move leads to a square that is not lost, and from every other square one move leads to a lost "
                "one.",
                f"There are $\\left\\lfloor\\frac{{{rows - 1}}}{{2}}\\right\\rfloor \\cdot "
                f"\\left\\lfloor\\frac{{{columns - 1}}}{{2}}\\right\\rfloor = "
                f"{((rows - 1) // 2) * ((columns - 1) // 2)}$ of the latter.",
            )
        else:
            steps = (
                "Number rows and columns from 0, beginning at the lower left corner. From a square whose row and "
                "column are both even, every move makes at least one of them odd.",
                "From any other square, one move makes both even: reduce each odd one by 1. The corner has both "
                "even, so exactly these squares are lost for the player to move.",
                f"There are {(rows + 1) // 2} even rows and {(columns + 1) // 2} even columns.",
            )
    lost: dict[tuple[int, int], bool] = {}
    for row in range(rows):
        for column in range(columns):
            after = [(row + y, column + x) for x, y in moves if row + y >= 0 and column + x >= 0]
            lost[row, column] = (end == "loses") if not after else not any(lost[each] for each in after)
    answer = str(value)
    if value < 100:
        return None
    return Draft(
        problem=f"A counter stands on a square of a board with {rows} rows and {columns} columns. Two players take "
        f"turns. {rule}; it must stay on the board. {goal} From how many of the ${rows * columns}$ squares, the lower "
        "left corner included, as the starting square does the player who moves second have a winning strategy?",
        steps=(*steps, f"Altogether these are $\\boxed{{{answer}}}$."),
        answer=answer,
        closed=value,
        checked=sum(lost.values()),
    )


@template(topic="logic", tier="medium", split="test", answer_type="decimal", variants=2)
def tasks_that_wait_for_others(draw: Draw) -> Draft | None:
    pick = draw.random
    # A and B are free to begin; C needs A, D needs A and B, E needs C and D, F needs D, G needs E and F.
    needs = {"A": "", "B": "", "C": "A", "D": "AB", "E": "CD", "F": "D", "G": "EF"}
    hours = {task: Fraction(pick.randint(3, 22), 2) for task in needs}
    ways = ["ACEG", "ADEG", "BDEG", "ADFG", "BDFG"]
    lengths = {way: sum(hours[task] for task in way) for way in ways}
    longest = max(lengths.values())
    if list(lengths.values()).count(longest) > 1:
        return None

    def finished(times: dict[str, Fraction]) -> Fraction:
        done: dict[str, Fraction] = {}
        for task, before in needs.items():
            done[task] = max((done[each] for each in before), default=Fraction(0)) + times[task]
        return done["G"]

    firm = pick.choice(["For the renovation of a shop", "For setting up a stage", "For repairing a boat"])
    shown = ", ".join(f"{task} {decimal(time)}" for task, time in hours.items())
    intro = (
        f"{firm} seven tasks A to G have to be done. They take, in hours: {shown}. C can begin only when A is "
        "finished, D only when A and B are finished, E only when C and D are finished, F only when D is finished, "
        "and G only when E and F are finished. Otherwise any number of tasks can be done at the same time, and no "
        "task is interrupted."
    )
    chains = "; ".join(f"{'-'.join(way)} with {decimal(length)}" for way, length in lengths.items())
    best = max(ways, key=lambda way: lengths[way])
    if draw.variant == 0:
        if longest.denominator == 1:
            return None
        answer = decimal(longest)
        return Draft(
            problem=f"{intro} What is the shortest time in hours from the beginning of the first task to the end of "
            "the last one? Give your answer as a decimal.",
            steps=(
                "Tasks that follow each other by the rules form chains, and every chain has to be done one task "
                "after the other, so no plan is shorter than the longest chain.",
                f"The complete chains and their hours are: {chains}.",
                f"If every task begins as soon as it may, the end comes after the longest chain, {'-'.join(best)}: "
                f"$\\boxed{{{answer}}}$.",
            ),
            answer=answer,
            closed=longest,
            checked=finished(hours),
        )
    free = [task for task in "CEFB" if task not in best]
    if not free:
        return None
    asked = pick.choice(free)
    through = max(length for way, length in lengths.items() if asked in way)
    slack = longest - through
    if slack.denominator == 1 or slack < 1:
        return None
    value = Fraction(hours[asked] + slack)
    if value.denominator == 1:
        value = Fraction(slack)
        question = f"By how many hours at most can task {asked} take longer than stated"
    else:
        question = f"How many hours can task {asked} take at most"
    grow = Fraction(0)
    while finished({**hours, asked: hours[asked] + grow + Fraction(1, 2)}) == finished(hours):
        grow += Fraction(1, 2)
    answer = decimal(value)
    return Draft(
        problem=f"{intro} {question}, all other times being as stated, if the whole project is still to be finished "
        "as early as it could be with the stated times? Give your answer as a decimal.",
        steps=(
            "The earliest end is the length of the longest chain of tasks that follow each other by the rules.",
            f"The complete chains and their hours are: {chains}.",
            f"The longest one, {'-'.join(best)}, takes {decimal(longest)} hours and does not contain {asked}; the "
            f"longest one with {asked} takes {decimal(through)} hours.",
            f"So {asked} may take ${decimal(longest)} - {decimal(through)} = {decimal(slack)}$ hours longer"
            + (
                f", in all ${decimal(hours[asked])} + {decimal(slack)} = \\boxed{{{answer}}}$."
                if value != slack
                else f": $\\boxed{{{answer}}}$."
            ),
        ),
        answer=answer,
        closed=value,
        checked=grow if value == slack else hours[asked] + grow,
    )


def _vertices(rows: list[list[int]], right: list[int]) -> list[tuple[Fraction, ...]]:
    """All basic solutions with no negative part of the equations, which contain every extreme point."""
    width = len(rows[0])
    found = []
    for columns in itertools.combinations(range(width), len(rows)):
        matrix = sympy.Matrix([[row[column] for column in columns] for row in rows])
        if matrix.det() == 0:
            continue
        solution = matrix.LUsolve(sympy.Matrix(right))
        parts = [Fraction(int(part.p), int(part.q)) for part in solution]
        if min(parts) >= 0:
            full = [Fraction(0)] * width
            for column, part in zip(columns, parts, strict=True):
                full[column] = part
            found.append(tuple(full))
    return found


@template(topic="logic", tier="medium", split="test", answer_type="interval", variants=2)
def shares_between_two_bounds(draw: Draw) -> Draft | None:
    pick = draw.random
    first, second, third = (5 * pick.randint(7, 18) for _ in range(3))
    if len({first, second, third}) < 3:
        return None
    kinds = list(itertools.product((0, 1), repeat=3))
    equations = [[1] * 8, *([kind[i] for kind in kinds] for i in range(3))]
    things = pick.choice(["speak English, French and Spanish", "play chess, cards and dominoes"])
    words = things.split(" ", 1)[1].replace(" and ", ", ").split(", ")
    verb = things.split(" ", 1)[0]
    intro = (
        f"Of the members of a large club, ${first}\\%$ {verb} {words[0]}, ${second}\\%$ {verb} {words[1]} and "
        f"${third}\\%$ {verb} {words[2]}."
    )
    total = first + second + third
    if draw.variant == 0:
        target = [i for i, kind in enumerate(kinds) if sum(kind) == 3]
        low, high = max(0, total - 200), min(first, second, third)
        if low < 10 or high - low < 15:
            return None
        ask = f"Which percentages of members who {verb} all three are possible? Nothing else is known."
        steps: tuple[str, ...] = (
            f"The shares who do not {verb} {words[0]}, {words[1]} and {words[2]} are {100 - first}, {100 - second} "
            f"and {100 - third} percent. At most {300 - total} percent are missing somewhere, so at least ${100} - "
            f"{300 - total} = {low}$ percent {verb} all three; this is the case when the three groups of the missing "
            "are disjoint.",
            f"No more than the least share, ${high}$ percent, can {verb} all three, and this is the case when the "
            "smallest group is contained in the two others.",
        )
    else:
        target = [i for i, kind in enumerate(kinds) if sum(kind) == 2]
        del equations[0][0]
        kinds = kinds[1:]
        equations = [row if i == 0 else row[1:] for i, row in enumerate(equations)]
        target = [i - 1 for i in target]
        # With x for exactly two and y for all three: x + 2 y = total - 100.
        excess = total - 100
        most = min(first, second, third, excess // 2 if excess % 2 == 0 else 0)
        if not 20 <= excess <= 90 or excess % 2 or max(first, second, third) > 85:
            return None
        low, high = max(0, excess - 2 * most), excess
        pairs = [first + second - 100, first + third - 100, second + third - 100]
        if max(pairs) > 0 and total - 100 > 100:
            return None
        if (low == 0 and most * 2 != excess) or low < 5:
            return None
        ask = (
            f"Every member can {verb} at least one of the three. What percentage of the members can {verb} exactly "
            "two of them? Nothing else is known."
        )
        steps = (
            f"Let $x$ percent {verb} exactly two and $y$ percent all three. Adding the three shares counts these "
            f"members two and three times: $x + 2y = {total} - 100 = {excess}$.",
            f"So $x$ is greatest for $y = 0$, namely ${high}$, which is possible.",
            f"It is least for the greatest possible $y$, which is the least of the three shares, ${most}$: then $x = "
            f"{excess} - {2 * most} = {low}$.",
        )
    ends = _vertices(equations, [100, first, second, third])
    sums = [sum(vertex[i] for i in target) for vertex in ends]
    least, greatest = Fraction(min(sums)), Fraction(max(sums))
    answer = interval(low, high, "[]")
    tiny = Fraction(1, 1000)
    return Draft(
        problem=f"{intro} {ask} Give the set of all possible values as a closed interval $[a, b]$, where $a$ and "
        "$b$ are percentages written without the percent sign; the club is so large that shares may be treated as real "
        "numbers.",
        steps=(*steps, f"All values in between occur as well, so the interval is $\\boxed{{{answer}}}$."),
        answer=answer,
        closed=sympy.Interval(low, high),
        checked=Members(
            inside=(least, least + tiny, (least + greatest) / 2, greatest - tiny, greatest),
            outside=(least - tiny, greatest + tiny),
        ),
    )
