"""The names of the methods, as configurations and tables know them, and their titles in tables.

This module imports nothing, so that reading a name loads no model library; `methods.py` says what a name stands for.
"""

from collections.abc import Mapping
from typing import Literal

MethodName = Literal["uopd", "opd", "filter", "grpo", "opsd", "shuffled", "majority", "opd-scaled", "sampled"]

PAPER_METHODS: Mapping[str, str] = {
    "opd": "Standard OPD",
    "grpo": "GRPO",
    "opsd": "Self-Distilled Reasoner",
    "uopd": "UOPD (ours)",
}
"""The methods of Table 1, in the order of Sec. 4.2. The thresholds of `filter` are rows of Table 2."""

CONTROLS: Mapping[str, str] = {
    "shuffled": "Shuffled weights",
    "majority": "Majority share",
    "opd-scaled": "Uniform (mean weight)",
    "sampled": "Sampled by weight",
}
"""Our controls: further rows of Table 2, shown if the plan of the tables has them."""
