"""What the benchmarks compare: ways of computing the loss, ways of taking a training step, planted overlaps."""
