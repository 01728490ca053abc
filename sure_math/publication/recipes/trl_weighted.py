"""TRL's on-policy distillation with a weight per prompt (Eq. 8 and 9 with K = 1), written for TRL 1.16.

How this differs from the paper: the teacher's whole vocabulary instead of its top-k, and with `beta=0` the forward KL
instead of the cross-entropy, which has the same gradient.
"""

from collections.abc import Mapping
from typing import Any

import torch
from trl import DistillationTrainer

ROW = ("prompt_ids", "prompt_mask", "completion_ids", "completion_mask")


class WeightedDistillationTrainer(DistillationTrainer):
    """A row's loss is its weight times the mean over its response tokens; the loss of a step is the mean over rows."""

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        batch: dict[str, Any] = super()._generate_and_score_completions(inputs)
        # One entry per row: TRL shuffles and splits it together with the completions.
        batch["weight"] = torch.tensor([row["weight"] for row in inputs], device=self.accelerator.device)
        return batch

    def _compute_loss(self, unwrapped_student: Any, inputs: Mapping[str, Any], num_items_in_batch: Any) -> Any:
        total, entropies, counts = torch.zeros((), device=inputs["weight"].device), [], []
        for place, weight in enumerate(inputs["weight"]):
            row = {name: inputs[name][place : place + 1] for name in ROW}
            # Without a count of tokens, TRL's loss is the mean over those of this row.
            loss, entropy, count = super()._compute_loss(unwrapped_student, row, None)
            total = total + weight * loss
            entropies.append(entropy)
            counts.append(count)
        # TRL sums the losses of an optimizer step and averages over processes: divide by the rows of one process.
        steps = self.args.gradient_accumulation_steps if self.model.training else 1
        return total / (len(counts) * steps), torch.stack(entropies).sum(), torch.stack(counts).sum()
