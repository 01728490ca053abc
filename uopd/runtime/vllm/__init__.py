"""vLLM as sampler and as scorer."""
