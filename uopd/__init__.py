"""UOPD: uncertainty-calibrated on-policy distillation.

| module | what it holds |
|---|---|
| `train` | Phase 2: the command, and the loop of five calls per step |
| `config` | the configuration of a run |
| `methods`, `method_names` | UOPD, its baselines and its controls |
| `dataset` | the dataset of a run |
| `protocols`, `rows` | who takes part in a step, and what travels between them |
| `rollouts/`, `teacher/`, `losses/`, `model/`, `student/`, `weight_sync/` | the parts of a step |
| `run/` | checks, checkpoints, log, metrics and evaluation of a run |
| `runtime/` | how the parts are started: in one process, or in Ray actors |
| `dry_run/` | the plan of a run |
"""
