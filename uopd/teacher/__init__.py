"""The teacher: a frozen model that scores the responses of the student."""
