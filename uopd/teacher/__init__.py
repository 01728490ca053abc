"""The teacher: a frozen model that scores the responses of the student, and its head in the student's process."""
