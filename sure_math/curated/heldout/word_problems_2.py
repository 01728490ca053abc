"""Word problems for the test split, hard and competition: echoes, painters, rockets, doses, trains, gates, prices."""

from __future__ import annotations

import math
from fractions import Fraction

import mpmath
import sympy

from sure_math.curated.latex import decimal, fraction, listed, ordered, term
from sure_math.curated.template import Draft, Draw, Members, Points, template

At = tuple[dict[str, int | Fraction], int | Fraction]


def _mp(value: Fraction | int) -> mpmath.mpf:
    exact = Fraction(value)
    return mpmath.mpf(exact.numerator) / exact.denominator


@template(topic="word_problems", tier="hard", split="test", answer_type="fraction", variants=2)
def horn_echoed_by_a_cliff(draw: Draw) -> Draft | None:
    pick = draw.random
    sound = pick.choice([330, 336, 340, 342])
    if draw.variant == 0:
        first = Fraction(pick.randint(70, 140), 10)
        second = first - Fraction(pick.randint(2, 7), 10)
        speed = sound * (first - second) / (first + second)
        value = (sound - speed) * second / 2
        if not 4 <= speed <= 12 or value.denominator == 1 or value.denominator > 400:
            return None
        with mpmath.workdps(60):

            def echo(distance: mpmath.mpf, v: mpmath.mpf) -> mpmath.mpf:
                """When the sound is back: it runs to the cliff and then towards the ship."""
                there = distance / sound
                return there + (distance - v * there) / (sound + v)

            # For a speed v, the distance that fits the first echo, and by how much the second one is missed.
            def start(v: mpmath.mpf) -> mpmath.mpf:
                return _mp(first) / echo(mpmath.mpf(1), v)

            def miss(v: mpmath.mpf) -> mpmath.mpf:
                return echo(start(v) - v * _mp(first), v) - _mp(second)

            v = mpmath.findroot(miss, (mpmath.mpf(1), mpmath.mpf(30)), solver="anderson", maxsteps=300)
            checked = start(v) - v * (_mp(first) + _mp(second))
        answer = fraction(value)
        return Draft(
            problem="A ship sails straight towards a vertical cliff at constant speed and sounds its horn. The echo "
            f"from the cliff is heard on board ${decimal(first)}$ seconds later. At the very moment of hearing it, "
            f"the ship sounds its horn again, and this second echo is heard ${decimal(second)}$ seconds after that. "
            f"Sound travels at {sound} metres per second. How many metres is the ship from the cliff when it hears "
            "the second echo? Give your answer as a fraction in lowest terms.",
            steps=(
                "Let $d$ be the distance at the first signal and $v$ the speed of the ship. Sound and ship together "
                f"cover twice the distance until the echo is heard: ${decimal(first)}({sound} + v) = 2d$.",
                f"At the second signal the distance is $d - {decimal(first)}v$, so ${decimal(second)}({sound} + v) = "
                f"2d - {decimal(2 * first)}v$.",
                f"The difference gives ${decimal(first - second)}({sound} + v) = {decimal(2 * first)}v$, hence $v = "
                f"\\frac{{{decimal(sound * (first - second))}}}{{{decimal(first + second)}}} = {fraction(speed)}$.",
                f"At the second echo the distance is $\\frac{{{decimal(second)}({sound} + v)}}{{2}} - "
                f"{decimal(second)}v = \\frac{{{decimal(second)}({sound} - v)}}{{2}}$, which is $\\boxed{{{answer}}}$.",
            ),
            answer=answer,
            closed=value,
            checked=checked,
        )
    every, wait = pick.choice([20, 25, 30, 40, 45, 60]), pick.randint(3, 9)
    longer = every + Fraction(pick.randint(5, 40), 10)
    speed = sound * (longer - every) / (longer + every)
    # An echo after `wait` seconds: the sound covers 2 d + v wait.
    value = (sound - speed) * wait / 2
    if not 4 <= speed <= 12 or value.denominator == 1 or value.denominator > 400:
        return None
    with mpmath.workdps(60):

        def heard(v: mpmath.mpf, gone: mpmath.mpf, sent: mpmath.mpf) -> mpmath.mpf:
            at_cliff = sent + gone / sound
            return mpmath.findroot(
                lambda t: sound * (t - at_cliff) - (gone + v * (t - sent)),
                (at_cliff, at_cliff + 60),
                solver="anderson",
                maxsteps=200,
            )

        def distance(v: mpmath.mpf) -> mpmath.mpf:
            return wait / heard(v, mpmath.mpf(1), mpmath.mpf(0))

        def gap(v: mpmath.mpf) -> mpmath.mpf:
            near = distance(v)
            return heard(v, near + v * every, mpmath.mpf(every)) - heard(v, near, mpmath.mpf(0)) - _mp(longer)

        v = mpmath.findroot(gap, (mpmath.mpf(2), mpmath.mpf(20)), solver="anderson", maxsteps=100)
        checked = distance(v)
    answer = fraction(value)
    return Draft(
        problem="A ship sails straight away from a vertical cliff at constant speed. It sounds its horn twice, "
        f"exactly {every} seconds apart. On board, the echo of the first signal is heard {wait} seconds after that "
        f"signal was given, and the echoes of the two signals are heard ${decimal(longer)}$ seconds apart. Sound "
        f"travels at {sound} metres per second. How many metres was the ship from the cliff when it gave the first "
        "signal? Give your answer as a fraction in lowest terms.",
        steps=(
            f"With the distance $d$ at a signal and the speed $v$ of the ship, the echo is heard after "
            f"$\\frac{{2d}}{{{sound} - v}}$ seconds, because the returning sound has to catch up with the ship.",
            f"At the second signal the distance is greater by ${every}v$ metres, so its echo takes "
            f"$\\frac{{{2 * every}v}}{{{sound} - v}}$ seconds longer, and this is ${decimal(longer)} - {every} = "
            f"{decimal(longer - every)}$.",
            f"From ${2 * every}v = {decimal(longer - every)}({sound} - v)$ we get $v = {fraction(speed)}$.",
            f"The first echo gives $d = \\frac{{{wait}({sound} - v)}}{{2}} = \\boxed{{{answer}}}$.",
        ),
        answer=answer,
        closed=value,
        checked=checked,
    )


