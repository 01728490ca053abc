"""Copies of an engine in Ray actors: the only folder of `sure_math` that imports Ray."""
