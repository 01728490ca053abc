"""The plan of a build (`--dry-run`): what it would read, ask and cost."""
