"""Sources: where seeds, stored samples and benchmarks come from.

| module | what it holds |
|---|---|
| `inputs` | `read_inputs`: all inputs of a build as tables |
| `catalogue` | the table of public datasets; a new source is added here |
| `row_rules` | the rules by which a row of a public dataset becomes a problem, or is left out |
| `public` | the reader of the public datasets in `catalogue` |
| `seeds`, `stored_samples` | the readers of a user's seeds, and of a file of samples |
| `columns` | the names of the columns in a user's file |
| `cells`, `sample_values` | what the cells and the samples of a user's file hold |
| `table_files`, `hub` | rows of a file, rows of a dataset on the Hub |
"""
