"""`python -m eval_harness.tables`: the paper's tables from result files. See `eval_harness.tables.command`."""

import sys

from eval_harness.tables.command import main

if __name__ == "__main__":
    sys.exit(main())
