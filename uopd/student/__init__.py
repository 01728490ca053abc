"""The student: what an update is, in one process and under DeepSpeed."""
