"""Start the judge of AMO-Bench's descriptions: a model that the user names.

It is asked with the prompt of a build's judge, `sure_math/prompts/judge.txt`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from eval_harness.options import OptionError
from sure_math.annotation.judge import LlmJudge, judge_prompt
from sure_math.cluster import PairCheck
from sure_math.config import ModelConfig
from sure_math.models.responders.roles import LazyResponder, resolve_model
from sure_math.prompts import load_prompt


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedJudge:
    """A judge, and its name in the results."""

    name: str
    """Name of the model."""
    check: PairCheck


def named_judge(settings: object) -> NamedJudge:
    """Return the judge that the settings describe. Its model starts when the first pair is compared.

    Args:
        settings: the name of a model, or a mapping with the keys of a model in a build's configuration.

    Raises:
        OptionError: the settings do not describe a model.
        EngineUnavailable: the model cannot be found.
    """
    if isinstance(settings, str):
        settings = {"model": settings}
    if not isinstance(settings, Mapping):
        raise OptionError(f"judge = {settings!r}: must be the name of a model or settings such as {{'model': ...}}")
    try:
        config = ModelConfig.model_validate(_plain(settings))
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, detail['loc']))}: {detail['msg']}" for detail in error.errors())
        raise OptionError(f"judge = {dict(settings)!r}: {problems}") from None
    prompt = judge_prompt(load_prompt("default", "judge"))
    return NamedJudge(
        name=config.model, check=LlmJudge(LazyResponder(*resolve_model(config), keep_loaded=True), prompt)
    )


def _plain(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {name: dict(value) if isinstance(value, Mapping) else value for name, value in settings.items()}
