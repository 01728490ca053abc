"""The command line: options, configuration files with overrides, progress bars."""
