"""One run: its folder, its checks, its checkpoints, its log."""
