"""Sources: where seeds, stored samples and benchmarks come from.

| module | what it holds |
|---|---|
| `inputs` | `read_inputs`: all inputs of a build as tables |
| `seeds`, `stored_samples`, `public` | the readers: seeds, a file of samples, public datasets |
| `catalogue`, `row_rules` | the table of public datasets, and the rules of their rows |
| `columns`, `cells`, `sample_values` | how a user's file is read: its columns, its cells, its samples |
| `table_files`, `hub` | rows of a file, rows of a dataset on the Hub |
"""
