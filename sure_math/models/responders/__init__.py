"""Responders: text in, text out, over an engine.

| module | what it holds |
|---|---|
| `chat` | the protocol `Responder`, and the responder over an engine |
| `server_chat` | the responder for endpoints that take only text |
| `journal` | what a model has answered, on disk; a resumed build asks nothing twice |
| `recorded` | the responder that reads and writes the journal |
| `roles` | the models of a build by role: author, teacher, judge, ... |
"""
