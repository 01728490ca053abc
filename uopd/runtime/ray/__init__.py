"""The parts of a run in Ray actors."""
