"""Publication: a finished run as a dataset folder with its card, and its upload."""
