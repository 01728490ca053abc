r"""The same responses in the four places that say whether a response is right.

Pins: training rewards, the exam of the trainer, the answers of Phase 1 and the evaluation harness agree on boxes in
thoughts, finished or not, opened by the response or by the prompt, on thoughts between tags of the user, and on boxes
that hold no answer.
"""

import copy
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from sure_math.annotation.answers import extract
from sure_math.equivalence import against_gold
from sure_math.models.engines import Completion, Request, Sampling
from sure_math.models.engines.files import load_tokenizer
from sure_math.models.engines.pocket_files import pocket_folder
from sure_math.models.responders.chat import Chat, ChatResponder, Message, Question
from sure_math.rows import Sample
from tests.helpers.evaluations import WrittenModel, benchmark_file, evaluate
from tests.helpers.scripted_models import ScriptedEngine
from tests.helpers.short_training_runs import a_row
from uopd.rollouts.prompt_pool import PromptPool
from uopd.rollouts.rollout_log import write_rollouts
from uopd.rollouts.sources import SampledRollouts
from uopd.rows import Prompt, Rollout
from uopd.run.evaluation import Evaluator

GOLD, PROBLEM = "5", "How many are there?"
OPENS = "<think>\n"
RESPONSES: dict[str, tuple[str, str, bool]] = {
    # The end of the prompt, the response, and whether it is right.
    "cut in its thought": ("", r"<think> Try \boxed{5}? No, wait ...", False),
    "cut in the prompt's thought": (OPENS, r"Try \boxed{5}? No, wait ...", False),
    "box in the thought alone": ("", r"<think> so \boxed{5} </think> I am not sure about this one.", False),
    "box in the prompt's thought alone": (OPENS, r"so \boxed{5} </think> I am not sure about this one.", False),
    "another box in the thought": ("", r"<think> so \boxed{7} </think> The answer is \boxed{5}.", True),
    "another box in the prompt's thought": (OPENS, r"so \boxed{7} </think> The answer is \boxed{5}.", True),
    "the thought opened twice": (OPENS, r"<think> so \boxed{7} </think> The answer is \boxed{5}.", True),
    "a second thought that never ends": ("", r"<think>a</think> \boxed{5} <think> or \boxed{6}", False),
    "no thought": ("", r"The answer is \boxed{5}.", True),
    "a thought that the prompt closed": (f"{OPENS}\n</think>\n\n", r"The answer is \boxed{5}.", True),
    "another family": ("", r"[THINK] so \boxed{5}", False),
    "another family in the prompt": ("[THINK]", r"so \boxed{5}", False),
    "channels": ("", r"analysis\boxed{7}assistantfinal\boxed{5}", True),
    "tags of the user": ("", r"<mull> so \boxed{7} </mull> The answer is \boxed{5}.", True),
    "box between tags of the user": ("", r"<mull> so \boxed{5} </mull> I am not sure.", False),
    "closing tag of the user": ("", r"so \boxed{5} </mull> I am not sure.", False),
    "no box": ("", "The answer is 5.", False),
    "two boxes": ("", r"\boxed{5}, \boxed{6}", False),
    "a box that is not closed": ("", r"so \boxed{5} or \boxed{6", False),
    "a part of the answer": ("", r"at least \boxed{5}", False),
    "another form": ("", r"so \boxed{\frac{10}{2}}", True),
    "a scale word": ("", r"\boxed{5} million", False),
    "nothing": ("", " ", False),
}
TAGS = ("<mull>", "</mull>")


@cache
def chat_that_ends_in(end: str) -> tuple[Chat, Any]:
    tokenizer = copy.deepcopy(load_tokenizer(pocket_folder("student")))
    tokenizer.chat_template += "{% if add_generation_prompt %}" + end.replace("\n", "{{ '\\n' }}") + "{% endif %}"
    return Chat(tokenizer, name="pocket:student", template_options={}), tokenizer


