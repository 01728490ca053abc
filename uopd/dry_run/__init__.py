"""The plan of a training run (`--dry-run`): its steps, its placement and its memory."""
