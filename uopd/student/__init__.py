"""The student: its objectives and its updates, in one process and under DeepSpeed."""
