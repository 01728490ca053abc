"""Contamination: duplicates among the problems, and overlap with benchmarks."""
