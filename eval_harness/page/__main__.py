"""`python -m eval_harness.page`: one run, problem by problem, as an HTML file. See `eval_harness.page.command`."""

import sys

from eval_harness.page.command import main

if __name__ == "__main__":
    sys.exit(main())
