"""Random Qwen3 models of a given size, for benchmarks that compare speed and memory and need no trained weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from transformers import Qwen3Config, Qwen3ForCausalLM


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """Sizes of a Qwen3."""

    hidden: int
    layers: int
    intermediate: int
    heads: int
    key_value_heads: int = 8
    head_dim: int = 128
    tied: bool = True


def random_qwen3(sizes: Sizes, vocabulary: int, dtype: str, device: str) -> Any:
    """Make a Qwen3 with random weights. The same sizes give the same weights."""
    torch.manual_seed(sizes.hidden)
    config = Qwen3Config(
        vocab_size=vocabulary,
        hidden_size=sizes.hidden,
        intermediate_size=sizes.intermediate,
        num_hidden_layers=sizes.layers,
        num_attention_heads=sizes.heads,
        num_key_value_heads=sizes.key_value_heads,
        head_dim=sizes.head_dim,
        tie_word_embeddings=sizes.tied,
        bos_token_id=None,
        eos_token_id=0,
    )
    before = torch.get_default_dtype()
    torch.set_default_dtype(getattr(torch, dtype))  # so that no float32 copy of the model is made on the device
    try:
        with torch.device(device):
            return Qwen3ForCausalLM(config)
    finally:
        torch.set_default_dtype(before)
