"""`python -m eval_harness`: the command line. See `eval_harness.command`."""

import sys

from eval_harness.command import main

if __name__ == "__main__":
    sys.exit(main())
