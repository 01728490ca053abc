"""A causal model in parts, and micro-batches of rows for it."""
