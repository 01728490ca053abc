"""Storage: the work files of a build on disk, and what a phase is.

| module | what it holds |
|---|---|
| `phase` | `Phase`: a function of a shard's rows, with its settings and version |
| `store` | `Store`: the shards and manifests; a killed build finds here which shards are finished |
| `claimed_folder` | a folder in which one configuration and one process at a time write |
| `output_folder` | whose a folder is, and which of its files a command wrote: nothing of the user's is replaced |
| `seen` | a dictionary on disk, for phases that compare all rows |
| `files` | whole files, digests of files, errors of the disk in one line |
| `package_versions` | versions of installed packages |

What a model has answered is in `sure_math/models/responders/journal.py`.
"""
