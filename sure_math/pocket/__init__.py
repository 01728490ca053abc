"""The embedded small models and the world they live in: a complete run of Phase 1 without a download."""

from importlib import resources
from pathlib import Path

ROLES = ("author", "teacher", "student", "judge")


def model_folder(role: str) -> Path:
    """The folder with the weights and tokenizer of a role; a `ValueError` names the roles there are."""
    if role not in ROLES:
        raise ValueError(f"pocket model {role!r} does not exist; there are {', '.join(ROLES)}")
    return Path(str(resources.files(__package__) / "models" / role))
