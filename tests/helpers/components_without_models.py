"""A rank, a scorer and an engine without a model, for actors: they show which actor a call reaches, and can fail."""

import os
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from sure_math.models.engines import Completion, EngineUnavailable, Finished, Refusal, Request, refused
from uopd.config import TrainConfig
from uopd.rows import Scores, Share, TrainingRow, UpdateReport
from uopd.weight_sync.broadcast_group import BroadcastGroup
from uopd.weight_sync.buckets import cut_into_buckets, descriptions, empty_bucket
from uopd.weight_sync.digest import as_message

DIE, DIE_ONCE, FAIL = (66,), (67,), (13,)
"""Prompts that are orders to an engine."""


class SmallRank:
    """A rank whose weights are one number; it obeys what a share's rows say."""

    def __init__(self, rank: int, world: int, address: str, port: int) -> None:
        assert address and port
        self.rank, self.world, self.version = rank, world, 0
        self.weight = 0.0

    def parameters(self) -> list[tuple[str, torch.Tensor]]:
        return [("weight", torch.tensor([self.weight]))]

    def update(self, share: Share, learning_rate: float) -> UpdateReport:
        if learning_rate < 0:
            raise ValueError(f"rank {self.rank} cannot learn at {learning_rate:g}")
        self.version += 1
        self.weight += learning_rate
        scores = share.opened_scores
        total = float(scores.sampled.sum()) if isinstance(scores, Scores) else 0.0
        return UpdateReport(sums={"sampled": total}, gradient_norm=1.0, seconds=0.0, peak_bytes=0)

    def logprobs(self, token_ids: Sequence[int]) -> list[float]:
        return [-self.weight] * (len(token_ids) - 1)

    def save(self, folder: Path) -> None:
        folder.joinpath(f"rank-{self.rank}").write_text(str(self.version))

    def load(self, folder: Path) -> None:
        self.version = int(folder.joinpath(f"rank-{self.rank}").read_text())

    def export(self, folder: Path) -> None: ...

    def close(self) -> None: ...


class SmallScorer:
    """Scores a response's tokens by their ids."""

    def score(self, rows: Sequence[TrainingRow]) -> Scores:
        tokens = [token for row in rows for token in row.response_ids]
        if 13 in tokens:
            raise FloatingPointError("row 0: a logit is nan")
        sampled = torch.tensor(tokens, dtype=torch.float32)
        return Scores(ids=sampled[:, None].int(), logprobs=sampled[:, None].bfloat16(), sampled=sampled)

    def repeat_difference(self, rows: Sequence[TrainingRow]) -> float:
        return 0.0

    def close(self) -> None: ...


class SmallEngine:
    """Answers a seed with itself, its process and its version, unless the prompt is an order to fail."""

    workers = 1

    def __init__(self, marker: Path | None = None, claims: int | None = None) -> None:
        """`marker`: file that says that an engine has died; `claims`: version it says it has after a sync."""
        self.version, self.marker, self.claims = 0, marker, claims

    def generate(self, requests: Sequence[Request]) -> list[Finished]:
        answers: list[Finished] = []
        for request in requests:
            if request.token_ids == DIE or (request.token_ids == DIE_ONCE and self._first_death()):
                os.kill(os.getpid(), signal.SIGKILL)
            if request.token_ids == FAIL:
                raise ValueError("token 13 is not spoken here")
            if not request.token_ids:
                answers += refused(request, Refusal(reason="empty_prompt", detail="the prompt has no tokens"))
                continue
            for seed in request.seeds:
                tokens = (seed, os.getpid(), self.version)
                completion = Completion(token_ids=tokens, sum_logprob=-1.0, finish_reason="stop")
                answers.append(Finished(request=request, seed=seed, answer=completion))
        return answers

    def _first_death(self) -> bool:
        assert self.marker is not None
        died = self.marker.exists()
        self.marker.touch()
        return not died

    def logprobs(self, token_ids: Sequence[int]) -> list[float]:
        return [0.0] * (len(token_ids) - 1)

    def init_transfer(self, info: Mapping[str, Any]) -> None:
        self.group = join(info)

    def start_update(self) -> None: ...

    def receive(self, info: Mapping[str, Any]) -> None:
        for slots in cut_into_buckets(descriptions(**info), 2**20):
            self.group.broadcast(empty_bucket(slots))
        self.group.broadcast(as_message([0] * len(info["names"])))

    def finish_update(self, version: int) -> None:
        self.version = version if self.claims is None else self.claims

    def close(self) -> None: ...


def join(info: Mapping[str, Any]) -> BroadcastGroup:
    """The transfer group an engine of one worker is told of."""
    return BroadcastGroup.join(
        host=info["host"],
        port=info["port"],
        rank=info["rank_offset"],
        world=info["world_size"],
        timeout=info["timeout"],
    )


def refuse(message: str) -> Any:
    raise EngineUnavailable(message)


def need(package: str) -> Any:
    return __import__(package)


def config_of(folder: Path, address: str | None, **overrides: Any) -> TrainConfig:
    """The configuration of a run under Ray whose student and teacher are the same small model."""
    tree: dict[str, Any] = {
        "student": {"model": str(folder), "dtype": "float32", "num_cpus": 1},
        "teacher": {"model": str(folder), "dtype": "float32", "top_k": 8},
        "rollouts": {
            "engine": "vllm",
            "engines": 2,
            "engine_options": {"enforce_eager": True, "kv_cache_memory_bytes": 64 * 2**20},
        },
        "sync": {"timeout": 60, "bucket_mb": 1},
        "runtime": {"kind": "ray", "address": address},
    }
    for section, values in overrides.items():
        tree[section] = tree.get(section, {}) | values
    return TrainConfig.model_validate(tree)
