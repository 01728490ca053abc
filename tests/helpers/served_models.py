"""Settings, questions and changed answers for the tests of models behind a server."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sure_math.models.engines import Sampling
from sure_math.models.engines.spec import ModelSpec, ServerSpec
from sure_math.models.responders.chat import Message, Question
from tests.helpers.scripted_endpoint import NAME, ScriptedEndpoint


def server_spec(endpoint: ScriptedEndpoint, **changes: Any) -> ServerSpec:
    return dataclasses.replace(ServerSpec(url=endpoint.url, served_name=NAME, timeout=20, patience=10), **changes)


def model_spec(model: Path | str, served: ServerSpec, **changes: Any) -> ModelSpec:
    return dataclasses.replace(ModelSpec(model=str(model), engine="server", server=served), **changes)


def choice_with(**changes: Any) -> Callable[[dict[str, Any]], None]:
    return lambda answer: answer["choices"][0].update(changes)


def question(text: str, sampling: Sampling, seeds: tuple[int, ...] = (1,)) -> Question:
    return Question(messages=(Message(role="user", content=text),), seeds=seeds, sampling=sampling)
