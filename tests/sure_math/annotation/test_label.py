"""Labels by a model: one greedy answer, or the majority of several.

Pins: the label, its solution and its source; why there is none, for every reason; which problems are asked, with which
seeds, and which are dropped; thinking is not part of a solution; the vote puts together what is equal by computation
and nothing else; the labels of a real model, the same for one greedy answer whatever the run's seed, and right where
the pocket world knows the answer.
"""

import dataclasses

import pytest

from sure_math.annotation.label import Label, Labeller, Unlabelled, label, model_labeller
from sure_math.identity import random_seed
from sure_math.models.engines import Refusal
from sure_math.models.engines.spec import ModelSpec
from sure_math.models.responders.chat import load_responder
from sure_math.pocket.world import seed_problems
from sure_math.prompts import load_prompt
from sure_math.rows import Problem
from tests.helpers.scripted_models import ScriptedResponder, last_user_text
from tests.helpers.small_published_run import a_problem

TAGS = {"opening_tag": "<think>", "closing_tag": "</think>"}
SEED = 5


def open_problem(name: str, **changes) -> Problem:
    return a_problem(name, **({"answer": None, "answer_source": None, "round": 1} | changes))


def scripted(replies: dict[str, list[str | Refusal]]) -> ScriptedResponder:
    """Answers the problem `name` (whose text is `What is NAME?`) with its list, one entry per sample index."""
    by_seed = {
        random_seed(SEED, "label", name, index): text
        for name, texts in replies.items()
        for index, text in enumerate(texts)
    }
    return ScriptedResponder(script=lambda question, seed: by_seed[seed])


def labeller(responder: ScriptedResponder, num_samples: int = 1, min_share: float = 0.5) -> Labeller:
    return model_labeller(
        responder,
        "Solve: {problem}",
        num_samples=num_samples,
        temperature=0.7,
        max_new_tokens=64,
        min_share=min_share,
        run_seed=SEED,
        tags=TAGS,
    )


def boxed(*answers: str) -> list[str | Refusal]:
    return [rf"sample {place}: \boxed{{{answer}}}" for place, answer in enumerate(answers)]


LONG = Refusal(reason="prompt_too_long", detail="9 + 9 > 16")
LABELS: dict[str, tuple[list[str | Refusal], Label | Unlabelled]] = {
    "one answer": (boxed("7"), Label(answer="7", solution=r"sample 0: \boxed{7}")),
    "thinking is left out": (
        [r"<think>\boxed{1}? No.</think> So \boxed{2}"],
        Label(answer="2", solution=r"So \boxed{2}"),
    ),
    "no box": (["It is seven."], Unlabelled(detail="no final answer in 1 of 1: unboxed")),
    "cut in its thinking": ([r"<think>so \boxed{7}"], Unlabelled(detail="no final answer in 1 of 1: truncated")),
    "refused": ([LONG], Unlabelled(detail="refused by the engine: prompt_too_long: 9 + 9 > 16")),
    # The third sample is the first to end in the string that won.
    "majority in two forms": (
        boxed("3", "1/2", "0.5", "0.5", "4"),
        Label(answer="0.5", solution=r"sample 2: \boxed{0.5}"),
    ),
    "share below the least": (boxed("1", "1", "2", "3", "4"), Unlabelled(detail="share 2 of 5 is below 0.5")),
    "share equal to the least": (boxed("1", "1", "2", "3"), Label(answer="1", solution=r"sample 0: \boxed{1}")),
    "missing answers count as samples": (
        [*boxed("1", "1"), "none", "none", "none"],
        Unlabelled(detail="share 2 of 5 is below 0.5"),
    ),
    "missing answers do not make a majority": (
        ["none", "none", *boxed("8", "8")],
        Label(answer="8", solution=r"sample 0: \boxed{8}"),
    ),
    "no answer at all": (["none", "", "none"], Unlabelled(detail="no final answer in 3 of 3: empty, unboxed")),
    # Undecided by computation: a judge would be asked, and there is none.
    "a unit on one side": (boxed("50", r"50\%", "50"), Label(answer="50", solution=r"sample 0: \boxed{50}")),
}


