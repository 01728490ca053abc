"""SURE-Math: problems annotated with a teacher's semantic entropy, built from seeds to a published dataset.

| module | what it holds |
|---|---|
| `build` | Phase 1: the command, and the list of phases |
| `config`, `rows` | the configuration of a build, and the rows that travel between phases |
| `thoughts`, `extract`, `cluster`, `entropy` | from completions to answers, clusters and semantic entropy |
| `problems/`, `annotation/`, `publication/` | the phases: from seeds to the published folder |
| `equivalence/` | the one definition of "the same answer" |
| `models/`, `prompts/` | engines, responders and prompts |
| `storage/`, `identity`, `batched` | the work files of a build; ids, seeds and fingerprints |
| `validate`, `validation/`, `reporting/` | does entropy predict errors? Statistics and figures |
| `export` | a published dataset for another trainer |
| `curated/`, `pocket/` | original problems and small models that come with the package |
| `command_line/`, `configs/`, `dry_run/` | options, configurations, the plan of a build |
"""

__version__ = "0.1.0"