@template(topic="word_problems", tier="hard", split="test", answer_type="multiple_values", variants=2)
def two_painters_share_a_fence(draw: Draw) -> Draft | None:
    pick = draw.random
    quick, slow = sorted(pick.sample([Fraction(n, 2) for n in range(7, 41)], 2))
    names = pick.choice([("Henrik", "Maja"), ("Sana", "Luis"), ("Greta", "Tom")])
    together = quick * slow / (quick + slow)
    answer = listed([decimal(quick), decimal(slow)])
    grid = [Fraction(n, 2) for n in range(1, 120)]
    if slow - quick < 1:
        return None
    if draw.variant == 0:
        split = pick.choice([2, 3])
        # One paints the first part, the other one the rest; which of them begins is not said where the parts are equal.
        turns = (quick + slow) / 2 if split == 2 else quick / 3 + 2 * slow / 3
        if (100 * together).denominator != 1 or (100 * turns).denominator != 1:
            return None
        # With parts of one third, the quadratic equation for the slower time has another root.
        other = 3 * turns * together / (2 * slow)
        if split == 3 and 0 < 3 * turns - 2 * other < other and other != slow:
            return None
        found = [
            (x, y)
            for x in grid
            for y in grid
            if x < y and (x / split + y * (split - 1) / split == turns) and x * y == together * (x + y)
        ]
        if len(found) != 1:
            return None
        if split == 2:
            told = "one of them paints half of the fence and then the other one paints the other half"
            first, hint = f"x + y = {decimal(2 * turns)}", ""
        else:
            told = "the quicker one paints one third of the fence and then the slower one paints the other two thirds"
            first, hint = f"x + 2y = {decimal(3 * turns)}", " and $x < y$"
        return Draft(
            problem=f"{names[0]} and {names[1]} paint equal fences, each at a constant rate of their own, and one of "
            f"them is quicker. If {told}, a fence takes {decimal(turns)} hours. If they work on a fence together from "
            f"the beginning to the end, it takes {decimal(together)} hours. How long would each of them need for a "
            "whole fence alone? List the two times, in hours, as decimals or integers in increasing order, separated "
            "by a comma.",
            steps=(
                f"For the times $x < y$ the first statement says ${first}$.",
                f"The second says $\\frac{{1}}{{x}} + \\frac{{1}}{{y}} = \\frac{{1}}{{{decimal(together)}}}$, that is "
                f"$xy = {decimal(together)}(x + y)$.",
                "Eliminating one of the two leads to a quadratic equation; its solutions that are positive and fit "
                f"the rest of the conditions{hint} give $x = {decimal(quick)}$ and $y = {decimal(slow)}$.",
                f"So the times are $\\boxed{{{answer}}}$.",
            ),
            answer=answer,
            closed=(quick, slow),
            checked=found[0],
        )
    alone = pick.randint(1, 3), pick.randint(1, 4)
    rests = (1 - alone[0] / quick) * together, (1 - alone[1] / slow) * together
    if any((20 * rest).denominator != 1 or rest <= 0 for rest in rests) or alone[0] == alone[1]:
        return None
    found = [
        (x, y)
        for x in grid
        for y in grid
        if (alone[0] + rests[0]) * y + rests[0] * x == x * y and rests[1] * y + (alone[1] + rests[1]) * x == x * y
    ]
    hours = [f"{each} hour{'s' if each > 1 else ''}" for each in alone]
    more = [f"{decimal(rest)} {'hour' if rest == 1 else 'hours'}" for rest in rests]
    return Draft(
        problem=f"{names[0]} and {names[1]} paint equal fences, each at a constant rate of their own. If {names[0]} "
        f"begins alone and {names[1]} joins in after {hours[0]}, the fence is finished after another {more[0]} "
        f"of painting side by side. If {names[1]} begins alone and {names[0]} joins in after {hours[1]}, "
        f"the fence is finished after another {more[1]} of painting side by side. How long would "
        "each of them need for a whole fence alone? List the two times, in hours, as decimals or integers in "
        "increasing order, separated by a comma.",
        steps=(
            f"In one hour {names[0]} paints the part $a$ and {names[1]} the part $b$ of a fence. Then "
            f"${decimal(alone[0] + rests[0])}a + {decimal(rests[0])}b = 1$ and ${decimal(rests[1])}a + "
            f"{decimal(alone[1] + rests[1])}b = 1$.",
            f"The determinant of this system is ${decimal(alone[0] + rests[0])} \\cdot {decimal(alone[1] + rests[1])} "
            f"- {decimal(rests[0])} \\cdot {decimal(rests[1])} = "
            f"{decimal((alone[0] + rests[0]) * (alone[1] + rests[1]) - rests[0] * rests[1])}$, so the solution is "
            "unique.",
            f"It is $a = {fraction(1 / quick)}$ and $b = {fraction(1 / slow)}$.",
            f"The times are the reciprocals $\\boxed{{{answer}}}$.",
        ),
        answer=answer,
        closed=(quick, slow),
        checked=found[0] if len(found) == 1 else (0, 0),
    )


