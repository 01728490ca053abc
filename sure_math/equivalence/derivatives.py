"""Derivatives of formula trees, by the rules of a first course in calculus."""

from fractions import Fraction
from typing import Any, TypeAlias

Node: TypeAlias = tuple[Any, ...]

MAX_NODES = 3_000
"""Largest tree that is built. Each rule may double the tree, so that nested products would grow exponentially."""
_ZERO: Node = ("num", Fraction(0))
_ONE: Node = ("num", Fraction(1))
_TWO: Node = ("num", Fraction(2))
_OUTER: dict[str, Node] = {
    "sin": ("fn", "cos", ("sym", "?")),
    "cos": ("neg", ("fn", "sin", ("sym", "?"))),
    "tan": ("pow", ("fn", "sec", ("sym", "?")), _TWO),
    "cot": ("neg", ("pow", ("fn", "csc", ("sym", "?")), _TWO)),
    "sec": ("mul", ("fn", "sec", ("sym", "?")), ("fn", "tan", ("sym", "?"))),
    "csc": ("neg", ("mul", ("fn", "csc", ("sym", "?")), ("fn", "cot", ("sym", "?")))),
    "exp": ("fn", "exp", ("sym", "?")),
    "ln": ("div", _ONE, ("sym", "?")),
    "log10": ("div", _ONE, ("mul", ("sym", "?"), ("fn", "ln", ("num", Fraction(10))))),
    "sinh": ("fn", "cosh", ("sym", "?")),
    "cosh": ("fn", "sinh", ("sym", "?")),
    "arcsin": ("div", _ONE, ("root", _TWO, ("add", _ONE, ("neg", ("pow", ("sym", "?"), _TWO))))),
    "arccos": ("div", ("num", Fraction(-1)), ("root", _TWO, ("add", _ONE, ("neg", ("pow", ("sym", "?"), _TWO))))),
    "arctan": ("div", _ONE, ("add", _ONE, ("pow", ("sym", "?"), _TWO))),
}
"""The derivative of each function at `?`."""


class NoDerivative(ValueError):
    """A formula that these rules cannot differentiate."""


def derivative(node: Node, name: str) -> Node:
    """Return the derivative of a tree with respect to a variable. Other variables are constants.

    >>> derivative(("pow", ("sym", "x"), ("num", Fraction(2))), "x")[0]
    'mul'
    """
    if _has_call(node):
        raise NoDerivative("an unknown function")
    result = _derivative(node, name)
    if _size(result) > MAX_NODES:
        raise NoDerivative("the derivative is too long")
    return result


def _size(node: Node) -> int:
    return 1 + sum(_size(child) for child in node if isinstance(child, tuple))


def _has_call(node: Node) -> bool:
    """Whether a tree has an unknown function. The member of a sequence (`a_1`) is a constant."""
    called = node[0] == "app" and "_" not in node[1]
    return called or any(_has_call(child) for child in node[1:] if isinstance(child, tuple))


def _contains(node: Node, name: str) -> bool:
    return node == ("sym", name) or any(_contains(child, name) for child in node if isinstance(child, tuple))


def _derivative(node: Node, name: str) -> Node:
    if not _contains(node, name):
        return _ZERO
    kind, parts = node[0], node[1:]
    if kind == "sym":
        return _ONE
    if kind == "fn":
        return _of_function(node, name)
    if kind == "add":
        return ("add", *(_derivative(part, name) for part in parts))
    if kind == "neg":
        return ("neg", _derivative(parts[0], name))
    if kind == "mul":
        terms = [
            ("mul", *parts[:index], _derivative(part, name), *parts[index + 1 :])
            for index, part in enumerate(parts)
            if _contains(part, name)
        ]
        return terms[0] if len(terms) == 1 else ("add", *terms)
    if kind == "div":
        upper, lower = parts
        above = ("mul", _derivative(upper, name), lower)
        below = ("mul", upper, _derivative(lower, name))
        return ("div", ("add", above, ("neg", below)), ("pow", lower, _TWO))
    if kind == "pow":
        return _of_power(parts[0], parts[1], name)
    if kind == "root":
        return _of_power(parts[1], ("div", _ONE, parts[0]), name)
    raise NoDerivative(kind)


def _of_power(base: Node, exponent: Node, name: str) -> Node:
    """Differentiate u^v: v u^(v-1) u' where v is a constant, u^v ln(u) v' where u is one, else the sum of both."""
    terms: list[Node] = []
    if _contains(base, name):
        reduced = ("pow", base, ("add", exponent, ("num", Fraction(-1))))
        terms.append(("mul", exponent, reduced, _derivative(base, name)))
    if _contains(exponent, name):
        power = ("pow", base, exponent)
        logarithm: tuple[Node, ...] = () if base == ("const", "e") else (("fn", "ln", base),)
        terms.append(("mul", power, *logarithm, _derivative(exponent, name)))
    return terms[0] if len(terms) == 1 else ("add", *terms)


def _of_function(node: Node, name: str) -> Node:
    function, argument = node[1], node[-1]
    if function == "logbase" and not _contains(node[2], name):
        lower = ("mul", argument, ("fn", "ln", node[2]))
        return ("div", _derivative(argument, name), lower)
    if function not in _OUTER:
        raise NoDerivative(function)
    return ("mul", _at(_OUTER[function], argument), _derivative(argument, name))


def _at(outer: Node, argument: Node) -> Node:
    if outer == ("sym", "?"):
        return argument
    return tuple(_at(child, argument) if isinstance(child, tuple) else child for child in outer)
