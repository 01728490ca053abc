"""The page of all benchmarks: `python -m benchmarks.page` writes it from the results files."""
