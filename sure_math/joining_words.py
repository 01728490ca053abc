"""Words that join answers, "and" and "or", in languages that put blanks between words.

`extract.py` reads boxes with such words between them as one list; `equivalence/connectors.py` reads the members of an
answer. Languages without blanks, and words that also are English words, are left to these two.
"""

AND = frozenset("and und sowie et y e i и та і й og och en oraz és ja ve şi dan và kai και ו و और तथा এবং และ".split())
OR = frozenset("or oder ou o или або чи lub albo eller tai veya sau nebo vagy atau hoặc ή או أو أم या অথবা หรือ".split())
