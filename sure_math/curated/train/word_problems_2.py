"""Word problems for the training split, hard and competition: dilution, wind, annuities, meetings, clocks."""

from __future__ import annotations

import math
from fractions import Fraction

import mpmath
import sympy

from sure_math.curated.latex import decimal, fraction, listed, ordered, polynomial, surd
from sure_math.curated.template import Draft, Draw, template


@template(topic="word_problems", tier="hard", split="train", answer_type="radical")
def syrup_thinned_twice(draw: Draw) -> Draft | None:
    pick = draw.random
    full, times = pick.choice([10, 12, 15, 18, 20, 24, 30, 36, 40]), pick.choice([2, 3, 4])
    left = pick.randint(full // 4, 3 * full // 4)
    inner = ((times + 1) * full) ** 2 - 4 * times * full * (full - left)
    if math.isqrt(inner) ** 2 == inner or 2 * left == full:
        return None
    closed = ((times + 1) * full - sympy.sqrt(inner)) / (2 * times)
    with mpmath.workdps(60):

        def rest(x: mpmath.mpf) -> mpmath.mpf:
            syrup = full - x
            syrup -= times * x * syrup / full
            return syrup - left

        checked = mpmath.findroot(rest, (0, mpmath.mpf(full) / times), solver="anderson", maxsteps=200)
    word = {2: "twice", 3: "three times", 4: "four times"}[times]
    vessel, stuff = pick.choice([("barrel", "syrup"), ("tank", "antifreeze"), ("canister", "cleaning concentrate")])
    answer = surd(Fraction((times + 1) * full, 2 * times), Fraction(-1, 2 * times), inner)
    other = surd(Fraction((times + 1) * full, 2 * times), Fraction(1, 2 * times), inner)
    return Draft(
        problem=f"A full {vessel} holds {full} litres of pure {stuff}. Some litres are drawn off and replaced with "
        f"the same amount of water, and the contents are mixed well. Then {word} as many litres of the mixture as "
        f"before are drawn off and again replaced with water. Now exactly {left} litres of {stuff} are left in the "
        f"{vessel}. How many litres were drawn off the first time? Give an exact answer in simplest radical form.",
        steps=(
            f"If $x$ litres are drawn off first, ${full} - x$ litres of {stuff} remain.",
            f"The second time the part $\\frac{{{times}x}}{{{full}}}$ of them is lost, so $({full} - x)\\left(1 - "
            f"\\frac{{{times}x}}{{{full}}}\\right) = {left}$.",
            f"Multiplied by ${full}$ this is ${polynomial([times, -(times + 1) * full, full * (full - left)])} = 0$, "
            f"with the roots ${answer}$ and ${other}$.",
            f"The larger root exceeds $\\frac{{{full}}}{{{times}}}$: the second time, more than the contents would "
            f"have to be drawn off. So $x = \\boxed{{{answer}}}$.",
        ),
        answer=answer,
        closed=closed,
        checked=checked,
    )


@template(topic="word_problems", tier="hard", split="train", answer_type="tuple")
def two_hikers_and_one_bicycle(draw: Draw) -> Draft | None:
    pick = draw.random
    walks, strolls = pick.sample([3, 4, 5, 6], 2)
    rides, pedals = pick.sample([10, 12, 15, 16, 18, 20], 2)
    way = pick.randint(12, 40)
    # way parted at x: x / rides + (way - x) / walks = x / strolls + (way - x) / pedals
    saved, lost = Fraction(1, walks) - Fraction(1, pedals), Fraction(1, strolls) - Fraction(1, rides)
    share = saved / (saved + lost)
    place = way * share
    time = place / rides + (way - place) / walks
    if place.denominator > 12 or time.denominator > 60 or place.denominator == 1:
        return None
    with mpmath.workdps(60):

        def gap(x: mpmath.mpf) -> mpmath.mpf:
            return x / rides + (way - x) / walks - x / strolls - (way - x) / pedals

        spot = mpmath.findroot(gap, (0, way), solver="anderson")
        checked = (spot, spot / strolls + (way - spot) / pedals)
    first, second = pick.choice([("Ines", "Tarek"), ("Olga", "Ben"), ("Mateo", "Lin")])
    answer = ordered([fraction(place), fraction(time)])
    return Draft(
        problem=f"{first} and {second} have one bicycle and want to cover {way} km on the same road. {first} walks at "
        f"{walks} km/h and rides at {rides} km/h; {second} walks at {strolls} km/h and rides at {pedals} km/h. They "
        f"start at the same time, {first} on the bicycle and {second} on foot. At some point {first} leaves the "
        f"bicycle at the roadside and walks on; {second} takes it on reaching it and rides the rest of the way. Both "
        "arrive at the destination at the same moment. How far from the start, in kilometres, was the bicycle left, "
        "and how many hours did they take? Give your answer as an ordered pair (kilometres, hours) of fractions in "
        "lowest terms.",
        steps=(
            f"If the bicycle is left after $x$ km, {first} needs $\\frac{{x}}{{{rides}}} + \\frac{{{way} - "
            f"x}}{{{walks}}}$ hours and {second} needs $\\frac{{x}}{{{strolls}}} + \\frac{{{way} - x}}{{{pedals}}}$ "
            "hours.",
            f"The two are equal when $({way} - x)\\left(\\frac{{1}}{{{walks}}} - \\frac{{1}}{{{pedals}}}\\right) = "
            f"x\\left(\\frac{{1}}{{{strolls}}} - \\frac{{1}}{{{rides}}}\\right)$, that is ${fraction(saved)}({way} - "
            f"x) = {fraction(lost)}x$.",
            f"Hence $x = \\frac{{{fraction(saved * way)}}}{{{fraction(saved + lost)}}} = {fraction(place)}$.",
            f"The time is ${fraction(place / rides)} + {fraction((way - place) / walks)} = {fraction(time)}$ hours, "
            f"and the pair is $\\boxed{{{answer}}}$.",
        ),
        answer=answer,
        closed=(place, time),
        checked=checked,
    )


@template(topic="word_problems", tier="hard", split="train", answer_type="radical")
def drone_around_a_field(draw: Draw) -> Draft | None:
    pick = draw.random
    speed, wind, side = pick.randint(7, 16), pick.randint(2, 6), 10 * pick.randint(12, 60)
    n = speed * speed - wind * wind
    if math.isqrt(n) ** 2 == n or ((2 * side * speed) % n and n > 150):
        return None
    closed = sympy.Rational(2 * side * speed, n) + 2 * side / sympy.sqrt(n)
    with mpmath.workdps(60):
        total = mpmath.mpf(0)
        for east, north in ((1, 0), (0, 1), (-1, 0), (0, -1)):
            # The heading t must make the ground velocity point along (east, north).
            def aside(t: mpmath.mpf, east: int = east, north: int = north) -> mpmath.mpf:
                return (wind + speed * mpmath.cos(t)) * north - speed * mpmath.sin(t) * east

            start = mpmath.atan2(north, east) + (mpmath.mpf("0.1") if north else 0)
            t = mpmath.findroot(aside, start)
            total += side / ((wind + speed * mpmath.cos(t)) * east + speed * mpmath.sin(t) * north)
        checked = total
    craft, where = pick.choice([("survey drone", "field"), ("drone with a camera", "vineyard")])
    answer = surd(Fraction(2 * side * speed, n), Fraction(2 * side, n), n)
    return Draft(
        problem=f"A {craft} flies once along the border of a square {where} with sides of {side} metres that run from "
        f"west to east and from south to north. In still air it flies at {speed} metres per second. A steady wind of "
        f"{wind} metres per second blows from the west, and the drone keeps exactly to the border by steering partly "
        "against the wind where necessary. Neglect the time for turning at the corners. How many seconds does the "
        "flight take? Give an exact answer in simplest radical form.",
        steps=(
            f"Eastward the drone moves at ${speed} + {wind} = {speed + wind}$ and westward at ${speed} - {wind} = "
            f"{speed - wind}$ metres per second over the ground.",
            f"Northward and southward it has to cancel the wind, so that $\\sqrt{{{speed}^2 - {wind}^2}} = "
            f"{surd(0, 1, n)}$ metres per second remain.",
            f"The two sides with and against the wind take $\\frac{{{side}}}{{{speed + wind}}} + "
            f"\\frac{{{side}}}{{{speed - wind}}} = {fraction(Fraction(2 * side * speed, n))}$ seconds, the other two "
            f"take $\\frac{{2 \\cdot {side}}}{{{surd(0, 1, n)}}} = {surd(0, Fraction(2 * side, n), n)}$ seconds.",
            f"Together these are $\\boxed{{{answer}}}$.",
        ),
        answer=answer,
        closed=closed,
        checked=checked,
    )


@template(topic="word_problems", tier="hard", split="train", answer_type="integer")
def payments_that_start_later(draw: Draw) -> Draft | None:
    pick = draw.random
    pot, rate = 1000 * pick.randint(20, 90), Fraction(pick.randint(4, 12), 2)
    wait, count = pick.randint(3, 6), pick.randint(4, 8)
    growth = 1 + rate / 100
    payment = pot * growth ** (wait - 1) * (growth - 1) / (1 - growth**-count)
    answer = str(math.floor(payment + Fraction(1, 2)))
    if abs(payment - math.floor(payment) - Fraction(1, 2)) < Fraction(1, 50):
        return None

    def left(each: int) -> Fraction:
        money = Fraction(pot)
        for year in range(1, wait + count):
            money *= growth
            if year >= wait:
                money -= each
        return money

    # With whole dollars, the nearest one leaves the rest that is smallest in size.
    low, high = 0, 10 * pot
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if left(middle) >= 0 else (low, middle)
    who = pick.choice(["A retired teacher", "A foundation", "A composer", "An orchard owner"])
    names = {4: "four", 5: "five", 6: "six", 7: "seven", 8: "eight", 3: "three"}
    return Draft(
        problem=f"{who} puts \\${pot} into an account that earns ${decimal(rate)}\\%$ interest at the end of every "
        f"year. The money is to be paid out in {names[count]} equal yearly payments, the first of them exactly "
        f"{names[wait]} years after the deposit, right after the interest of that year has been added. The last "
        "payment empties the account. How large is each payment? Round to the nearest dollar.",
        steps=(
            f"With $q = {decimal(growth)}$, the account holds ${pot}q^{{{wait - 1}}} \\approx "
            f"{float(pot * growth ** (wait - 1)):.4f}$ dollars one year before the first payment.",
            f"The {names[count]} payments of $x$ dollars are worth $x(q^{{-1}} + \\dots + q^{{-{count}}}) = "
            f"x \\cdot \\frac{{1 - q^{{-{count}}}}}{{q - 1}}$ at that time.",
            f"Here $\\frac{{1 - q^{{-{count}}}}}{{q - 1}} \\approx {float((1 - growth**-count) / (growth - 1)):.6f}$, "
            f"so $x \\approx {float(payment):.2f}$.",
            f"To the nearest dollar, each payment is $\\boxed{{{answer}}}$.",
        ),
        answer=answer,
        closed=int(answer),
        checked=low if abs(left(low)) < abs(left(high)) else high,
    )


@template(topic="word_problems", tier="hard", split="train", answer_type="multiple_values")
def jars_in_full_boxes(draw: Draw) -> Draft | None:
    pick = draw.random
    small, large = pick.choice([(5, 12), (6, 11), (7, 12), (8, 13), (8, 15), (9, 14), (7, 16), (10, 17), (9, 16)])
    total = pick.randint(25 * small, 60 * small)
    first = total * pow(large, -1, small) % small
    # The numbers of large boxes are first, first + small, ...; there must be fewer of them than small ones.
    pairs = []
    for big in range(first, total // large + 1, small):
        few = (total - big * large) // small
        if few > big > 0:
            pairs.append((few, big))
    if not 2 <= len(pairs) <= 4:
        return None
    sums = sorted(few + big for few, big in pairs)
    found = sorted(
        a + b for a in range(1, total) for b in range(1, total // large + 1) if a * small + b * large == total and a > b
    )
    goods, jar = pick.choice([("jars of honey", "jars"), ("candles", "candles"), ("bottles of oil", "bottles")])
    answer = listed(sums)
    shown = ", ".join(f"{few} small and {big} large" for few, big in pairs)
    return Draft(
        problem=f"Exactly {total} {goods} were packed into small boxes of {small} {jar} each and large boxes of "
        f"{large} {jar} each. Every box is full, both kinds of boxes were used, and there are more small boxes than "
        "large ones. How many boxes were there altogether? List all possible values in increasing order, separated by "
        "commas.",
        steps=(
            f"For $s$ small and $l$ large boxes, ${small}s + {large}l = {total}$.",
            f"Modulo ${small}$ this says ${large % small}l \\equiv {total % small}$, so $l \\equiv {first} \\pmod "
            f"{{{small}}}$.",
            f"The condition $s > l$ means ${small + large}l < {total}$, so $l \\le {(total - 1) // (small + large)}$; "
            "in addition $l \\ge 1$.",
            f"The possibilities are {shown}.",
            f"So the number of boxes is $\\boxed{{{answer}}}$.",
        ),
        answer=answer,
        closed=tuple(sums),
        checked=tuple(found),
    )


@template(topic="word_problems", tier="competition", split="train", answer_type="fraction")
def runner_who_turns_at_meetings(draw: Draw) -> Draft | None:
    pick = draw.random
    fast, slow = sorted(pick.sample([Fraction(n, 2) for n in range(5, 14)], 2), reverse=True)
    track, pairs = pick.choice([200, 250, 300, 320, 360, 400]), pick.randint(3, 9)
    count = 2 * pairs + 1
    time = (pairs + 1) * track / (fast + slow) + pairs * track / (fast - slow)
    covered = slow * time
    beyond = covered - track * math.floor(covered / track)
    value = min(beyond, track - beyond)
    if value.denominator == 1 or fast - slow < 1:
        return None
    # In units of track / (fast^2 - slow^2), all meetings fall on whole numbers of units of time.
    unit = Fraction(track) / (fast * fast - slow * slow) / 4
    one, other, turned, met = Fraction(0), Fraction(0), 1, 0
    while met < count:
        one, other = one + turned * fast * unit, other - slow * unit
        if (one - other) % track == 0:
            met, turned = met + 1, -turned
    place = other % track
    first, second = pick.choice([("Ada", "Bea"), ("Karim", "Leo"), ("Nina", "Oskar")])
    answer = fraction(value)
    return Draft(
        problem=f"On a circular track {track} metres long {first} and {second} start at the same point at the same "
        f"time in opposite directions. {first} runs at {decimal(fast)} and {second} at {decimal(slow)} metres per "
        f"second throughout. Whenever the two are at the same place, {first} instantly turns around, while {second} "
        f"always keeps the same direction. (The start does not count as a meeting.) How far from the starting point, "
        f"measured along the shorter way around the track, does their meeting number {count} take place? Give your "
        "answer in metres as a fraction in lowest terms.",
        steps=(
            f"Up to the first meeting the two run towards each other and together cover the whole track, which takes "
            f"$\\frac{{{track}}}{{{decimal(fast + slow)}}} = {fraction(track / (fast + slow))}$ seconds.",
            f"After {first} has turned, both run in the same direction, and {first} catches up with {second} after "
            f"gaining a whole lap, in $\\frac{{{track}}}{{{decimal(fast - slow)}}} = "
            f"{fraction(track / (fast - slow))}$ seconds. Then {first} turns again, and the two cases alternate.",
            f"Before meeting {count} there are {pairs + 1} intervals of the first kind and {pairs} of the second, so "
            f"it takes place after ${pairs + 1} \\cdot {fraction(track / (fast + slow))} + {pairs} \\cdot "
            f"{fraction(track / (fast - slow))} = {fraction(time)}$ seconds.",
            f"By then {second} has run ${decimal(slow)} \\cdot {fraction(time)} = {fraction(covered)}$ metres, that is "
            f"{math.floor(covered / track)} full laps and ${fraction(beyond)}$ metres.",
            f"The shorter way to the start is the smaller one of ${fraction(beyond)}$ and "
            f"${fraction(track - beyond)}$ metres: $\\boxed{{{answer}}}$.",
        ),
        answer=answer,
        closed=value,
        checked=min(place, track - place),
    )


_TANKS = [
    (left, right, moved)
    for left in range(20, 130, 10)
    for right in range(20, 130, 10)
    for moved in range(10, left, 5)
    if left != right and (Fraction(left - moved, left) * Fraction(right, right + moved)).denominator <= 5
]
"""Contents of two tanks and what is pumped between them, in kilograms, so that differences shrink by a plain factor."""


@template(topic="word_problems", tier="competition", split="train", answer_type="tuple")
def brine_pumped_to_and_fro(draw: Draw) -> Draft | None:
    pick = draw.random
    left, right, moved = pick.choice(_TANKS)
    rounds, strong, weak = pick.randint(3, 5), pick.randint(8, 30), pick.randint(0, 6)
    factor = Fraction(left - moved, left) * Fraction(right, right + moved)
    mean = Fraction(left * strong + right * weak, left + right)
    gap = (strong - weak) * factor**rounds
    one, other = mean + gap * right / (left + right), mean - gap * left / (left + right)
    if one.denominator > 700 or other.denominator > 700 or one.denominator == 1:
        return None
    salt = [Fraction(left * strong, 100), Fraction(right * weak, 100)]
    for _ in range(rounds):
        out = salt[0] * moved / left
        salt = [salt[0] - out, salt[1] + out]
        back = salt[1] * moved / (right + moved)
        salt = [salt[0] + back, salt[1] - back]
    content = f"brine with ${weak}\\%$ salt by mass" if weak else "fresh water"
    half, times = fraction(factor), {3: "three", 4: "four", 5: "five"}[rounds]
    answer = ordered([fraction(one), fraction(other)])
    return Draft(
        problem=f"Tank A contains {left} kg of brine with ${strong}\\%$ salt by mass, and tank B contains {right} kg "
        f"of {content}. In one round, {moved} kg are pumped from A into B and mixed thoroughly with its contents, and "
        f"then {moved} kg of the mixture are pumped back from B into A and mixed there. What are the percentages of "
        f"salt in the two tanks after {times} rounds? Give an ordered pair (A, B) of the two percentages as integers "
        "or fractions in lowest terms, without the percent sign.",
        steps=(
            "Let the percentages before a round be $a$ and $b$. After pumping from A to B, tank B has $b' = "
            f"\\frac{{{right}b + {moved}a}}{{{right + moved}}}$ percent, so $a - b' = "
            f"{fraction(Fraction(right, right + moved))}(a - b)$.",
            f"After pumping back, tank A has $a' = \\frac{{{left - moved}a + {moved}b'}}{{{left}}}$ percent, so "
            f"$a' - b' = {fraction(Fraction(left - moved, left))}(a - b')$.",
            f"In one round the difference of the percentages is therefore multiplied by ${half}$; after {times} "
            f"rounds it is ${strong - weak} \\cdot \\left({half}\\right)^{rounds} = {fraction(gap)}$.",
            f"The total of salt does not change: ${left}a + {right}b = {left * strong + right * weak}$ at all times.",
            f"With $a = b + {fraction(gap)}$ this gives ${left + right}b = {left * strong + right * weak} - "
            f"{fraction(left * gap)}$, so $b = {fraction(other)}$ and $a = {fraction(one)}$.",
            f"The pair is $\\boxed{{{answer}}}$.",
        ),
        answer=answer,
        closed=(one, other),
        checked=(salt[0] * 100 / left, salt[1] * 100 / right),
    )


@template(topic="word_problems", tier="competition", split="train", answer_type="integer")
def three_clocks_drift_apart(draw: Draw) -> Draft | None:
    pick = draw.random
    ahead, behind = pick.sample(range(6, 100), 2)
    shared = math.gcd(ahead, behind)
    if shared < 2 or ahead + behind < 30 * shared:
        return None
    turn = 12 * 3600
    value = 2 * (ahead + behind) // shared - 3
    moments = {
        Fraction(lap * turn, relative)
        for relative in (ahead, behind, ahead + behind)
        for lap in range(1, relative // shared + 2)
    }

    def together(time: Fraction) -> int:
        shown = {Fraction(0), (ahead * time) % turn, (-behind * time) % turn}
        return 4 - len(shown)

    last = min(time for time in moments if together(time) == 3)
    checked = sum(1 for time in moments if time < last and together(time) == 2)
    room = pick.choice(["A watchmaker", "A museum", "A railway club"])
    answer = str(value)
    return Draft(
        problem=f"{room} has three clocks with ordinary twelve-hour dials, whose hands move continuously. The first is "
        f"exact. The second gains {ahead} seconds in every hour of true time, and the third loses {behind} seconds in "
        "every hour of true time, both at a steady rate. At noon on some day all three are set to twelve o'clock; "
        "then nobody touches them. Strictly between this moment and the next moment at which all three dials show "
        "the same time, at how many moments do exactly two of the three dials show the same time?",
        steps=(
            f"Two dials agree when one has gained a multiple of 12 hours, that is of {turn} seconds, on the other. "
            f"After $t$ hours the second dial has gained ${ahead}t$ seconds on the first, the first ${behind}t$ on the "
            f"third, and the second ${ahead + behind}t$ on the third.",
            f"All three agree when ${ahead}t$ and ${behind}t$ are multiples of {turn}. With $\\gcd({ahead}, {behind}) "
            f"= {shared}$, this happens first at $t = \\frac{{{turn}}}{{{shared}}}$.",
            f"Up to and including that moment, the first and second dial agree $\\frac{{{ahead}}}{{{shared}}} = "
            f"{ahead // shared}$ times, the first and third $\\frac{{{behind}}}{{{shared}}} = {behind // shared}$ "
            f"times, the second and third $\\frac{{{ahead + behind}}}{{{shared}}} = {(ahead + behind) // shared}$ "
            "times.",
            "In each of the three counts the last agreement is the one of all three dials; whenever two pairs agree "
            "earlier, all three would agree, so all other moments are different.",
            f"So there are ${ahead // shared - 1} + {behind // shared - 1} + {(ahead + behind) // shared - 1} = "
            f"\\boxed{{{answer}}}$.",
        ),
        answer=answer,
        closed=value,
        checked=checked,
    )
