"""Agreement of student and scorer beyond the ids of their tokens: rows, end tokens, thoughts, prompts.

A difference that does no harm is handled and named in one line. A difference that would spoil the run is refused. What
is compared and what happens is in the table of `docs/guides/train.md`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sure_math.models.engines.files import known_ids, load_tokenizer, model_folder, stop_token_ids, text_config
from sure_math.models.responders.chat import Chat, Message
from sure_math.prompts.template import shortened
from sure_math.thoughts import TAG_TOKENS, TAGS, opened_thought
from uopd.config import StudentConfig, TeacherConfig
from uopd.rows import Prompt
from uopd.run.checks import RefusedError
from uopd.runtime.specs import SharedTokens

PROBE = (Message(role="user", content="What is 12,345.6 + \\frac{1}{2} of 50%?\n\n  Größe 和 x_1 🙂"),)
"""A conversation that is rendered by both templates: numbers, TeX, blanks and other scripts are split by habit."""
_END = 64
"""Tokens of a prompt's end in which a tag is looked for."""
_NAMED = 6
"""Tokens that a message names, at most."""
_SHOWN = 60
"""Characters of a prompt that a message shows, at most."""
OPENS, CLOSES, MAY, NONE = "opens a thought", "closes an empty thought", "lets the model think", "has no thought"
"""What a prompt does about the model's thoughts where the response begins."""
HARMLESS = ({NONE, CLOSES}, {NONE, MAY})
"""Pairs of these that differ and still begin the response in the same state."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One of the two models, as its files describe it."""

    role: str
    """`student` or `teacher`."""
    name: str
    folder: Path
    tokenizer: Any
    enable_thinking: bool

    @property
    def chat(self) -> Chat:
        """The chat template, in the run's thinking mode."""
        return self.in_mode(self.enable_thinking)

    def in_mode(self, enable_thinking: bool) -> Chat:
        """The chat template in a thinking mode."""
        return Chat(self.tokenizer, name=self.name, template_options={"enable_thinking": enable_thinking})

    @property
    def rows(self) -> int:
        """Rows of the model's head."""
        return int(text_config(self.folder).vocab_size)

    def text(self, token_ids: Sequence[int]) -> str:
        """The text of tokens, with special tokens."""
        return str(self.tokenizer.decode(list(token_ids), clean_up_tokenization_spaces=False))


def side_of(role: str, model: StudentConfig | TeacherConfig, *, enable_thinking: bool) -> Side:
    """Read what the files of a model say; EngineUnavailable if they cannot be used."""
    folder = model_folder(model.model, model.revision)
    tokenizer = load_tokenizer(folder)
    return Side(role=role, name=model.model, folder=folder, tokenizer=tokenizer, enable_thinking=enable_thinking)


def check_vocabularies(student: Side, scorer: Side) -> None:
    """Check that the scorer's token ids mean the same to the student.

    Raises:
        RefusedError: the message names the first difference.
    """
    ids, other_ids = student.tokenizer.get_vocab(), scorer.tokenizer.get_vocab()
    if ids == other_ids:
        return
    different = sorted(token for token in ids.keys() | other_ids.keys() if ids.get(token) != other_ids.get(token))
    raise RefusedError(
        f"{_both(student, scorer)}: {len(different):,} tokens differ, such as {different[0]!r} "
        f"({ids.get(different[0])} and {other_ids.get(different[0])}); distillation by token needs one tokenizer: "
        "choose models of one family"
    )


def shared_tokens(student: Side, scorer: Side | None) -> SharedTokens:
    """Return which ids both models give a probability, and where a response ends.

    Heads are often padded to a round number of rows, and models of one family to different numbers (Qwen2.5: 151,936
    and 152,064 rows for 151,665 tokens). No row behind the tokenizer's tokens is sampled, scored or trained.

    Raises:
        RefusedError: no end token has a row in both heads.
    """
    sides = [student] if scorer is None else [student, scorer]
    used_rows = min(known_ids(student.tokenizer), *(side.rows for side in sides))
    ends = [{end for end in stop_token_ids(side.folder) if end < used_rows} for side in sides]
    for side, usable in zip(sides, ends, strict=True):
        if not usable:
            raise RefusedError(
                f"{side.role} {side.name}: its end tokens {list(stop_token_ids(side.folder))} are none of the "
                f"{used_rows:,} ids that student and teacher have in common, so no response would end; name another "
                "one as eos_token_id in generation_config.json of a copy of its folder"
            )
    return SharedTokens(used_rows=used_rows, stop_token_ids=tuple(sorted(set().union(*ends))))


