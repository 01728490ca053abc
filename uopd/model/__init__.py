"""The causal model of student and scorer, and the micro-batches that it reads.

| module | what it holds |
|---|---|
| `causal_model` | the model as hidden states and head |
| `micro_batches` | the rows of a step as tensors |
| `row_layout` | the check that rows are read in a batch as they are read alone |
| `randomness` | dropout and noise, which are off in a student |
"""
