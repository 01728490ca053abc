"""Storage: the work files of a build on disk, and what a phase is."""
