r"""One tree for formulas that differ only in how sums, products and quotients are written: n/2 and \frac{1}{2} n."""

from collections.abc import Iterable, Iterator
from fractions import Fraction

from sure_math.equivalence.algebra import Node, symbols
from sure_math.equivalence.values import Inexact, exact_value

_ONE = Fraction(1)


def normal(node: Node) -> Node:
    r"""Return the tree with sums and products flat and in order, and with quotients as products.

    >>> from sure_math.equivalence.algebra import parse
    >>> normal(parse("(n + 1)/2")) == normal(parse(r"\frac{1 + n}{2}")) == normal(parse("n/2 + 1/2"))
    True
    """
    if not symbols(node):
        try:
            return ("num", exact_value(node))
        except (Inexact, ZeroDivisionError, OverflowError):
            return node
    kind = node[0]
    if kind in ("sym", "num", "const"):
        return node
    children = [normal(child) if isinstance(child, tuple) else child for child in node[1:]]
    if kind == "neg":
        return _product([("num", Fraction(-1)), *children])
    if kind == "div":
        return _product([children[0], _inverse(children[1])])
    if kind == "mul":
        return _product(children)
    return _sum(children) if kind == "add" else (kind, *children)


def _inverse(node: Node) -> Node:
    if node[0] == "num" and node[1]:
        return ("num", 1 / node[1])
    return ("pow", node, ("num", Fraction(-1)))


def _flat(kind: str, nodes: Iterable[Node]) -> Iterator[Node]:
    for node in nodes:
        if node[0] == kind:
            yield from node[1:]
        else:
            yield node


def _product(factors: list[Node]) -> Node:
    number, others = _ONE, []
    for factor in _flat("mul", factors):
        if factor[0] == "num":
            number *= factor[1]
        else:
            others.append(factor)
    if len(others) == 1 and others[0][0] == "add":
        return _sum([_product([("num", number), term]) for term in others[0][1:]])
    others.sort(key=repr)
    parts = others if number == 1 and others else [("num", number), *others]
    return parts[0] if len(parts) == 1 else ("mul", *parts)


def _sum(terms: list[Node]) -> Node:
    number, others = Fraction(0), []
    for term in _flat("add", terms):
        if term[0] == "num":
            number += term[1]
        else:
            others.append(term)
    others.sort(key=repr)
    parts = others if number == 0 and others else [*others, ("num", number)]
    return parts[0] if len(parts) == 1 else ("add", *parts)
