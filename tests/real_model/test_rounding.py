"""A real model in bfloat16 differs between two batchings by rounding: more than 0.001 nats, less than the limit.

Pins of `uopd/run/determinism.py` on SmolLM2-135M-Instruct, padded and packed; one more token in front of the texts is
above the limit.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from sure_math.models.engines.files import load_tokenizer, text_config
from uopd.model.causal_model import load_model
from uopd.model.micro_batches import Layout
from uopd.rows import Scores, TrainingRow
from uopd.run.determinism import rounding_limit
from uopd.teacher.scorer import ScorerSpec, TransformersScorer, difference_of_repeats

pytestmark = pytest.mark.slow

TEXTS = (
    "Let x and y be real numbers such that x + y = 7 and x y = 12. Find x^2 + y^2.",
    "Compute the determinant of the matrix [[1,2],[3,4]].",
    "A train leaves at 9:00 and travels at 60 km/h; another leaves at 10:00 at 90 km/h. When does it catch up?",
)


@pytest.mark.parametrize("layout", ["padded", "packed"])
def test_a_real_model_stays_below_and_another_text_is_above(real_model: Path, layout: Layout) -> None:
    tokenizer = load_tokenizer(real_model)
    texts = [tuple(tokenizer.encode(text)) for text in TEXTS]
    rows = [TrainingRow(prompt_ids=(), response_ids=text[1:], scorer_ids=text[:1], token_weight=0.0) for text in texts]
    spec = ScorerSpec(
        model=str(real_model),
        revision=None,
        dtype="bfloat16",
        device="cpu",
        attention="sdpa",
        top_k=0,
        values="float32",
        max_tokens=4096,
        layout=layout,
        threads=0,
    )
    scorer = TransformersScorer(load_model(spec.model, None, spec.dtype, spec.device, spec.attention), spec)
    limit = rounding_limit(torch.bfloat16, text_config(real_model).num_hidden_layers)
    assert 1e-3 < scorer.repeat_difference(rows) < limit / 1.5

    def leaking(read: Sequence[TrainingRow]) -> Scores:
        return scorer.score(
            [replace(row, scorer_ids=texts[0][:1] + row.scorer_ids) for row in read] if len(read) > 1 else read
        )

    assert difference_of_repeats(leaking, rows) > limit
