"""How other trainers use the weights: code that runs there, and the README written beside exported rows.

| module | what it holds |
|---|---|
| `trl_weighted` | on-policy distillation of TRL with a weight per prompt |
| `verl_weighted` | a reward for verl, times the weight of the prompt |
"""
