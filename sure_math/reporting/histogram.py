"""The histogram of H / log N that the card and the validation report share."""

BINS = 20
"""Equal bins over [0, 1]; the last one is closed."""

ROUNDING = 1e-9
"""A value this close below the edge of a bin is counted as on the edge: the difference is rounding."""


def bin_of(normalised_entropy: float) -> int:
    """Return the number of the bin that holds a value of H / log N, from 0.

    >>> bin_of(0.0), bin_of(0.05 - 1e-15), bin_of(1.0)
    (0, 1, 19)
    """
    return min(BINS - 1, int(normalised_entropy * BINS + ROUNDING))
