"""UOPD: uncertainty-calibrated on-policy distillation."""
