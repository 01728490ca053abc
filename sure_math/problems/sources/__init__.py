"""Sources: where seeds, stored samples and benchmarks come from.

| module | what it holds |
|---|---|
| `inputs` | `read_inputs`: all inputs of a build as tables |
| `catalogue` | the table of public datasets; a new source is added here |
| `row_rules` | the rules by which a row of a public dataset becomes a problem, or is left out |
| `public` | the reader of the public datasets in `catalogue` |
| `seeds`, `stored_samples` | the readers of a user's seeds, and of a file of samples |
| `columns` | the names of the columns in a user's file |
| `cells` | what a cell of a user's file holds; what is no text is refused |
| `reference_answers`, `sample_values` | the reference answer and solution of a row; the text of a sample |
| `table_files`, `hub` | rows of a file, rows of a dataset on the Hub |
| `encoded_text`, `json_rows` | encodings and compression of a text file; rows of JSON |
"""
