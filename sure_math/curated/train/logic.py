"""Logic for the training split, easy and medium: cases, statements about statements, circles of liars, simple games."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from fractions import Fraction

from sure_math.curated.latex import braces, fraction, listed, ordered, plural
from sure_math.curated.template import Draft, Draw, template

_DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
_COUNTS = ["none", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]


@template(topic="logic", tier="easy", split="train", answer_type="tuple")
def four_number_cards(draw: Draw) -> Draft | None:
    pick = draw.random
    cards = pick.sample(range(1, 10), 4)
    a, b, c, d = cards
    if a + b not in (4, 5, 6, 14, 15, 16) or b + c in (3, 17) or c == d:
        return None
    order = "larger" if d > c else "smaller"
    whole = a + b + c + d

    def fits(hand: tuple[int, ...]) -> bool:
        return (
            hand[0] + hand[1] == a + b
            and hand[1] + hand[2] == b + c
            and sum(hand) == whole
            and (hand[3] > hand[2]) == (d > c)
        )

    names = pick.sample(["Anouk", "Bela", "Carlo", "Dunja", "Erik", "Fee", "Goran", "Hana"], 4)
    lines, kept = [], []
    for first in range(1, 10):
        second = a + b - first
        third, fourth = b + c - second, whole - (b + c) - first
        hand = (first, second, third, fourth)
        if not 1 <= second <= 9 or first == second:
            continue
        said = f"With ${first}$ for {names[0]} and ${second}$ for {names[1]}, {names[2]} has ${third}$ and {names[3]} "
        said += f"${fourth}$"
        if not all(1 <= card <= 9 for card in hand):
            lines.append(f"{said}, which are not all numbers from 1 to 9.")
        elif len(set(hand)) < 4:
            lines.append(f"{said}, but a number would occur twice.")
        elif not fits(hand):
            lines.append(f"{said}, but then {names[3]}'s number is not {order} than {names[2]}'s.")
        else:
            lines.append(f"{said}, and all conditions hold.")
            kept.append(hand)
    if len(kept) != 1 or len(lines) < 3:
        return None
    found = [hand for hand in itertools.permutations(range(1, 10), 4) if fits(hand)]
    answer = ordered(cards)
    return Draft(
        problem=f"{names[0]}, {names[1]}, {names[2]} and {names[3]} hold one card each, with four different whole "
        f"numbers from 1 to 9. The numbers of {names[0]} and {names[1]} add up to ${a + b}$, those of {names[1]} and "
        f"{names[2]} add up to ${b + c}$, and all four add up to ${whole}$. {names[3]}'s number is {order} than "
        f"{names[2]}'s. Which numbers do they hold? Give your answer as an ordered quadruple ({', '.join(names)}).",
        steps=(
            f"The first two numbers are different and add up to ${a + b}$; the last two add up to "
            f"${whole} - {a + b} = {c + d}$.",
            *lines,
            f"The quadruple is $\\boxed{{{answer}}}$.",
        ),
        answer=answer,
        closed=tuple(cards),
        checked=found[0] if len(found) == 1 else (0, 0, 0, 0),
    )


@template(topic="logic", tier="easy", split="train", answer_type="multiple_values")
def weekdays_five_times(draw: Draw) -> Draft | None:
    pick = draw.random
    length = pick.choice([29, 30, 31])
    often, rare, asked = pick.sample(range(7), 3)
    # The weekdays of the first `length - 28` dates occur five times.
    extra = length - 28
    starts = [s for s in range(7) if (often - s) % 7 < extra <= (rare - s) % 7]
    dates = sorted((asked - s) % 7 + 1 for s in starts)
    found = set()
    for start in range(7):
        days = [(start + day) % 7 for day in range(length)]
        if days.count(often) == 5 and days.count(rare) == 4:
            found.add(days.index(asked) + 1)
    if len(dates) < 2:
        return None
    answer = listed(dates)
    shown = " or ".join(_DAYS[s] for s in starts)
    frame = pick.choice(
        [
            f"A certain month has {length} days. It has five {_DAYS[often]}s but only four {_DAYS[rare]}s.",
            f"In a month of {length} days there are more {_DAYS[often]}s than {_DAYS[rare]}s.",
        ]
    )
    word = {
        1: "weekday of the 1st occurs",
        2: "weekdays of the 1st and 2nd occur",
        3: "weekdays of the 1st to 3rd occur",
    }
    return Draft(
        problem=f"{frame} On which dates of this month can its first {_DAYS[asked]} fall? List all possible dates, as "
        "numbers in increasing order, separated by commas.",
        steps=(
            f"Since ${length} = 4 \\cdot 7 + {extra}$, the {word[extra]} five times and all other weekdays four times.",
            f"So a {_DAYS[often]} is among the first {'date' if extra == 1 else f'{extra} dates'} and a "
            f"{_DAYS[rare]} is not, which leaves {shown} for the 1st.",
            f"Counting on from there, the first {_DAYS[asked]} can fall on $\\boxed{{{answer}}}$.",
        ),
        answer=answer,
        closed=tuple(dates),
        checked=tuple(sorted(found)),
    )


_Claim = tuple[str, Callable[[int], bool]]


def _claims(draw: Draw) -> list[_Claim]:
    """Statements about a number from 1 to 60."""
    pick = draw.random
    low, high, divisor, digit = (
        pick.randint(18, 34),
        pick.randint(35, 50),
        pick.choice([3, 4, 6, 7]),
        pick.randint(2, 5),
    )
    total = pick.randint(5, 9)
    return [
        (f"The number is greater than {low}.", lambda n: n > low),
        (f"The number is less than {high}.", lambda n: n < high),
        (f"The number is divisible by {divisor}.", lambda n: n % divisor == 0),
        (f"One of the digits of the number is {digit}.", lambda n: str(digit) in str(n)),
        (f"The digits of the number add up to {total}.", lambda n: n // 10 + n % 10 == total),
        ("The number is odd.", lambda n: n % 2 == 1),
        ("The number is a perfect square.", lambda n: math.isqrt(n) ** 2 == n),
    ]


@template(topic="logic", tier="easy", split="train", answer_type="set")
def exactly_one_is_mistaken(draw: Draw) -> Draft | None:
    pick = draw.random
    claims = pick.sample(_claims(draw), 4)
    names = pick.sample(["Amir", "Brit", "Celine", "Dario", "Ewa", "Finn"], 4)
    numbers = range(1, 61)
    by_liar = [
        [n for n in numbers if [fits(n) for _, fits in claims].count(False) == 1 and not claims[i][1](n)]
        for i in range(4)
    ]
    found = frozenset(n for n in numbers if sum(fits(n) for _, fits in claims) == 3)
    result = sorted(n for some in by_liar for n in some)
    if not 3 <= len(result) <= 5 or sum(bool(some) for some in by_liar) < 2:
        return None
    # The other computation: three sets of numbers that agree, less the fourth.
    sets = [frozenset(n for n in numbers if fits(n)) for _, fits in claims]
    closed = frozenset().union(*(frozenset.intersection(*sets[:i], *sets[i + 1 :]) - sets[i] for i in range(4)))
    quotes = " ".join(f"{name}: ``{text}''" for name, (text, _) in zip(names, claims, strict=True))
    answer = braces(result)
    lines = []
    for name, some in zip(names, by_liar, strict=True):
        rest = (
            f"leaves {' and '.join(map(str, some)) if len(some) < 3 else listed(some)}" if some else "leaves no number"
        )
        lines.append(
            f"If {name} is the mistaken one, the other three statements are true and {name}'s is false; this {rest}."
        )
    return Draft(
        problem=f"Four children talk about a secret whole number from 1 to 60. {quotes} Exactly one of the four "
        "statements is false. Find the set of all numbers that the secret number can be.",
        steps=(*lines, f"Together the possible numbers are $\\boxed{{{answer}}}$."),
        answer=answer,
        closed=closed,
        checked=found,
    )


@template(topic="logic", tier="medium", split="train", answer_type="set")
def sheet_that_counts_its_truths(draw: Draw) -> Draft | None:
    pick = draw.random
    size = pick.choice([6, 7, 8])
    kinds = [(pick.choice(["at least", "at most", "exactly"]), pick.randint(1, size - 1)) for _ in range(size)]
    if len(set(kinds)) < size:
        return None
    about = pick.choice(["true", "false"])

    def holds(kind: str, bound: int, true: int) -> bool:
        amount = true if about == "true" else size - true
        return {"at least": amount >= bound, "at most": amount <= bound, "exactly": amount == bound}[kind]

    counts = [sum(holds(*each, true) for each in kinds) for true in range(size + 1)]
    stable = [true for true in range(size + 1) if counts[true] == true]
    if len(stable) != 1 or not 2 <= stable[0] <= size - 2:
        return None
    closed = frozenset(i + 1 for i, each in enumerate(kinds) if holds(*each, stable[0]))
    found = [
        truth
        for truth in itertools.product((False, True), repeat=size)
        if all(holds(*each, sum(truth)) == said for each, said in zip(kinds, truth, strict=True))
    ]
    checked = frozenset(i + 1 for i, said in enumerate(found[0]) if said) if len(found) == 1 else frozenset({0})
    lines = "; ".join(
        f"({i}) {kind.capitalize()} {_COUNTS[bound]} of the {_COUNTS[size]} statements {'is' if bound == 1 else 'are'} "
        f"{about}"
        for i, (kind, bound) in enumerate(kinds, 1)
    )
    answer = braces(sorted(closed))
    table = ", ".join(f"{true} to {counts[true]}" for true in range(size + 1))
    return Draft(
        problem=f"A sheet of paper bears {_COUNTS[size]} statements, each of which is either true or false: {lines}. "
        "Which statements are true? Give the set of their numbers.",
        steps=(
            f"Suppose that exactly $t$ of the {_COUNTS[size]} statements are true. This decides for each statement "
            "whether what it says is the case, and the number of statements that are right in this way must be $t$ "
            "again.",
            f"Counting for each $t$ from 0 to {size} leads from {table}.",
            f"Only $t = {stable[0]}$ comes back to itself.",
            f"With $t = {stable[0]}$ the true statements are those in $\\boxed{{{answer}}}$.",
        ),
        answer=answer,
        closed=closed,
        checked=checked,
    )


def _circle_counts(size: int, allowed: Callable[[int, int, int], bool]) -> set[int]:
    """How many knights (1) a circle can have in which every three in a row are allowed."""
    results: set[int] = set()
    for start in itertools.product((0, 1), repeat=2):
        states = {(start, sum(start))}
        for _ in range(size - 2):
            states = {
                ((two, new), count + new) for (one, two), count in states for new in (0, 1) if allowed(one, two, new)
            }
        results |= {
            count for (one, two), count in states if allowed(one, two, start[0]) and allowed(two, start[0], start[1])
        }
    return results


@template(topic="logic", tier="medium", split="train", answer_type="multiple_values")
def everybody_accuses_the_neighbours(draw: Draw) -> Draft | None:
    pick = draw.random
    size, kind = pick.randint(15, 32), pick.choice(["both", "some", "one side"])
    blocks = range(-(-size // 3), size // 2 + 1)
    if len(blocks) < 2:
        return None
    if kind == "both":
        claim, values = "Both people next to me are liars.", list(blocks)
        lines = (
            "A knight sits between two liars. A liar has at least one knight next to him.",
            "So no two knights sit side by side, and between two consecutive knights there are one or two liars.",
            f"With $k$ knights there are $k$ gaps with one or two liars each, hence $2k \\le {size} \\le 3k$, and "
            "every such $k$ is possible.",
        )

        def allowed(left: int, middle: int, right: int) -> bool:
            return middle == (left == right == 0)

    elif kind == "some":
        claim, values = "At least one of the two people next to me is a liar.", sorted(size - k for k in blocks)
        lines = (
            "A liar sits between two knights. A knight has at least one liar next to him.",
            "So no two liars sit side by side, and between two consecutive liars there are one or two knights.",
            f"With $l$ liars there are $l$ gaps with one or two knights each, hence $2l \\le {size} \\le 3l$, and "
            f"every such $l$ is possible; there are ${size} - l$ knights.",
        )

        def allowed(left: int, middle: int, right: int) -> bool:
            return middle == (left == 0 or right == 0)

    else:
        claim = "The person to my left and the person to my right are of different kinds."
        values = [0] + ([2 * size // 3] if size % 3 == 0 else [])
        lines = (
            "A knight has one knight and one liar next to him. A liar has two neighbours of the same kind.",
            "If there is a knight, he sits in a block of exactly two knights with a liar on either side. Each such "
            "liar has a knight on one side, hence also on the other.",
            "So either everybody is a liar, which is consistent, or two knights and one liar alternate around the "
            f"table, which needs a multiple of three people; {size} is one.",
        )
        if size % 3:
            return None

        def allowed(left: int, middle: int, right: int) -> bool:
            return middle == (left != right)

    answer = listed(values)
    return Draft(
        problem=f"Around a round table sit {size} people. Each of them is either a knight, who always tells the truth, "
        f"or a liar, who always lies. Every one of them says: ``{claim}'' How many knights can there be at the table? "
        "List all possible values in increasing order, separated by commas.",
        steps=(*lines, f"The possible numbers of knights are $\\boxed{{{answer}}}$."),
        answer=answer,
        closed=tuple(values),
        checked=tuple(sorted(_circle_counts(size, allowed))),
    )


@template(topic="logic", tier="medium", split="train", answer_type="fraction")
def rules_that_a_list_obeys(draw: Draw) -> Draft | None:
    pick = draw.random
    chain, row = pick.randint(3, 5), pick.randint(2, 4)
    names = pick.sample(["Ada", "Bo", "Cleo", "Dan", "Eva", "Fay", "Gus", "Hal", "Ida", "Jon", "Kim"], chain + row)
    first, second = names[:chain], names[chain:]
    link = pick.choice(["or", "not both"])
    # The chain has the patterns 0..01..1; the row has no two neighbours at once. Both meet in first[-1] and second[0].
    independent = [1, 2, 3, 5, 8, 13]
    all_rows = independent[row]
    with_head = independent[row - 2] if row >= 2 else 1
    without_head = all_rows - with_head
    # first[-1] comes in `chain` of the chain + 1 patterns.
    number = chain * all_rows + with_head if link == "or" else chain * without_head + all_rows
    value = Fraction(number, 2 ** (chain + row))
    rules = [f"If {one} is on the list, then so is {other}." for one, other in itertools.pairwise(first)]
    rules += [f"{one} and {other} are not both on the list." for one, other in itertools.pairwise(second)]
    last = f"At least one of {first[-1]} and {second[0]} is on the list."
    rules.append(last if link == "or" else f"{first[-1]} and {second[0]} are not both on the list.")
    count = 0
    for choice in itertools.product((False, True), repeat=chain + row):
        head, tail = choice[:chain], choice[chain:]
        good = all(other or not one for one, other in itertools.pairwise(head))
        good = good and not any(one and other for one, other in itertools.pairwise(tail))
        count += good and ((head[-1] or tail[0]) if link == "or" else not (head[-1] and tail[0]))
    pick.shuffle(rules)
    answer = fraction(value)
    case = (
        f"If {first[-1]} is on the list ({chain} cases), all {all_rows} choices of the second group are allowed; if "
        f"not (1 case), {second[0]} must be on it, which leaves {with_head}."
        if link == "or"
        else f"If {first[-1]} is on the list ({chain} cases), {second[0]} must not be, which leaves {without_head} "
        f"choices of the second group; if not (1 case), all {all_rows} are allowed."
    )
    return Draft(
        problem=f"A guest list is made from the {len(names)} names {', '.join(names[:-1])} and {names[-1]}: every "
        f"subset of them is a possible list, the empty one included. Among all ${2 ** len(names)}$ lists, what "
        f"fraction satisfies all of the following rules? {' '.join(rules)} Give your answer as a fraction in lowest "
        "terms.",
        steps=(
            f"By the rules with ``if'', the names {', '.join(first)} are on the list from some point of this order "
            f"onwards, or none is: there are {chain + 1} possibilities, and {first[-1]} is on the list in all but one.",
            f"Of the names {', '.join(second)}, no two neighbours in this order are on the list: there are {all_rows} "
            f"possibilities, {with_head} of them with {second[0]}.",
            case,
            f"This makes {number} lists out of {2 ** len(names)}, that is $\\boxed{{{answer}}}$.",
        ),
        answer=answer,
        closed=value,
        checked=Fraction(count, 2 ** len(names)),
    )


def _records(points: tuple[int, ...]) -> set[tuple[tuple[int, int, int], ...]]:
    """All tables of wins, draws and losses with which everybody's games against everybody give these points."""
    size = len(points)
    games = list(itertools.combinations(range(size), 2))
    tables: set[tuple[tuple[int, int, int], ...]] = set()

    def play(index: int, wins: list[int], draws: list[int]) -> None:
        if index == len(games):
            table = tuple((w, d, size - 1 - w - d) for w, d in zip(wins, draws, strict=True))
            if all(3 * w + d == p for (w, d, _), p in zip(table, points, strict=True)):
                tables.add(table)
            return
        one, other = games[index]
        if (
            index
            and games[index - 1][0] != one
            and 3 * wins[games[index - 1][0]] + draws[games[index - 1][0]] != points[games[index - 1][0]]
        ):
            return
        for winner in (one, other):
            wins[winner] += 1
            if 3 * wins[winner] + draws[winner] <= points[winner]:
                play(index + 1, wins, draws)
            wins[winner] -= 1
        draws[one] += 1
        draws[other] += 1
        play(index + 1, wins, draws)
        draws[one] -= 1
        draws[other] -= 1

    play(0, [0] * size, [0] * size)
    return tables


