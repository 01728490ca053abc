"""The endpoint that the tests of served models share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sure_math.models.engines.files import load_tokenizer
from tests.helpers.scripted_endpoint import ScriptedEndpoint


@pytest.fixture
def endpoint(tiny_model: Path) -> Iterator[ScriptedEndpoint]:
    """An endpoint that answers with the tokens of the tiny model, and makes the mistakes that a test asks for."""
    tokenizer = load_tokenizer(tiny_model)
    server = ScriptedEndpoint(lambda text: tokenizer(text, add_special_tokens=False)["input_ids"])
    yield server
    server.close()
