"""Show one run, problem by problem, as an HTML page.

| module | what it holds |
|---|---|
| `command` | the command line |
| `page` | the page from a result file and its log of samples |
| `mathml` | text with LaTeX as HTML with MathML |
"""
