"""Evaluate models: the paper's benchmarks as tasks of lm-eval, graded by `sure_math.equivalence`."""
