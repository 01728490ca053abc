"""A causal model as student and scorer use it: its hidden states, and the head that turns them into logits.

Hidden states and head are used separately, so the head must be a plain W h + b. A model that scales or caps its logits
is refused; otherwise it would be distilled as if it did not.

Shapes: T response tokens, N positions of a micro-batch, D hidden width, V vocabulary.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from sure_math.models.engines.checked_load import load_causal_model
from sure_math.models.engines.files import model_folder
from uopd.model.errors import StudentError
from uopd.model.micro_batches import MicroBatch

PROBED_TOKENS = 8
"""Tokens of the text whose logits are compared with the head's product."""
LARGE_LOGIT = 1000.0
"""Largest logit in the second comparison. A model's own logits may be too small for a cap to change them."""
LOGIT_TOLERANCE = {torch.float32: 1e-3, torch.float64: 1e-6}
"""Largest difference that is accepted, relative to the largest logit; rounding alone makes a smaller difference."""
LOGIT_TOLERANCE_16_BITS = 0.05
"""The same for 16-bit types, in which the order of sums over experts changes a logit too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadWeights:
    """The weight W and the bias b of a language-model head z = W h + b."""

    weight_VD: Tensor
    bias_V: Tensor | None
    used_rows: int | None = None
    """Rows that stand for tokens; None: all. The rows behind them only pad the head and are in no distribution."""


def head_of(model: Any, used_rows: int | None = None) -> HeadWeights:
    """Return the language-model head of a model: the model's own tensors, not copies."""
    layer = model.get_output_embeddings()
    return HeadWeights(weight_VD=layer.weight, bias_V=getattr(layer, "bias", None), used_rows=used_rows)


def load_model(model: str, revision: str | None, dtype: str, device: str, attention: str) -> Any:
    """Load a causal model onto the device, from safetensors only and without running code from its folder.

    Args:
        model: a folder, a name on the Hub or `pocket:ROLE`.
        dtype, device, attention: as in the configuration.

    Raises:
        EngineUnavailable: the files are damaged, or their tensors are not exactly those of the model.
        StudentError: the model's logits are not a plain product of its head, or flash attention cannot be used.
    """
    if attention == "flash_attention_2":
        _check_flash_attention(device)
    loaded = load_causal_model(
        model_folder(model, revision), dtype=dtype_of(dtype, device), attn_implementation=attention
    ).to(device_of(device))
    check_logits(loaded, model)
    return loaded


def device_of(name: str) -> torch.device:
    """Turn a configured name into a device; `auto` is the GPU if there is one.

    >>> device_of("cpu")
    device(type='cpu')
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise StudentError(f"device {name!r}: torch sees no GPU; use device=cpu or auto")
    return torch.device(name)


def dtype_of(name: str, device: str) -> torch.dtype:
    """Turn a configured name into a dtype; `auto` is float32 on a CPU and bfloat16 on a GPU.

    If `device` names a GPU, this machine need not have one.

    >>> dtype_of("auto", "cuda")
    torch.bfloat16
    """
    if name == "auto":
        gpu = device.startswith("cuda") or device_of(device).type == "cuda"
        name = "bfloat16" if gpu else "float32"
    dtype: torch.dtype = getattr(torch, name)
    return dtype


def hidden_states(model: Any, micro: MicroBatch) -> Tensor:
    """Compute the hidden states [T, D] that predict the response tokens, without the language-model head."""
    output = model.base_model(
        input_ids=micro.input_ids,
        attention_mask=micro.attention_mask,
        position_ids=micro.position_ids,
        use_cache=False,
    )
    flat_ND: Tensor = output.last_hidden_state.flatten(0, 1)
    return flat_ND[micro.predicts_T]


@torch.no_grad()
def check_logits(model: Any, name: str) -> None:
    """Compare the model's own logits of a few tokens with the product of its head.

    The hidden states are compared once as they are, and once scaled so that the logits are large and a cap would change
    them. Logits that are not finite pass; the losses refuse them later.

    Raises:
        StudentError: the logits differ.
    """
    head = head_of(model)
    ids = torch.linspace(0, len(head.weight_VD) - 1, PROBED_TOKENS, device=head.weight_VD.device).long()[None]
    hidden = model.base_model(input_ids=ids, use_cache=False).last_hidden_state
    limit = LOGIT_TOLERANCE.get(head.weight_VD.dtype, LOGIT_TOLERANCE_16_BITS)
    largest = float((hidden @ head.weight_VD.t()).abs().max().clamp_min(1e-6))
    for factor in (1.0, LARGE_LOGIT / largest):
        expected = torch.nn.functional.linear(hidden * factor, head.weight_VD, head.bias_V).float()
        if not expected.isfinite().all():
            return
        difference = float((_logits(model, ids, factor) - expected).abs().max() / expected.abs().max())
        if not difference <= limit:
            raise StudentError(
                f"model {name!r}: its logits are not its head's product (they differ by {difference:.2g} of the "
                "largest logit); the model may scale or cap them. Distillation uses the product alone: choose another "
                "model"
            )


def _logits(model: Any, ids: Tensor, factor: float) -> Tensor:
    """The model's own logits for hidden states that are multiplied by a factor."""
    hook = model.get_output_embeddings().register_forward_pre_hook(lambda _, inputs: (inputs[0] * factor, *inputs[1:]))
    try:
        logits: Tensor = model(input_ids=ids, use_cache=False).logits.float()
        return logits
    finally:
        hook.remove()


def _check_flash_attention(device: str) -> None:
    if device_of(device).type == "cpu" or importlib.util.find_spec("flash_attn") is None:
        raise StudentError(
            "attention = flash_attention_2: it needs a GPU and pip install 'sure-math[flash-attn]'; or set "
            "attention=sdpa"
        )
