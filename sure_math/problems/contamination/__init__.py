"""Contamination: duplicates among the problems, and overlap with benchmarks.

| module | what it holds |
|---|---|
| `overlap_index` | the rule: when a text overlaps a benchmark problem |
| `math_tokens` | the tokens and n-grams that the rule compares |
| `second_look` | problems near in meaning, and the model that compares each pair |
| `decontaminate` | which problems are dropped (those that overlap, and their descendants), with the reason |
| `screening` | the phases `screen` and `decontaminate` |
| `duplicates` | the phases `distinct` and `unique` |

A user reads in the table `rejected`, column `detail`, which benchmark problems a dropped problem repeats.
"""
