"""Unicode characters of mathematical text, grouped by what they stand for.

Two modules read such text and write it in their own notation: `text.py` (answers, before they are compared) and
`sure_math/problems/contamination/math_tokens.py` (problems, before they are searched for copies).
"""

APOSTROPHES = "’′"
DASHES = "−–—‐‑"
"""Minus, en dash, em dash and two hyphens: people write all of them for a minus."""
PRODUCT_SIGNS = "×·∙⋅∗"
QUOTIENT_SIGNS = "÷∕⁄"
LESS_OR_EQUAL = "≤⩽"
GREATER_OR_EQUAL = "≥⩾"
DEGREE_SIGNS = "°º"

RAISED_DIGITS = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789", strict=True))
LOWERED_DIGITS = dict(zip("₀₁₂₃₄₅₆₇₈₉", "0123456789", strict=True))
FRACTIONS = {"½": ("1", "2"), "⅓": ("1", "3"), "⅔": ("2", "3"), "¼": ("1", "4"), "¾": ("3", "4")}
"""Numerator and denominator of each fraction that is one character."""
COMMANDS = {"π": r"\pi ", "√": r"\sqrt "}
"""The LaTeX command that says the same, with the blank that ends it."""
