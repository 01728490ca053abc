"""The upload of a published dataset to the Hub."""

from __future__ import annotations

import glob
from pathlib import Path
from typing import Protocol

from sure_math.publication.published import DatasetError, open_dataset
from sure_math.publication.shard_rows import PublishError


class HubApi(Protocol):
    """The two calls of `huggingface_hub.HfApi` that an upload needs."""

    def create_repo(self, repo_id: str, *, repo_type: str, private: bool, exist_ok: bool) -> object: ...

    def upload_folder(
        self, *, repo_id: str, folder_path: str, repo_type: str, allow_patterns: list[str], commit_message: str
    ) -> object: ...


def push(folder: Path, repo: str, *, private: bool = True, api: HubApi | None = None) -> str:
    """Upload a published folder to the Hub as a dataset and return its address.

    `HfApi.upload_folder` commits large folders in parts and skips files that are uploaded already, so the same call
    resumes an interrupted upload. Only what the build wrote is uploaded, as the manifest lists it, and the reports
    that `validate` wrote in the folder; work files (`.build/`) and files of the user never are. A new repository is
    private unless `private=False`, because licences and benchmark overlaps deserve a look before the world sees them;
    the visibility of an existing repository does not change. The token is that of `hf auth login` or `HF_TOKEN`. It is
    never an argument here, nor part of a message.

    >>> push(Path("sure-math"), "me/sure-math")  # doctest: +SKIP
    'https://huggingface.co/datasets/me/sure-math'

    Raises:
        PublishError: the folder is not a finished dataset, a file of it is not as its manifest says, or the Hub
            refused or could not be reached.
    """
    try:
        dataset = open_dataset(folder)
        files = dataset.upload_list()
    except DatasetError as error:
        raise PublishError(str(error)) from None
    try:
        hub = api if api is not None else _hub()
        hub.create_repo(repo, repo_type="dataset", private=private, exist_ok=True)
        hub.upload_folder(
            repo_id=repo,
            folder_path=str(folder),
            repo_type="dataset",
            allow_patterns=[glob.escape(name) for name in files],
            commit_message=f"sure-math dataset {dataset.fingerprint[:12]}",
        )
    except Exception as error:  # network, authentication, quota: one message for all, without secrets
        reason = _without_token(f"{type(error).__name__}: {error}")
        raise PublishError(
            f"upload of {folder} to {repo!r} failed: {reason}\nLog in with `hf auth login` if the Hub refused you; "
            "the same command resumes the upload"
        ) from None
    return f"https://huggingface.co/datasets/{repo}"


def _hub() -> HubApi:
    from huggingface_hub import HfApi

    return HfApi(library_name="sure-math")


def _without_token(message: str) -> str:
    from huggingface_hub import get_token

    token = get_token()
    return message.replace(token, "[token]") if token else message