@template(topic="word_problems", tier="hard", split="test", answer_type="interval", variants=2)
def two_rockets_above_a_height(draw: Draw) -> Draft | None:
    pick = draw.random
    p, q = sorted(pick.sample([Fraction(n, 2) for n in range(2, 18)], 2))
    r, s = sorted(pick.sample([Fraction(n, 2) for n in range(1, 16)], 2))
    if draw.variant == 1:
        p, r = Fraction(pick.randint(4, 8), 2), Fraction(pick.randint(1, 4), 2)
        q, s = p + Fraction(pick.randint(4, 7), 2), r + Fraction(pick.randint(4, 6), 2)
    level, base = 5 * p * q, 5 * p * q - 5 * r * s
    speeds = 5 * (p + q), 5 * (r + s)
    if (
        any(each.denominator > 2 for each in (level, base))
        or not 3 <= base <= 90
        or q - p < 2
        or s - r < 2
        or level > 150
    ):
        return None
    formula = (
        "Neglecting air resistance, a rocket launched at an initial speed of $v$ metres per second from a height of "
        "$b$ metres is $b + vt - 5t^2$ metres above the ground $t$ seconds after its launch."
    )

    def high(time: Fraction, delay: Fraction) -> bool:
        first = speeds[0] * time - 5 * time * time
        late = time - delay
        return first >= level and late >= 0 and base + speeds[1] * late - 5 * late * late >= level

    if draw.variant == 0:
        delay = Fraction(pick.randint(1, 10), 2)
        low, top = max(p, delay + r), min(q, delay + s)
        if top - low < Fraction(1, 2) or low == p:
            return None
        points = [Fraction(n, 8) for n in range(0, 160)]
        points += [end + shift for end in (low, top) for shift in (-Fraction(1, 100), Fraction(0), Fraction(1, 100))]
        inside = tuple(t for t in points if high(t, delay))
        outside = tuple(t for t in points if not high(t, delay))
        text = (
            "A toy rocket is launched straight up from the ground at an initial speed of "
            f"{decimal(speeds[0])} metres per second. Exactly {decimal(delay)} seconds later a second one is launched "
            f"straight up from a platform {decimal(base)} metres high at an initial speed of {decimal(speeds[1])} "
            f"metres per second. {formula} For which times, in seconds after the launch of the first rocket, are "
            f"both rockets at a height of at least {decimal(level)} metres?"
        )
        steps = (
            f"The first rocket: ${decimal(speeds[0])}t - 5t^2 \\ge {decimal(level)}$ means $(t - {decimal(p)})"
            f"(t - {decimal(q)}) \\le 0$, so ${decimal(p)} \\le t \\le {decimal(q)}$.",
            f"The second, $u$ seconds after its own launch: ${decimal(base)} + {decimal(speeds[1])}u - 5u^2 \\ge "
            f"{decimal(level)}$ means ${decimal(r)} \\le u \\le {decimal(s)}$.",
            f"Since $u = t - {decimal(delay)}$, this is ${decimal(delay + r)} \\le t \\le {decimal(delay + s)}$.",
        )
    else:
        least = Fraction(pick.randint(1, 4), 2)
        low, top = p + least - s, q - r - least
        if low <= 0 or top - low < 1 or least >= min(q - p, s - r):
            return None
        points = [Fraction(n, 4) for n in range(0, 60)]
        points += [end + shift for end in (low, top) for shift in (-Fraction(1, 8), Fraction(0), Fraction(1, 8))]
        times = [Fraction(n, 8) for n in range(0, 150)]

        def long_enough(delay: Fraction) -> bool:
            # All bounds are multiples of an eighth of a second.
            return sum(high(time, delay) for time in times) > 8 * least

        inside = tuple(d for d in set(points) if d >= 0 and long_enough(d))
        outside = tuple(d for d in set(points) if d < 0 or not long_enough(d))
        text = (
            "A toy rocket is launched straight up from the ground at an initial speed of "
            f"{decimal(speeds[0])} metres per second, and $d \\ge 0$ seconds later a second one is launched straight "
            f"up from a tower {decimal(base)} metres high at an initial speed of {decimal(speeds[1])} metres per "
            f"second. {formula} For a photograph both rockets have to be at a height of at least {decimal(level)} "
            f"metres at the same time, without interruption, for at least {decimal(least)} "
            f"{'second' if least == 1 else 'seconds'}. For which delays $d$ is this the case?"
        )
        steps = (
            f"The first rocket is high enough from {decimal(p)} to {decimal(q)} seconds after its launch, since "
            f"${decimal(speeds[0])}t - 5t^2 - {decimal(level)} = -5(t - {decimal(p)})(t - {decimal(q)})$.",
            f"The second one is high enough from {decimal(r)} to {decimal(s)} seconds after its own launch, that is "
            f"from $d + {decimal(r)}$ to $d + {decimal(s)}$ on the clock of the first one.",
            f"The two intervals are longer than {decimal(least)} seconds. They overlap long enough when ${decimal(q)} "
            f"- (d + {decimal(r)}) \\ge {decimal(least)}$ and $(d + {decimal(s)}) - {decimal(p)} \\ge "
            f"{decimal(least)}$.",
        )
    answer = f"[{decimal(low)}, {decimal(top)}]"
    return Draft(
        problem=f"{text} Give your answer in interval notation with decimals.",
        steps=(*steps, f"So the interval is $\\boxed{{{answer}}}$."),
        answer=answer,
        closed=sympy.Interval(sympy.Rational(low), sympy.Rational(top)),
        checked=Members(inside=inside, outside=outside),
    )


