"""The error of models: loading one, or taking a step with one."""


class StudentError(RuntimeError):
    """A model cannot be loaded or a step cannot be taken; the message says what to do."""
