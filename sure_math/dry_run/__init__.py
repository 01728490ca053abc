"""Dry run: the plan of a build, what it would read, ask and cost.

| module | what it holds |
|---|---|
| `plan` | `make_plan`: the phases with their counts |
| `cost` | tokens and GPU hours, and what they assume |
| `assumptions` | assumptions in general; the trainer's plan uses them too |
| `tables` | how a plan is printed |
"""
