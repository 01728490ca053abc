"""Word problems for the training split, easy and medium: mixtures, travel, ages, loans, taxes, fences."""

from __future__ import annotations

from fractions import Fraction

import mpmath
import sympy

from sure_math.curated.latex import decimal, fraction, interval, ordered, polynomial
from sure_math.curated.template import Draft, Draw, Members, Points, template

At = tuple[dict[str, int | Fraction], int | Fraction]


@template(topic="word_problems", tier="easy", split="train", answer_type="percentage")
def bottle_filled_up_again(draw: Draw) -> Draft | None:
    pick = draw.random
    full, out = pick.choice([500, 600, 750, 800, 1000, 1200]), pick.choice([120, 150, 180, 200, 240, 250, 300])
    first, second = pick.choice([20, 30, 40, 45, 60, 70, 80, 90]), pick.choice([5, 10, 12, 15, 25, 30, 50, 65])
    juice = Fraction((full - out) * first + out * second, 100)
    share = juice * 100 / full
    if share.denominator > 2 or juice.denominator > 2 or abs(first - second) < 15 or share in (first, second):
        return None
    name, drink, pure = pick.choice(
        [("Noor", "berry drink", "juice"), ("Emil", "lemonade", "lemon juice"), ("Yara", "mango drink", "fruit pulp")]
    )
    answer = f"{decimal(share)}\\%"
    return Draft(
        problem=f"A full bottle holds {full} ml of a {drink} that is ${first}\\%$ {pure} by volume. {name} drinks "
        f"{out} ml of it and fills the bottle up again with another {drink}, which is ${second}\\%$ {pure} by volume. "
        f"What percentage of the mixture in the bottle is {pure}? Give your answer as a percentage.",
        steps=(
            f"After drinking, ${full} - {out} = {full - out}$ ml of the first drink are left, with "
            f"${decimal(Fraction(first, 100))} \\cdot {full - out} = {decimal(Fraction((full - out) * first, 100))}$ "
            f"ml of {pure}.",
            f"The second drink adds ${decimal(Fraction(second, 100))} \\cdot {out} = "
            f"{decimal(Fraction(out * second, 100))}$ ml of {pure}, so there are ${decimal(juice)}$ ml in all.",
            f"As a part of {full} ml this is $\\frac{{{decimal(juice)}}}{{{full}}} = \\boxed{{{answer}}}$.",
        ),
        answer=answer,
        closed=share,
        checked=Fraction(sum([first] * (full - out) + [second] * out), full),
    )


@template(topic="word_problems", tier="easy", split="train", answer_type="decimal")
def motorway_or_country_road(draw: Draw) -> Draft | None:
    pick = draw.random
    long, short = 20 * pick.randint(10, 16), 20 * pick.randint(6, 11)
    thirsty, modest = Fraction(pick.randint(14, 18), 2), Fraction(pick.randint(9, 13), 2)
    price, toll = Fraction(pick.choice([150, 155, 160, 165, 170, 175, 180, 185]), 100), pick.randint(4, 12)
    fuel = long * thirsty / 100, short * modest / 100
    costs = fuel[0] * price + toll, fuel[1] * price
    saved = costs[0] - costs[1]
    if saved < 2 or (100 * saved).denominator != 1 or saved.denominator == 1 or long - short < 60:
        return None
    cents = sum(int(thirsty * price * 1000) for _ in range(long)) - sum(
        int(modest * price * 1000) for _ in range(short)
    )
    who = pick.choice(["Jonas drives", "The Okafors drive", "A courier drives"])
    owner = {"Jonas drives": "he", "The Okafors drive": "they", "A courier drives": "the courier"}[who]
    verb = "save" if owner == "they" else "saves"
    answer = decimal(saved)
    return Draft(
        problem=f"{who} to the coast. The motorway route is {long} km long, has a toll of \\${toll}, and at motorway "
        f"speed the car uses {decimal(thirsty)} litres of fuel per 100 km. The country road is {short} km long, free "
        f"of charge, and there the car uses {decimal(modest)} litres per 100 km. Fuel costs "
        f"\\${decimal(price)}{'0' if (10 * price).denominator == 1 else ''} per litre. How many dollars "
        f"{'do' if owner == 'they' else 'does'} {owner} save by taking the country road instead of the motorway? Give "
        "the exact amount as a decimal.",
        steps=(
            f"On the motorway the car needs ${decimal(Fraction(long, 100))} \\cdot {decimal(thirsty)} = "
            f"{decimal(fuel[0])}$ litres, which together with the toll costs ${decimal(fuel[0])} \\cdot "
            f"{decimal(price)} + {toll} = {decimal(costs[0])}$ dollars.",
            f"On the country road it needs ${decimal(Fraction(short, 100))} \\cdot {decimal(modest)} = "
            f"{decimal(fuel[1])}$ litres for ${decimal(fuel[1])} \\cdot {decimal(price)} = {decimal(costs[1])}$ "
            "dollars.",
            f"So {owner} {verb} ${decimal(costs[0])} - {decimal(costs[1])} = \\boxed{{{answer}}}$.",
        ),
        answer=answer,
        closed=saved,
        checked=toll + Fraction(cents, 100000),
    )


