"""One training run.

| module | what it holds |
|---|---|
| `open_run` | read and check everything, load the components, claim the folder |
| `training_run` | `TrainingRun`: what surrounds the five calls of a step |
| `checks` | what is refused at the start, and what is remarked on later |
| `determinism` | the scorer's check: the same text twice, in two batchings |
| `agreement` | what student, scorer and tokenizer must have in common beyond the ids of the tokens |
| `evaluation` | accuracy on held-out problems |
| `metrics` | the numbers that are logged for a step |
| `folder`, `log`, `checkpoints`, `summary` | the files of a run: names, lines, checkpoints, the end |
"""
