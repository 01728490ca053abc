"""Copies of an engine in Ray actors: the only folder of `sure_math` that imports Ray.

| module | what it holds |
|---|---|
| `pool` | the engine that hands chunks of requests to replicas, and replaces dead replicas |
| `actor` | what runs in the actor of a replica |
| `capacity` | how many replicas fit |
| `environment` | the environment variables of an actor |
| `session` | this process's connection to Ray |
"""
