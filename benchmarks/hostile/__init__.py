"""Attacks on the whole of the packages, as one benchmark: `python -m benchmarks.hostile`.

| module | what it holds |
|---|---|
| `answers`, `answer_pairs`, `audit` | part 1: hostile answers, how they are made, and how their process is watched |
| `kills`, `stopping` | part 2: commands killed at random and at exact points |
| `damage` | part 3: damaged folders |
| `sentinels` | part 4: the search for secrets |
| `works` | the commands of parts 2 to 4, and how to read what they have made |
| `trials` | what was tried, on the disk, so that a stopped run continues |
"""
