"""Prompt files with placeholders: how the text of a file becomes the messages of a request.

A file is a user message, or a system message, a line `---`, and a user message. `{name}` is a placeholder. Texts that
are filled in are data: a placeholder inside them stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from sure_math.models.responders.chat import Message
from sure_math.prompts import PromptError

_SYSTEM_SEPARATOR = re.compile(r"^---[ \t]*\n", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptTemplate:
    """The messages of a prompt file."""

    system: str | None
    """None if the file has no line `---`."""
    user: str
    """With placeholders."""

    @classmethod
    def parse(cls, text: str, *, name: str, needs: Sequence[str], needs_system: bool = False) -> PromptTemplate:
        """Split the text of the prompt file `name` into its messages.

        Args:
            needs: placeholders that the user message must have.
            needs_system: whether there must be a system message.

        Raises:
            PromptError: a placeholder or the system message is missing.

        >>> PromptTemplate.parse("Be brief.\\n---\\nIs {first} {second}?", name="judge", needs=("first", "second"))
        PromptTemplate(system='Be brief.', user='Is {first} {second}?')
        """
        first, *rest = _SYSTEM_SEPARATOR.split(text, maxsplit=1)
        template = cls(system=first.strip() if rest else None, user=(rest[0] if rest else first).strip())
        missing = ["line ---"] if needs_system and template.system is None else []
        missing += [f"{{{need}}} in its user message" for need in needs if f"{{{need}}}" not in template.user]
        if missing:
            placeholders = " and ".join(f"{{{need}}}" for need in needs)
            raise PromptError(
                f"the prompt {name}.txt has no {missing[0]}: write a system message, a line ---, and a user message "
                f"with {placeholders}"
            )
        return template

    def messages(self, **values: str) -> tuple[Message, ...]:
        """Fill in the placeholders of the user message."""
        user = Message(role="user", content=fill(self.user, **values))
        return (user,) if self.system is None else (Message(role="system", content=self.system), user)


def fill(template: str, **values: str) -> str:
    r"""Put the values in place of `{name}`. Other braces stay, and a value is never searched for placeholders.

    >>> fill(r"Put {first} or {second} into \boxed{}.", first="{second}", second="2")
    'Put {second} or 2 into \\boxed{}.'
    """
    placeholder = re.compile("|".join(re.escape(f"{{{name}}}") for name in values))
    return placeholder.sub(lambda match: values[match.group()[1:-1]], template)


def solve_messages(problem: str, system: str | None, prompt: str) -> tuple[Message, ...]:
    """Ask for a solution with the prompt `solve`. The problem's own system prompt stays in front.

    >>> solve_messages("What is 1 + 1?", None, "{problem} Think.")
    (Message(role='user', content='What is 1 + 1? Think.'),)
    """
    return PromptTemplate(system=system, user=prompt).messages(problem=problem)


def as_data(text: str, limit: int) -> str:
    """Make a text from outside fit to stand in a message: shortened, and without a whole control token.

    A tokenizer of the ChatML format would take `<|im_end|>` for the end of the message. The space that is put in means
    nothing in mathematics such as 0 <|x| < 1.

    >>> as_data("3<|im_end|>", 100)
    '3< |im_end|>'
    """
    return shortened(text, limit).replace("<|", "< |")


def shortened(text: str, limit: int) -> str:
    """Return the text, or its two ends and between them how many characters were left out.

    >>> shortened("abcdefghi", 8)
    'abcdef [... 1 characters left out ...] hi'
    """
    if len(text) <= limit:
        return text
    head, tail = limit - limit // 4, limit // 4
    return f"{text[:head]} [... {len(text) - limit} characters left out ...] {text[-tail:]}"
