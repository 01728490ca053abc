"""The pocket world: problems that can be drawn, worded, read back from text and solved exactly, without any model.

| module | what it holds |
|---|---|
| `problems` | problems drawn, rendered and read |
| `families` | the families of problems: how each draws its numbers and words its text |
| `workings` | how each family is worked out |
| `operations` | steps that can be appended to a problem |
| `numbers` | exact values, and how people write them |
| `evolution` | the six evolution strategies |
"""

from sure_math.pocket.world.problems import (
    Instance,
    WorldProblem,
    draw_core,
    is_held_out,
    read_instance,
    render,
    seed_problems,
    solve,
    to_problem,
    work_out,
)

__all__ = [
    "Instance",
    "WorldProblem",
    "draw_core",
    "is_held_out",
    "read_instance",
    "render",
    "seed_problems",
    "solve",
    "to_problem",
    "work_out",
]
