"""Logic for the test split, hard and competition: knowledge, gates, divisors, switches, cutting games, buttons."""

from __future__ import annotations

import functools
import itertools
import math
from fractions import Fraction

import sympy

from sure_math.curated.latex import braces, listed, ordered
from sure_math.curated.template import Draft, Draw, Points, template

At = tuple[dict[str, int | Fraction], int | Fraction]
Square = tuple[int, int]


def _shown(squares: list[Square]) -> str:
    return ", ".join(f"$({row}, {column})$" for row, column in squares)


def _alone(squares: list[Square], who: int) -> list[Square]:
    """The squares whose row (0) or column (1) no other one shares."""
    lines = [square[who] for square in squares]
    return [square for square in squares if lines.count(square[who]) == 1]


@template(topic="logic", tier="hard", split="test", answer_type="tuple", variants=2)
def coin_under_a_square(draw: Draw) -> Draft | None:
    pick = draw.random
    board = [(row, column) for row in range(1, 6) for column in range(1, 6)]
    squares = sorted(pick.sample(board, pick.randint(10, 12)))
    rows = [[square for square in squares if square[0] == row] for row in range(1, 6)]
    if not all(rows):
        return None
    names = pick.choice([("Vera", "Igor"), ("Selma", "Hugo"), ("Ayla", "Nico")])
    table = "; ".join(
        f"in row {some[0][0]} column{'s' if len(some) > 1 else ''} {listed(column for _, column in some)}"
        for some in rows
    )

    def row_known(square: Square, among: frozenset[Square]) -> bool:
        return not any(other[0] == square[0] and other != square for other in among)

    def column_known(square: Square, among: frozenset[Square]) -> bool:
        return not any(other[1] == square[1] and other != square for other in among)

    everything = frozenset(squares)
    if draw.variant == 0:
        first = [square for square in squares if square not in _alone(squares, 0)]
        second = [square for square in first if square not in _alone(first, 1)]
        third = _alone(second, 0)
        if len(third) != 1 or len(first) == len(squares) or len(second) == len(first):
            return None
        said = (
            f"{names[0]}: ``I do not know where the coin is.'' Then {names[1]}: ``Nor do I.'' Then {names[0]}: ``Now "
            f"I know.''"
        )
        steps = (
            f"As {names[0]} does not know the square, its row contains at least two of them. This leaves "
            f"{_shown(first)}.",
            f"{names[1]} knows this and still does not know the square, so among these its column occurs at least "
            f"twice. This leaves {_shown(second)}.",
            f"{names[0]} now knows the square, so its row occurs only once among these.",
        )
        after = frozenset(square for square in everything if not row_known(square, everything))
        later = frozenset(square for square in after if not column_known(square, after))
        found = [square for square in later if row_known(square, later)]
    else:
        lonely = {column for _, column in _alone(squares, 1)}
        bad_rows = {row for row, column in squares if column in lonely}
        first = [square for square in squares if square[0] not in bad_rows and square not in _alone(squares, 0)]
        second = _alone(first, 1)
        third = _alone(second, 0)
        if len(third) != 1 or len(second) == len(first) or not lonely or len(second) < 2:
            return None
        said = (
            f"{names[0]}: ``I do not know where the coin is, but I am sure that {names[1]} does not know either.'' "
            f"Then {names[1]}: ``At first I did not know, but now I do.'' Then {names[0]}: ``Then I know it too.''"
        )
        steps = (
            f"A column with a single possible square would tell {names[1]} where the coin is: "
            f"{'this is column' if len(lonely) == 1 else 'these are the columns'} {listed(sorted(lonely))}. "
            f"{names[0]} excludes this, so the row contains no possible square in such a column, but at least two "
            f"squares. This leaves {_shown(first)}.",
            f"{names[1]} knows the square now, so among these its column occurs only once. This leaves "
            f"{_shown(second)}.",
            f"{names[0]} knows it as well, so its row occurs only once among these.",
        )
        after = frozenset(
            square
            for square in everything
            if not row_known(square, everything)
            and all(not column_known(other, everything) for other in everything if other[0] == square[0])
        )
        later = frozenset(
            square for square in after if column_known(square, after) and not column_known(square, everything)
        )
        found = [square for square in later if row_known(square, later)]
    answer = ordered(third[0])
    return Draft(
        problem=f"A coin lies under one square of a board with five rows and five columns. {names[0]} and {names[1]} "
        f"know that only the following squares are possible: {table}. {names[0]} is told only the row and {names[1]} "
        "only the column of the coin. Both reason perfectly and speak the truth, and both know all of this of each "
        f"other. They now say aloud, one after the other: {said} Where is the coin? Give your answer as an ordered "
        "pair (row, column).",
        steps=(*steps, f"So the coin lies under the square $\\boxed{{{answer}}}$."),
        answer=answer,
        closed=third[0],
        checked=found[0] if len(found) == 1 else (0, 0),
    )


