"""SURE-Math: problems annotated with a teacher's semantic entropy, built from seeds to a published dataset."""

__version__ = "0.1.0"