@template(topic="word_problems", tier="easy", split="train", answer_type="tuple")
def once_and_in_some_years(draw: Draw) -> Draft | None:
    pick = draw.random
    past, future = pick.randint(2, 8), pick.randint(3, 15)
    more, fewer = pick.choice([(5, 3), (4, 2), (6, 3), (7, 3), (5, 2), (6, 2), (8, 4), (7, 4)])
    # m - past = more (c - past), m + future = fewer (c + future)
    child = Fraction((fewer - 1) * future + (more - 1) * past, more - fewer)
    older = more * (child - past) + past
    if child.denominator != 1 or not (past + 2 < child < 25 and 24 <= older <= 75 and older - child >= 20):
        return None
    families = [
        ("Rosa and her son Milan", "Rosa", "Milan"),
        ("Pavel and his daughter Inka", "Pavel", "Inka"),
        ("Aunt Thea and her niece Lou", "Aunt Thea", "Lou"),
    ]
    pair, parent, young = pick.choice(families)
    if older - child > 50:
        pair, parent, young = families[-1]
    words = {2: "twice", 3: "three times", 4: "four times", 5: "five times", 6: "six times", 7: "seven times"}
    words[8] = "eight times"
    answer = ordered([older, child])
    found = [
        (m, c)
        for m in range(1, 110)
        for c in range(past + 1, 110)
        if m - past == more * (c - past) and m + future == fewer * (c + future)
    ]
    return Draft(
        problem=f"{pair} have their birthdays on the same day. Exactly {past} years ago {parent} was {words[more]} as "
        f"old as {young}. In exactly {future} years {parent} will be {words[fewer]} as old as {young}. How old are "
        f"they today? Give the ages in years as an ordered pair ({parent}, {young}).",
        steps=(
            f"Let {young} be $x$ years old today. Then {parent} is ${more}(x - {past}) + {past} = "
            f"{polynomial([more, past - more * past])}$ years old.",
            f"In {future} years, ${polynomial([more, past - more * past + future])} = {fewer}(x + {future})$, so "
            f"${more - fewer}x = {fewer * future - future - past + more * past}$ and $x = {child}$.",
            f"{parent} is ${more} \\cdot {child - past} + {past} = {older}$ years old, so the pair is "
            f"$\\boxed{{{answer}}}$.",
        ),
        answer=answer,
        closed=(older, child),
        checked=found[0] if len(found) == 1 else (0, 0),
    )


