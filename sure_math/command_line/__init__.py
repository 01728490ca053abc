"""The command line of all packages.

| module | what it holds |
|---|---|
| `arguments` | options that the commands share |
| `settings` | configuration files with `key=value` overrides |
| `settings_table` | the table of settings that `--dry-run` prints |
| `terminal` | how text is printed: escaped, and without secrets |
| `progress` | progress bars, and the funnel at the end of a build |
"""
