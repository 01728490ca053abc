"""Configurations of a training run, by name: `--config NAME`.

| module | what it holds |
|---|---|
| `paper-1.7b.yaml`, `paper-4b.yaml`, `paper-8b.yaml` | the paper's three pairs of models, in its placement |
| `paper-8b-fit.yaml` | `paper-8b` in a layout that fits |
| `single-gpu.yaml` | the first pair on one GPU |
| `small.yaml` | small real models in one process, on one GPU of 16 GB or a CPU |
| `pocket.yaml`, `pocket-local.yaml` | the small models in the package, with Ray and in one process |
"""
