"""The tables of the paper from result files."""
