"""Evaluate models: the paper's benchmarks as tasks of lm-eval, graded by `sure_math.equivalence`.

| module | what it holds |
|---|---|
| `command` | the command line |
| `tasks/` | one YAML file per task, as lm-eval reads it |
| `benchmarks` | the problems of a task, from public datasets or from files |
| `task` | the class of every task: its requests and its metrics |
| `options`, `protocol` | settings that a user may change; what the other modules know of a task |
| `generate`, `backends` | responses with a journal, and lm-eval's models |
| `attach` | the place at which `generate` enters lm-eval |
| `grade`, `judge` | how a response is graded |
| `summary`, `results` | the section `sure_math` in result files: written, read, compared |
| `tables/`, `page/` | the paper's tables, and a page of one run |
| `doctor` | which commands start the tasks in this installation |
"""
