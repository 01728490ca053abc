"""Switch off whatever makes a model in training mode draw random numbers: dropout of any kind, and noise of a router.

A student is trained without dropout. Otherwise its log-probabilities would not be those of the policy that sampled
(GRPO's ratio would not be 1 before the first update), engines could not be compared with it, and the same command would
give other numbers each time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import torch
from torch.nn.modules.dropout import _DropoutNd
from transformers import PreTrainedConfig

from uopd.model.errors import StudentError

NAMES = re.compile(r"drop|jitter", re.IGNORECASE)
"""Names of probabilities and of noise, such as attention_dropout, resid_pdrop, layerdrop, router_jitter_noise."""
PROBED_TOKENS = 32
"""Tokens of the text that is read in both modes."""
TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-10}
"""Largest difference between the hidden states of the two modes, relative in norm. On a CPU there is none."""
TOLERANCE_16_BITS = 0.01
"""The same for 16-bit types, in which a GPU that adds in another order makes a difference of up to 0.005."""


def without_randomness(model: Any, name: str) -> Any:
    """Set every probability of dropout and every noise of a model to 0, and return the model.

    The model's own configuration is changed too, since some layers read it in each pass. An export keeps the file of
    the initial model.

    Raises:
        StudentError: the model's hidden states still depend on its mode.
    """
    for config in _configs(model.config):
        for key, value in list(vars(config).items()):
            if NAMES.search(key) and _is_number(value):
                setattr(config, key, type(value)(0))  # some configurations check the type
    for module in model.modules():
        if isinstance(module, _DropoutNd):
            module.p = 0.0
        for key, value in list(vars(module).items()):
            if NAMES.search(key) and _is_number(value):
                setattr(module, key, type(value)(0))
    _check_modes(model, name)
    return model


def _configs(config: PreTrainedConfig) -> Iterator[PreTrainedConfig]:
    """The configuration and those of its parts."""
    yield config
    for value in vars(config).values():
        if isinstance(value, PreTrainedConfig):
            yield from _configs(value)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


@torch.no_grad()
def _check_modes(model: Any, name: str) -> None:
    """Read a text in training mode and in evaluation mode; leave the model in the mode that it had.

    Hidden states that are not finite pass; the losses refuse them later.

    Raises:
        StudentError: the hidden states differ.
    """
    was_training = model.training
    weight = model.get_output_embeddings().weight
    positions = min(PROBED_TOKENS, getattr(model.config.get_text_config(), "max_position_embeddings", PROBED_TOKENS))
    ids = torch.linspace(0, len(weight) - 1, positions, device=weight.device).long()[None]
    states = [model.train(mode).base_model(input_ids=ids, use_cache=False).last_hidden_state for mode in (False, True)]
    model.train(was_training)
    expected, trained = (state.float() for state in states)
    if not expected.isfinite().all():
        return
    difference = float((trained - expected).norm() / expected.norm().clamp_min(torch.finfo(torch.float32).tiny))
    if not difference <= TOLERANCE.get(weight.dtype, TOLERANCE_16_BITS):
        raise StudentError(
            f"student.model = {name}: in training mode its hidden states differ by {difference:.2g} of their norm, "
            "although every dropout and jitter of its configuration is 0; a policy that draws random numbers cannot "
            "be compared with the engines that sample: choose another model"
        )
