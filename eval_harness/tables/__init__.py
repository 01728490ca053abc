"""The tables of the paper from result files.

| module | what it holds |
|---|---|
| `command` | the command line, `python -m eval_harness.tables RESULTS...`: start here |
| `plan` | which result belongs to which row |
| `build`, `cells` | the tables of a plan, and what a cell shows |
| `text`, `figures` | a table as Markdown, LaTeX or a figure |
"""
