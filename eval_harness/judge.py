"""The judge of AMO-Bench's descriptions: a model the user names, asked with the project's own judge prompt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from eval_harness.options import OptionError
from sure_math.annotation.judge import JudgePrompt, LlmJudge
from sure_math.cluster import PairCheck
from sure_math.config import ModelConfig
from sure_math.models.responders.roles import LazyResponder, resolve_model
from sure_math.prompts import load_prompt


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedJudge:
    """A judge and the name results carry."""

    name: str
    check: PairCheck


def named_judge(settings: object) -> NamedJudge:
    """The judge of these settings; its model starts with the first pair.

    Raises:
        OptionError: they do not name a model as a build's configuration does.
        EngineUnavailable: the model is not there.
    """
    if isinstance(settings, str):
        settings = {"model": settings}
    if not isinstance(settings, Mapping):
        raise OptionError(f"judge = {settings!r}: must be a model's name or settings such as {{'model': ...}}")
    try:
        config = ModelConfig.model_validate(_plain(settings))
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
        raise OptionError(f"judge = {dict(settings)!r}: {problems}") from None
    prompt = JudgePrompt.parse(load_prompt("default", "judge"))
    return NamedJudge(
        name=config.model, check=LlmJudge(LazyResponder(*resolve_model(config), keep_loaded=True), prompt)
    )


def _plain(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {name: dict(value) if isinstance(value, Mapping) else value for name, value in settings.items()}