@template(topic="logic", tier="medium", split="train", answer_type="tuple")
def table_after_a_tournament(draw: Draw) -> Draft | None:
    pick = draw.random
    size = 5
    wins, draws = [0] * size, [0] * size
    for one, other in itertools.combinations(range(size), 2):
        result = pick.choice([0, 0, 1, 1, 2])
        if result == 2:
            draws[one], draws[other] = draws[one] + 1, draws[other] + 1
        else:
            wins[(one, other)[result]] += 1
    points = tuple(sorted((3 * w + d for w, d in zip(wins, draws, strict=True)), reverse=True))
    if len(set(points)) < size:
        return None
    drawn = 30 - sum(points)
    options = []
    for p in points:
        options.append([(w, p - 3 * w, 4 - w - (p - 3 * w)) for w in range(5) if 0 <= p - 3 * w <= 4 - w])
    open_places = [i for i, some in enumerate(options) if len(some) > 1]
    # The numbers of drawn games of the teams add up to twice the number of drawn games.
    joint = [some for some in itertools.product(*options) if sum(each[1] for each in some) == 2 * drawn]
    if not open_places or len(joint) != 1 or drawn < 1:
        return None
    asked = pick.choice(open_places)
    tables = _records(points)
    answer = ordered(joint[0][asked])
    letters = "ABCDE"
    table = ", ".join(f"{letter} {p}" for letter, p in zip(letters, points, strict=True))
    checked = next(iter(tables))[asked] if len(tables) == 1 else (0, 0, 0)
    sport = pick.choice(["football", "hockey", "handball"])
    choices = " or ".join(f"{plural(w, 'win')} with {plural(d, 'drawn game')}" for w, d, _ in options[asked])
    fixed = sum(each[1] for i, each in enumerate(joint[0]) if i != asked)
    return Draft(
        problem=f"In a {sport} tournament each of the five teams A, B, C, D and E played every other team exactly "
        "once. A win gave 3 points, a drawn game 1 point to each side, and a defeat nothing. In the end the points "
        f"were: {table}. How many games did team {letters[asked]} win, draw and lose? Give your answer as an ordered "
        "triple (won, drawn, lost).",
        steps=(
            f"There were 10 games. A decided game gives 3 points in all and a drawn one 2, so $30 - {sum(points)} = "
            f"{drawn}$ {'game was' if drawn == 1 else 'games were'} drawn. The drawn games of the five teams "
            f"therefore add up to ${2 * drawn}$.",
            f"For each team the number of drawn games leaves the same remainder modulo 3 as its points. For team "
            f"{letters[asked]} this allows {choices}.",
            f"Going through the possibilities of all teams, only one choice has the sum ${2 * drawn}$; in it the other "
            f"teams have {plural(fixed, 'drawn game')} in total.",
            f"So team {letters[asked]} has {plural(2 * drawn - fixed, 'drawn game')}, and the triple is "
            f"$\\boxed{{{answer}}}$.",
        ),
        answer=answer,
        closed=joint[0][asked],
        checked=checked,
    )