@template(topic="word_problems", tier="medium", split="train", answer_type="decimal")
def blend_sold_with_a_markup(draw: Draw) -> Draft | None:
    pick = draw.random
    known, dear, cheap = pick.randint(4, 18), pick.randint(14, 24), pick.randint(6, 11)
    cost, markup = Fraction(pick.randint(2 * cheap + 3, 2 * dear - 3), 2), pick.choice([20, 25, 30, 40, 50, 60])
    sold = cost * (100 + markup) / 100
    amount = known * (dear - cost) / (cost - cheap)
    if (
        (100 * sold).denominator != 1
        or (20 * amount).denominator != 1
        or amount.denominator == 1
        or not 2 < amount < 40
    ):
        return None
    goods, place = pick.choice([("coffee", "roastery"), ("tea", "tea house"), ("nuts", "market stall")])
    found = [
        Fraction(k, 20)
        for k in range(1, 1000)
        if (known * dear + Fraction(k, 20) * cheap) * (100 + markup) == 100 * sold * (known + Fraction(k, 20))
    ]
    shown = decimal(sold) + ("0" if (10 * sold).denominator == 1 and sold.denominator != 1 else "")
    answer = decimal(amount)
    return Draft(
        problem=f"A {place} mixes {known} kg of {goods} that it bought at \\${dear} per kilogram with a cheaper "
        f"sort that it bought at \\${cheap} per kilogram. It sells the whole mixture at \\${shown} per kilogram, which "
        f"is exactly ${markup}\\%$ more than it paid for the ingredients. How many kilograms of the cheaper "
        "sort are in the mixture? Give your answer as a decimal.",
        steps=(
            f"A kilogram of the mixture costs the {place} ${shown} \\div {decimal(Fraction(100 + markup, 100))} = "
            f"{decimal(cost)}$ dollars.",
            f"For $x$ kg of the cheaper sort, ${known} \\cdot {dear} + {cheap}x = {decimal(cost)}({known} + x)$.",
            f"So ${decimal(cost - cheap)}x = {decimal(known * (dear - cost))}$ and $x = \\boxed{{{answer}}}$.",
        ),
        answer=answer,
        closed=amount,
        checked=found[0] if len(found) == 1 else 0,
    )


@template(topic="word_problems", tier="medium", split="train", answer_type="fraction")
def van_that_comes_back(draw: Draw) -> Draft | None:
    pick = draw.random
    ride, drive, way = pick.randint(14, 24), pick.choice([50, 54, 60, 64, 70, 72, 80]), pick.randint(30, 72)
    delay, pause = pick.choice([20, 25, 30, 40, 45]), pick.choice([10, 12, 15, 20])
    leaves = Fraction(delay + pause, 60) + Fraction(way, drive)
    if ride * leaves > way - 4 or (60 * leaves).denominator > 1:
        return None
    gap = way - ride * leaves
    value = gap - ride * gap / (ride + drive)
    if value.denominator == 1 or value.denominator > 60:
        return None
    with mpmath.workdps(60):

        def apart(time: mpmath.mpf) -> mpmath.mpf:
            driven = drive * (time - mpmath.mpf(delay) / 60 - mpmath.mpf(pause) / 60) - way
            return (way - driven) - ride * time

        start = mpmath.mpf(delay + pause) / 60 + mpmath.mpf(way) / drive
        meeting = mpmath.findroot(apart, (start, start + 5), solver="anderson")
        checked = way - ride * meeting
    who, van, start_word = pick.choice(
        [
            ("A cyclist", "a van with spare parts", "the depot"),
            ("A touring rider", "a luggage van", "the hostel"),
            ("A postwoman on a bicycle", "a delivery van", "the post office"),
        ]
    )
    answer = fraction(value)
    return Draft(
        problem=f"{who} sets out from {start_word} and rides at {ride} km/h towards a village {way} km away. "
        f"Exactly {delay} minutes later {van} leaves {start_word} on the same road at {drive} km/h, passes the "
        f"bicycle, stops for {pause} minutes in the village and drives back at the same speed. How many "
        "kilometres from the village does it meet the bicycle on its way back? Give your answer as a fraction in "
        "lowest terms.",
        steps=(
            f"The van needs $\\frac{{{way}}}{{{drive}}}$ hours to the village and leaves it again "
            f"${fraction(leaves)}$ hours after the bicycle started.",
            f"By then the bicycle has covered ${ride} \\cdot {fraction(leaves)} = {fraction(ride * leaves)}$ km, so "
            f"${fraction(gap)}$ km separate it from the van.",
            f"They approach each other at ${ride} + {drive} = {ride + drive}$ km/h, and the van covers "
            f"$\\frac{{{drive}}}{{{ride + drive}}}$ of this distance.",
            f"They meet ${fraction(gap)} \\cdot \\frac{{{drive}}}{{{ride + drive}}} = \\boxed{{{answer}}}$.",
        ),
        answer=answer,
        closed=value,
        checked=checked,
    )


