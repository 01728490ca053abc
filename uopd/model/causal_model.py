"""A causal model as student and scorer use it: its hidden states, and the head that turns them to logits.

Both are used apart, a chunk of positions at a time, so a model is refused whose logits are anything else than
W h + b: scaled or capped logits would be distilled as if they were not.

Shapes: T response tokens, D hidden, V vocabulary.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import AutoModelForCausalLM

from sure_math.models.engines.files import model_folder
from uopd.model.micro_batches import MicroBatch
from uopd.student.files import StudentError

PROBED_TOKENS = 8
"""Of the text whose logits are compared with the head's product."""
LARGE = 1000.0
"""Largest logit of the second comparison: a model's own few may be too small for a cap to show."""
TOLERANCE = {torch.float32: 1e-3, torch.float64: 1e-6}
"""Largest difference, of the largest logit; two computations of one product differ by less."""
COARSE = 0.05
"""The same in 16 bits, where experts' sums also differ by their order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """z = W h + b."""

    weight_VD: Tensor
    bias_V: Tensor | None


def head_of(model: Any) -> Head:
    """The language-model head of a model, as it stands."""
    layer = model.get_output_embeddings()
    return Head(weight_VD=layer.weight, bias_V=getattr(layer, "bias", None))


def load_model(model: str, revision: str | None, dtype: str, device: str, attention: str) -> Any:
    """A causal model with its weights on the device; safetensors only, and no code from the folder.

    Raises:
        StudentError: its logits are not its head's product.
    """
    if attention == "flash_attention_2":
        _need_flash_attention(device)
    loaded = AutoModelForCausalLM.from_pretrained(
        model_folder(model, revision),
        dtype=dtype_of(dtype, device),
        attn_implementation=attention,
        use_safetensors=True,
        trust_remote_code=False,
        local_files_only=True,
    ).to(device_of(device))
    check_logits(loaded, model)
    return loaded


def device_of(name: str) -> torch.device:
    """The device of a configuration's word; `auto` is the GPU where there is one."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise StudentError(f"device {name!r}: torch sees no GPU; use device=cpu or auto")
    return torch.device(name)


def dtype_of(name: str, device: str) -> torch.dtype:
    """`auto` is float32 on a CPU and bfloat16 on a GPU, which need not be this machine's where it is named."""
    if name == "auto":
        gpu = device.startswith("cuda") or device_of(device).type == "cuda"
        name = "bfloat16" if gpu else "float32"
    found: torch.dtype = getattr(torch, name)
    return found


def hidden_states(model: Any, micro: MicroBatch) -> Tensor:
    """Hidden states [T, D] that predict the response tokens, without the language-model head."""
    found = model.base_model(
        input_ids=micro.input_ids,
        attention_mask=micro.attention_mask,
        position_ids=micro.position_ids,
        use_cache=False,
    )
    flat_ND: Tensor = found.last_hidden_state.flatten(0, 1)
    return flat_ND[micro.predicts_T]


@torch.no_grad()
def check_logits(model: Any, name: str) -> None:
    """StudentError where the model's own logits of a few tokens are not its head's product.

    Once as they are and once with hidden states that make them large, where a cap shows. Logits that are not finite
    pass: what is computed from them says so.
    """
    head = head_of(model)
    ids = torch.linspace(0, len(head.weight_VD) - 1, PROBED_TOKENS, device=head.weight_VD.device).long()[None]
    hidden = model.base_model(input_ids=ids, use_cache=False).last_hidden_state
    limit = TOLERANCE.get(head.weight_VD.dtype, COARSE)
    largest = float((hidden @ head.weight_VD.t()).abs().max().clamp_min(1e-6))
    for factor in (1.0, LARGE / largest):
        expected = torch.nn.functional.linear(hidden * factor, head.weight_VD, head.bias_V).float()
        if not expected.isfinite().all():
            return
        difference = float((_logits(model, ids, factor) - expected).abs().max() / expected.abs().max())
        if not difference <= limit:
            raise StudentError(
                f"model {name!r}: its logits are not its head's product (they differ by {difference:.2g} of the "
                "largest), but scaled or capped, say; that product is all that is distilled: choose another model"
            )


def _logits(model: Any, ids: Tensor, factor: float) -> Tensor:
    """The model's own logits, of hidden states times a factor."""
    hook = model.get_output_embeddings().register_forward_pre_hook(lambda _, inputs: (inputs[0] * factor, *inputs[1:]))
    try:
        logits: Tensor = model(input_ids=ids, use_cache=False).logits.float()
        return logits
    finally:
        hook.remove()


def _need_flash_attention(device: str) -> None:
    if device_of(device).type == "cpu" or importlib.util.find_spec("flash_attn") is None:
        raise StudentError(
            "attention = flash_attention_2: needs a GPU and pip install 'sure-math[flash-attn]'; or set attention=sdpa"
        )
