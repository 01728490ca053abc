"""Scale words behind a number: they multiply it, so that 1.5 million is 1,500,000.

A word has its English meaning where languages differ (`billion` is 10^9). Words whose meaning the text cannot show
(`score`, `quarters`) are in `UNCLEAR`: a number with such a word is not read.
"""

import re

from sure_math.scale_words import SCALES

SUFFIXES = {"k": 3, "K": 3, "M": 6, "B": 9, "m": 6, "b": 9, "T": 12}
"""Letters that may be a scale (5k): powers of ten. They count only behind an amount of money ($5k)."""
_MONTHS_TEXT = (
    "january february march april may june july august september october november december jan feb mar apr jun "
    "jul aug sep sept oct nov dec"
)
_AMOUNTS_TEXT = (
    "score scores gross pair pairs ten tens quarter quarters half halves fourths third fourth fifth sixth tenth "
    "десяток десятка десятков пара пары пар 双 对 倍 yüzde μ couple couples billones billón billionen trillones "
    "trillón trillionen bilion biliony billon trilhões hundert hundred tausend thousand hundra tusen hundre "
    "tusind hundrede honderd duizend cento cientos cien mila mille bin yüz ratus ribu juta tisíc tisíce tisic "
    "száz ezer mie mii sută sto tysiąc nghìn ngàn ngan elfu laki twos threes dozens thousands hundreds millions "
    "trăm दर्जन मिलियन mld tis тыс 打"
)
"""Scales, parts and multiples whose size is not in `SCALES`, or is not clear."""
_STATEMENTS_TEXT = (
    "fewer less more inverse reciprocal squared cubed factorial or and if when where than then least below "
    "negative minus plus not no is are was were be has have for to from between up off at by with without since "
    "because such that which there this it its he she they we i so thus hence mod modulo choose divided equal "
    "equals answer except only both either oder und mehr weniger wenn ou et si moins o y más menos или и если "
    "больше меньше более менее около не 或 和 以上 以下 以内 未満 未满 左右 多 余 个百分点 成 折 割 分之 半 "
    "より以上 이상 이하 미만 초과 أو و أكثر أقل "
    "או ו יותר या और से"
)
"""Conditions, comparisons, operations and pronouns."""
_NUMERAL = re.compile(
    r"(?:m|b|tr|quadr|quint|sext)[iíy]l[lyh]?[iíjy]?[oóãõ]\w*|(?:m|b)[iy]l+[iy]?[aá]r\w*|(?:tr|quadr)illiard\w*|\w*ллион\w*|\w*льйон\w*"
)
UNCLEAR = frozenset(f"{_MONTHS_TEXT} {_AMOUNTS_TEXT} {_STATEMENTS_TEXT}".split()) - SCALES.keys()
"""Words that make more of the text behind a number than a unit: a condition, a comparison, an operation."""


def is_unclear(word: str) -> bool:
    """Return whether a word behind a number is no unit: a condition, an operation, or a scale of unknown size.

    >>> is_unclear("trilyon"), is_unclear("million"), is_unclear("miles")
    (True, False, False)
    """
    lower = word.lower()
    return lower in UNCLEAR or (lower not in SCALES and word not in SCALES and _NUMERAL.fullmatch(lower) is not None)
