"""Evolution: new problems from seeds, by six strategies of an author model.

| module | what it holds |
|---|---|
| `evolve` | the phase `evolve`: the rounds and the lineages |
| `problem_in_reply` | the problem in an author's reply |
| `eliminate` | the checks that an evolved text must pass |
| `prose` | the sentences of a text, which the checks read |
| `draw`, `choose` | the phases that limit the seeds per tier, and the evolved problems |
"""
