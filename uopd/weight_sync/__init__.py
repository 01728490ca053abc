"""Weights from the student to the engines, after every update."""

from uopd.weight_sync.weight_sync import WeightSender

__all__ = ["WeightSender"]
