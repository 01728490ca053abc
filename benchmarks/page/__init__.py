"""The page of all benchmarks: `python -m benchmarks.page` writes it from the results files.

| module | what it holds |
|---|---|
| `write` | the page and its figures |
| `data_sections`, `training_sections` | the sections, each from its results file |
| `parts` | what a section is made of: tables, figures, the line that names a machine |
"""
