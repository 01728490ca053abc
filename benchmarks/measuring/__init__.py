"""How the benchmarks measure, where they keep their results, and what the loss has to reach on a GPU.

| module | what it holds |
|---|---|
| `clock_and_memory` | a clock, the peak of memory, the machine |
| `journals` | the rows of a build's journal |
| `results_files` | the results files, read and written |
| `loss_goals` | the goals of the loss on a GPU |
"""
