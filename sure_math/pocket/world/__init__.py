"""The pocket world: problems that can be drawn, worded, read back from text and solved exactly, without any model.

`problems.py` draws, renders and reads problems, `families.py` and `operations.py` hold their parts,
`evolution.py` has the six evolution strategies.
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
