"""The small models that come with the package: `pocket:ROLE` as the name of a model."""

from importlib import resources
from pathlib import Path

from sure_math.models.engines import EngineUnavailable

POCKET_PREFIX = "pocket:"
ROLES = ("author", "teacher", "student", "judge")


def is_pocket(model: str) -> bool:
    """Return whether `model` names a model of the package, which every machine with the package has.

    >>> is_pocket("pocket:teacher"), is_pocket("Qwen/Qwen3-1.7B")
    (True, False)
    """
    return model.startswith(POCKET_PREFIX)


def pocket_folder(model: str) -> Path:
    """Return the folder with the weights and the tokenizer of `pocket:ROLE`, or of the role alone.

    Raises:
        EngineUnavailable: no such role, or the package was installed without its data.

    >>> pocket_folder("pocket:teacher").name
    'teacher'
    """
    role = model.removeprefix(POCKET_PREFIX)
    if role not in ROLES:
        raise EngineUnavailable(f"pocket model {role!r} does not exist; there are {', '.join(ROLES)}")
    # Not `files("sure_math.pocket")`: that would import the package that trains these models.
    folder = Path(str(resources.files("sure_math") / "pocket" / "models" / role))
    if not folder.is_dir():
        raise EngineUnavailable(f"pocket model {role!r}: {folder} is not there; install the package with its data")
    return folder
