"""lm-eval tasks for SURE-Math and the benchmarks it is measured on."""
