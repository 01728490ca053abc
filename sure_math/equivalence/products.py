r"""Products that may not commute: of matrices (A^{-1}B, A^T B, AB = I) and of permutations (\sigma\tau).

A formula does not say what its letters stand for. If two formulas agree as products of numbers, and the letters of one
may be matrices, they are the same only if the letters have the same order.
"""

import re
from collections.abc import Iterator

from sure_math.equivalence.algebra import Node, symbols

_CAPITAL = re.compile(r"[A-Z]'*|\\(?:bar|vec|hat|tilde|mathcal)\{[A-Z]\}")
_PERMUTATIONS = frozenset({"sigma", "tau", "rho", "pi"})
_IDENTITY = frozenset({"I", "E"})
_MINUS_ONE = (("neg", ("num", 1)), ("num", -1))


def order_matters(first: Node, second: Node) -> bool:
    """Return whether two formulas that agree for numbers may differ for matrices or permutations.

    >>> from sure_math.equivalence.algebra import parse
    >>> order_matters(parse("A^{-1}B"), parse("BA^{-1}")), order_matters(parse("PVT^{-1}"), parse("PV/T"))
    (True, False)
    """
    if not _may_not_commute(first) and not _may_not_commute(second):
        return False
    if _divides(first) or _divides(second):
        return False
    return list(_letters(first)) != list(_letters(second)) or _inverts_product(first) or _inverts_product(second)


def _may_not_commute(node: Node) -> bool:
    names = symbols(node)
    if len(names) > 1 and names <= _PERMUTATIONS:
        return True
    matrices = {name.partition("^")[0] for name in _letters(node)} - _IDENTITY
    if len(matrices) == 1:
        return any("^" in letter and "T" in letter for letter in _letters(node))
    return len(matrices) > 1 and (_has_inverse(node) or _is_identity(node))


def _has_inverse(node: Node) -> bool:
    if node[0] == "pow" and _is_inverse(node[2]) and _are_letters(node[1]):
        return True
    return any(_has_inverse(child) for child in _children(node))


def _is_inverse(exponent: Node) -> bool:
    return exponent in _MINUS_ONE or exponent == ("sym", "T")


def _are_letters(node: Node) -> bool:
    return node[0] != "app" and bool(names := symbols(node)) and all(_CAPITAL.fullmatch(name) for name in names)


def _is_identity(node: Node) -> bool:
    """Whether a formula is the difference of a product of capital letters and the identity: AB = I."""
    if node[0] != "add" or len(node) != 3:
        return False
    left, right = node[1], node[2][1] if node[2][0] == "neg" else node[2]
    return any(
        one[0] == "mul" and _are_letters(one) and other[0] == "sym" and other[1] in _IDENTITY
        for one, other in ((left, right), (right, left))
    )


def _divides(node: Node) -> bool:
    """Whether a formula divides by a capital letter, which nobody does with a matrix."""
    if node[0] == "div" and any(True for _ in _letters(node[2])):
        return True
    return any(_divides(child) for child in _children(node))


def _inverts_product(node: Node) -> bool:
    if node[0] == "pow" and _is_inverse(node[2]) and len(list(_letters(node[1]))) > 1:
        return True
    return any(_inverts_product(child) for child in _children(node))


def _letters(node: Node) -> Iterator[str]:
    """Yield the letters that may stand for matrices or permutations, in their order."""
    if node[0] == "sym":
        if _CAPITAL.fullmatch(node[1]) or node[1] in _PERMUTATIONS:
            yield node[1]
    elif node[0] == "pow" and _is_inverse(node[2]):
        yield from (f"{letter}^{node[2]}" for letter in _letters(node[1]))
    else:
        for child in _children(node):
            yield from _letters(child)


def _children(node: Node) -> list[Node]:
    return [child for child in node[1:] if isinstance(child, tuple)]
