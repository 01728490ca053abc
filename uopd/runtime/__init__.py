"""Where the parts of a run live: in this process, or in Ray actors."""
