"""Reporting: statistics, figures and templates that the reports of all three packages share.

| module | what it holds |
|---|---|
| `accuracy` | accuracies over repeated answers, with errors and paired differences |
| `auroc` | AUROC, ROC, accuracy per bin, risk against coverage |
| `resampling` | the bootstrap of both |
| `histogram` | the bins of H / log N |
| `figures` | the figures of a dataset and of its validation |
| `templates` | the Markdown templates of `cards/` |
"""
