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

MORE_FRACTIONS = {
    **dict(zip("⅕⅖⅗⅘", (("1", "5"), ("2", "5"), ("3", "5"), ("4", "5")), strict=True)),
    **dict(zip("⅙⅚⅛⅜⅝⅞", (("1", "6"), ("5", "6"), ("1", "8"), ("3", "8"), ("5", "8"), ("7", "8")), strict=True)),
    **dict(zip("⅐⅑⅒", (("1", "7"), ("1", "9"), ("1", "10")), strict=True)),
}
RAISED = {**RAISED_DIGITS, "⁺": "+", "⁻": "-", "⁽": "(", "⁾": ")", "ⁿ": "n", "ⁱ": "i", "ˣ": "x", "ᵏ": "k", "ᵐ": "m"}
LOWERED = {**LOWERED_DIGITS, "₊": "+", "₋": "-", "₍": "(", "₎": ")"} | dict(zip("ₙᵢₖⱼₘₐₓ", "nikjmax", strict=True))
"""Characters that are read together where several stand side by side: x¹² is x to the 12."""
_GREEK_TEXT = (
    "α alpha β beta γ gamma δ delta ε epsilon ϵ epsilon ζ zeta η eta θ theta ϑ theta ι iota κ kappa λ lambda μ mu "
    "ν nu ξ xi ρ rho σ sigma τ tau υ upsilon φ phi ϕ phi χ chi ψ psi ω omega Γ Gamma Δ Delta Θ Theta Λ Lambda Ξ Xi "
    "Σ Sigma Φ Phi Ψ Psi ∆ Delta"
)
_GREEK = _GREEK_TEXT.split()
GREEK_LETTERS = {letter: rf"\{name} " for letter, name in zip(_GREEK[::2], _GREEK[1::2], strict=True)}
SETS = {"ℕ": r"\mathbb{N}", "ℤ": r"\mathbb{Z}", "ℚ": r"\mathbb{Q}", "ℂ": r"\mathbb{C}"}
FULLWIDTH = {chr(code): chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)} | {"｛": "⦃", "｝": "⦄", "　": " "}
"""ASCII characters as wide as a Chinese one. Such braces are brackets of a set, never braces of TeX."""
_DIGITS_FROM = (
    *(0x660, 0x6F0, 0x7C0, 0x966, 0x9E6, 0xA66, 0xAE6, 0xB66, 0xBE6, 0xC66, 0xCE6, 0xD66, 0xE50, 0xED0, 0xF20, 0x1040),
    *(0x17E0, 0x1810, 0x1D7CE, 0x1D7D8, 0x1D7E2, 0x1D7EC, 0x1D7F6),
)
DIGITS = {chr(start + digit): str(digit) for start in _DIGITS_FROM for digit in range(10)}
"""Decimal digits of other scripts and of the mathematical alphabets."""
_LATIN = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_ALPHABETS_FROM = (0x1D400, 0x1D434, 0x1D468, 0x1D5A0, 0x1D5D4, 0x1D608, 0x1D63C, 0x1D670)
LETTERS = {
    **{chr(start + index): letter for start in _ALPHABETS_FROM for index, letter in enumerate(_LATIN)},
    **{"ℎ": "h", "ℯ": "e", "ⅇ": "e", "ⅈ": "i", "𝜋": r"\pi "},
}
"""Bold, italic and sans-serif letters. Script, black-letter and double-struck letters are other variables."""