def _ones(gates: list[str], inputs: int) -> int:
    """How many settings of the inputs make a cascade give 1; the gates repeat from the first one on."""

    def output(bits: tuple[int, ...]) -> int:
        here = bits[0]
        for place, bit in enumerate(bits[1:]):
            both, some = here & bit, here | bit
            here = {"NAND": 1 - both, "NOR": 1 - some, "AND": both, "OR": some}[gates[place % len(gates)]]
        return here

    return sum(output(bits) for bits in itertools.product((0, 1), repeat=inputs))


@template(topic="logic", tier="hard", split="test", answer_type="expression", variants=2)
def cascade_of_gates(draw: Draw) -> Draft | None:
    pick = draw.random
    n = sympy.Symbol("n", positive=True, integer=True)
    meaning = {
        "NAND": "NAND, whose output is 0 if both of its inputs are 1, and 1 otherwise",
        "NOR": "NOR, whose output is 1 if both of its inputs are 0, and 0 otherwise",
        "AND": "AND gate, whose output is 1 exactly if both of its inputs are 1",
        "OR": "OR gate, whose output is 0 exactly if both of its inputs are 0",
    }
    values: list[At] = []
    steps: tuple[str, ...]
    if draw.variant == 0:
        gate = pick.choice(["NAND", "NOR"])
        values = [({"n": at}, _ones([gate], at)) for at in range(2, 9)]
        closed, answer = (
            ((2 ** (n + 1) + (-1) ** n) / 3, "\\frac{2^{n+1} + (-1)^n}{3}")
            if gate == "NAND"
            else ((2**n - (-1) ** n) / 3, "\\frac{2^n - (-1)^n}{3}")
        )
        text = (
            "In a circuit with $n \\ge 2$ inputs $x_1, x_2, \\dots, x_n$, each of which is 0 or 1, all gates are of "
            f"the kind {meaning[gate]}. The first gate has the inputs $x_1$ and $x_2$, and every further gate number "
            "$k$ has as its inputs the output of the gate before and $x_{k+1}$; the last gate, number $n - 1$, "
            "gives the output of the circuit. For how many of the $2^n$ settings of the inputs is the output 1?"
        )
        recursion = "2^n - a_{n-1}" if gate == "NAND" else "2^{n-1} - a_{n-1}"
        reason = (
            "the output is 0 exactly if $x_n = 1$ and the gate before gives 1, so"
            if gate == "NAND"
            else "the output is 1 exactly if $x_n = 0$ and the gate before gives 0, so"
        )
        steps = (
            "Let $a_n$ be the wanted number for $n$ inputs, and $a_1 = 1$ for the input $x_1$ alone.",
            f"For $n \\ge 2$ {reason} $a_n = {recursion}$.",
            "The number alternates around a third of a power of 2: trying $a_n = "
            f"{'c 2^{n+1}' if gate == 'NAND' else 'c 2^n'} + d(-1)^n$ gives $c = \\frac13$, and $a_1 = 1$ gives $d = "
            f"{'' if gate == 'NAND' else '-'}\\frac13$.",
        )
    else:
        gates, above = pick.choice([(["OR", "OR", "AND"], 3), (["AND", "AND", "OR"], 4)])
        values = [({"n": at}, _ones(gates, 3 * at + 1)) for at in range(1, 5)]
        closed, answer = (
            ((6 * 8**n + 1) / 7, "\\frac{6 \\cdot 8^n + 1}{7}")
            if above == 3
            else ((8 ** (n + 1) - 1) / 7, "\\frac{8^{n+1} - 1}{7}")
        )
        text = (
            "A circuit has $3n + 1$ inputs $x_1, x_2, \\dots, x_{3n+1}$, each of which is 0 or 1, where $n \\ge "
            "1$. It consists of $3n$ gates in a row. Gate number 1 has the inputs $x_1$ and $x_2$, and every further "
            "gate number $k$ has as its inputs the output of gate $k - 1$ and $x_{k+1}$. The kinds of the gates "
            f"repeat in the order {gates[0]}, {gates[1]}, {gates[2]} from the first gate on; an AND gate gives 1 "
            "exactly if both of its inputs are 1, and an OR gate gives 0 exactly if both of its inputs are 0. For "
            "how many of the $2^{3n+1}$ settings of the inputs does the last gate give 1?"
        )
        moves = {
            "OR": "an OR gate turns the share $p$ into $\\frac{1 + p}{2}$",
            "AND": "an AND gate turns it into $\\frac{p}{2}$",
        }
        steps = (
            f"Let $p$ be the share of settings for which a gate gives 1. As the next input is 1 in half of all cases, "
            f"{moves['OR']}, and {moves['AND']}.",
            f"Three gates in the order {', '.join(gates)} turn $p$ into $\\frac{{{above} + p}}{{8}}$.",
            f"This leaves $p = \\frac{{{above}}}{{7}}$ fixed, and the distance to it is divided by 8 each time. At "
            f"the beginning it is $\\frac12 - \\frac{{{above}}}{{7}} = {'' if above == 3 else '-'}\\frac{{1}}{{14}}$.",
            f"So the number is $2^{{3n+1}}\\left(\\frac{{{above}}}{{7}} {'+' if above == 3 else '-'} "
            "\\frac{1}{14 \\cdot 8^n}\\right)$.",
        )
    return Draft(
        problem=f"{text} Give your answer as an expression in $n$.",
        steps=(*steps, f"Therefore the number is $\\boxed{{{answer}}}$."),
        answer=answer,
        closed=closed,
        checked=Points(values=tuple(values)),
    )


