"""Sources: seeds, stored samples and benchmarks, read from files, the Hub and the package."""