@template(topic="word_problems", tier="hard", split="test", answer_type="expression", variants=2)
def drug_left_after_doses(draw: Draw) -> Draft | None:
    pick = draw.random
    gone = pick.choice([40, 60, 70, 75, 80])
    rest = 1 - Fraction(gone, 100)
    limit = pick.choice([120, 160, 200, 240, 300, 360, 400, 500, 600])
    dose = limit * (1 - rest)
    name = pick.choice(["a drug against malaria", "an antibiotic", "a painkiller"])
    if dose.denominator != 1:
        return None
    n = sympy.Symbol("n")
    power = f"\\left({fraction(rest)}\\right)^n"
    values: list[At] = []
    steps: tuple[str, ...]
    if draw.variant == 0:
        here = Fraction(0)
        for at in range(1, 7):
            here = here * rest + dose
            values.append(({"n": at}, here))
        closed = limit * (1 - sympy.Rational(rest) ** n)
        answer = f"{limit} - {limit}{power}"
        text = (
            f"A patient takes {dose} mg of {name} at the same time every day. From one dose to the next, the body "
            f"breaks down ${gone}\\%$ of all that it contains of the drug; before the first dose it contains none. "
            "How many milligrams does the body contain immediately after dose number $n$?"
        )
        steps = (
            f"Immediately after dose $n$ the body contains ${dose} + {dose}q + {dose}q^2 + \\dots + {dose}q^{{n-1}}$ "
            f"mg with $q = {fraction(rest)}$, since each dose is reduced to the part $q$ from day to day.",
            f"The geometric series has the sum ${dose} \\cdot \\frac{{1 - q^n}}{{1 - q}}$, and "
            f"$\\frac{{{dose}}}{{1 - q}} = {limit}$.",
        )
    else:
        start = pick.choice([2, 3]) * int(dose)
        if start == limit:
            return None
        here = Fraction(start)
        for at in range(1, 7):
            here *= rest
            values.append(({"n": at}, here))
            here += dose
        steady, swing = limit * rest, start - limit
        closed = sympy.Rational(steady) + swing * sympy.Rational(rest) ** n
        if steady.denominator != 1:
            return None
        answer = f"{steady}{term(swing, power)}"
        text = (
            f"A patient takes {name} at the same time every day: {start} mg on the first day and {dose} mg on every "
            f"later day. From one dose to the next, the body breaks down ${gone}\\%$ of all that it contains of the "
            "drug; before the first dose it contains none. How many milligrams does the body contain on day $n + 1$ "
            "immediately before that day's dose, where $n \\ge 1$?"
        )
        steps = (
            f"If $x_n$ is the content immediately before the dose on day $n + 1$, then $x_1 = {fraction(rest)} \\cdot "
            f"{start} = {fraction(rest * start)}$ and $x_{{n+1}} = {fraction(rest)}(x_n + {dose})$.",
            f"The content that repeats itself is $x = {fraction(rest)}(x + {dose})$, so $x = {steady}$.",
            f"The difference $x_n - {steady}$ is multiplied by ${fraction(rest)}$ every day and is "
            f"${fraction(rest * swing)}$ for $n = 1$.",
        )
    return Draft(
        problem=f"{text} Give your answer as an expression in $n$.",
        steps=(*steps, f"So the content is $\\boxed{{{answer}}}$."),
        answer=answer,
        closed=closed,
        checked=Points(values=tuple(values)),
    )


