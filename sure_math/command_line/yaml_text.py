"""Read YAML that a stranger may have written: small, of bounded nesting, and without names that stand for too much."""

from typing import Any

import yaml

MAX_CHARACTERS = 1_000_000
MAX_VALUES = 100_000
"""Values of a text, each counted as often as names (`*name`) repeat it."""


def read_yaml(text: str) -> Any:
    """Return the value of a YAML text.

    Example:
        >>> read_yaml("{min: 2, max: 8}")
        {'min': 2, 'max': 8}

    Raises:
        yaml.YAMLError: it is not YAML, is too long or nested too deeply, or holds itself or too many values.
    """
    if len(text) > MAX_CHARACTERS:
        raise yaml.YAMLError(f"it has more than {MAX_CHARACTERS:,} characters")
    loader = yaml.SafeLoader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        if _values(node, {}, set()) > MAX_VALUES:
            raise yaml.YAMLError(f"it holds more than {MAX_VALUES:,} values; write fewer names (*name) for other parts")
        return loader.construct_document(node)
    except RecursionError:
        raise yaml.YAMLError("it is nested too deeply") from None
    except ValueError as error:  # a number of too many digits, a date that does not exist
        raise yaml.YAMLError(f"a value cannot be read ({error!s:.100}); put it between quotes") from None
    finally:
        loader.dispose()


def _values(node: yaml.Node, counts: dict[int, int], open_nodes: set[int]) -> int:
    """Count the values of a node as they would be written out: a part counts once for each name that repeats it."""
    name = id(node)
    if name in open_nodes:
        raise yaml.YAMLError("a part of it holds itself")
    if name not in counts:
        open_nodes.add(name)
        children = node.value if isinstance(node, yaml.CollectionNode) else []
        parts = [part for child in children for part in (child if isinstance(child, tuple) else (child,))]
        counts[name] = 1 + sum(_values(part, counts, open_nodes) for part in parts)
        open_nodes.remove(name)
    return counts[name]
