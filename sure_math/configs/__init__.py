"""Configurations of a build, by name: `--config NAME`.

| module | what it holds |
|---|---|
| `default.yaml` | the paper's models, our clustering, seeds under permissive licences |
| `paper.yaml` | the paper's models, settings, sources and clustering |
| `annotate.yaml` | a user's own problems, teacher or stored samples |
| `small.yaml` | small real models, for one GPU of 16 GB or a CPU |
| `pocket.yaml` | the small models in the package |
"""
