"""Models: engines that continue tokens, and responders that answer text.

| module | what it holds |
|---|---|
| `engines/` | tokens in; tokens and log-probabilities out |
| `responders/` | text in, text out, and the journal of what a model has answered |
"""