@template(topic="word_problems", tier="competition", split="test", answer_type="fraction", variants=2)
def trains_that_pass_each_other(draw: Draw) -> Draft | None:
    pick = draw.random
    fast, slow = pick.randint(24, 45), pick.randint(12, 28)
    pole, bridge_time = pick.randint(5, 12), pick.randint(16, 40)
    long = fast * pole
    bridge = fast * bridge_time - long
    if slow + 4 > fast or not 150 <= bridge <= 1200 or not 120 <= long <= 420:
        return None
    if draw.variant == 0:
        tenths = math.lcm((fast + slow) // math.gcd(fast + slow, 10), (fast - slow) // math.gcd(fast - slow, 10))
        lengths = [each for each in range(90, 401) if (long + each) % tenths == 0]
        if not lengths:
            return None
        other = pick.choice(lengths)
        meet, overtake = Fraction(long + other, fast + slow), Fraction(long + other, fast - slow)
        value = Fraction(bridge + other, slow)
        if (10 * meet).denominator != 1 or (10 * overtake).denominator != 1 or value.denominator == 1:
            return None
        with mpmath.workdps(60):
            # Unknown: both speeds and both lengths.
            solution = mpmath.lu_solve(
                mpmath.matrix(
                    [
                        [-pole, 0, 1, 0],
                        [-bridge_time, 0, 1, 0],
                        [-_mp(meet), -_mp(meet), 1, 1],
                        [-_mp(overtake), _mp(overtake), 1, 1],
                    ]
                ),
                mpmath.matrix([0, -bridge, 0, 0]),
            )
            checked = (bridge + solution[3]) / solution[1]
        answer = fraction(value)
        return Draft(
            problem=f"An express train passes a signal post in {pole} seconds and crosses a bridge of {bridge} metres "
            f"in {bridge_time} seconds, counted from the moment its front reaches the bridge until its rear end "
            "leaves it. A goods train, which is slower, runs on a parallel track. When the two trains meet in "
            f"opposite directions, it takes {decimal(meet)} seconds from the moment their fronts meet until their "
            "rear ends have passed each other. When the express overtakes the goods train, it takes "
            f"{decimal(overtake)} seconds from the moment the front of the express reaches the rear end of the goods "
            "train until the rear end of the express has passed the front of the goods train. All speeds are "
            "constant. How many seconds does the goods train need to cross the same bridge, counted in the same way? "
            "Give your answer as a fraction in lowest terms.",
            steps=(
                f"In the additional ${bridge_time} - {pole} = {bridge_time - pole}$ seconds the express covers "
                f"{bridge} metres, so its speed is {fast} metres per second and its length ${pole} \\cdot {fast} = "
                f"{long}$ metres.",
                f"If $v$ is the speed of the goods train, the two passings cover the same total length: "
                f"${decimal(meet)}({fast} + v) = {decimal(overtake)}({fast} - v)$.",
                f"Hence ${decimal(meet + overtake)}v = {decimal(fast * (overtake - meet))}$ and $v = {slow}$.",
                f"The total length is ${decimal(meet)} \\cdot {fast + slow} = {long + other}$ metres, so the goods "
                f"train is ${long + other} - {long} = {other}$ metres long.",
                f"Crossing the bridge takes it $\\frac{{{bridge} + {other}}}{{{slow}}} = \\boxed{{{answer}}}$.",
            ),
            answer=answer,
            closed=value,
            checked=checked,
        )
    slow_pole = pick.randint(pole + 3, 22)
    other = slow * slow_pole
    meet = Fraction(long + other, fast + slow)
    value = Fraction(fast * (long + other), fast - slow)
    if (10 * meet).denominator != 1 or value.denominator == 1 or not 120 <= other <= 500:
        return None
    with mpmath.workdps(60):

        def total(v: mpmath.mpf) -> mpmath.mpf:
            u = mpmath.mpf(bridge) / (bridge_time - pole)
            return u * pole + v * slow_pole - _mp(meet) * (u + v)

        v = mpmath.findroot(total, (1, 60), solver="anderson", maxsteps=200)
        u = mpmath.mpf(bridge) / (bridge_time - pole)
        time = mpmath.findroot(
            lambda t: (u - v) * t - u * pole - v * slow_pole, (0, 5000), solver="anderson", maxsteps=200
        )
        checked = u * time
    answer = fraction(value)
    return Draft(
        problem=f"An express train passes a signal post in {pole} seconds, and a slower goods train passes it in "
        f"{slow_pole} seconds. When the two trains meet in opposite directions on parallel tracks, they pass each "
        f"other in {decimal(meet)} seconds, counted from the moment their fronts meet until their rear ends have "
        f"passed each other. The express needs {bridge_time} seconds to cross a bridge of {bridge} metres, counted "
        "from the moment its front reaches the bridge until its rear end leaves it. Later the express overtakes the "
        "goods train. How many metres does the express travel from the moment its front reaches the rear end of the "
        "goods train until its own rear end is level with the front of the goods train? All speeds are constant. Give "
        "your answer as a fraction in lowest terms.",
        steps=(
            f"In the additional ${bridge_time} - {pole} = {bridge_time - pole}$ seconds on the bridge the express "
            f"covers {bridge} metres, so its speed is {fast} metres per second and its length {long} metres.",
            f"With the speed $v$ the goods train is ${slow_pole}v$ metres long.",
            f"When they meet, ${decimal(meet)}({fast} + v) = {long} + {slow_pole}v$, so $v = {slow}$ and the goods "
            f"train is {other} metres long.",
            f"For overtaking, the express has to gain ${long} + {other} = {long + other}$ metres at ${fast} - {slow} "
            f"= {fast - slow}$ metres per second, in ${fraction(Fraction(long + other, fast - slow))}$ seconds.",
            f"Meanwhile it travels ${fast} \\cdot {fraction(Fraction(long + other, fast - slow))} = "
            f"\\boxed{{{answer}}}$.",
        ),
        answer=answer,
        closed=value,
        checked=checked,
    )


@template(topic="word_problems", tier="competition", split="test", answer_type="fraction", variants=2)
def queue_in_front_of_gates(draw: Draw) -> Draft | None:
    pick = draw.random
    # Everything in units of what one gate lets in per minute.
    few, more = sorted(pick.sample(range(4, 13), 2))
    arrivals = Fraction(pick.randint(5, 4 * few - 3), 4)
    shared = math.lcm(int(4 * (few - arrivals)), int(4 * (more - arrivals)))
    crowds = [each for each in range(60, 301) if 4 * each % shared == 0]
    if not crowds:
        return None
    crowd = pick.choice(crowds)
    slow, quick = crowd / (few - arrivals), crowd / (more - arrivals)
    if slow.denominator != 1 or quick.denominator != 1 or slow > 150 or quick < 15 or arrivals.denominator == 1:
        return None
    start, extra = pick.randint(few, few + 3), pick.randint(2, 5)
    if start == more:
        return None
    place = pick.choice(["a stadium", "a fairground", "an exhibition hall"])
    intro = (
        f"Before {place} opens, a queue has formed, and after the opening people keep arriving at a constant rate. "
        f"All gates let in people at the same constant rate. With {few} gates open from the beginning, the queue is "
        f"gone {slow} minutes after the opening; with {more} gates it is gone after {quick} minutes."
    )
    steps = (
        "Measure people by the number one gate lets in per minute: let $q$ be the queue at the opening and $r$ the "
        "arrivals per minute.",
        f"Then $q + {slow}r = {few} \\cdot {slow} = {few * slow}$ and $q + {quick}r = {more} \\cdot {quick} = "
        f"{more * quick}$.",
        f"Subtracting, ${slow - quick}r = {few * slow - more * quick}$, so $r = {fraction(arrivals)}$ and $q = "
        f"{crowd}$.",
    )
    with mpmath.workdps(60):
        solved = mpmath.lu_solve(
            mpmath.matrix([[1, int(slow)], [1, int(quick)]]), mpmath.matrix([int(few * slow), int(more * quick)])
        )
        # The queue after a time, when the extra gates open at a moment.
        after = pick.randint(10, 25)

        def queue(time: mpmath.mpf, opened: mpmath.mpf) -> mpmath.mpf:
            return solved[0] + solved[1] * time - start * time - extra * (time - opened)

        if draw.variant == 0:
            value = (crowd + extra * after) / (start + extra - arrivals)
            if value <= after + 5 or value.denominator == 1 or crowd <= (start - arrivals) * after:
                return None
            checked = mpmath.findroot(
                lambda t: queue(t, mpmath.mpf(after)), (after, 2000), solver="anderson", maxsteps=200
            )
        else:
            goal = int(quick) + pick.randint(-6, 15)
            value = goal - (crowd + (arrivals - start) * goal) / extra
            if not 5 < value < goal - 5 or value.denominator == 1 or goal in (slow, quick):
                return None
            checked = mpmath.findroot(lambda o: queue(mpmath.mpf(goal), o), (0, goal), solver="anderson", maxsteps=200)
    answer = fraction(value)
    if draw.variant == 0:
        text = (
            f"On another day with the same queue and the same arrivals, {start} gates are open at first and {extra} "
            f"more are opened {after} minutes after the opening. How many minutes after the opening is the queue gone?"
        )
        last = (
            f"On the other day the gates let in ${start} \\cdot {after} + {start + extra}(t - {after})$ up to the "
            f"time $t$, and this has to be ${crowd} + {fraction(arrivals)}t$.",
            f"So ${fraction(start + extra - arrivals)}t = {crowd + extra * after}$ and $t = \\boxed{{{answer}}}$.",
        )
    else:
        text = (
            f"On another day with the same queue and the same arrivals, only {start} gates are open at first, and "
            f"{extra} more are opened later, at a moment chosen so that the queue is gone exactly {goal} minutes "
            "after the opening. How many minutes after the opening are the additional gates opened?"
        )
        last = (
            f"Up to minute {goal} the gates have to let in ${crowd} + {fraction(arrivals)} \\cdot {goal} = "
            f"{fraction(crowd + arrivals * goal)}$. The first {start} gates manage ${start * goal}$ of this.",
            f"The {extra} additional gates have to let in ${fraction(crowd + arrivals * goal - start * goal)}$, which "
            f"takes them ${fraction(goal - value)}$ minutes, so they open after $\\boxed{{{answer}}}$.",
        )
    return Draft(
        problem=f"{intro} {text} Give your answer as a fraction in lowest terms.",
        steps=(*steps, *last),
        answer=answer,
        closed=value,
        checked=checked,
    )


@template(topic="word_problems", tier="competition", split="test", answer_type="tuple", variants=2)
def best_price_for_two_groups(draw: Draw) -> Draft | None:
    pick = draw.random
    # Numbers of tourists a - b p and of residents c - d p, as long as these are positive.
    b, d = pick.randint(4, 10), pick.randint(12, 30)
    rich, poor = 2 * pick.randint(12, 25), 2 * pick.randint(4, 10)
    a, c = b * rich, d * poor
    place = pick.choice(["a lookout tower", "a cave", "a harbour cruise"])
    more = 0 if draw.variant == 0 else pick.randint(3, 8)
    # Residents pay p, tourists pay p + more.
    both = Fraction(a + c - 2 * b * more, 2 * (b + d))
    income_both = both * (c - d * both) + (both + more) * (a - b * (both + more))
    alone = Fraction(rich, 2) - more
    income_alone = Fraction(b * rich * rich, 4)
    if not (0 < both < poor and (20 * both).denominator == 1 and (100 * income_both).denominator == 1):
        return None
    if alone <= poor or abs(income_both - income_alone) < 20 or (draw.variant == 1 and both.denominator == 1):
        return None
    price, income = (both, income_both) if income_both > income_alone else (alone, income_alone)
    # The two structures differ in which of the two local maxima wins.
    if (price == both) != (draw.variant == 1):
        return None

    def earned(unit: Fraction) -> Fraction:
        return unit * max(Fraction(0), c - d * unit) + (unit + more) * max(Fraction(0), a - b * (unit + more))

    best = max((Fraction(k, 20) for k in range(0, 20 * rich)), key=earned)
    answer = ordered([decimal(price), decimal(income)])
    crowd = (
        f"If tourists are asked to pay $p$ dollars, ${a} - {b}p$ of them come on a day for $0 \\le p \\le {rich}$ and "
        f"none for higher prices. If residents are asked to pay $p$ dollars, ${c} - {d}p$ of them come for $0 \\le p "
        f"\\le {poor}$ and none for higher prices."
    )
    if draw.variant == 0:
        text = (
            f"At {place}, the operator has to charge tourists and residents the same price $p$, which may be any "
            f"non-negative real number. {crowd} Which price brings the greatest daily income, and how large is this "
            "income? Numbers of people may be treated as real numbers. Give your answer as an ordered pair (price, "
            "income) in dollars."
        )
        tourists = f"p({a} - {b}p)"
    else:
        text = (
            f"At {place}, tourists have to pay exactly \\${more} more than residents. {crowd} The price for residents "
            "may be any non-negative real number. Which price for residents brings the greatest daily income in "
            "total, and how large is this income? Numbers of people may be treated as real numbers. Give your answer "
            "as an ordered pair (price for residents, income) in dollars, with decimals where needed."
        )
        tourists = f"(p + {more})({a} - {b}(p + {more}))"
    return Draft(
        problem=text,
        steps=(
            f"Let $p$ be the price{' for residents' if more else ''}. For $0 \\le p \\le {poor}$ both groups come, "
            f"and the income is $p({c} - {d}p) + {tourists}$.",
            f"This quadratic function of $p$ has its vertex at $p = {decimal(both)}$, within the range, with the value "
            f"{decimal(income_both)}.",
            f"For larger $p$ only tourists come. Their part ${tourists}$ is greatest when they pay "
            f"$\\frac{{{rich}}}{{2}} = {rich // 2}$ dollars, that is for $p = {decimal(alone)}$, which indeed exceeds "
            f"${poor}$; the value is {decimal(income_alone)}.",
            f"The greater one of {decimal(income_both)} and {decimal(income_alone)} is {decimal(income)}.",
            f"So the pair is $\\boxed{{{answer}}}$.",
        ),
        answer=answer,
        closed=(price, income),
        checked=(best, earned(best)),
    )