@template(topic="logic", tier="hard", split="test", answer_type="multiple_values", variants=2)
def numbered_speakers_on_divisors(draw: Draw) -> Draft | None:
    pick = draw.random
    size = pick.randint(24, 75)
    intro = (
        f"On an island live {size} people, numbered from 1 to {size}. Each of them is either a knight, who always "
        "tells the truth, or a liar, who always lies."
    )
    found = []
    if draw.variant == 0:
        values = [0] + [size - d for d in range(size, 0, -1) if size > d and sympy.divisor_count(size - d) == d]
        for amount in range(size + 1):
            truths = [amount % number == 0 for number in range(1, size + 1)]
            if truths.count(False) == amount:
                found.append(amount)
        if len(values) < 3:
            return None
        shown = "; ".join(f"{v} has {sympy.divisor_count(v)} divisors" for v in values[1:])
        answer = listed(values)
        text = (
            f"{intro} For every $k$, person number $k$ says: ``The number of liars on this island is divisible by "
            "$k$.'' (Zero is divisible by every positive integer.) How many liars can there be?"
        )
        steps = (
            "Let $l$ be the number of liars. If $l = 0$, all statements are true and everybody is a knight, which is "
            "consistent.",
            "If $l \\ge 1$, the knights are exactly those whose number divides $l$. All divisors of $l$ are at most "
            f"{size}, so the condition is $l + d(l) = {size}$, where $d(l)$ is the number of divisors of $l$.",
            f"Since $d(l) \\le 2\\sqrt{{l}} < {2 * math.isqrt(size) + 2}$, only $l > "
            f"{size - 2 * math.isqrt(size) - 2}$ has to be tried: {shown}; no other number fits.",
        )
    else:
        values = []
        for amount in range(1, size + 1):
            # Inclusion and exclusion over the prime divisors of the number of knights.
            primes = list(sympy.factorint(amount))
            count = sum(
                (-1) ** len(some) * (size // math.prod(some))
                for length in range(len(primes) + 1)
                for some in itertools.combinations(primes, length)
            )
            if count == amount:
                values.append(amount)
        for amount in range(size + 1):
            truths = [math.gcd(amount, number) == 1 for number in range(1, size + 1)]
            if sum(truths) == amount:
                found.append(amount)
        if not 2 <= len(values) <= 5:
            return None
        answer = listed(values)
        text = (
            f"{intro} For every $k$, person number $k$ says: ``The number of knights on this island and $k$ have no "
            "common divisor greater than 1.'' (Every positive integer is a divisor of zero.) How many knights can "
            "there be?"
        )
        tried = "; ".join(f"for $n = {v}$ the primes {listed(sympy.factorint(v))} leave {v} numbers" for v in values)
        steps = (
            "Let $n$ be the number of knights. If $n = 0$, person 1 would tell the truth, which is impossible.",
            f"For $n \\ge 1$ the knights are exactly the numbers from 1 to {size} that have no common divisor greater "
            "than 1 with $n$, so there must be $n$ of them.",
            "How many there are depends only on the primes that divide $n$, and is found for each set of primes by "
            f"inclusion and exclusion. It has to be compared with $n$: {tried}; for all other $n$ the two differ.",
        )
    return Draft(
        problem=f"{text} List all possible values in increasing order, separated by commas.",
        steps=(*steps, f"So the possible values are $\\boxed{{{answer}}}$."),
        answer=answer,
        closed=tuple(values),
        checked=tuple(found),
    )


@template(topic="logic", tier="hard", split="test", answer_type="set", variants=2)
def switching_off_a_row(draw: Draw) -> Draft | None:
    pick = draw.random
    own = draw.variant == 0
    size = pick.choice([9, 10]) if own else pick.choice([10, 12])
    on = sorted(pick.sample(range(1, size + 1), pick.randint(3, 5)))
    lit = [1 if i in on else 0 for i in range(1, size + 1)]

    def pressed(first: int) -> tuple[list[int], int]:
        """From the left: every lamp is put out with the button on its right. What is left of the last lamp."""
        buttons = [first]
        for i in range(size - 1):
            buttons.append((lit[i] + buttons[i] + (buttons[i - 1] if i else 0)) % 2)
        return buttons, (lit[-1] + buttons[-1] + buttons[-2]) % 2

    if own:
        tries = [pressed(0), pressed(1)]
        good = [buttons for buttons, rest in tries if rest == 0]
        if len(good) != 1:
            return None
        solution = {i + 1 for i, press in enumerate(good[0]) if press}
    else:
        buttons = [0] * (size + 2)
        for i in range(1, size, 2):
            buttons[i + 1] = lit[i - 1] ^ buttons[i - 1]
        for i in range(size, 1, -2):
            buttons[i - 1] = lit[i - 1] ^ buttons[i + 1]
        solution = {i for i in range(1, size + 1) if buttons[i]}
    found = []
    masks = [sum(1 << j for j in (i - 1, i, i + 1) if 0 <= j < size and (own or j != i)) for i in range(size)]
    start = sum(bit << i for i, bit in enumerate(lit))
    for choice in range(2**size):
        state = start
        for i in range(size):
            if choice >> i & 1:
                state ^= masks[i]
        if state == 0:
            found.append({i + 1 for i in range(size) if choice >> i & 1})
    if not 3 <= len(solution) <= size - 3 or solution == set(on):
        return None
    answer = braces(sorted(solution))
    reach = (
        "its own lamp and the lamps directly beside it (one lamp beside it at the ends of the row)"
        if own
        else "the lamps directly beside its own lamp (one lamp at the ends of the row), but not its own lamp"
    )
    if own:
        wrong = next(buttons for buttons, rest in tries if rest)
        steps = (
            "The order of the presses is irrelevant, and nobody needs a button twice. Decide first whether button 1 "
            "is pressed; then lamp 1 decides about button 2, lamp 2 about button 3, and so on, since button $k + 1$ "
            "is the last one that reaches lamp $k$.",
            f"{'Without' if good[0][0] else 'With'} button 1, this leads to the buttons "
            f"{listed(i + 1 for i, press in enumerate(wrong) if press)}, and lamp {size} stays on.",
            f"{'With' if good[0][0] else 'Without'} button 1, it leads to the buttons {listed(sorted(solution))}, and "
            f"lamp {size} goes off as well.",
        )
    else:
        even = sorted(i for i in solution if i % 2 == 0)
        odd = sorted(i for i in solution if i % 2)
        steps = (
            "The order of the presses is irrelevant, and nobody needs a button twice. Lamp 1 is reached only by "
            "button 2, so it decides about button 2; then lamp 3 decides about button 4, lamp 5 about button 6, and "
            "so on.",
            f"This gives the even buttons {listed(even) if even else 'none'}.",
            f"In the same way lamp {size} decides about button {size - 1}, lamp {size - 2} about button {size - 3}, "
            f"and so on: of the odd buttons, {listed(odd) if odd else 'none'} must be pressed.",
        )
        if not even or not odd:
            return None
    return Draft(
        problem=f"There are {size} lamps in a row, numbered from 1 to {size}, each with a button of the same number. "
        f"Pressing a button switches {reach}: lamps that are on go off, and lamps that are off go on. At the moment "
        f"exactly the lamps {listed(on)} are on. Which buttons must be pressed, each of them once, so that all lamps "
        "are off? Give the set of their numbers.",
        steps=(*steps, f"So the only possibility is the set $\\boxed{{{answer}}}$."),
        answer=answer,
        closed=frozenset(solution),
        checked=frozenset(found[0]) if len(found) == 1 else frozenset(),
    )


def _mex(values: set[int]) -> int:
    return next(n for n in itertools.count() if n not in values)


@functools.cache
def _cuts(length: int, gap: int) -> tuple[tuple[int, int], ...]:
    """What a strip can be cut into: two whole lengths that differ by at least `gap`."""
    return tuple((part, length - part) for part in range(1, length) if length - 2 * part >= gap)


@functools.cache
def _rests(length: int, tile: int) -> tuple[tuple[int, int], ...]:
    """What a tile leaves of a strip, on its left and on its right."""
    return tuple((left, length - tile - left) for left in range(length - tile + 1) if 2 * left <= length - tile)


@functools.cache
def _first_wins(strips: tuple[int, ...], kind: str, size: int) -> bool:
    """Whether the player to move wins with these strips, by trying every move."""
    moves = _cuts if kind == "cut" else _rests
    for i, strip in enumerate(strips):
        if i and strips[i - 1] == strip:
            continue
        for parts in moves(strip, size):
            after = tuple(sorted(each for each in (*strips[:i], *strips[i + 1 :], *parts) if moves(each, size)))
            if not _first_wins(after, kind, size):
                return True
    return False


@template(topic="logic", tier="competition", split="test", answer_type="set", variants=2)
def strips_that_are_cut_or_covered(draw: Draw) -> Draft | None:
    pick = draw.random
    names = pick.choice([("Ruben", "Tilda"), ("Anja", "Fritz"), ("Milo", "Cora")])
    grundy: dict[int, int] = {0: 0}
    if draw.variant == 0:
        gap, last = pick.choice([2, 3, 4]), pick.randint(13, 17)
        for length in range(1, last + 1):
            grundy[length] = _mex({grundy[a] ^ grundy[b] for a, b in _cuts(length, gap)})
        least = gap + 2
        values = [length for length in range(least, last + 1) if grundy[length] == 0]
        found = frozenset(length for length in range(least, last + 1) if not _first_wins((length,), "cut", gap))
        if len(values) < 2:
            return None
        middle = (least + last) // 2
        text = (
            f"{names[0]} and {names[1]} take turns, {names[0]} first. At the beginning there is one strip of paper of "
            "$n$ centimetres. In a turn a player takes one of the strips that are there and cuts it across into two "
            "strips, both of which must be a whole number of centimetres long and whose lengths must differ by at "
            f"least {gap} centimetres. Whoever cannot cut any strip loses. For which integers $n$ with ${least} \\le "
            f"n \\le {last}$ does {names[1]} have a winning strategy?"
        )
        small = ", ".join(f"$g({k}) = {grundy[k]}$" for k in range(least, middle + 1))
        large = ", ".join(f"$g({k}) = {grundy[k]}$" for k in range(middle + 1, last + 1))
        steps = (
            "Give every strip of length $n$ the number $g(n)$ that is the least non-negative integer different from "
            "all $g(a) \\oplus g(b)$, where $n$ can be cut into $a$ and $b$ and $\\oplus$ is binary addition without "
            "carrying. By the theory of Sprague and Grundy, the second player wins exactly if the sum $\\oplus$ over "
            "all strips is 0.",
            f"Strips shorter than {least} centimetres cannot be cut, so their number is 0.",
            f"One after the other, {small}.",
            f"With these, {large}.",
            f"The second player wins exactly for $g(n) = 0$, so for $n$ in $\\boxed{{{braces(values)}}}$.",
        )
    else:
        tile, last, fixed = pick.choice([2, 3]), pick.randint(11, 13), pick.randint(6, 11)
        for length in range(1, last + 1):
            grundy[length] = _mex({grundy[a] ^ grundy[b] for a, b in _rests(length, tile)})
        values = [length for length in range(tile, last + 1) if grundy[length] == grundy[fixed] and length != fixed]
        found = frozenset(
            length
            for length in range(tile, last + 1)
            if length != fixed and not _first_wins(tuple(sorted((fixed, length))), "tile", tile)
        )
        if not 2 <= len(values) <= 5 or grundy[fixed] == 0:
            return None
        text = (
            f"There are two separate strips of squares; one consists of {fixed} squares in a row and the other of "
            f"$n$ squares in a row. {names[0]} and {names[1]} take turns, {names[0]} first, placing a tile that covers "
            f"exactly {tile} neighbouring free squares of one strip. Tiles may not overlap and are never moved. "
            f"Whoever cannot place a tile loses. For which integers $n$ with ${tile} \\le n \\le {last}$, other than "
            f"$n = {fixed}$, does {names[1]} have a winning strategy?"
        )
        middle = (tile + last) // 2
        small = ", ".join(f"$g({k}) = {grundy[k]}$" for k in range(tile, middle + 1))
        large = ", ".join(f"$g({k}) = {grundy[k]}$" for k in range(middle + 1, last + 1))
        steps = (
            "A tile splits a strip into two independent strips. Give a strip of $n$ squares the number $g(n)$ that "
            f"is the least non-negative integer different from all $g(a) \\oplus g(b)$ with $a + b = n - {tile}$, "
            "where $\\oplus$ is binary addition without carrying. By the theory of Sprague and Grundy, the second "
            "player wins exactly if the sum $\\oplus$ over all strips is 0.",
            f"Strips with fewer than {tile} squares have no move, so their number is 0. One after the other, {small}.",
            f"With these, {large}.",
            f"The sum of two strips is 0 exactly if their numbers are equal, so $g(n) = g({fixed}) = "
            f"{grundy[fixed]}$ is needed.",
            f"This holds for $n$ in $\\boxed{{{braces(values)}}}$.",
        )
    return Draft(
        problem=f"{text} Give your answer as a set.",
        steps=steps,
        answer=braces(values),
        closed=frozenset(values),
        checked=found,
    )


def _deals(size: int, question: str, replies: str) -> int:
    """The deals of three cards to three people with which they give these replies in turn."""
    worlds = list(itertools.permutations(range(1, size + 1), 3))
    for turn, reply in enumerate(replies):
        who = turn % 3
        facts: dict[int, set[object]] = {}
        for world in worlds:
            fact: object = world.index(max(world)) if question == "highest" else sorted(world)[1] == world[who]
            facts.setdefault(world[who], set()).add(fact)
        worlds = [world for world in worlds if (len(facts[world[who]]) == 1) == (reply == "y")]
    return len(worlds)


@template(topic="logic", tier="competition", split="test", answer_type="expression", variants=2)
def three_cards_and_what_is_known(draw: Draw) -> Draft | None:
    pick = draw.random
    n = sympy.Symbol("n")
    one, two, three = pick.choice([("Ann", "Ben", "Cas"), ("Pia", "Ole", "Tim"), ("Uma", "Jan", "Kai")])
    intro = (
        f"{one}, {two} and {three} draw one card each from cards with the numbers $1, 2, \\dots, n$, where $n \\ge "
        "8$, without replacement, and look only at their own card. All three know this and reason perfectly, and "
        "everybody hears every answer."
    )
    steps: tuple[str, ...]
    if draw.variant == 0:
        values: list[At] = [({"n": at}, _deals(at, "highest", "nnny")) for at in range(8, 14)]
        closed, answer = (n - 2) * (n - 3), "(n - 2)(n - 3)"
        text = (
            f"{intro} They are asked one after the other: ``Do you know which of you three has the highest card?'' "
            "The answer is ``Yes'' exactly if this follows for certain from what the person asked has seen and heard "
            f"so far. {one} answers ``No'', then {two} answers ``No'', then {three} answers ``No''. Now {one} is asked "
            "the same question again and answers ``Yes''."
        )
        steps = (
            f"{one}'s first ``No'' excludes only the card $n$: with any smaller card, each of the others may have "
            f"the highest one.",
            f"{two} knows this. With the card $n$, {two} would know the answer. With a smaller card, {three} may hold "
            f"$n$ and be highest, or a lower card so that {one} or {two} is. So {two}'s ``No'' excludes only the card "
            "$n$ as well.",
            f"Now {three} would know the answer with the card $n$, but also with $n - 1$, since neither of the others "
            f"has $n$. With $n - 2$ or less it remains open. So {three}'s card is at most $n - 2$.",
            f"{one} can now be sure exactly with the card $n - 1$: {two}'s card is at most $n - 1$ and {three}'s at "
            f"most $n - 2$. With a smaller card, {two} may hold $n - 1$ or only low cards may be with the others.",
            f"So {one} holds $n - 1$, and {two} and {three} hold different cards from 1 to $n - 2$: the number of "
            f"deals is $\\boxed{{{answer}}}$.",
        )
    else:
        values = [({"n": at}, _deals(at, "middle", "nny")) for at in range(8, 14)]
        closed, answer = 4 * (n - 3) ** 2, "4(n - 3)^2"
        text = (
            f"{intro} They are asked one after the other: ``Do you know whether your card is the middle one of your "
            "three cards by size?'' The answer is ``Yes'' exactly if what the person asked has seen and heard so far "
            "makes it certain that it is the middle one, or certain that it is not. "
            f"{one} answers ``No'', then {two} answers ``No'', and then {three} answers ``Yes''."
        )
        steps = (
            f"With the card 1 or $n$, {one} would know that it is not the middle one; with any other card it may be "
            f"or may not be. So {one} holds a card from 2 to $n - 1$.",
            f"For {two} the same holds: with the card 2, for instance, {two} may be in the middle if {three} holds 1, "
            f"or lowest otherwise. So {two} also holds a card from 2 to $n - 1$.",
            f"{three} now knows the answer with the cards 1 and $n$, but also with 2 and $n - 1$, because nobody else "
            "holds 1 or $n$; these are all never in the middle. With a card from 3 to $n - 2$ it remains open.",
            f"With 1 or $n$ for {three}, the others hold different cards from 2 to $n - 1$: $2(n - 2)(n - 3)$ deals.",
            f"With 2 or $n - 1$ for {three}, the others hold two of the remaining $n - 3$ cards from 2 to $n - 1$: "
            "$2(n - 3)(n - 4)$ deals.",
            f"The sum $2(n - 3)(2n - 6)$ is $\\boxed{{{answer}}}$.",
        )
    return Draft(
        problem=f"{text} In how many ways can the three cards have been dealt, counting who has which card? Give your "
        "answer as an expression in $n$.",
        steps=steps,
        answer=answer,
        closed=closed,
        checked=Points(values=tuple(values)),
    )


@template(topic="logic", tier="competition", split="test", answer_type="integer", variants=2)
def display_with_two_buttons(draw: Draw) -> Draft | None:
    pick = draw.random
    times, minus = pick.choice([2, 3]), pick.choice([7, 11, 13, 15, 17, 20, 21, 22, 23, 26, 28, 31, 33, 35])
    most = 50 * pick.randint(6, 20)
    if math.gcd(times, minus) > 1:
        return None
    word = {2: "doubles", 3: "triples"}[times]
    if draw.variant == 0:
        start = pick.randint(2, 12)
        origin = start
    else:
        origin = pick.choice([d for d in range(2, minus) if math.gcd(d, minus) > 1] or [0])
        if origin == 0:
            return None
    classes = sorted({origin * pow(times, power, minus) % minus for power in range(minus)})
    if not 3 <= len(classes) <= 12 or 0 in classes:
        return None
    turns, rest = divmod(most, minus)
    part = sum(1 for each in classes if each <= rest)
    value = turns * len(classes) + part
    cap = 4 * times * most
    seen, border = {origin}, [origin]
    while border:
        here = border.pop()
        if draw.variant == 0:
            steps_on = [here * times, here - minus]
        else:
            steps_on = [here + minus] + ([here // times] if here % times == 0 else [])
        for following in steps_on:
            if 0 < following <= cap and following not in seen:
                seen.add(following)
                border.append(following)
    checked = sum(1 for number in seen if number <= most)
    answer = str(value)
    rule = (
        f"A display shows a positive integer and has exactly two buttons. One button {word} the number on it. The "
        f"other one subtracts {minus} from the number, but works only if the result is positive."
    )
    count_step = (
        f"Among the numbers from 1 to {most} there are {turns} full runs of {minus} consecutive numbers, with "
        f"{len(classes)} such numbers each, and {rest} more numbers with the remainders 1 to {rest}, {part} of which "
        "fit."
        if rest
        else f"The numbers from 1 to {most} form {turns} full runs of {minus} consecutive numbers, with "
        f"{len(classes)} such numbers each."
    )
    if draw.variant == 0:
        text = f"{rule} At the beginning it shows {start}. How many of the integers from 1 to {most} can appear on it?"
        steps = (
            f"Subtracting does not change the remainder modulo {minus}, and the first button multiplies it by "
            f"{times}. So every number that appears has the remainder ${start} \\cdot {times}^k$ for some $k \\ge 0$.",
            f"Modulo {minus} these are the {len(classes)} remainders {listed(classes)}; after the last one, they "
            f"repeat in a cycle.",
            "Conversely, let $m$ have such a remainder. As the remainders repeat, there are arbitrarily large $k$ "
            f"with ${start} \\cdot {times}^k \\equiv m$, hence one with ${start} \\cdot {times}^k \\ge m$; "
            f"subtracting {minus} often enough leads to $m$.",
            count_step,
        )
    else:
        text = (
            f"{rule} For how many integers $s$ from 1 to {most} is it possible to get from $s$ on the display to the "
            f"number {origin}, pressing the buttons any number of times (also zero times)?"
        )
        steps = (
            f"Subtracting does not change the remainder modulo {minus}, and the first button multiplies it by "
            f"{times}. So $s \\cdot {times}^k \\equiv {origin} \\pmod{{{minus}}}$ for some $k \\ge 0$ is necessary.",
            f"It is also sufficient: since {times} and {minus} have no common divisor, $k$ may be enlarged by "
            f"multiples of a period, until $s \\cdot {times}^k \\ge {origin}$; then subtracting {minus} leads to "
            f"{origin}.",
            f"As multiplying by {times} can be undone modulo {minus}, the remainders of $s$ are those of ${origin} "
            f"\\cdot {times}^j$: {listed(classes)}. There are {len(classes)} of them.",
            count_step,
        )
    if value < 100:
        return None
    total = f"${turns} \\cdot {len(classes)} + {part} = \\boxed{{{answer}}}$"
    return Draft(
        problem=text,
        steps=(*steps, f"The number is {total}."),
        answer=answer,
        closed=value,
        checked=checked,
    )