@template(topic="word_problems", tier="medium", split="train", answer_type="percentage")
def debt_paid_in_two_parts(draw: Draw) -> Draft | None:
    pick = draw.random
    loan, rate = 500 * pick.randint(4, 40), Fraction(pick.randint(6, 30), 2)
    first = 100 * pick.randint(loan // 250, loan // 160)
    second = (loan * (100 + rate) / 100 - first) * (100 + rate) / 100
    if second.denominator != 1 or second < 200 or (rate.denominator == 1 and rate < 4):
        return None
    found = []
    for tenth in range(1, 400):
        debt = loan * (1 + Fraction(tenth, 1000)) - first
        if debt * (1 + Fraction(tenth, 1000)) == second:
            found.append(Fraction(tenth, 10))
    who = pick.choice(["A joiner borrows", "A violin maker borrows", "A family borrows", "A farmer borrows"])
    factor = 1 + rate / 100
    answer = f"{decimal(rate)}\\%"
    return Draft(
        problem=f"{who} \\${loan} at a fixed yearly interest rate. After one year the interest is added to the "
        f"debt and \\${first} is paid back. After another year the interest on the remaining debt is added, and a "
        f"payment of \\${second} clears the debt. What is the yearly interest rate? Give your answer as a percentage.",
        steps=(
            f"With $q = 1 + \\frac{{r}}{{100}}$ for the rate of $r$ percent, $({loan}q - {first})q = {second}$.",
            f"The quadratic equation ${polynomial([loan, -first, -int(second)], 'q')} = 0$ has the discriminant "
            f"${first}^2 + 4 \\cdot {loan} \\cdot {second} = {first**2 + 4 * loan * int(second)} = "
            f"{int(2 * loan * factor - first)}^2$.",
            f"Its only positive root is $q = \\frac{{{first} + {int(2 * loan * factor - first)}}}{{{2 * loan}}} = "
            f"{decimal(factor)}$, so the rate is $\\boxed{{{answer}}}$.",
        ),
        answer=answer,
        closed=rate,
        checked=found[0] if len(found) == 1 else 0,
    )


@template(topic="word_problems", tier="medium", split="train", answer_type="interval")
def average_share_of_tax(draw: Draw) -> Draft | None:
    pick = draw.random
    free, top = 1000 * pick.randint(6, 14), 1000 * pick.randint(20, 45)
    low_rate, high_rate = pick.choice([15, 20, 24, 25, 30]), pick.choice([35, 40, 42, 45, 50])
    least, most = pick.choice([5, 6, 8, 9, 10, 12]), pick.choice([16, 18, 20, 24, 25, 28, 30])
    if least >= low_rate or most >= high_rate:
        return None
    low = Fraction(low_rate * free, low_rate - least)
    high = Fraction(high_rate * top - low_rate * (top - free), high_rate - most)
    if low.denominator > 1 or high.denominator > 1 or not (free < low < top < high < 200000):
        return None

    def tax(income: Fraction) -> Fraction:
        total, left = Fraction(0), income
        for width, rate in ((free, 0), (top - free, low_rate), (10**9, high_rate)):
            part = min(left, Fraction(width))
            total, left = total + part * rate / 100, left - part
        return total

    points = [Fraction(x) for x in range(1000, 220000, 2500)]
    points += [end + shift for end in (low, high) for shift in (-1, 0, 1)]
    inside = tuple(x for x in points if least * x <= 100 * tax(x) <= most * x)
    outside = tuple(x for x in points if not least * x <= 100 * tax(x) <= most * x)
    country, money = pick.choice([("In a small republic", "dollars"), ("In an island state", "crowns")])
    answer = interval(low, high, "[]")
    return Draft(
        problem=f"{country} the first {free} {money} of a yearly income are free of tax. The part of the income above "
        f"{free} and up to {top} {money} is taxed at ${low_rate}\\%$, and the part above {top} {money} at "
        f"${high_rate}\\%$. For which positive yearly incomes $x$, in {money}, is the tax at least ${least}\\%$ and at "
        f"most ${most}\\%$ of the whole income? Give your answer in interval notation.",
        steps=(
            "The share of the tax in the income grows with the income, so it is enough to find where it takes the two "
            "bounds.",
            f"At {top} {money} the tax is {low_rate * (top - free) // 100} {money}, which is more than ${least}\\%$ "
            f"and less than ${most}\\%$.",
            f"So the lower bound lies in the middle bracket: ${decimal(Fraction(low_rate, 100))}(x - {free}) = "
            f"{decimal(Fraction(least, 100))}x$ gives $x = {low}$.",
            f"The upper bound lies in the top bracket: ${low_rate * (top - free) // 100} + "
            f"{decimal(Fraction(high_rate, 100))}(x - {top}) = {decimal(Fraction(most, 100))}x$ gives $x = {high}$.",
            f"The incomes form the interval $\\boxed{{{answer}}}$.",
        ),
        answer=answer,
        closed=sympy.Interval(int(low), int(high)),
        checked=Members(inside=inside, outside=outside),
    )


@template(topic="word_problems", tier="medium", split="train", answer_type="expression")
def run_against_a_barn(draw: Draw) -> Draft | None:
    pick = draw.random
    front, side, inner = pick.choice([6, 8, 10, 12, 15]), pick.randint(7, 24), pick.randint(5, 18)
    walls = pick.choice([1, 2, 3])
    slope, width = Fraction(2 * side + walls * inner, front), pick.randint(30, 90)
    budget = front * width
    if slope.denominator != 1 or side == front:
        return None
    x = sympy.Symbol("x")
    values: list[At] = []
    for at in (1, 2, 3, 5, 7):
        spent = sum([side, side] + [inner] * walls) * at
        length = next(Fraction(n, 2) for n in range(-2000, 2000) if spent + front * Fraction(n, 2) == budget)
        values.append(({"x": at}, length * at))
    animals = pick.choice(["hens", "rabbits", "goats", "ducks"])
    fences = {
        1: "one fence inside, which divides the run into two pens",
        2: "two parallel fences inside, which divide the run into three pens",
        3: "three parallel fences inside, which divide the run into four pens",
    }[walls]
    answer = polynomial([-int(slope), width, 0])
    return Draft(
        problem=f"A rectangular run for {animals} is built against the long wall of a barn, so that no fence is needed "
        f"on that side. The fence parallel to the wall costs \\${front} per metre and the two outer fences at right "
        f"angles to the wall cost \\${side} per metre. In addition there {'is' if walls == 1 else 'are'} {fences}, "
        f"at right angles to the wall, at \\${inner} per metre. Exactly \\${budget} is spent. The run extends $x$ "
        "metres from the wall. Write its area in square metres as an expanded polynomial in $x$.",
        steps=(
            f"The fences at right angles to the wall cost $(2 \\cdot {side} + "
            f"{f'{walls} {chr(92)}cdot ' if walls > 1 else ''}{inner})x = {2 * side + walls * inner}x$ dollars.",
            f"This leaves ${budget} - {2 * side + walls * inner}x$ dollars for the fence parallel to the wall. It is "
            f"$\\frac{{{budget} - {2 * side + walls * inner}x}}{{{front}}} = {width} - {slope}x$ metres long.",
            f"The area is $x({width} - {slope}x) = \\boxed{{{answer}}}$.",
        ),
        answer=answer,
        closed=-int(slope) * x**2 + width * x,
        checked=Points(values=tuple(values)),
    )
