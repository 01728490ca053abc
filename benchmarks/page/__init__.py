"""The page of all benchmarks, and a page of the documentation: `python -m benchmarks.page` writes them from the results
files.

| module | what it holds |
|---|---|
| `write` | the page and its figures |
| `data_sections`, `training_sections`, `published_section` | the sections, each from its results file |
| `parts` | what a section is made of: tables, figures, the line that names a machine |
"""
