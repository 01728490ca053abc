"""Problems: where they come from, how they evolve, and which are dropped before anything is asked of a teacher.

| module | what it holds |
|---|---|
| `sources/` | seeds, stored samples and benchmarks as tables |
| `evolution/` | new problems from seeds |
| `contamination/` | duplicates, and overlap with benchmarks |
"""