@template(topic="logic", tier="medium", split="train", answer_type="set")
def stones_from_one_heap(draw: Draw) -> Draft | None:
    pick = draw.random
    least, most = pick.randint(3, 5), pick.randint(6, 12)
    from_, length = pick.randint(25, 60), pick.randint(20, 34)
    to = from_ + length
    last_wins = pick.choice([True, False])
    cycle = least + most
    # Nobody can move with fewer than `least` stones; where that wins, `least` to 2 least - 1 stones lose.
    good = range(least) if last_wins else range(least, 2 * least)
    values = [n for n in range(from_, to + 1) if n % cycle in good]
    if not 4 <= len(values) <= 8 or (not last_wins and most < 2 * least):
        return None
    lost: list[bool] = []
    for n in range(to + 1):
        moves = [n - take for take in range(least, most + 1) if take <= n]
        lost.append(last_wins if not moves else not any(lost[m] for m in moves))
    answer = braces(values)
    things, end = pick.choice([("stones", "a heap"), ("matches", "a pile"), ("beans", "a bowl")])
    rule = "loses" if last_wins else "wins"
    first = (
        f"With 0 to {least - 1} {things} the player to move loses at once."
        if last_wins
        else f"With 0 to {least - 1} {things} the player to move wins at once, so with {least} to {2 * least - 1} "
        f"{things} he loses: every move leaves at most {least - 1} {things}."
    )
    return Draft(
        problem=f"Two players take turns removing {things} from {end}. In each turn a player must remove at least "
        f"{least} and at most {most} {things}; a player who cannot do so because fewer than {least} {things} are left "
        f"{rule} the game. For which numbers $n$ of {things} at the start, with ${from_} \\le n \\le {to}$, does the "
        "player who moves second have a winning strategy? Give your answer as a set.",
        steps=(
            first,
            f"From such a number plus ${cycle} = {least} + {most}$, the second player answers a move of $x$ {things} "
            f"by removing ${cycle} - x$, which lies between {least} and {most}. So adding ${cycle}$ keeps a loss a "
            "loss.",
            "From any other number one move leads to a loss of the "
            f"opponent{'' if last_wins else ', or the mover wins at once'}. Hence the losing numbers are those with a "
            f"remainder from {good[0]} to {good[-1]} modulo {cycle}.",
            f"Between {from_} and {to} they form the set $\\boxed{{{answer}}}$.",
        ),
        answer=answer,
        closed=frozenset(values),
        checked=frozenset(n for n in range(from_, to + 1) if lost[n]),
    )
