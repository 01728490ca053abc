"""Show one run, problem by problem, as an HTML page."""
