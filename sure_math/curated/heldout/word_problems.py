"""Word problems for the test split, easy and medium: doughs, discounts, timetables, alloys, tents, averages."""

from __future__ import annotations

import math
from fractions import Fraction

import mpmath
import sympy

from sure_math.curated.latex import decimal, fraction, interval, ordered, surd
from sure_math.curated.template import Draft, Draw, Members, template


def _mixed(value: Fraction) -> str:
    """`2\\frac{3}{4}`."""
    whole, rest = divmod(value, 1)
    return fraction(value) if not whole or not rest else f"{whole}{fraction(rest)}"


def _money(value: Fraction) -> str:
    """Dollars and two decimals, or whole dollars."""
    cents = int(value * 100)
    return f"\\${cents // 100}" if cents % 100 == 0 else f"\\${cents // 100}.{cents % 100:02d}"


@template(topic="word_problems", tier="easy", split="test", answer_type="fraction", variants=2)
def dough_in_proportion(draw: Draw) -> Draft | None:
    pick = draw.random
    flour = Fraction(pick.randint(5, 15), pick.choice([2, 3, 4]))
    milk = Fraction(pick.randint(2, 9), pick.choice([3, 4, 5]))
    if flour.denominator == 1 or milk.denominator == 1 or not milk < flour < 6:
        return None
    if draw.variant == 0:
        used = Fraction(pick.randint(9, 30), pick.choice([2, 4]))
        value = used * milk / flour
        if (
            used.denominator == 1
            or value.denominator in (1, 2)
            or value.denominator > 40
            or not flour < used < 12
            or (used / flour).denominator == 1
        ):
            return None
        # How often the recipe fits, counted in the smallest common measure.
        unit = Fraction(1, 720)
        checked = sum(milk / (flour / unit) for _ in range(int(used / unit)))
        answer = fraction(value)
        return Draft(
            problem=f"A recipe for flatbread takes ${_mixed(flour)}$ cups of flour and ${_mixed(milk)}$ cups of milk. "
            f"For a party Mila makes a larger dough in the same proportion and uses exactly ${_mixed(used)}$ cups of "
            "flour. How many cups of milk does she need? Give your answer as a fraction in lowest terms (not as a "
            "mixed number).",
            steps=(
                f"The recipe is enlarged by the factor ${fraction(used)} \\div {fraction(flour)} = "
                f"{fraction(used / flour)}$.",
                f"So Mila needs ${fraction(milk)} \\cdot {fraction(used / flour)} = \\boxed{{{answer}}}$.",
            ),
            answer=answer,
            closed=value,
            checked=checked,
        )
    has_flour, has_milk = Fraction(pick.randint(9, 30), 2), Fraction(pick.randint(7, 30), pick.choice([2, 3]))
    often = min(has_flour / flour, has_milk / milk)
    rest = has_flour - often * flour
    if rest.denominator in (1, 2) or rest.denominator > 40 or rest <= 0 or has_milk.denominator == 1 or rest > 6:
        return None
    # The dough is made in tiny portions until one ingredient is gone.
    size = Fraction(1, 8) / (has_milk.denominator * milk.numerator * flour.numerator)
    portions = 0
    low, high = 0, 10**9
    while low < high:
        portions = (low + high + 1) // 2
        fits = portions * size * flour <= has_flour and portions * size * milk <= has_milk
        low, high = (portions, high) if fits else (low, portions - 1)
    answer = fraction(rest)
    return Draft(
        problem=f"A recipe for a pancake batter takes ${_mixed(flour)}$ cups of flour and ${_mixed(milk)}$ cups of "
        f"milk. Kofi has ${_mixed(has_flour)}$ cups of flour and ${_mixed(has_milk)}$ cups of milk. Keeping exactly "
        "to the proportion of the recipe, he makes as much batter as he can; any fractional multiple of the recipe is "
        "allowed. How many cups of flour are left? Give your answer as a fraction in lowest terms (not as a mixed "
        "number).",
        steps=(
            f"The flour would be enough for ${fraction(has_flour / flour)}$ recipes, the milk for "
            f"${fraction(has_milk / milk)}$ recipes, which is less. So the milk is used up.",
            f"With it goes ${fraction(has_milk / milk)} \\cdot {fraction(flour)} = {fraction(often * flour)}$ cups "
            f"of flour.",
            f"There are ${fraction(has_flour)} - {fraction(often * flour)} = \\boxed{{{answer}}}$ left.".replace(
                "$ left.", "$."
            ).replace("There are", "What is left is"),
        ),
        answer=answer,
        closed=rest,
        checked=has_flour - low * size * flour,
    )


