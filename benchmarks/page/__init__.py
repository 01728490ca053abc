"""The page of all benchmarks, and a page of the documentation: `python -m benchmarks.page` writes them from the results
files.

| module | what it holds |
|---|---|
| `write` | the page and its figures |
| `data_sections`, `training_sections` | sections, each from its results file |
| `published_section`, `hostile_section` | the same, and a page of the documentation |
| `parts` | what a section is made of: tables, figures, the line that names a machine |
"""
