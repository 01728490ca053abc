"""Problems for the tests of phases that compare problems with each other."""

import dataclasses

from sure_math.rows import Problem

SEED = Problem(
    problem_id="a",
    problem="A gardener plants 14 rows of 25 tulips each and sells every third tulip. How many tulips does she keep?",
    system=None,
    answer="234",
    answer_source="source",
    solution=None,
    source="garden",
    tier="easy",
    strategy="seed",
    round=0,
    seed_id="a",
    parent_id=None,
    author=None,
    license="mit",
    split="train",
    overlaps=(),
)
BOAT = "A boat crosses a river of 120 meters in 45 seconds. How far does the current of 2 m/s carry it meanwhile?"
BAKER = "A baker needs 350 grams of flour for one loaf. How many loaves can she bake with 12 bags of 2 kilograms each?"
TOWER = (
    "The shadow of a tower is 18 meters long while a stick of 2 meters has a shadow of 3 meters. How high is the tower?"
)


def child(number: int, text: str, seed: str = "a") -> Problem:
    name = f"{seed}{number}"
    return dataclasses.replace(
        SEED, problem_id=name, problem=text, seed_id=seed, round=number, strategy="harder", parent_id=seed
    )


def other(name: str, text: str, **changes: object) -> Problem:
    return dataclasses.replace(SEED, problem_id=name, seed_id=name, problem=text, **changes)  # type: ignore[arg-type]
