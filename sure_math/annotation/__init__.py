"""Annotation: labels, teacher samples, the judge, and whether the teacher is right."""
