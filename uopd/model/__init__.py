"""The causal model of student and scorer, as hidden states and head, and the micro-batches that it reads."""
