"""The pocket world and the small models that live in it: a complete run of Phase 1 without a download.

| module | what it holds |
|---|---|
| `world/` | the problems: drawn, worded, read back and solved |
| `models/` | the trained models |
| `lessons`, `pairs` | what the models are trained on |
| `tokenizer`, `train`, `evaluate` | how the models are made and measured |
"""