def check_thoughts(student: Side, scorer: Side) -> None:
    """Check that both prompts leave the response in the same state: inside a thought, behind it, or without any.

    Raises:
        RefusedError: the scorer would read an answer as a thought, or a thought as an answer.
    """
    states = _states(student, scorer, student.enable_thinking)
    if _agree(states):
        return
    ends = [side.text(side.chat.encode(PROBE))[-_SHOWN // 2 :] for side in (student, scorer)]
    other = not student.enable_thinking
    remedy = (
        f"set student.enable_thinking={str(other).lower()}"
        if _agree(_states(student, scorer, other))
        else "put the teacher's chat_template.jinja into a copy of the student's folder, and name it as student.model"
    )
    raise RefusedError(
        f"{_both(student, scorer)}: the student's prompt {states[0]} (it ends in {ends[0]!r}) and the teacher's "
        f"{states[1]} ({ends[1]!r}), so the teacher would read answers as thoughts, or thoughts as answers; {remedy}"
    )


def check_prompt_ids(prompts: Sequence[Prompt], student: Side, scorer: Side | None, used_rows: int) -> None:
    """Check that every token of the prompts has a row in both heads; an embedding has as many rows as its head.

    Raises:
        RefusedError: the message names the first problem with such a token.
    """
    for prompt in prompts:
        for side, ids in ((student, prompt.token_ids), (scorer, prompt.scorer_ids)):
            if side is not None and (beyond := [token for token in ids if token >= used_rows]):
                raise RefusedError(
                    f"{side.role} {side.name}: the prompt of {prompt.problem_id} has the token "
                    f"{side.text(beyond[:1])!r} ({beyond[0]}), and only the first {used_rows:,} ids have a row in the "
                    "heads; use a chat template and prompts without it, or a model that has a row for it"
                )


def harmless_differences(student: Side, scorer: Side, tokens: SharedTokens) -> Iterator[str]:
    """Yield what differs between student and scorer and is handled, with both sides of it."""
    if student.rows != scorer.rows:
        yield (
            f"heads of {student.rows:,} and {scorer.rows:,} rows (only the first {tokens.used_rows:,}, which both have "
            "and which stand for tokens, are sampled, scored and trained)"
        )
    ends, other_ends = (stop_token_ids(side.folder) for side in (student, scorer))
    if ends != other_ends:
        yield (
            f"end tokens {_named(student, ends)} and {_named(scorer, other_ends)} (a response ends at each of them, "
            "and generation_config.json of the trained model names them all)"
        )
    special, other_special = (set(side.tokenizer.all_special_ids) for side in (student, scorer))
    if special != other_special:
        yield (
            f"special tokens ({_named(student, sorted(special - other_special))} are special to the student alone, "
            f"{_named(scorer, sorted(other_special - special))} to the teacher alone; texts of responses are read by "
            "the student's tokenizer)"
        )
    yield from _other_prompts(student, scorer)


def _other_prompts(student: Side, scorer: Side) -> Iterator[str]:
    ids, other_ids = (side.chat.encode(PROBE) for side in (student, scorer))
    if ids == other_ids:
        return
    text, other_text = student.text(ids), scorer.text(other_ids)
    if text == other_text:
        yield "the tokens into which they split a text (each reads the problem in its own)"
        return
    start = next(
        (place for place, (a, b) in enumerate(zip(text, other_text, strict=False)) if a != b),
        min(len(text), len(other_text)),
    )
    behind = len(text) - start, len(other_text) - start
    tail = next((n for n in range(min(behind)) if text[-1 - n] != other_text[-1 - n]), min(behind))
    parts = [shortened(whole[start : len(whole) - tail], _SHOWN) for whole in (text, other_text)]
    yield (
        f"prompts (where the student reads {parts[0]!r}, the teacher reads {parts[1]!r}; each sees the problem in its "
        "own chat template)"
    )


def _states(student: Side, scorer: Side, enable_thinking: bool) -> tuple[str, str]:
    first, second = (_state(side, side.in_mode(enable_thinking).encode(PROBE)) for side in (student, scorer))
    return first, second


def _state(side: Side, prompt_ids: Sequence[int]) -> str:
    end = side.text(prompt_ids[-_END:]).rstrip()
    if opened_thought(end):
        return OPENS
    if end.lower().endswith(tuple(closing.lower() for _, closing in TAGS)):
        return CLOSES
    template = str(side.tokenizer.chat_template).lower()
    return MAY if any(tag.lower() in template for tag in TAG_TOKENS) else NONE


def _agree(states: tuple[str, str]) -> bool:
    return states[0] == states[1] or set(states) in HARMLESS


def _named(side: Side, ids: Sequence[int]) -> str:
    names = [f"{side.text([token])!r} ({token})" for token in ids[:_NAMED]]
    more = [f"{len(ids) - _NAMED:,} more"] if len(ids) > _NAMED else []
    return ", ".join([*names, *more]) or "none"


def _both(student: Side, scorer: Side) -> str:
    return f"student {student.name} and teacher {scorer.name}"
