"""What the benchmarks compare.

| module | what it holds |
|---|---|
| `loss_ways` | ways of computing the loss |
| `step_ways` | ways of taking a training step |
| `planted_overlaps` | benchmark problems as other people would have written them |
| `first_number` | ZeroEval's rule for a right answer |
| `random_models` | models of a given size without training |
"""
