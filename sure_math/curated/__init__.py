"""SURE-Math Curated: 1,000 original problems whose answers were computed in two independent ways.

`curated.jsonl` holds the problems (800 train, 200 test). `python -m sure_math.curated.generate` writes the file again,
byte for byte, from the templates of this package. A template belongs to one split.
"""
