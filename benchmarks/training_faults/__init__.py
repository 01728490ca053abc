"""Faults in training runs: what fails, is killed, lies or is changed meanwhile, and how the run ends.

`faults.py` has the list of faults, `inside.py` what happens inside the process of a run, `attempt.py` how a fault is
tried and judged.
"""
