"""Annotation: labels, teacher samples, the judge, and whether the teacher is right.

| module | what it holds |
|---|---|
| `label` | the phase `label`: answers for problems that have none |
| `sample` | the phase `sample`: the teacher's answers to each problem |
| `answers` | the phase `extract`: the final answer of each sample |
| `clusters` | the phase `cluster`: answers grouped by meaning |
| `judge` | the model that compares two answers |
| `uncertainties` | the phase `entropy`: how far the answers disagree |
| `grade` | the phase `verdict`: whether the teacher is right |

The algorithms are in `sure_math/extract.py`, `sure_math/cluster.py` and `sure_math/entropy.py`.
"""
