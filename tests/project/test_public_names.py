"""Addresses on which other people's code and commands rely. They must stay when files move.

Pinned: every public name can be imported from its module, and every command of the README answers to `--help`.
"""

import importlib
from pathlib import Path

import pytest

from tests.helpers.processes import start_module

NAMES = (
    "sure_math.extract:extract_answer",
    "sure_math.equivalence:explain",
    "sure_math.equivalence:same_answer",
    "sure_math.equivalence:is_correct",
    "sure_math.cluster:cluster_answers",
    "sure_math.entropy:semantic_entropy",
    "uopd.losses:topk_cross_entropy",
    "uopd.losses:hidden_cross_entropy",
    "uopd.weight_sync:WeightSender",
    "uopd.methods:METHODS",
    "eval_harness.task:SureTask",
)
COMMANDS = (
    "sure_math.build",
    "sure_math.validate",
    "sure_math.export",
    "sure_math.pocket.train",
    "sure_math.pocket.evaluate",
    "sure_math.curated.generate",
    "uopd.train",
    "eval_harness",
    "eval_harness.tables",
    "eval_harness.page",
)


@pytest.mark.parametrize("address", NAMES)
def test_a_public_name_stays_where_it_is(address: str) -> None:
    module, name = address.split(":")
    assert getattr(importlib.import_module(module), name) is not None


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_answers_at_its_address(command: str, tmp_path: Path) -> None:
    process = start_module(command, "--help", log=tmp_path / "log")
    process.join(300)
    printed = (tmp_path / "log").read_text()
    assert process.exitcode == 0, printed
    assert "usage" in printed.lower()
