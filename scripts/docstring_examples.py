"""An extension of griffe: the examples in docstrings, which begin with `>>>`, become blocks of code on the site."""

import re
from typing import Any

import griffe

_FLAG = re.compile(r" *# doctest: .*$", re.MULTILINE)
_EXAMPLE = re.compile(r"^(?P<indent> *)>>> .*(?:\n(?!\s*$).*)*", re.MULTILINE)


class DocstringExamples(griffe.Extension):
    """Fences the examples of every docstring."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Rewrite the docstring of one module, class, function or attribute."""
        if obj.docstring is not None:
            obj.docstring.value = with_fences(obj.docstring.value)


def with_fences(docstring: str) -> str:
    """Put every example, up to the next blank line, into a fenced block.

    >>> print(with_fences("Add 1.\\n\\n>>> f(1)\\n2"))
    Add 1.
    <BLANKLINE>
    ```pycon
    >>> f(1)
    2
    ```
    """
    return _EXAMPLE.sub(
        lambda match: f"{match['indent']}```pycon\n{_FLAG.sub('', match[0])}\n{match['indent']}```", docstring
    )
