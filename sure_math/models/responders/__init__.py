"""Responders: text in, text out, over an engine."""
