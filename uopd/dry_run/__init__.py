"""Dry run: the plan of a training run, with its placement and its memory.

| module | what it holds |
|---|---|
| `plan` | `make_plan`: parts, devices, what does not fit |
| `layout` | which GPU each part gets |
| `memory` | bytes that a part holds, and what is assumed |
| `syncable` | whether vLLM can take new weights of the student |
| `model_shapes` | parameters of a model from its shape |
| `tables` | how a plan is printed |
"""
