"""Publication: a finished run as a dataset folder with its card, and its upload.

| module | what it holds |
|---|---|
| `run_facts` | `BuildTables`: what a finished build hands to `publish` |
| `facts`, `shard_rows` | what travels: facts about the run, the rows of a shard |
| `tables` | the rows of the published tables, their schemas, their Parquet files |
| `card_numbers`, `card` | the numbers of the card, and the card |
| `publish` | `publish`: writes the folder |
| `read_back` | the check that the folder opens with `datasets` |
| `published` | `open_dataset`: the one reader of a finished folder |
| `upload` | `push`: the upload to the Hub |
| `recipes/` | weighted losses for other trainers, copied by `sure_math.export` |
"""
