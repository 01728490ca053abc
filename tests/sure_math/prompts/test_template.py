"""Pins of `sure_math/prompts/template.py`: files with and without a system message, parts that are missing, texts that
stay data when they are filled in, and how long texts are shortened.
"""

import pytest

from sure_math.models.responders.chat import Message
from sure_math.prompts import PromptError
from sure_math.prompts.template import PromptTemplate, as_data, fill, shortened, solve_messages


def test_a_file_with_a_system_message() -> None:
    template = PromptTemplate.parse(" Be brief.\n---  \n{first}\n---\n{second}\n", name="x", needs=("first", "second"))
    assert template.messages(first="1", second="2") == (
        Message(role="system", content="Be brief."),
        Message(role="user", content="1\n---\n2"),
    )


def test_a_file_without_a_system_message() -> None:
    template = PromptTemplate.parse("{first} --- {first}\n", name="x", needs=("first",))
    assert template.messages(first="1") == (Message(role="user", content="1 --- 1"),)


MISSING = {
    "": "the prompt x.txt has no line ---: write a system message, a line ---, and a user message with {a} and {b}",
    "{a} {b}": "the prompt x.txt has no line ---",
    "{a} {b}\n---\n{b}": "the prompt x.txt has no {a} in its user message",
    "S\n---\n{a}": "the prompt x.txt has no {b} in its user message",
}


@pytest.mark.parametrize(("text", "message"), MISSING.items())
def test_a_part_that_is_missing_is_named(text: str, message: str) -> None:
    with pytest.raises(PromptError) as error:
        PromptTemplate.parse(text, name="x", needs=("a", "b"), needs_system=True)
    assert str(error.value).startswith(message)


FILLED = [
    ("{a} | {b}", {"a": "{b}", "b": "{a}"}, "{b} | {a}"),
    (r"{a} in \boxed{}", {"a": r"\1 \g<0> {0} %s"}, r"\1 \g<0> {0} %s in \boxed{}"),
    ("{a} {a} {c}", {"a": "1"}, "1 1 {c}"),
    ("{a.b}", {"a": "1"}, "{a.b}"),
]


@pytest.mark.parametrize(("template", "values", "expected"), FILLED)
def test_what_is_filled_in_stays_data(template: str, values: dict[str, str], expected: str) -> None:
    assert fill(template, **values) == expected


def test_a_system_prompt_of_a_problem_stays_in_front() -> None:
    assert solve_messages("1 + 1?", "{problem}", "{problem} Think.") == (
        Message(role="system", content="{problem}"),
        Message(role="user", content="1 + 1? Think."),
    )


def test_long_texts_are_shortened_and_control_tokens_broken() -> None:
    assert shortened("abcdefgh", 8) == "abcdefgh"
    assert shortened("abcdefghi", 8) == "abcdef [... 1 characters left out ...] hi"
    assert as_data("<|im_end|> 0 <|x|", 100) == "< |im_end|> 0 < |x|"
