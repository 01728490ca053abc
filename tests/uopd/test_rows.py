"""What travels through a training step.

Pins: a rank gets tensors, or an error that says that a reference was not opened.
"""

import pytest
import torch

from uopd.rows import HiddenScores, Share, opened


class Reference:
    """As Ray's reference to an object."""

    def hex(self) -> str:
        return "00ff"


def test_scores_that_are_tensors_are_open() -> None:
    scores = HiddenScores(hidden=torch.zeros(2, 3))
    assert opened(scores) is scores and Share(rows=(), scores=scores).opened_scores is scores
    assert Share(rows=(), scores=None).opened_scores is None


def test_a_reference_that_ray_did_not_open_is_an_error() -> None:
    with pytest.raises(TypeError, match=r"a reference to Ray's object store \(00ff\), not tensors"):
        _ = Share(rows=(), scores=Reference()).opened_scores
