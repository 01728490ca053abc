"""The teacher: a frozen model that scores the responses of the student, and its head in the student's process.

| module | what it holds |
|---|---|
| `scorer` | the scorer in PyTorch: top-k log-probabilities or hidden states |
| `score_copies` | copies of scores between a device and the host |
| `frozen_head` | the language-model head of a frozen model, read from its folder |

The teacher is started in `uopd/runtime`: `ray/cluster.py` starts it in an actor, and `vllm/scorer.py` is the teacher on
vLLM.
"""
