"""Units, scale words and currencies beside a number.

| module | what it holds |
|---|---|
| `names` | the spellings of units in many languages, their dimensions and sizes |
| `scales` | the scale words (million, dozen, 万) and the words that make a text more than a unit |
| `unit` | a unit read from words, and what two units have to do with each other |
| `quantity` | a text cut into its number and the words beside it |

The tables are our own. A general library of units reads every prefix before every symbol (`pint` is a pico-int), knows
no language but English, and has no word for "may be another unit", which the verdict `undecided` needs.
"""

from sure_math.equivalence.units.quantity import Split, letter_as_scale, letters_as_unit, split_parts, split_quantity
from sure_math.equivalence.units.unit import (
    DEGREE,
    ORDINAL,
    PERCENT,
    Relation,
    Unit,
    in_base_units,
    parse_unit,
    part_size,
    relation,
)

__all__ = [
    "DEGREE",
    "ORDINAL",
    "PERCENT",
    "Relation",
    "Split",
    "Unit",
    "in_base_units",
    "letter_as_scale",
    "letters_as_unit",
    "parse_unit",
    "part_size",
    "relation",
    "split_parts",
    "split_quantity",
]
