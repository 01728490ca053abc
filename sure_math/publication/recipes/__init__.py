"""How other trainers use the weights: code that runs there, and the README written beside exported rows."""