@template(topic="word_problems", tier="easy", split="test", answer_type="decimal", variants=2)
def coupon_discount_and_tax(draw: Draw) -> Draft | None:
    pick = draw.random
    off, tax = pick.choice([10, 15, 20, 25, 30, 40]), pick.choice([4, 5, 6, 8, 10])
    coupon, price = pick.choice([5, 6, 8, 9, 12, 15]), Fraction(pick.randint(40, 160))
    kept, taxed = Fraction(100 - off, 100), Fraction(100 + tax, 100)
    thing = pick.choice(["a pair of boots", "a desk lamp", "a winter coat", "a set of pans"])
    if draw.variant == 0:
        value = (price * kept - coupon) * taxed - (price - coupon) * kept * taxed
        value = -value
        if (100 * price * kept * taxed).denominator + (100 * coupon * kept * taxed).denominator > 2:
            return None
        if (100 * coupon * taxed).denominator != 1 or value.denominator == 1:
            return None
        ways = []
        for first in ("coupon", "percent"):
            mills = int(price) * 10000
            for step in (first, "percent" if first == "coupon" else "coupon"):
                mills = mills - coupon * 10000 if step == "coupon" else mills - mills * off // 100
            ways.append(Fraction(mills + mills * tax // 100, 10000))
        answer = decimal(value)
        return Draft(
            problem=f"On {thing} with a price tag of \\${price}, a customer may use both a discount of ${off}\\%$ and "
            f"a coupon for \\${coupon}. The discount can be taken on the tag price and the coupon subtracted "
            "afterwards, or the coupon subtracted first and the discount taken on what remains. In both cases a "
            f"sales tax of ${tax}\\%$ is added at the end to the reduced price. How many dollars does the customer "
            "save by choosing the cheaper order? Give the exact amount as a decimal.",
            steps=(
                f"With the discount first, the customer pays $({price} \\cdot {decimal(kept)} - {coupon}) \\cdot "
                f"{decimal(taxed)} = {decimal((price * kept - coupon) * taxed)}$ dollars.",
                f"With the coupon first, the price is $({price} - {coupon}) \\cdot {decimal(kept)} \\cdot "
                f"{decimal(taxed)} = {decimal((price - coupon) * kept * taxed)}$ dollars.",
                f"The difference is $\\boxed{{{answer}}}$.",
            ),
            answer=answer,
            closed=value,
            checked=ways[0] - ways[1],
        )
    price = Fraction(pick.randint(180, 640), 4)
    paid = (price * kept - coupon) * taxed
    if (100 * paid).denominator != 1 or price.denominator == 1:
        return None
    found = [Fraction(q, 4) for q in range(1, 2000) if (q * (100 - off) - 400 * coupon) * (100 + tax) == paid * 40000]
    answer = decimal(price)
    return Draft(
        problem=f"For {thing} Dilara first gets a discount of ${off}\\%$ on the price tag. From the reduced price the "
        f"shop subtracts \\${coupon} for a coupon, and then a sales tax of ${tax}\\%$ is added. She pays "
        f"{_money(paid)} in the end, with no rounding at any step. How many dollars did the price tag show? Give your "
        "answer as a decimal.",
        steps=(
            f"Before tax the amount was ${decimal(paid)} \\div {decimal(taxed)} = {decimal(paid / taxed)}$ dollars.",
            f"Before the coupon it was ${decimal(paid / taxed)} + {coupon} = {decimal(price * kept)}$ dollars.",
            f"This is ${100 - off}\\%$ of the price on the tag, which is ${decimal(price * kept)} \\div "
            f"{decimal(kept)} = \\boxed{{{answer}}}$.",
        ),
        answer=answer,
        closed=price,
        checked=found[0] if len(found) == 1 else 0,
    )


@template(topic="word_problems", tier="easy", split="test", answer_type="tuple", variants=2)
def flights_across_time_zones(draw: Draw) -> Draft | None:
    pick = draw.random
    ahead, fly = pick.randint(3, 9), pick.randint(25, 55) * 10 + pick.choice([5, 10, 15, 20, 25, 35, 40, 50])
    leave, back = 5 * pick.randint(72, 130), 5 * pick.randint(100, 160)
    arrive, home = leave + fly + 60 * ahead, back + fly - 60 * ahead

    def clock(minutes: int) -> str:
        return f"{minutes // 60 % 24:02d}:{minutes % 60:02d}"

    west, east = pick.choice([("Lindhaven", "Port Amara"), ("Stavsund", "Kirova"), ("Puerto Luz", "Belgar")])
    if not (arrive < 1440 and back + 45 < home < 1440) or fly % 60 == 0:
        return None
    if draw.variant == 0:
        found = [
            (minutes, hours)
            for hours in range(1, 12)
            for minutes in range(60, 900)
            if leave + minutes + 60 * hours == arrive and back + minutes - 60 * hours == home
        ]
        answer = ordered([fly, ahead])
        return Draft(
            problem=f"Local time in {east} is a whole number of hours ahead of local time in {west}. A plane leaves "
            f"{west} at {clock(leave)} and lands in {east} at {clock(arrive)} on the same day. On the way back it "
            f"leaves {east} at {clock(back)} and lands in {west} at {clock(home)} on the same day. All times are "
            "local, and both flights take equally long. How many minutes does a flight take, and by how many hours "
            f"is {east} ahead of {west}? Give your answer as an ordered pair (minutes, hours).",
            steps=(
                f"By the local clocks the way there takes {arrive - leave} minutes and the way back {home - back} "
                f"minutes.",
                "The first number is too large by the time difference and the second too small by as much, so the "
                f"flight takes $({arrive - leave} + {home - back}) \\div 2 = {fly}$ minutes.",
                f"The time difference is ${arrive - leave} - {fly} = {60 * ahead}$ minutes, that is {ahead} hours, "
                f"and the pair is $\\boxed{{{answer}}}$.",
            ),
            answer=answer,
            closed=(fly, ahead),
            checked=found[0] if len(found) == 1 else (0, 0),
        )
    wind, stay = 5 * pick.randint(5, 12), 60 * pick.randint(9, 20) + 5 * pick.randint(1, 11)
    final = arrive + stay + fly + wind - 60 * ahead
    if final % 60 == 0 or final < 1440 + 60 or final >= 2880:
        return None
    minute = leave
    for _ in range(fly + stay + fly + wind):
        minute += 1
    now = (minute // 60 % 24, minute % 60)
    answer = ordered([final // 60 % 24, final % 60])
    return Draft(
        problem=f"Local time in {east} is {ahead} hours ahead of local time in {west}. A plane leaves {west} on "
        f"Monday and lands in {east} at {clock(arrive)} local time on the same day. It stays on the ground for "
        f"{stay // 60} hours and {stay % 60} minutes and flies back. The flight to {east} took {fly // 60} hours and "
        f"{fly % 60} minutes; the flight back takes {wind} minutes longer because of the wind. What is the local time "
        f"in {west} when the plane lands there? Give your answer as an ordered pair (hour, minute) on a 24-hour clock.",
        steps=(
            f"The plane leaves {east} {stay // 60} hours and {stay % 60} minutes after {clock(arrive)}, at "
            f"{clock(arrive + stay)} local time.",
            f"The flight back takes {(fly + wind) // 60} hours and {(fly + wind) % 60} minutes, so it lands at "
            f"{clock(arrive + stay + fly + wind)} by the clocks of {east}.",
            f"In {west} it is {ahead} hours earlier, {clock(final)}, and the pair is $\\boxed{{{answer}}}$.",
        ),
        answer=answer,
        closed=(final // 60 % 24, final % 60),
        checked=now,
    )


@template(topic="word_problems", tier="medium", split="test", answer_type="tuple", variants=2)
def two_bars_of_bronze(draw: Draw) -> Draft | None:
    pick = draw.random
    one, other = sorted(pick.sample(range(4, 40), 2))
    metal, added = pick.choice([("bronze", "tin"), ("brass", "zinc"), ("solder", "silver")])
    if draw.variant == 0:
        extra, total = pick.randint(1, 5), pick.randint(20, 60)
        # Quarters of a kilogram that are not whole ones and lead to a percentage with at most one half.
        quarters = [
            q
            for q in range(12, 4 * (total - extra) - 12)
            if q % 4 and (q * one + (4 * (total - extra) - q) * other + 400 * extra) % (2 * total) == 0
        ]
        if not quarters:
            return None
        first = Fraction(pick.choice(quarters), 4)
        second = total - first - extra
        share = (first * one + second * other + extra * 100) / total
        if share.denominator > 2 or second < 3 or first < 3 or other - one < 5 or first.denominator == 1:
            return None
        found = [
            (Fraction(q, 4), total - extra - Fraction(q, 4))
            for q in range(1, 4 * total)
            if q * one + (4 * (total - extra) - q) * other + 400 * extra == 4 * share * total
        ]
        answer = ordered([decimal(first), decimal(second)])
        return Draft(
            problem=f"A foundry has scrap {metal} with ${one}\\%$ {added} and scrap {metal} with ${other}\\%$ {added} "
            f"by mass. It melts some of each together with exactly {extra} kg of pure {added} and gets {total} kg of "
            f"{metal} with ${decimal(share)}\\%$ {added}. How many kilograms of the two kinds of scrap were used? "
            f"Give your answer as an ordered pair of decimals, first the scrap with less {added}.",
            steps=(
                f"For $x$ kg of the first and $y$ kg of the second scrap, $x + y = {total - extra}$.",
                f"The {added} gives ${decimal(Fraction(one, 100))}x + {decimal(Fraction(other, 100))}y + {extra} = "
                f"{decimal(share * total / 100)}$.",
                f"Inserting $x = {total - extra} - y$ gives ${decimal(Fraction(other - one, 100))}y = "
                f"{decimal(second * (other - one) / 100)}$, so $y = {decimal(second)}$ and $x = {decimal(first)}$.",
                f"The pair is $\\boxed{{{answer}}}$.",
            ),
            answer=answer,
            closed=(first, second),
            checked=found[0] if len(found) == 1 else (0, 0),
        )
    left, right = pick.choice([(1, 3), (2, 3), (3, 2), (1, 4), (3, 7), (4, 1)])
    low, high = Fraction(2 * one + 1, 2), Fraction(other)
    half, mixed = (low + high) / 2, (left * low + right * high) / (left + right)
    if (100 * mixed).denominator != 1 or other - one < 8 or (4 * half).denominator > 1:
        return None
    found = [
        (Fraction(p, 2), 2 * half - Fraction(p, 2))
        for p in range(200)
        if left * Fraction(p, 2) + right * (2 * half - Fraction(p, 2)) == mixed * (left + right)
    ]
    answer = ordered([decimal(low), decimal(high)])
    return Draft(
        problem=f"Two bars of {metal} contain different percentages of {added} by mass. If equal masses of both are "
        f"melted together, the result contains ${decimal(half)}\\%$ {added}. If they are melted together in the mass "
        f"ratio ${left} : {right}$, with {left} {'part' if left == 1 else 'parts'} of the first bar, the result "
        f"contains ${decimal(mixed)}\\%$ {added}. What percentages of {added} do the first and the second bar "
        "contain? Give an ordered pair (first, second) of decimals without the percent sign.",
        steps=(
            f"If the bars contain $p$ and $q$ percent, equal masses give $p + q = {decimal(2 * half)}$.",
            f"The other mixture gives ${left if left > 1 else ''}p + {right if right > 1 else ''}q = {left + right} "
            f"\\cdot {decimal(mixed)} = {decimal((left + right) * mixed)}$.",
            f"Solving the two equations, $p = {decimal(low)}$ and $q = {decimal(high)}$.",
            f"The pair is $\\boxed{{{answer}}}$.",
        ),
        answer=answer,
        closed=(low, high),
        checked=found[0] if len(found) == 1 else (0, 0),
    )


@template(topic="word_problems", tier="medium", split="test", answer_type="interval", variants=2)
def electric_van_on_a_schedule(draw: Draw) -> Draft | None:
    pick = draw.random
    if draw.variant == 0:
        # Consumption in kWh per 100 km: base + (v / scale)^2
        scale, base = pick.choice([15, 20, 25]), pick.randint(7, 12)
        ratio, way = pick.randint(4, 6), 10 * pick.randint(12, 30)
        fastest = scale * Fraction(2 * ratio + 1, 2)
        use = base + (fastest / scale) ** 2
        minutes = way * Fraction(60) / pick.randint(55, 75)
        slowest = way / (minutes / 60)
        energy = use * way / 100
        if (1000 * energy).denominator != 1 or minutes.denominator != 1 or not slowest + 5 < fastest < 130:
            return None
        low, high = slowest, fastest
        text = (
            f"At a constant speed of $v$ km/h an electric van uses ${base} + \\left(\\frac{{v}}{{{scale}}}\\right)^2$ "
            f"kilowatt-hours of energy for every 100 km. A trip of {way} km has to take at most {minutes} minutes, "
            f"and at most {decimal(energy)} kilowatt-hours may be used for it. For which constant speeds $v$, in "
            "km/h, are both conditions met?"
        )
        steps = (
            f"The time condition is $\\frac{{{way}}}{{v}} \\le \\frac{{{minutes}}}{{60}}$, that is $v \\ge "
            f"{fraction(low)}$.",
            f"Per 100 km at most $\\frac{{100}}{{{way}}} \\cdot {decimal(energy)} = {decimal(use)}$ kilowatt-hours "
            "may be used.",
            f"From $\\left(\\frac{{v}}{{{scale}}}\\right)^2 \\le {decimal(use)} - {base} = {decimal(use - base)}$ we "
            f"get $v \\le {scale} \\cdot {decimal(fastest / scale)} = {fraction(high)}$.",
        )

        def holds(v: Fraction) -> bool:
            return v > 0 and 60 * way <= minutes * v and (base + v * v / scale / scale) * way <= 100 * energy

    else:
        power, speed = pick.choice([60, 72, 90, 120]), pick.choice([75, 80, 90, 100])
        per_100 = pick.choice([18, 20, 24, 25])
        rest, way, reserve = pick.randint(5, 14), 10 * pick.randint(12, 24), pick.randint(4, 8)
        allowed = pick.randint(3, 5) * 45
        need = Fraction(per_100 * way, 100)
        low = (need + reserve - rest) * 60 / power
        high = allowed - Fraction(60 * way, speed)
        if low.denominator > 2 or high.denominator > 1 or low < 8 or high < low + 5 or rest + power * high / 60 > 90:
            return None
        text = (
            f"An electric van arrives at a charging station with {rest} kilowatt-hours left in its battery, which can "
            f"hold 90 kilowatt-hours. The station charges at a constant {power} kilowatts. As soon as charging ends, "
            f"the van drives {way} km at a constant {speed} km/h, using {per_100} kilowatt-hours per 100 km. It "
            f"has to reach its destination at most {allowed} minutes after charging began, with at least {reserve} "
            "kilowatt-hours left. For which charging times $t$, in minutes, are both conditions met?"
        )
        steps = (
            f"The drive takes $\\frac{{60 \\cdot {way}}}{{{speed}}} = {fraction(Fraction(60 * way, speed))}$ minutes, "
            f"so at most ${allowed} - {fraction(Fraction(60 * way, speed))} = {fraction(high)}$ minutes remain for "
            "charging.",
            f"The drive uses ${decimal(need)}$ kilowatt-hours, so ${decimal(need)} + {reserve} - {rest} = "
            f"{decimal(need + reserve - rest)}$ kilowatt-hours have to be charged.",
            f"At {power} kilowatts this takes $60 \\cdot \\frac{{{decimal(need + reserve - rest)}}}{{{power}}} = "
            f"{fraction(low)}$ minutes; the battery is never full in the time allowed.",
        )

        def holds(v: Fraction) -> bool:
            battery, late = rest + power * v / 60 - need, v + Fraction(60 * way, speed)
            return v >= 0 and battery >= reserve and late <= allowed

    points = {Fraction(n) for n in range(1, 200, 3)}
    points |= {end + Fraction(shift, 9) for end in (low, high) for shift in (-1, 0, 1)}
    answer = interval(low, high, "[]")
    return Draft(
        problem=f"{text} Give your answer in interval notation, with integers or fractions in lowest terms as ends.",
        steps=(*steps, f"Both conditions hold in the interval $\\boxed{{{answer}}}$."),
        answer=answer,
        closed=sympy.Interval(sympy.Rational(low), sympy.Rational(high)),
        checked=Members(
            inside=tuple(sorted(v for v in points if holds(v))),
            outside=tuple(sorted(v for v in points if not holds(v))),
        ),
    )


@template(topic="word_problems", tier="medium", split="test", answer_type="percentage", variants=2)
def money_changed_twice(draw: Draw) -> Draft | None:
    pick = draw.random
    fee = Fraction(pick.choice([2, 4, 5, 6, 8, 10, 12, 15, 20, 25]), 2)
    if draw.variant == 0:
        start = pick.choice([400, 500, 600, 800, 1000, 1200, 1600, 2000, 2500])
        end = start * (1 - fee / 100) ** 2
        if (100 * end).denominator != 1:
            return None
        found = []
        for half in range(1, 60):
            money = Fraction(start)
            for _ in range(2):
                money -= money * half / 200
            if money == end:
                found.append(Fraction(half, 2))
        answer = f"{decimal(fee)}\\%"
        return Draft(
            problem=f"Before a journey Leila changes {_money(Fraction(start))} into a foreign currency, but the "
            "journey is cancelled and she changes everything back on the same day at the same rate. Each time, the "
            "exchange office first keeps the same percentage of the money handed in as a commission and then changes "
            f"the rest. She gets back {_money(end)}. What percentage does the office keep each time? Give your answer "
            "as a percentage.",
            steps=(
                "If the part $1 - x$ of the money is left after a commission, the factor after both exchanges is "
                "$(1 - x)^2$, because the rate cancels.",
                f"So $(1 - x)^2 = \\frac{{{decimal(end)}}}{{{start}}} = {decimal(end / start)}$, and $1 - x = "
                f"{decimal(1 - fee / 100)}$.",
                f"Hence the commission is $\\boxed{{{answer}}}$.",
            ),
            answer=answer,
            closed=fee,
            checked=found[0] if len(found) == 1 else 0,
        )
    kept, rise = (1 - fee / 100) ** 2, Fraction(pick.randint(6, 60))
    gain = 100 * kept * (1 + rise / 100) - 100
    if gain <= 1 or (100 * gain).denominator != 1:
        return None
    # Somebody changes 100 units at the rate 1 and back later: which rise leaves the known gain?
    found = [
        Fraction(half, 2)
        for half in range(1, 400)
        if (100 - fee) * (100 - fee) * (200 + half) == 2 * 10000 * (100 + gain)
    ]
    answer = f"{decimal(rise)}\\%"
    return Draft(
        problem="An investor changes dollars into crowns and some months later changes all the crowns back into "
        f"dollars. Each time, the bank first keeps ${decimal(fee)}\\%$ of the money handed in as a commission and "
        "changes the rest. In the meantime the value of a crown in dollars has risen, and the investor ends up with "
        f"${decimal(gain)}\\%$ more dollars than at the beginning. By what percentage has the value of a crown in "
        "dollars risen? Give your answer as a percentage.",
        steps=(
            f"The two commissions leave ${decimal(1 - fee / 100)}^2 = {decimal(kept)}$ of the money.",
            f"With the factor $q$ of the rise, ${decimal(kept)}q = {decimal(1 + gain / 100)}$.",
            f"So $q = {decimal(1 + rise / 100)}$, which is a rise of $\\boxed{{{answer}}}$.",
        ),
        answer=answer,
        closed=rise,
        checked=found[0] if len(found) == 1 else 0,
    )


@template(topic="word_problems", tier="medium", split="test", answer_type="radical", variants=2)
def ropes_of_a_square_tent(draw: Draw) -> Draft | None:
    pick = draw.random
    place = pick.choice(["market stall", "scout camp", "village fair"])
    if draw.variant == 0:
        side, height, over = pick.randint(3, 9), pick.randint(3, 7), pick.randint(1, 3)
        # From the top of the pole to the corners of a square and to the middles of its sides.
        to_corner, to_middle = 4 * height**2 + 2 * side**2, 4 * height**2 + side**2
        if any(math.isqrt(each) ** 2 == each for each in (to_corner, to_middle)):
            return None
        closed = 2 * sympy.sqrt(to_corner) + 2 * sympy.sqrt(to_middle)
        with mpmath.workdps(60):
            top = (mpmath.mpf(0), mpmath.mpf(0), mpmath.mpf(height))
            half = mpmath.mpf(side) / 2
            pegs = [(x, y, 0) for x in (-half, 0, half) for y in (-half, 0, half) if x or y]
            checked = mpmath.fsum(
                mpmath.sqrt(mpmath.fsum((u - v) ** 2 for u, v in zip(top, peg, strict=True))) for peg in pegs
            )
        answer = f"{surd(0, 2, to_corner)} + {surd(0, 2, to_middle)}"
        if surd(0, 1, to_corner).split("sqrt")[-1] == surd(0, 1, to_middle).split("sqrt")[-1] or over == 0:
            return None
        return Draft(
            problem=f"For a tent at a {place} a vertical pole of {height} metres stands in the centre of a square "
            f"marked on level ground, whose sides are {side} metres long. From the top of the pole, straight ropes "
            "are stretched to the four corners of the square and to the midpoints of its four sides. What is the "
            "total length of the eight ropes in metres? Give an exact answer as a sum of two terms in simplest "
            "radical form.",
            steps=(
                f"A corner is $\\frac{{{side}\\sqrt{{2}}}}{{2}}$ metres from the centre, so a rope to it measures "
                f"$\\sqrt{{{height}^2 + \\frac{{{2 * side * side}}}{{4}}}} = {surd(0, Fraction(1, 2), to_corner)}$ "
                f"metres.",
                f"The midpoint of a side is $\\frac{{{side}}}{{2}}$ metres from the centre, so a rope to it measures "
                f"$\\sqrt{{{height}^2 + \\frac{{{side * side}}}{{4}}}} = {surd(0, Fraction(1, 2), to_middle)}$ metres.",
                f"Four ropes of each kind have the length $\\boxed{{{answer}}}$.",
            ),
            answer=answer,
            closed=closed,
            checked=checked,
        )
    rope, low, high = pick.randint(7, 13), pick.randint(2, 3), pick.randint(4, 6)
    # Both ropes have the same length: from the top to a corner and from a lower point to a peg farther out.
    side_square = 2 * (rope * rope - high * high)
    out_square = rope * rope - low * low
    if math.isqrt(side_square) ** 2 == side_square or math.isqrt(2 * out_square) ** 2 == 2 * out_square:
        return None
    one, other = surd(0, 1, side_square), surd(0, 1, 2 * out_square)
    if one.split("sqrt")[-1] == other.split("sqrt")[-1]:
        return None
    closed = sympy.sqrt(2 * out_square) - sympy.sqrt(side_square)
    with mpmath.workdps(60):

        def reach(height: int) -> mpmath.mpf:
            def excess(s: mpmath.mpf) -> mpmath.mpf:
                return mpmath.sqrt(height**2 + (s / 2) ** 2 + (s / 2) ** 2) - rope

            return mpmath.findroot(excess, (1, 4 * rope), solver="anderson", maxsteps=300)

        checked = reach(low) - reach(high)
    answer = f"{other} - {one}"
    return Draft(
        problem=f"A vertical pole at a {place} is held by eight straight ropes, each exactly {rope} metres long. Four "
        f"of them run from a point of the pole {high} metres above the level ground to the corners of a square on the "
        f"ground, the other four from a point {low} metres above the ground to the corners of a larger square. The "
        "pole stands in the centre of both squares. By how many metres is a side of the larger square longer than a "
        "side of the smaller one? Give an exact answer in simplest radical form.",
        steps=(
            f"Half the diagonal of the smaller square is $\\sqrt{{{rope}^2 - {high}^2}} = "
            f"{surd(0, 1, rope * rope - high * high)}$ metres, half the diagonal of the larger one $\\sqrt{{{rope}^2 "
            f"- {low}^2}} = {surd(0, 1, out_square)}$ metres.",
            f"A side is $\\sqrt{{2}}$ times half the diagonal, which gives ${one}$ and ${other}$ metres.",
            f"The difference is $\\boxed{{{answer}}}$.",
        ),
        answer=answer,
        closed=closed,
        checked=checked,
    )


@template(topic="word_problems", tier="medium", split="test", answer_type="fraction", variants=2)
def wish_for_an_average_speed(draw: Draw) -> Draft | None:
    pick = draw.random
    parts, slow, fast = pick.randint(3, 5), pick.randint(16, 24), pick.randint(26, 36)
    who = pick.choice(["A cyclist", "A racing cyclist", "A bicycle courier"])
    if draw.variant == 0:
        lunch = pick.randint(3, 8)
        # A part of the way at `slow`, then a part of the remaining time at `fast` and the rest at `slow` again.
        share = Fraction(1, parts)
        time = pick.choice([Fraction(1, 2), Fraction(1, 3), Fraction(2, 3)])
        # Way 1: share / slow + t with t (time fast + (1 - time) lunch_speed) = 1 - share
        last = slow - lunch
        mean = time * fast + (1 - time) * last
        value = 1 / (share / slow + (1 - share) / mean)
        if value.denominator == 1 or value.denominator > 400:
            return None
        with mpmath.workdps(60):
            way = mpmath.mpf(100)

            def missing(t: mpmath.mpf) -> mpmath.mpf:
                riding = t - way / parts / slow
                first = riding * time.numerator / time.denominator
                return way / parts + fast * first + last * (riding - first) - way

            whole = mpmath.findroot(missing, (way / parts / slow, 40), solver="anderson", maxsteps=300)
            checked = way / whole
        answer = fraction(value)
        words = {3: "third", 4: "quarter", 5: "fifth"}
        return Draft(
            problem=f"{who} rides the first {words[parts]} of a distance at {slow} km/h. Of the time needed for the "
            f"rest of the distance, the first ${fraction(time)}$ is ridden at {fast} km/h and the remaining "
            f"${fraction(1 - time)}$ at {last} km/h. What is the average speed over the whole distance in km/h? Give "
            "your answer as a fraction in lowest terms.",
            steps=(
                f"Over the rest of the distance the average is ${fraction(time)} \\cdot {fast} + {fraction(1 - time)} "
                f"\\cdot {last} = {fraction(mean)}$ km/h, because the parts are parts of the time.",
                f"For a distance $d$ the whole time is $\\frac{{d}}{{{parts} \\cdot {slow}}} + "
                f"\\frac{{{parts - 1}d}}{{{parts}}} \\div {fraction(mean)} = {fraction(1 / value)}d$ hours.",
                f"The average speed is $1 \\div {fraction(1 / value)} = \\boxed{{{answer}}}$.",
            ),
            answer=answer,
            closed=value,
            checked=checked,
        )
    hours, wish, done = pick.randint(2, 4), pick.randint(22, 27), pick.choice([20, 25, 30, 35, 40])
    # In the first `done` percent of the planned time the mean was `slow`; then a stop; what speed is needed?
    pause = pick.choice([6, 10, 12, 15])
    left_time = hours * (1 - Fraction(done, 100)) - Fraction(pause, 60)
    covered = slow * hours * Fraction(done, 100)
    value = (wish * hours - covered) / left_time
    if slow >= wish or value.denominator == 1 or value.denominator > 60 or not wish + 2 < value < 45:
        return None
    with mpmath.workdps(60):
        checked = mpmath.findroot(
            lambda v: (
                (
                    slow * hours * mpmath.mpf(done) / 100
                    + v * (hours * (1 - mpmath.mpf(done) / 100) - mpmath.mpf(pause) / 60)
                )
                / hours
                - wish
            ),
            (1, 200),
            solver="anderson",
            maxsteps=300,
        )
    answer = fraction(value)
    return Draft(
        problem=f"{who} wants to cover a distance in exactly {hours} hours, which means an average of {wish} km/h "
        f"including all stops. During the first ${done}\\%$ of this time the speed is only {slow} km/h, and then a "
        f"repair takes {pause} minutes without any movement. At what constant speed, in km/h, must the rest of the "
        "distance be ridden to arrive exactly on time? Give your answer as a fraction in lowest terms.",
        steps=(
            f"The distance is ${wish} \\cdot {hours} = {wish * hours}$ km. In the first "
            f"${fraction(hours * Fraction(done, 100))}$ hours ${fraction(covered)}$ km of it are covered.",
            f"After the repair ${fraction(left_time)}$ hours remain for ${fraction(wish * hours - covered)}$ km.",
            f"This takes a speed of ${fraction(wish * hours - covered)} \\div {fraction(left_time)} = "
            f"\\boxed{{{answer}}}$.",
        ),
        answer=answer,
        closed=value,
        checked=checked,
    )
