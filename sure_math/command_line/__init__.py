"""The command line: options, configuration files with overrides, the table of settings, progress bars."""
