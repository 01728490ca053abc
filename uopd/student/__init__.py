"""The student: its objectives and its updates, in one process and under DeepSpeed.

| module | what it holds |
|---|---|
| `objectives` | from the hidden states of a micro-batch to its loss |
| `reference` | the student in one process: what an update is |
| `deepspeed` | one rank of the student under DeepSpeed |
| `learning_rate` | the learning rate of a step |
| `files` | checkpoints and exported models |
"""
