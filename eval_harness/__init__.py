"""Evaluation: the paper's benchmarks as tasks of lm-eval, graded by the project's one definition of the same answer."""
