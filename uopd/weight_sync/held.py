"""What an engine's model holds after a sync, compared with what was received.

Layers of an engine fuse tensors (queries, keys and values are one matrix) and may pack them, after which the plain
weight is gone. A column of a weight W can still be read: it is the layer's output W x for the unit vector x, exactly,
because all other products are 0. Each sync reads other columns. A parameter that is stale, or was not loaded, differs
in nearly every column, even after one update at a rate of 3e-6.

Shapes: O outputs of a layer, I inputs, C columns that are read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

READ_COLUMNS = 64
"""Columns of every matrix that are read after a sync; all other parameters are read in full."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What is kept of a tensor: some columns of a matrix, and the whole of any other tensor."""

    shape: tuple[int, ...]
    values: Tensor
    """[O, C] of a matrix."""
    transposed: Tensor | None = None
    """[I, C] of the transposed matrix: some engines keep a square matrix the other way round."""


@dataclass(slots=True, kw_only=True)
class HeldCheck:
    """The tensors of one sync, or some of their columns, by the layer that has to hold them."""

    number: int
    """Of the sync; it decides which columns are read."""
    fused: Mapping[str, Sequence[str]]
    """Layers that fuse others, such as qkv_proj -> q_proj, k_proj, v_proj, in the order of their outputs."""
    rename: Callable[[str], str] = field(default=lambda name: name)
    """From the checkpoint's names to the model's, which may name the fused layer already."""
    _parts: dict[tuple[str, str], dict[int, tuple[str, Sample]]] = field(default_factory=dict)
    """(layer, parameter) -> number of the part -> its name and sample."""

    def remember(self, name: str, tensor: Tensor) -> None:
        """Keep a sample of a tensor that was received."""
        own_layer, _, parameter = name.rpartition(".")
        layer = self.rename(name).rpartition(".")[0]
        parent, last, number = layer.rpartition(".")[0], own_layer.rpartition(".")[2], 0
        for fused, parts in self.fused.items():
            if last in parts:
                layer, number = f"{parent}.{fused}", list(parts).index(last)
        self._parts.setdefault((layer, parameter), {})[number] = (name, self._sample(tensor.detach()))

    @torch.no_grad()
    def wrong_tensors(self, model: nn.Module) -> list[str]:
        """Return the names of tensors that the model does not hold as they were received, or did not get at all.

        A parameter whose layer has another form (quantised, divided among processes) is passed over. If every tensor
        found its layer, layers that got nothing are wrong too.
        """
        layers = dict(model.named_modules())
        wrong = []
        for (layer, parameter), parts in self._parts.items():
            expected = self._whole(layer, parts)
            if expected is None:
                missing = [part for number, part in enumerate(self._names(layer)) if number not in parts]
                wrong += [f"{layer.rpartition('.')[0]}.{part}.{parameter}" for part in missing]
            elif layer in layers and not self._holds(layers[layer], parameter, expected):
                wrong += [name for name, _ in parts.values()]
        if all(layer in layers for layer, _ in self._parts):
            wrong += self._without_tensors(layers)
        return wrong

    def _columns(self, inputs: int) -> Tensor:
        order = torch.randperm(inputs, generator=torch.Generator().manual_seed(self.number))
        return order[:READ_COLUMNS].sort().values

    def _sample(self, tensor: Tensor) -> Sample:
        shape = tuple(tensor.shape)
        if len(shape) != 2:
            return Sample(shape=shape, values=tensor.clone())
        return Sample(
            shape=shape,
            values=tensor[:, self._columns(shape[1])].clone(),
            transposed=tensor[self._columns(shape[0])].t().clone() if shape[0] == shape[1] else None,
        )

    def _names(self, layer: str) -> Sequence[str]:
        last = layer.rpartition(".")[2]
        return self.fused.get(last, (last,))

    def _whole(self, layer: str, parts: Mapping[int, tuple[str, Sample]]) -> Sample | None:
        """Join the parts of a layer's parameter; None if one is missing."""
        if layer.rpartition(".")[2] not in self.fused:
            return parts[0][1]
        if set(parts) != set(range(len(self._names(layer)))):
            return None
        samples = [parts[number][1] for number in sorted(parts)]
        outputs = sum(sample.shape[0] for sample in samples)
        return Sample(shape=(outputs, *samples[0].shape[1:]), values=torch.cat([sample.values for sample in samples]))

    def _holds(self, layer: nn.Module, parameter: str, expected: Sample) -> bool:
        held: Any = getattr(layer, parameter, None)
        if len(expected.shape) != 2:
            comparable = isinstance(held, Tensor) and held.shape == expected.shape and held.is_floating_point()
            return not comparable or _equal(held, expected.values)
        forms = [form for form in (expected.values, expected.transposed) if form is not None]
        return all(
            any(_equal(columns_OC[: len(form)], form) for form in forms)
            for columns_OC in self._readings(layer, held, expected)
        )

    def _readings(self, layer: Any, weight: Any, expected: Sample) -> list[Tensor]:
        """The columns as the plain weight has them, and as the packed copy of the weight gives them."""
        outputs, inputs = expected.shape
        columns, readings = self._columns(inputs), []
        plain = isinstance(weight, Tensor) and weight.dim() == 2
        if plain and weight.is_floating_point() and weight.shape[1] == inputs:
            readings.append(weight[:, columns.to(weight.device)])
        if hasattr(layer, "cpu_linear"):
            own = weight.shape[1] if plain else getattr(layer, "input_size_per_partition", None)
            if own == inputs:
                unit_CI = torch.zeros(len(columns), inputs, dtype=expected.values.dtype)
                unit_CI[torch.arange(len(columns)), columns] = 1
                readings.append(layer.cpu_linear(unit_CI, weight, None).t())
        # An embedding may have more rows than the checkpoint.
        return [reading for reading in readings if len(reading) >= outputs]

    def _without_tensors(self, layers: Mapping[str, nn.Module]) -> list[str]:
        """Parameters for which no tensor came. A tied head holds the matrix of another layer, the embedding."""
        got = {id(layers[layer]) for layer, _ in self._parts}
        wrong = []
        for name, layer in layers.items():
            own = [key for key, value in layer.named_parameters(recurse=False) if value.numel()]
            if id(layer) in got or not (own or hasattr(layer, "cpu_linear")):
                continue
            if not (name.endswith("lm_head") and self._holds_any(layer)):
                wrong.append(f"{name}.{own[0] if own else 'weight'}")
        return wrong

    def _holds_any(self, head: Any) -> bool:
        matrices = [sample for parts in self._parts.values() for _, sample in parts.values() if len(sample.shape) == 2]
        return any(
            self._readings(head, getattr(head, "weight", None), matrix) and self._holds(head, "weight", matrix)
            for matrix in matrices
        )


def _equal(held: Tensor, expected: Tensor) -> bool:
    """Whether they are equal bit for bit, in the dtype of what is held."""
    return torch.equal(held.cpu(), expected.to(held.dtype))
