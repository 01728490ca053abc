"""What is added to vLLM's workers, on layers of the same name.

Pins: later rows get -inf in every call, the width stays, a worker that gathers no logits and narrower logits are left
alone, and the number of layers is returned. The extension of the weight transfer has the method too.
"""

import pytest
import torch

from sure_math.models.engines.leading_rows import LeadingRows


class LogitsProcessor(torch.nn.Module):
    def forward(self, logits: torch.Tensor | None) -> torch.Tensor | None:
        return None if logits is None else logits.clone()


class Worker(LeadingRows):
    def __init__(self, layer: torch.nn.Module) -> None:
        self.model = torch.nn.Sequential(layer)

    def get_model(self) -> torch.nn.Module:
        return self.model


def test_later_rows_have_no_probability() -> None:
    worker = Worker(LogitsProcessor())
    assert worker.use_leading_rows(3) == 1
    logits = torch.arange(10.0).reshape(2, 5)
    for _ in range(2):
        masked = worker.model(logits)
        assert masked.shape == (2, 5) and torch.equal(masked[:, :3], logits[:, :3])
        assert torch.equal(masked.softmax(-1)[:, 3:], torch.zeros(2, 2))
    assert worker.model(None) is None
    assert torch.equal(worker.model(logits[:, :2]), logits[:, :2])
    assert Worker(torch.nn.Identity()).use_leading_rows(3) == 0


@pytest.mark.vllm
def test_the_workers_of_the_weight_transfer_have_it_too() -> None:
    pytest.importorskip("vllm")
    from uopd.weight_sync.gloo import WorkerExtension

    assert issubclass(WorkerExtension, LeadingRows)
