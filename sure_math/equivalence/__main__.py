"""`python -m sure_math.equivalence A B`: say whether two answers are the same, and why."""

import argparse
from collections.abc import Sequence

from sure_math.equivalence import explain
from sure_math.escaping import terminal


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the explanation of the verdict on two answers."""
    parser = argparse.ArgumentParser(prog="python -m sure_math.equivalence", description=__doc__)
    parser.add_argument("first", metavar="A", help=r"an answer, such as '\frac{1}{2}'; put it in single quotes")
    parser.add_argument("second", metavar="B", help="the other answer")
    parser.add_argument("--problem", help="the problem that both answer; it matters if it asks for a percentage")
    parsed = parser.parse_args(arguments)
    print(terminal(str(explain(parsed.first, parsed.second, parsed.problem))))


if __name__ == "__main__":
    main()
