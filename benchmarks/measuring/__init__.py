"""How the benchmarks measure, where they keep their results, and what the loss has to reach on a GPU."""
