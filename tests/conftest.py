"""Fixtures shared by all tests: the folder of real data."""

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def realdata() -> Path:
    """Folder of real benchmark files and model outputs: `SURE_MATH_REALDATA`, else `../shared/realdata`.

    A test that asks for it is skipped where the folder is absent, and fails with SURE_MATH_REQUIRE_REALDATA=1.
    """
    folder = Path(os.environ.get("SURE_MATH_REALDATA", REPOSITORY.parent / "shared" / "realdata"))
    if folder.is_dir():
        return folder
    message = f"real data folder {folder} is not there; name it in SURE_MATH_REALDATA"
    if os.environ.get("SURE_MATH_REQUIRE_REALDATA") == "1":
        pytest.fail(message)
    pytest.skip(message)
