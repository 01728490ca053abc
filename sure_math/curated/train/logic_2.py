"""Logic for the training split, hard and competition: lamps, games, queues of liars, schedules, what players know."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from fractions import Fraction

import sympy

from sure_math.curated.latex import braces, fraction, listed, ordered, plural, term
from sure_math.curated.template import Draft, Draw, Points, template

At = tuple[dict[str, int | Fraction], int | Fraction]


@template(topic="logic", tier="hard", split="train", answer_type="expression")
def sheet_of_numbered_statements(draw: Draw) -> Draft | None:
    pick = draw.random
    times, extra, beyond = pick.randint(2, 5), pick.randint(1, 9), pick.randint(1, 9)
    about = pick.choice(["false", "true"])
    # n = (times + 1) m + beyond statements; number i speaks of times * i + extra others.
    m = sympy.Symbol("m")
    fixed, rest = divmod(beyond - extra, times + 1)
    if rest == times or beyond == extra:
        return None
    values: list[At] = []
    for at in (12, 13, 15, 18, 22):
        size = (times + 1) * at + beyond
        stable = []
        for true in range(size + 1):
            said = [size - true >= times * i + extra for i in range(1, size + 1)]
            if sum(said) == true:
                stable.append(true)
        if len(stable) != 1:
            return None
        values.append(({"m": at}, stable[0] if about == "true" else size - stable[0]))
    # The number of true statements is m + fixed.
    slope, constant = (1, fixed) if about == "true" else (times, beyond - fixed)
    if constant == 0 and slope == 1:
        return None
    closed = slope * m + constant
    coefficient = "" if slope == 1 else str(slope)
    answer = f"{coefficient}m{term(constant)}"
    size_text = f"{times + 1}m + {beyond}"
    return Draft(
        problem=f"Let $m \\ge 10$ be an integer. A list consists of ${size_text}$ statements, numbered from $1$ to "
        f"${size_text}$. Statement number $k$ reads: ``At least ${times}k + {extra}$ of the statements on this list "
        "are false.'' Every statement is either true or false, without contradiction. How many of the statements are "
        f"{about}? Give your answer as an expression in $m$.",
        steps=(
            "If a statement is true, all statements with smaller numbers claim less and are true as well. So for "
            "some $t$ exactly the statements $1$ to $t$ are true.",
            f"Then ${size_text} - t$ statements are false. Statement $t$ is true, so ${size_text} - t \\ge {times}t + "
            f"{extra}$; statement $t + 1$ is false, so ${size_text} - t < {times}(t + 1) + {extra}$.",
            f"Together ${times + 1}t \\le {times + 1}m{term(beyond - extra)} < {times + 1}t + {times}$, and the only "
            f"integer with this property is $t = m{term(fixed)}$.",
            f"The number of {about} statements is $\\boxed{{{answer}}}$.",
        ),
        answer=answer,
        closed=closed,
        checked=Points(values=tuple(values)),
    )


@template(topic="logic", tier="hard", split="train", answer_type="integer")
def patterns_of_a_ring_of_lamps(draw: Draw) -> Draft | None:
    pick = draw.random
    size, width = pick.choice(
        [
            (9, 3),
            (12, 3),
            (10, 4),
            (11, 4),
            (12, 4),
            (9, 4),
            (10, 5),
            (9, 2),
            (10, 2),
            (11, 2),
            (12, 2),
            (10, 3),
            (11, 3),
        ]
    )
    if width == 5 or (width == 3 and size % 3):
        lost = 4 if width == 5 else 0
    else:
        lost = 2 if width == 3 else {0: 3, 2: 2}.get(size % 4, 1) if width == 4 else 1
    value = 2 ** (size - lost)
    buttons = [sum(1 << ((start + shift) % size) for shift in range(width)) for start in range(size)]
    seen, border = {0}, [0]
    while border:
        border = [new for new in {old ^ press for old in border for press in buttons} if new not in seen]
        seen.update(border)
    reasons = {
        0: f"If a set of buttons changes nothing, then of the {width} buttons that reach a lamp, it always contains an "
        "even number. Comparing two neighbouring lamps, buttons three places apart are both in the set or both not; as "
        f"3 does not divide {size}, all are in it or none, and all of them would switch each lamp 3 times. So only the "
        "empty set changes nothing.",
        1: f"Buttons that change nothing: comparing neighbouring lamps, two buttons {width} places apart are both in "
        f"the set or both not{', and so are any two buttons' if math.gcd(size, width) == 1 else ''}. Of these sets, "
        "exactly the empty one and the one with all buttons leave every lamp as it is.",
    }
    if lost == 1 and width == 4 and math.gcd(size, 4) != 1:
        return None
    step = reasons.get(
        lost,
        f"Buttons that change nothing: comparing neighbouring lamps, two buttons {width} places apart are both in the "
        f"set or both not, so the set is decided by {math.gcd(size, width)} neighbouring buttons. "
        + (
            "Each lamp is reached by one button of each class, so an even number of classes has to be chosen: there "
            f"are $2^{lost}$ such sets."
            if width == math.gcd(size, width)
            else f"Each lamp is reached by two buttons of each class, so all $2^{lost}$ choices of classes change "
            f"nothing."
        ),
    )
    word = {2: "two", 3: "three", 4: "four", 5: "five"}[width]
    answer = str(value)
    place = pick.choice(["on the rim of a wheel", "around a round pond", "around a circular stage"])
    return Draft(
        problem=f"There are {size} lamps {place}, evenly spaced and all switched off. Each lamp has a button of its "
        "own. Pressing a button switches its own lamp and the "
        f"{'next lamp' if width == 2 else f'next {width - 1} lamps'} in clockwise direction, {word} lamps in all: "
        "those that are off go on, and those that are on go off. How many different patterns of lamps that are on "
        "and off, including the initial one, can be produced by pressing buttons any number of times? Patterns that "
        "differ by a rotation count as different.",
        steps=(
            "The order of the presses does not matter and pressing a button twice cancels, so only the set of pressed "
            f"buttons counts: there are $2^{{{size}}}$ sets.",
            "Two sets lead to the same pattern exactly when the buttons in one but not in both of them change nothing.",
            step,
            f"So every pattern comes from $2^{lost}$ sets, and there are $2^{{{size}}} \\div 2^{lost} = "
            f"\\boxed{{{answer}}}$.",
        ),
        answer=answer,
        closed=value,
        checked=len(seen),
    )


@template(topic="logic", tier="hard", split="train", answer_type="tuple")
def three_heaps_with_a_limit(draw: Draw) -> Draft | None:
    pick = draw.random
    limit = pick.randint(3, 6)
    heaps = tuple(sorted(pick.sample(range(3, 13), 3)))
    rests = [heap % (limit + 1) for heap in heaps]
    total = rests[0] ^ rests[1] ^ rests[2]
    if total == 0 or max(heaps) <= limit:
        return None
    winning = []
    for i, rest in enumerate(rests):
        for take in range(1, min(limit, heaps[i]) + 1):
            if (heaps[i] - take) % (limit + 1) == rest ^ total:
                winning.append((i, take))
    if len(winning) != 1:
        return None
    place, take = winning[0]
    after = tuple(heap - take if i == place else heap for i, heap in enumerate(heaps))
    lost: dict[tuple[int, int, int], bool] = {}
    for state in itertools.product(*(range(heap + 1) for heap in heaps)):
        moves = (
            (*state[:i], state[i] - out, *state[i + 1 :])
            for i in range(3)
            for out in range(1, min(limit, state[i]) + 1)
        )
        lost[state[0], state[1], state[2]] = not any(lost[move[0], move[1], move[2]] for move in moves)
    found = [
        state
        for i in range(3)
        for out in range(1, min(limit, heaps[i]) + 1)
        if lost[state := (*heaps[:i], heaps[i] - out, *heaps[i + 1 :])]  # type: ignore[index]
    ]
    names = pick.choice([("Lea", "Max"), ("Ugo", "Pia"), ("Sven", "Ruth")])
    answer = ordered(after)
    reduced = ", ".join(map(str, rests))
    return Draft(
        problem=f"On a table lie three heaps A, B and C with {heaps[0]}, {heaps[1]} and {heaps[2]} coins. {names[0]} "
        f"and {names[1]} take turns, {names[0]} first. In a turn a player chooses one heap and removes at least 1 and "
        f"at most {limit} coins from it. Whoever takes the last coin of all wins. {names[0]} has exactly one first "
        "move after which she or he can win against any play. How many coins do the heaps contain after this move? "
        "Give your answer as an "
        "ordered triple (A, B, C).".replace("she or he", "she" if names[0] == "Lea" else "he"),
        steps=(
            f"A move of $x$ coins can be answered in the same heap by ${limit + 1} - x$ coins whenever enough are "
            f"left, so only the remainders modulo {limit + 1} matter: {reduced}.",
            "With these remainders the game is Nim: a position is lost for the player to move exactly when the "
            "remainders, written in binary and added without carrying, give 0.",
            f"Here ${rests[0]} \\oplus {rests[1]} \\oplus {rests[2]} = {total}$. A remainder $r$ would have to become "
            f"$r \\oplus {total}$; for A, B, C these are {', '.join(str(rest ^ total) for rest in rests)}.",
            f"Within the limit of {plural(limit, 'coin')} only heap {'ABC'[place]} can be changed so, by removing "
            f"{plural(take, 'coin')}.",
            f"After the move the heaps are $\\boxed{{{answer}}}$.",
        ),
        answer=answer,
        closed=after,
        checked=found[0] if len(found) == 1 else (0, 0, 0),
    )


@template(topic="logic", tier="hard", split="train", answer_type="integer")
def queue_with_two_claims(draw: Draw) -> Draft | None:
    pick = draw.random
    size, divisor, other = pick.randint(400, 1500), pick.choice([3, 4, 5]), pick.choice([2, 3])
    rest = pick.randint(0, divisor - 1)
    # State before a person: parity of the place, liars modulo `divisor`, knights modulo `other`.
    state, seen, kinds = (1, 0, 0), {}, ""
    while state not in seen:
        seen[state] = len(kinds)
        place, liars, knights = state
        knight = liars == rest if place else knights != 0
        kinds += "K" if knight else "L"
        state = (1 - place, liars if knight else (liars + 1) % divisor, (knights + 1) % other if knight else knights)
    start, cycle = seen[state], kinds[seen[state] :]
    if not 5 <= len(cycle) <= 16 or cycle.count("K") in (0, len(cycle)):
        return None
    turns, left = divmod(size - start, len(cycle))
    value = kinds[:start].count("K") + turns * cycle.count("K") + cycle[:left].count("K")
    truth: list[bool] = []
    for place in range(1, size + 1):
        knights_ahead = sum(truth)
        liars_ahead = place - 1 - knights_ahead
        truth.append(liars_ahead % divisor == rest if place % 2 else knights_ahead % other != 0)
    first = (
        f"The number of liars in front of me is divisible by {divisor}."
        if rest == 0
        else f"The number of liars in front of me leaves the remainder {rest} when divided by {divisor}."
    )
    second = f"The number of knights in front of me is not divisible by {other}."
    answer = str(value)
    opening = f"The first {start} people are {', '.join(kinds[:start])}; after them" if start > 1 else "From the start"
    if start == 1:
        opening = f"The first person is {kinds[0]}; after that"
    return Draft(
        problem=f"In a queue {size} people stand one behind the other, numbered from the front. Everyone is either a "
        "knight, who always tells the truth, or a liar, who always lies. Every person with an odd number says: "
        f"``{first}'' Every person with an even number says: ``{second}'' (Zero is divisible by every positive "
        "integer.) How many knights are in the queue?",
        steps=(
            "Going through the queue from the front, the people ahead decide for each person whether the statement "
            "is true and so whether this person is a knight (K) or a liar (L).",
            "What comes next depends only on whether the place is odd or even, on the number of liars modulo "
            f"{divisor} and on the number of knights modulo {other}; so the sequence becomes periodic.",
            f"{opening} the block {cycle} of {len(cycle)} people with {plural(cycle.count('K'), 'knight')} repeats.",
            f"Since ${size - start} = {turns} \\cdot {len(cycle)} + {left}$, there are ${kinds[:start].count('K')} + "
            f"{turns} \\cdot {cycle.count('K')} + {cycle[:left].count('K')} = \\boxed{{{answer}}}$.",
        ),
        answer=answer,
        closed=value,
        checked=sum(truth),
    )


@template(topic="logic", tier="hard", split="train", answer_type="integer")
def first_this_machine_then_that(draw: Draw) -> Draft | None:
    pick = draw.random
    jobs = [(pick.randint(12, 60), pick.randint(12, 60)) for _ in range(6)]
    if len({time for job in jobs for time in job}) < 12:
        return None
    early = sorted((job for job in jobs if job[0] < job[1]), key=lambda job: job[0])
    late = sorted((job for job in jobs if job[0] >= job[1]), key=lambda job: -job[1])

    def length(order: tuple[tuple[int, int], ...]) -> int:
        first = second = 0
        for one, other in order:
            first += one
            second = max(first, second) + other
        return second

    best = [*early, *late]
    value = length(tuple(best))
    given = length(tuple(jobs))
    if value >= given or len(early) < 2 or len(late) < 2:
        return None
    letters = {job: "ABCDEF"[i] for i, job in enumerate(jobs)}
    shown = ", ".join(f"{letters[job]} {job[0]} + {job[1]}" for job in jobs)
    first = second = 0
    ends = []
    for one, other in best:
        first += one
        second = max(first, second) + other
        ends.append(str(second))
    machines = pick.choice(
        [
            ("A laundry has one washing machine and one dryer.", "load", "wash", "dry", "washed", "dried"),
            ("A print shop has one press and one binding machine.", "order", "print", "bind", "printed", "bound"),
            ("A workshop has one lathe and one polishing machine.", "piece", "turn", "polish", "turned", "polished"),
        ]
    )
    answer = str(value)
    return Draft(
        problem=f"{machines[0]} Six {machines[1]}s A to F wait, and each of them must first be {machines[4]} and then "
        f"be {machines[5]}. Each machine works on one {machines[1]} at a time and does not interrupt it. The minutes "
        f"needed to {machines[2]} + {machines[3]} are: {shown}. Moving a {machines[1]} takes no time, and any number "
        f"of {machines[1]}s may wait between the machines. What is the least number of minutes from the start until "
        "all six "
        "are finished?".replace("a order", "an order"),
        steps=(
            "By Johnson's rule it is best to begin with those that take less time on the first machine than on the "
            "second, in increasing order of the first time, and to end with the others in decreasing order of the "
            "second time: exchanging two neighbours that break this rule never makes the end later.",
            f"This gives the order {', '.join(letters[job] for job in best)}.",
            f"Each one starts on the second machine as soon as it has left the first and the second is free. They are "
            f"finished after {', '.join(ends)} minutes.",
            f"So the least time is $\\boxed{{{answer}}}$.",
        ),
        answer=answer,
        closed=value,
        checked=min(length(order) for order in itertools.permutations(jobs)),
    )


@template(topic="logic", tier="competition", split="train", answer_type="multiple_values")
def number_that_grows_to_a_goal(draw: Draw) -> Draft | None:
    pick = draw.random
    times, extra, goal = pick.choice([2, 3]), pick.choice([-1, 0, 1, 2, 3]), pick.randint(150, 2500)
    chain = [goal]
    while True:
        # The largest n from which the last number of the chain cannot be reached in one move.
        before = -((extra - chain[-1]) // times) - 1
        if before < 2:
            break
        chain.append(before)
    losing = sorted(chain[1:])
    if not 5 <= len(losing) <= 7 or times * losing[0] + extra <= losing[0]:
        return None
    lost = {goal: True}
    for n in range(goal - 1, 1, -1):
        lost[n] = not any(lost[m] for m in range(n + 1, min(times * n + extra, goal) + 1))
    most = f"{times}n{term(extra)}"
    reason = [
        f"From a number $n$ the number ${later}$ can be written exactly when $n < {later} \\le {most}$, so the largest "
        f"number from which it cannot be reached is ${before}$."
        for later, before in itertools.pairwise(chain)
    ]
    names = pick.choice([("Eli", "Flora"), ("Wanda", "Theo"), ("Jara", "Mirko")])
    answer = listed(losing)
    return Draft(
        problem=f"A whole number $s$ with $2 \\le s < {goal}$ stands on a board. {names[0]} and {names[1]} take "
        f"turns, {names[0]} first. In a turn a player wipes out the number $n$ on the board and writes a larger whole "
        f"number instead that is at most ${most}$ and at most ${goal}$. Whoever writes ${goal}$ wins. For which "
        f"starting numbers $s$ does {names[1]} have a winning strategy? List all of them in increasing order, "
        "separated by commas.",
        steps=(
            f"We look for the numbers at which the player to move loses; ${goal}$ itself is one, as the game is then "
            f"over.",
            *reason,
            "From any number between two consecutive ones of these, the larger of them can be written; from such a "
            "number, every move leads into the gap above it. So exactly these numbers lose for the player to move, "
            f"down to the last one, ${losing[0]}$, below which no number from 2 on loses.",
            f"The starting numbers are $\\boxed{{{answer}}}$.",
        ),
        answer=answer,
        closed=tuple(losing),
        checked=tuple(n for n in range(2, goal) if lost[n]),
    )


def _know_which_sum(small: int, large: int, answers: str) -> list[tuple[int, int]]:
    """The pairs with which two people, who speak in turn, give these answers (n: no, y: yes)."""
    worlds = [(a, total - a) for total in (small, large) for a in range(1, total)]
    for turn, said in enumerate(answers):
        who = turn % 2
        ways: dict[int, int] = {}
        for world in worlds:
            ways[world[who]] = ways.get(world[who], 0) + 1
        worlds = [world for world in worlds if (ways[world[who]] == 1) == (said == "y")]
    return worlds


@template(topic="logic", tier="competition", split="train", answer_type="set")
def two_possible_sums(draw: Draw) -> Draft | None:
    pick = draw.random
    small, gap, rounds = pick.randint(22, 60), pick.randint(2, 4), pick.randint(3, 5)
    large = small + gap
    # After k refusals the speaker's number lies in [low, high]; what one excludes bounds the other.
    bounds = [(1, small - 1)]
    for _ in range(rounds - 1):
        low, high = bounds[-1]
        bounds.append((large - high, small - low))
    low, high = bounds[-1]
    # The next speaker knows the sum when exactly one of the two partners is still possible.
    following = [n for n in range(1, large) if (low <= small - n <= high) != (low <= large - n <= high)]
    if rounds == 1 or low >= high or len(bounds) != rounds:
        return None
    before = bounds[-2]
    values = [n for n in following if before[0] <= n <= before[1]]
    if not 4 <= len(values) <= 8:
        return None
    answers = "n" * rounds + "y"
    worlds = _know_which_sum(small, large, answers)
    people = pick.choice([("Alma", "Boris"), ("Nadia", "Otto"), ("Petra", "Quinn")])
    speaker = people[rounds % 2]
    told = "; ".join(f"{people[i % 2]}: ``No.''" for i in range(rounds)) + f"; {speaker}: ``Yes.''"
    steps = [
        f"If {people[0]}'s number is $a$, the other one is ${small} - a$ or ${large} - a$. The first ``No'' means "
        f"that both are positive: $1 \\le a \\le {small - 1}$."
    ]
    for turn in range(1, rounds):
        (was_low, was_high), (now_low, now_high) = bounds[turn - 1], bounds[turn]
        steps.append(
            f"Answer number {turn + 1}: for {people[turn % 2]}'s number $x$ both ${small} - x$ and ${large} - x$ must "
            f"lie from {was_low} to {was_high}, so ${now_low} \\le x \\le {now_high}$."
        )
    steps.append(
        f"With the ``Yes'', exactly one of ${small} - x$ and ${large} - x$ lies from {low} to {high} for {speaker}'s "
        f"number $x$; moreover ${before[0]} \\le x \\le {before[1]}$ from {speaker}'s previous ``No''."
    )
    answer = braces(values)
    return Draft(
        problem=f"{people[0]} and {people[1]} are each given a positive integer and see only their own. Both are "
        f"told, truthfully, that the sum of the two numbers is either {small} or {large}, and both reason perfectly "
        "and know this of each other. They are asked in turn, so that both hear all answers, whether they know which "
        f"of the two sums is the right one. The answers are: {told} Find the set of all values that {speaker}'s "
        "number can have.",
        steps=(*steps, f"These numbers form the set $\\boxed{{{answer}}}$."),
        answer=answer,
        closed=frozenset(values),
        checked=frozenset(world[rounds % 2] for world in worlds),
    )


def _outcomes(numbers: tuple[Fraction, ...], combine: Callable[[Fraction, Fraction], Fraction]) -> set[Fraction]:
    """Every number that can be left when two at a time are replaced with one."""
    layer = {numbers}
    for _ in range(len(numbers) - 1):
        layer = {
            tuple(sorted([*(each for k, each in enumerate(some) if k not in (i, j)), combine(some[i], some[j])]))
            for some in layer
            for i, j in itertools.combinations(range(len(some)), 2)
        }
    return {some[0] for some in layer}


@template(topic="logic", tier="competition", split="train", answer_type="fraction")
def last_number_on_the_board(draw: Draw) -> Draft | None:
    pick = draw.random
    shift, scale = pick.choice([-4, -3, -2, 2, 3, 4, 5]), pick.choice([2, 3, 4, 5, 6])
    numbers = sorted(pick.sample([n for n in range(-9, 15) if n not in (0, -shift)], 5))
    # (x + shift)(y + shift) = scale (z + shift)
    constant = shift * shift - scale * shift
    product = Fraction(math.prod(n + shift for n in numbers))
    value = product / scale**4 - shift
    if constant == 0 or value.denominator == 1 or abs(value) > 400 or numbers[0] > 2:
        return None

    def combine(x: Fraction, y: Fraction) -> Fraction:
        return (x * y + shift * (x + y) + constant) / scale

    found = _outcomes(tuple(Fraction(n) for n in numbers), combine)
    size = "" if abs(shift) == 1 else str(abs(shift))
    rule = f"xy {'-' if shift < 0 else '+'} {size}x {'-' if shift < 0 else '+'} {size}y{term(constant)}"
    factors = " \\cdot ".join(str(n + shift) if n + shift > 0 else f"({n + shift})" for n in numbers)
    who = pick.choice(["A pupil", "A computer program", "Somebody"])
    answer = fraction(value)
    return Draft(
        problem=f"The numbers ${listed(numbers)}$ stand on a board. {who} repeatedly wipes out two of the numbers, "
        f"$x$ and $y$, and writes the number $$\\frac{{{rule}}}{{{scale}}}$$ instead, until only one number is left. "
        "Which number is it? Give your answer as a fraction in lowest terms.",
        steps=(
            f"For $z = \\frac{{{rule}}}{{{scale}}}$ we have ${scale}(z{term(shift)}) = xy{term(shift, 'x')}"
            f"{term(shift, 'y')}{term(shift * shift)} = (x{term(shift)})(y{term(shift)})$.",
            f"Call $n{term(shift)}$ the weight of a number $n$. In each step two weights are replaced with their "
            f"product divided by {scale}, so the product of all weights is divided by {scale}.",
            f"At the start this product is ${factors} = {product}$.",
            f"After four steps it is $\\frac{{{product}}}{{{scale}^4}} = {fraction(product / scale**4)}$, and this is "
            "the weight of the last number, whichever pairs were chosen.",
            f"So the last number is ${fraction(product / scale**4)}{term(-shift)} = \\boxed{{{answer}}}$.",
        ),
        answer=answer,
        closed=value,
        checked=next(iter(found)) if len(found) == 1 else 0,
    )