class OneResponse:
    """A `Sampler` whose response is always the same."""

    version = 0

    def __init__(self, token_ids: Sequence[int]) -> None:
        self._completion = Completion(token_ids=tuple(token_ids), sum_logprob=-1.0, finish_reason="length")

    def generate(self, requests: Sequence[Request]) -> list[Any]:
        return [(self._completion,) * len(request.seeds) for request in requests]

    def logprobs(self, token_ids: Sequence[int]) -> list[list[float]]:
        return []

    def close(self) -> None:
        pass


def rollout_of(end: str, text: str) -> Rollout:
    chat, tokenizer = chat_that_ends_in(end)
    ids = chat.encode((Message(role="user", content=PROBLEM),))
    prompt = Prompt(problem_id="p", token_ids=ids, scorer_ids=ids, weight=1.0, answer=GOLD, problem=PROBLEM)
    pool = PromptPool(prompts=(prompt,), too_long=0, probabilities=None, seed=0, samples=1, per_step=1)
    sampler = OneResponse(tokenizer(text, add_special_tokens=False)["input_ids"])
    sampling = Sampling(max_new_tokens=512, temperature=1.0)
    (rollout,) = SampledRollouts(pool=pool, sampler=sampler, chat=chat, sampling=sampling, per_prompt=1, tags=TAGS)(0)
    return rollout


def in_training(end: str, text: str, folder: Path) -> bool:
    return rollout_of(end, text).reward == 1.0


def in_the_exam(end: str, text: str, folder: Path) -> bool:
    chat, tokenizer = chat_that_ends_in(end)
    row = a_row("p", answer=GOLD, problem=PROBLEM)
    sampler = OneResponse(tokenizer(text, add_special_tokens=False)["input_ids"])
    return Evaluator([row], chat, "{problem}", 512, tags=TAGS)(sampler).correct[0]


def in_phase_1(end: str, text: str, folder: Path) -> bool:
    tokenizer = chat_that_ends_in(end)[1]
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    engine = ScriptedEngine(script=lambda prompt, seed: ids, stop_token_id=1, max_length=4096)
    message = Message(role="user", content=PROBLEM)
    question = Question(messages=(message,), seeds=(1,), sampling=Sampling(max_new_tokens=512, temperature=1.0))
    (replies,) = ChatResponder(engine, tokenizer, template_options={}).ask([question])
    assert isinstance(replies, tuple)
    sample = Sample(
        problem_id="p",
        sample_index=0,
        text=replies[0].text,
        sum_logprob=-1.0,
        token_count=replies[0].token_count,
        finish_reason=replies[0].finish_reason,
        logprob_mode="raw",
    )
    (answer,) = extract([sample], "text", {"opening_tag": TAGS[0], "closing_tag": TAGS[1]})
    return answer.answer is not None and against_gold(GOLD, [answer.answer], PROBLEM) == ["equal"]


def in_the_harness(end: str, text: str, folder: Path) -> bool:
    model = WrittenModel(lambda prompt, settings, number: text, template=f"<|user|>{{}}<|assistant|>{end}")
    model.think_end_token = TAGS[1]
    exam = benchmark_file(folder, [{"id": "p", "problem": PROBLEM, "answer": GOLD}])
    results = evaluate(model, "sure_math", metadata={"data": str(exam)}, apply_chat_template=True)
    return bool(results["results"]["sure_math"]["pass@1,none"])


PLACES: dict[str, Callable[[str, str, Path], bool]] = {
    "rewards": in_training,
    "exam": in_the_exam,
    "Phase 1": in_phase_1,
    "harness": in_the_harness,
}


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
@pytest.mark.parametrize(("end", "text", "right"), RESPONSES.values(), ids=RESPONSES)
def test_a_response_has_one_verdict(
    place: Callable[[str, str, Path], bool], end: str, text: str, right: bool, tmp_path: Path
) -> None:
    assert place(end, text, tmp_path) is right


def test_the_log_has_the_text_that_was_graded(tmp_path: Path) -> None:
    write_rollouts(tmp_path / "log", [rollout_of(OPENS, r"so \boxed{5}")], chat_that_ends_in(OPENS)[0])
    assert pq.read_table(tmp_path / "log")["text"].to_pylist() == [r"<think>so \boxed{5}"]
