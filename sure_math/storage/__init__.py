"""Storage: the work files of a build on disk."""
