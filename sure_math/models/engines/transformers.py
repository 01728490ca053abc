"""The transformers engine: a decode loop of our own, because randomness must come from identity.

`model.generate` draws from torch's global state, so that a sample depends on its neighbours in the batch. Here each
sequence reads its own uniforms from Philox(seed) and inverts its own distribution in float64: the same seed gives the
same sample in any batch, up to the rounding of the forward pass (about 1e-6 nats in float32).

Shapes: B sequences being decoded, R prompts, S positions so far, T new tokens, V vocabulary.
"""

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from transformers import DynamicCache

from sure_math.models.engines import (
    Completion,
    EngineUnavailable,
    Finished,
    FinishedStream,
    ModelIdentity,
    Request,
    Sampling,
    refuse,
    refused,
)
from sure_math.models.engines.checked_load import load_causal_model
from sure_math.models.engines.cpu_memory import check_weights, free_memory
from sure_math.models.engines.spec import ModelFiles, ModelSpec
from sure_math.models.engines.weight_files import in_one_line

COMPACT_AT = 7 / 8
"""Finished sequences are removed when the others are at most this share of the batch. Removing them copies the cache;
keeping them costs their part of each forward pass."""

CACHE_TOLERANCE = {torch.float32: 1e-3, torch.float64: 1e-6}
"""Largest difference of logits with and without the cache, relative in norm."""
CACHE_TOLERANCE_16_BITS = 0.2
"""The same for 16-bit types, whose rounding grows with the layers; a state that is missing makes 0.5 and more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """Limits of one batch inside the engine."""

    sequences: int = 256
    tokens: int = 131_072
    """Sequences times the positions that a sequence may reach. A single sequence is never split."""


class TransformersEngine:
    """An `Engine` on `transformers` models of the decoder kind.

    Settings of the model's `generation_config` are not read. Log-probabilities are raw: temperature 1, no truncation.
    """

    def __init__(
        self,
        model: Any,
        *,
        identity: ModelIdentity,
        stop_token_ids: Sequence[int],
        max_length: int,
        budget: Budget,
        vocabulary: int | None = None,
    ) -> None:
        """Wrap a model; ids from `vocabulary` on are never sampled (`ModelFiles.vocabulary`)."""
        self._model: Any = model
        self._vocabulary = vocabulary
        self._identity = identity
        self._stops = torch.tensor(sorted(stop_token_ids), device=model.device)
        self._max_length = max_length
        self._budget = budget

    @property
    def identity(self) -> ModelIdentity:
        return self._identity

    def stream(self, batches: Iterable[Sequence[Request]]) -> FinishedStream:
        """Compute one batch after the other. The floats of an answer depend on its batch alone."""
        for batch in batches:
            yield self._answers(batch)

    def close(self) -> None:
        self._model = None
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    @torch.inference_mode()
    def check_architecture(self, remedy: str) -> None:
        """Sample one token from a cache of two prompts, and compare the next logits with those of a plain pass.

        An architecture whose state is not in transformers' cache of keys and values would sample from other
        distributions, or end with an error in the first batch.

        Args:
            remedy: what the message says to do.

        Raises:
            EngineUnavailable: the model cannot be sampled here.
        """
        vocabulary = self._model.get_output_embeddings().weight.shape[0]
        tokens = torch.linspace(0, vocabulary - 1, 10).long().tolist()
        short, long, new = tuple(tokens[:3]), tuple(tokens[3:9]), tokens[9]
        sampling = Sampling(max_new_tokens=2, temperature=1.0)
        pieces = [Request(token_ids=ids, seeds=(0,), sampling=sampling) for ids in (long, short)]
        device = self._stops.device
        try:
            _, cache, mask_BS = self._prefill(pieces)
            keep = torch.tensor([1], device=device)
            cache.batch_select_indices(keep)
            mask_BS = torch.cat([mask_BS[keep], mask_BS.new_ones(1, 1)], dim=1)
            cached_V = self._forward(torch.tensor([[new]], device=device), mask_BS, cache)[0].float()
        except (AttributeError, TypeError, ValueError, IndexError, KeyError, RuntimeError) as error:
            raise self._unsuitable(f"{type(error).__name__}: {in_one_line(error)}", remedy) from error
        plain = self._model(input_ids=torch.tensor([[*short, new]], device=device), use_cache=False)
        plain_V = plain.logits[0, -1, : self._vocabulary]
        expected_V = plain_V.float() - plain_V.float().mean()
        difference = float((cached_V - cached_V.mean() - expected_V).norm() / expected_V.norm().clamp_min(1e-30))
        if expected_V.isfinite().all() and not difference <= CACHE_TOLERANCE.get(
            plain_V.dtype, CACHE_TOLERANCE_16_BITS
        ):
            raise self._unsuitable(f"with its cache its logits differ by {difference:.2g} of their norm", remedy)

    def _unsuitable(self, why: str, remedy: str) -> EngineUnavailable:
        return EngineUnavailable(
            f"model {self.identity.name!r} ({self._model.config.model_type}): the transformers engine cannot sample "
            f"from this architecture ({why}); {remedy}"
        )

    def _answers(self, batch: Sequence[Request]) -> list[Finished]:
        finished: list[Finished] = []
        served: dict[Sampling, list[Request]] = {}
        for request in batch:
            refusal = refuse(request, self._max_length)
            if refusal is None:
                served.setdefault(request.sampling, []).append(request)
            else:
                finished += refused(request, refusal)
        for sampling, requests in served.items():
            for pieces in plan_batches(requests, self._budget):
                asked = [(piece, seed) for piece in pieces for seed in piece.seeds]
                completions = self._decode(pieces, sampling)
                finished += [
                    Finished(request=piece, seed=seed, answer=completion)
                    for (piece, seed), completion in zip(asked, completions, strict=True)
                ]
        return finished

    @torch.inference_mode()
    def _decode(self, pieces: Sequence[Request], sampling: Sampling) -> list[Completion]:
        """Continue every seed of every piece; return completions in the order of pieces and seeds."""
        logits_BV, cache, mask_BS = self._prefill(pieces)
        uniforms_BT = _uniforms([seed for piece in pieces for seed in piece.seeds], sampling, self._stops.device)
        record = _Record(len(mask_BS), sampling.max_new_tokens, self._stops.device)
        rows_B = torch.arange(len(mask_BS), device=self._stops.device)
        live_B = torch.ones_like(rows_B, dtype=torch.bool)
        for step in range(sampling.max_new_tokens):
            logprobs_BV = torch.log_softmax(logits_BV.double(), dim=-1)
            if logprobs_BV.isnan().any():
                raise EngineUnavailable(
                    f"model {self.identity.name!r}: its logits are not numbers (NaN): a weight, or a setting of "
                    "config.json, is none; download the model again, or use another one"
                )
            ids_B = draw_tokens(logprobs_BV, uniforms_BT[rows_B, step], sampling)
            logprob_B = logprobs_BV.gather(1, ids_B[:, None])[:, 0]
            stop_B = torch.isin(ids_B, self._stops)
            record.add(step, rows_B[live_B], ids_B[live_B], logprob_B[live_B], stop_B[live_B])
            live_B = live_B & ~stop_B
            live = int(live_B.sum())
            if live == 0 or step + 1 == sampling.max_new_tokens:
                break
            if live <= COMPACT_AT * len(live_B):
                keep = live_B.nonzero()[:, 0]
                cache.batch_select_indices(keep)
                mask_BS, ids_B, rows_B, live_B = mask_BS[keep], ids_B[keep], rows_B[keep], live_B[keep]
            mask_BS = torch.cat([mask_BS, mask_BS.new_ones(len(mask_BS), 1)], dim=1)
            logits_BV = self._forward(ids_B[:, None], mask_BS, cache)
        return record.completions()

    def _prefill(self, pieces: Sequence[Request]) -> tuple[torch.Tensor, DynamicCache, torch.Tensor]:
        """Run each prompt once, padded on the left, and repeat it for its seeds: logits [B, V], cache, mask [B, S]."""
        longest = max(len(piece.token_ids) for piece in pieces)
        ids = [[0] * (longest - len(piece.token_ids)) + list(piece.token_ids) for piece in pieces]
        mask = [[0] * (longest - len(piece.token_ids)) + [1] * len(piece.token_ids) for piece in pieces]
        device = self._stops.device
        mask_RS = torch.tensor(mask, device=device)
        cache = DynamicCache(config=self._model.config)
        logits_RV = self._forward(torch.tensor(ids, device=device), mask_RS, cache)
        counts = torch.tensor([len(piece.seeds) for piece in pieces], device=device)
        repeat_B = torch.arange(len(pieces), device=device).repeat_interleave(counts)
        cache.batch_select_indices(repeat_B)
        return logits_RV[repeat_B], cache, mask_RS[repeat_B]

    def _forward(self, ids: torch.Tensor, mask_BS: torch.Tensor, cache: DynamicCache) -> torch.Tensor:
        """Return the logits [B, V] after the last of `ids` [B, new]: of tokens, without the rows that pad the head.

        The cache grows by `ids`.
        """
        positions = (mask_BS.cumsum(dim=1) - 1).clamp(min=0)[:, -ids.shape[1] :]
        output = self._model(
            input_ids=ids,
            attention_mask=mask_BS,
            position_ids=positions,
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        )
        return output.logits[:, -1, : self._vocabulary]


class _Record:
    """The tokens that a batch has generated so far, one row per sequence."""

    def __init__(self, rows: int, max_new_tokens: int, device: torch.device) -> None:
        self._ids_BT = torch.zeros(rows, max_new_tokens, dtype=torch.long, device=device)
        self._logprob_B = torch.zeros(rows, dtype=torch.float64, device=device)
        self._count_B = torch.zeros(rows, dtype=torch.long, device=device)
        self._stopped_B = torch.zeros(rows, dtype=torch.bool, device=device)

    def add(
        self, step: int, rows: torch.Tensor, ids: torch.Tensor, logprobs: torch.Tensor, stopped: torch.Tensor
    ) -> None:
        self._ids_BT[rows, step] = ids
        self._logprob_B[rows] += logprobs
        self._count_B[rows] = step + 1
        self._stopped_B[rows] = stopped

    def completions(self) -> list[Completion]:
        rows = zip(
            self._ids_BT.tolist(),
            self._count_B.tolist(),
            self._logprob_B.tolist(),
            self._stopped_B.tolist(),
            strict=True,
        )
        return [
            Completion(token_ids=tuple(ids[:count]), sum_logprob=total, finish_reason="stop" if stopped else "length")
            for ids, count, total, stopped in rows
        ]


def plan_batches(requests: Sequence[Request], budget: Budget) -> Iterator[list[Request]]:
    """Cut requests into batches within `budget`; prompts of similar length come together (less padding).

    A request with more seeds than fit into a batch is cut too. Its pieces keep the order of its seeds.
    """
    batch: list[Request] = []
    for request in sorted(requests, key=lambda request: len(request.token_ids)):
        # Prompts come in ascending order: the current prompt is the longest of its batch.
        longest = len(request.token_ids) + request.sampling.max_new_tokens
        room = max(1, min(budget.sequences, budget.tokens // longest))
        start = 0
        while start < len(request.seeds):
            free = room - sum(len(piece.seeds) for piece in batch)
            if (batch and free <= 0) or (batch and len(request.seeds) - start > free and len(request.seeds) <= room):
                yield batch
                batch = []
                continue
            seeds = request.seeds[start : start + free]
            batch.append(dataclasses.replace(request, seeds=seeds))
            start += len(seeds)
    if batch:
        yield batch


def draw_tokens(logprobs_BV: torch.Tensor, uniforms_B: torch.Tensor, sampling: Sampling) -> torch.Tensor:
    """Draw one token per row, [B]: the argmax at temperature 0, else the inverse of the cumulative distribution."""
    if sampling.temperature == 0:
        return logprobs_BV.argmax(dim=-1)
    cumulative_BV = truncated(logprobs_BV, sampling).cumsum(dim=-1)
    total_B = cumulative_BV[:, -1]
    # Rounding must not raise the target to the total: the search would then end behind the last possible token.
    target_B = torch.minimum(uniforms_B * total_B, torch.nextafter(total_B, torch.zeros_like(total_B)))
    return torch.searchsorted(cumulative_BV, target_B[:, None], right=True)[:, 0]


def truncated(logprobs_BV: torch.Tensor, sampling: Sampling) -> torch.Tensor:
    """Return probabilities [B, V] after temperature, then top_k, then top_p (vLLM's order); 0 for tokens cut off.

    top_p keeps the smallest number of most probable tokens whose sum reaches it, and at least one token. Rows sum to
    the kept mass.
    """
    probs_BV = torch.softmax(logprobs_BV / sampling.temperature, dim=-1)
    vocabulary = probs_BV.shape[-1]
    if not 0 < sampling.top_k < vocabulary and sampling.top_p >= 1:
        return probs_BV
    sorted_BV, order_BV = probs_BV.sort(dim=-1, descending=True, stable=True)
    if 0 < sampling.top_k < vocabulary:
        sorted_BV[:, sampling.top_k :] = 0
        sorted_BV /= sorted_BV.sum(dim=-1, keepdim=True)
    if sampling.top_p < 1:
        before_BV = sorted_BV.cumsum(dim=-1) - sorted_BV
        before_BV[:, 0] = 0
        sorted_BV[before_BV >= sampling.top_p] = 0
    return torch.zeros_like(probs_BV).scatter(1, order_BV, sorted_BV)


def _uniforms(seeds: Sequence[int], sampling: Sampling, device: torch.device) -> torch.Tensor:
    """Return numbers in [0, 1), [B, T] in float64, row by row from Philox(seed); zeros at temperature 0."""
    shape = (len(seeds), sampling.max_new_tokens)
    if sampling.temperature == 0:
        return torch.zeros(shape, dtype=torch.float64, device=device)
    rows = [np.random.Generator(np.random.Philox(key=seed)).random(sampling.max_new_tokens) for seed in seeds]
    return torch.from_numpy(np.stack(rows)).to(device)


def start_transformers(spec: ModelSpec, files: ModelFiles) -> TransformersEngine:
    """Load the weights (safetensors only; no code from the folder) and place them on the device."""
    options = _options(spec)
    device = _device(spec.device)
    if options["cpu_threads"]:
        torch.set_num_threads(int(options["cpu_threads"]))
    dtype = _dtype(spec.dtype, device)
    if device.type == "cpu":
        check_weights(spec.model, files.folder, 4 if dtype == torch.float32 else 2, free_memory())
    model = load_causal_model(
        files.folder,
        dtype=dtype,
        attn_implementation=str(options["attn_implementation"]),
    )
    engine = TransformersEngine(
        model.to(device).eval(),
        identity=files.identity,
        stop_token_ids=files.stop_token_ids,
        max_length=files.max_length,
        budget=Budget(sequences=int(options["max_batch_sequences"]), tokens=int(options["max_batch_tokens"])),
        vocabulary=files.vocabulary,
    )
    engine.check_architecture("sample with vLLM: engine=vllm")
    return engine


def _options(spec: ModelSpec) -> dict[str, Any]:
    """Put `spec.options` over the defaults; EngineUnavailable for an unknown option.

    `cpu_threads` 0 keeps torch's own number. The number holds for the whole process, as torch's setting does.
    """
    defaults: dict[str, Any] = {
        "attn_implementation": "sdpa",
        "max_batch_sequences": 256,
        "max_batch_tokens": 131_072,
        "cpu_threads": 0,
    }
    unknown = sorted(set(spec.options) - set(defaults))
    if unknown:
        raise EngineUnavailable(f"engine option {unknown[0]!r}: the transformers engine has {', '.join(defaults)}")
    return defaults | dict(spec.options)


def _device(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise EngineUnavailable(f"device {name!r}: torch sees no GPU; use device=cpu or auto")
    return torch.device(name)


def _dtype(name: str, device: torch.device) -> str | torch.dtype:
    if name == "auto":
        # CPUs multiply bfloat16 slowly, and only float32 makes a resumed run equal an uninterrupted run.
        return torch.float32 if device.type == "cpu" else "auto"
    dtype: torch.dtype = getattr(torch, name)
    return dtype
