"""What the benchmarks compare.

| module | what it holds |
|---|---|
| `loss_ways` | ways of computing the loss |
| `step_ways` | ways of taking a training step |
| `planted_overlaps` | benchmark problems as other people would have written them |
| `random_models` | models of a given size without training |
"""