@pytest.mark.parametrize(("replies", "expected"), LABELS.values(), ids=LABELS)
def test_label(replies: list[str | Refusal], expected: Label | Unlabelled) -> None:
    problem = open_problem("p")
    assert labeller(scripted({"p": replies}), len(replies)).answer([problem]) == [expected]


def test_only_open_problems_are_asked_and_only_evolved_ones_dropped() -> None:
    responder = scripted({"a": ["no box"], "b": ["no box"], "c": boxed("5")})
    problems = [
        open_problem("a", round=0, strategy="seed"),
        open_problem("b", strategy="harder"),
        open_problem("c", system="Be brief."),
        a_problem("d", answer="6", answer_source="source", solution="of the source"),
    ]
    output = label(problems, by="model", drop_unlabelled=True, labeller=labeller(responder))
    assert [(row.problem_id, row.answer, row.answer_source) for row in output.rows] == [
        ("a", None, None),
        ("c", "5", "scripted"),
        ("d", "6", "source"),
    ]
    assert output.rows[2].solution == "of the source"
    (dropped,) = output.dropped
    assert dropped == dataclasses.replace(
        dropped, problem_id="b", phase="label", reason="unlabelled", detail="no final answer in 1 of 1: unboxed"
    )
    assert [last_user_text(question) for question in responder.asked] == [f"Solve: What is {name}?" for name in "abc"]
    assert [message.role for message in responder.asked[2].messages] == ["system", "user"]
    kept = label(problems, by="model", drop_unlabelled=False, labeller=labeller(responder))
    assert ([row.problem_id for row in kept.rows], kept.dropped) == (["a", "b", "c", "d"], [])


def test_no_model_is_asked_where_nothing_is_open() -> None:
    responder = scripted({})
    problems = [a_problem("a")]
    assert label(problems, by="model", drop_unlabelled=True, labeller=labeller(responder)).rows == problems
    assert responder.asked == []


def test_nobody_labels() -> None:
    output = label([open_problem("a")], by="none", drop_unlabelled=True)
    assert [(row.reason, row.detail) for row in output.dropped] == [("unlabelled", "label.by = none")]


def test_labels_of_a_real_model() -> None:
    world = seed_problems(12, split="test", run_seed=0)
    problems = [open_problem(f"p{number}", problem=row.problem) for number, row in enumerate(world)]
    teacher = load_responder(ModelSpec(model="pocket:teacher", options={"cpu_threads": 1}))

    def labels(num_samples: int, run_seed: int) -> list[str | None]:
        made = model_labeller(
            teacher,
            load_prompt("pocket", "solve"),
            num_samples=num_samples,
            temperature=0.7,
            max_new_tokens=256,
            min_share=0.5,
            run_seed=run_seed,
            tags=TAGS,
        )
        rows = label(problems, by="model", drop_unlabelled=False, labeller=made).rows
        assert {row.answer_source for row in rows if row.answer is not None} == {"pocket:teacher"}
        assert all(
            row.solution and rf"\boxed{{{row.answer}}}" in row.solution for row in rows if row.answer is not None
        )
        return [row.answer for row in rows]

    try:
        greedy, voted = labels(1, run_seed=0), labels(5, run_seed=0)
        assert greedy == labels(1, run_seed=1)
        # No accuracy is promised of a label, only that these are the teacher's answers: it solves most of this world.
        assert sum(answer == row.answer for answer, row in zip(greedy, world, strict=True)) >= 5
        assert sum(answer is not None for answer in voted) >= 6
    finally:
        teacher.close()


def test_the_pocket_world_answers_no_problem_with_a_system_prompt() -> None:
    (plain,) = seed_problems(1, split="train", run_seed=0)
    rows = [
        open_problem("a", problem=plain.problem),
        open_problem("b", problem=plain.problem, system="Answer in base 8."),
    ]
    output = label(rows, by="pocket-world", drop_unlabelled=False)
    assert [row.answer for row in output.rows] == [plain.answer, None]
