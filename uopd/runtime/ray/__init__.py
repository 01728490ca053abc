"""The components of a run in Ray actors: the only folder of `uopd` that imports Ray.

| module | what it holds |
|---|---|
| `cluster` | `start_ray`: reserve, make the actors, wait for them |
| `rank_actor`, `scorer_actor`, `engine_actor`, `actor_process` | what runs in the actors |
| `student`, `scorer`, `sampler` | what the driver sees of them: a `Student`, a `Scorer`, a `Sampler` |
| `receiver` | an engine's actor as the first rank sends weights to it |
| `calls` | how actors are called and waited for, and what an actor's death means |
| `messages` | what travels between the processes |
"""
