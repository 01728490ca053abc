"""Shapes of models, and what follows from them: parameters, and bytes of the cache of a position.

The shapes of the Qwen3 and Qwen2.5 models come from their published `config.json` on the Hub. The shape of any other
model is read from its folder if that is on this machine. No weights are read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sure_math.models.engines import EngineUnavailable
from sure_math.models.engines.files import local_folder


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A decoder of the Qwen3 kind."""

    layers: int
    hidden: int
    intermediate: int
    """Width of the feed-forward layer; of one expert in a mixture."""
    heads: int
    kv_heads: int
    head_dim: int
    vocabulary: int
    tied: bool
    """Whether the language-model head is the embedding."""
    experts: int = 0
    """0 means that the model is not a mixture."""
    active_experts: int = 0
    """Experts that a token passes through."""

    @property
    def parameters(self) -> int:
        """Parameters of the whole model."""
        return self._count(self.experts)

    @property
    def active_parameters(self) -> int:
        """Parameters that one token passes through, with the embedding."""
        return self._count(self.active_experts)

    @property
    def head(self) -> int:
        """Parameters of the language-model head, the largest tensor."""
        return self.vocabulary * self.hidden

    @property
    def active_intermediate(self) -> int:
        """Values of a token in the feed-forward layer."""
        return self.intermediate * (self.active_experts or 1)

    @property
    def query(self) -> int:
        """Values of a position's queries."""
        return self.heads * self.head_dim

    @property
    def key(self) -> int:
        """Values of a position's keys; its values have as many."""
        return self.kv_heads * self.head_dim

    def cache_bytes(self, itemsize: int) -> int:
        """Bytes of the keys and values of one position, in all layers."""
        return 2 * self.layers * self.key * itemsize

    def _count(self, experts: int) -> int:
        attention = 2 * self.hidden * (self.query + self.key) + 2 * self.head_dim  # with the norms of queries and keys
        forward = 3 * self.hidden * self.intermediate * (experts or 1) + self.hidden * self.experts  # with the router
        layer = attention + forward + 2 * self.hidden
        return self.layers * layer + self.hidden + self.head * (1 if self.tied else 2)


def _qwen3(layers: int, hidden: int, intermediate: int, heads: int, *, tied: bool) -> Shape:
    return Shape(
        layers=layers,
        hidden=hidden,
        intermediate=intermediate,
        heads=heads,
        kv_heads=8,
        head_dim=128,
        vocabulary=151_936,
        tied=tied,
    )


SHAPES: Mapping[str, Shape] = {
    # Qwen2.5 has biases of queries, keys and values, and no norms of them: 0.01 % of the parameters.
    "Qwen/Qwen2.5-0.5B-Instruct": Shape(
        layers=24,
        hidden=896,
        intermediate=4864,
        heads=14,
        kv_heads=2,
        head_dim=64,
        vocabulary=151_936,
        tied=True,
    ),
    "Qwen/Qwen2.5-1.5B-Instruct": Shape(
        layers=28,
        hidden=1536,
        intermediate=8960,
        heads=12,
        kv_heads=2,
        head_dim=128,
        vocabulary=151_936,
        tied=True,
    ),
    "Qwen/Qwen3-0.6B": _qwen3(28, 1024, 3072, 16, tied=True),
    "Qwen/Qwen3-1.7B": _qwen3(28, 2048, 6144, 16, tied=True),
    "Qwen/Qwen3-4B": _qwen3(36, 2560, 9728, 32, tied=True),
    "Qwen/Qwen3-8B": _qwen3(36, 4096, 12_288, 32, tied=False),
    "Qwen/Qwen3-30B-A3B": Shape(
        layers=48,
        hidden=2048,
        intermediate=768,
        heads=32,
        kv_heads=4,
        head_dim=128,
        vocabulary=151_936,
        tied=False,
        experts=128,
        active_experts=8,
    ),
}


def shape_of(model: str) -> Shape | None:
    """Return the shape of a model in `SHAPES` or in a local folder; None if it is neither, or not of the Qwen3 kind.

    Example:
        >>> shape_of("Qwen/Qwen3-8B").parameters
        8190735360
    """
    if model in SHAPES:
        return SHAPES[model]
    try:
        folder = local_folder(model)
        if folder is None:
            return None
        return _read(json.loads((folder / "config.json").read_text(encoding="utf-8")))
    except (EngineUnavailable, OSError, ValueError, KeyError, TypeError):
        return None


def _read(config: Mapping[str, Any]) -> Shape:
    experts = int(config.get("num_experts") or 0)
    heads, hidden = int(config["num_attention_heads"]), int(config["hidden_size"])
    return Shape(
        layers=int(config["num_hidden_layers"]),
        hidden=hidden,
        intermediate=int(config["moe_intermediate_size"] if experts else config["intermediate_size"]),
        heads=heads,
        kv_heads=int(config.get("num_key_value_heads") or heads),
        head_dim=int(config.get("head_dim") or hidden // heads),
        vocabulary=int(config["vocab_size"]),
        tied=bool(config.get("tie_word_embeddings")),
        experts=experts,
        active_experts=int(config["num_experts_per_tok"]) if experts else 0,
    )
