"""The second look at contamination: an encoder finds benchmark problems near in meaning, and a model compares the
texts.

How this differs from the usual check with embeddings and a model:
1. The model is asked about every pair in both orders, and one yes is enough.
2. Only a plain no is a no. After a reply that is neither yes nor no, the model is asked once more, by sampling with
   another seed. A second unclear reply, or a question that the model refuses, counts as an overlap.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sure_math.batched import batched
from sure_math.identity import statement
from sure_math.models.engines import EngineUnavailable, Refusal, Sampling
from sure_math.models.engines.files import fingerprint_of, load_tokenizer, model_folder
from sure_math.models.responders.chat import Message, Question, Reply, Responder
from sure_math.problems.contamination.decontaminate import TEST_SPLIT
from sure_math.problems.contamination.math_tokens import without_frame
from sure_math.problems.contamination.overlap_index import Entry, Match
from sure_math.prompts.template import PromptTemplate, as_data, shortened
from sure_math.prompts.yes_or_no import MAX_REPLY_TOKENS, says_yes
from sure_math.rows import Problem

MAX_PROBLEM_CHARACTERS = 6000
_AGAIN = 0.7
"""Temperature of the second try. A greedy model would give the same reply again."""
_MAX_TOKENS = 512
"""Most tokens of a text that an encoder reads. The cost of attention grows with their square."""
_BATCH = 32

Encoder = Callable[[Sequence[str]], np.ndarray]
"""Texts -> (number of texts, width) float32, every row of length 1."""


def overlap_prompt(text: str) -> PromptTemplate:
    """Read the prompt file `overlap.txt`: a system message, and a user message with {first} and {second}.

    Raises:
        PromptError: a part is missing.
    """
    return PromptTemplate.parse(text, name="overlap", needs=("first", "second"), needs_system=True)


def overlap_messages(prompt: PromptTemplate, first: str, second: str) -> tuple[Message, ...]:
    """Ask about two problems, in this order."""
    return prompt.messages(first=as_data(first, MAX_PROBLEM_CHARACTERS), second=as_data(second, MAX_PROBLEM_CHARACTERS))


class NearestCheck:
    """A `SecondLook` that asks a model about the nearest pairs. Every outcome but a plain `no` is an overlap."""

    def __init__(
        self,
        encode: Encoder,
        entries: Iterable[Entry],
        responder: Responder,
        prompt: PromptTemplate,
        *,
        top_k: int,
        min_similarity: float,
    ) -> None:
        """`entries`: the benchmark problems, and as `TEST_SPLIT` the run's own; the latter are for training problems.

        They are encoded with the first shard.
        """
        self._encode, self._responder, self._prompt = encode, responder, prompt
        self._top_k, self._min_similarity = top_k, min_similarity
        self._entries = tuple(entries)
        self._texts = [without_frame(entry.text, 1) for entry in self._entries]
        self._shown = [statement(text, entry.system) for text, entry in zip(self._texts, self._entries, strict=True)]
        self._own = np.array([entry.benchmark == TEST_SPLIT for entry in self._entries], bool)
        self._vectors: np.ndarray | None = None

    def __call__(self, problems: Sequence[Problem], /) -> list[tuple[Match, ...]]:
        pairs = self._pairs(problems)
        questions = [
            messages
            for row, number, _ in pairs
            for messages in self._both_orders(problems[row].statement, self._shown[number])
        ]
        verdicts = self._verdicts(questions)
        matches: list[list[Match]] = [[] for _ in problems]
        for position, (row, number, similarity) in enumerate(pairs):
            if _outcome(verdicts[2 * position : 2 * position + 2]) != "no":
                entry = self._entries[number]
                matches[row].append(
                    Match(benchmark=entry.benchmark, problem_id=entry.problem_id, kind="model", score=similarity)
                )
        return [tuple(row_matches) for row_matches in matches]

    def _pairs(self, problems: Sequence[Problem]) -> list[tuple[int, int, float]]:
        """Row, benchmark problem and cosine of the nearest pairs, nearest first within a row."""
        if not problems or not self._entries:
            return []
        if self._vectors is None:
            self._vectors = self._encode(self._texts)
        similarities = self._encode([problem.problem for problem in problems]) @ self._vectors.T
        pairs = []
        for row, problem in enumerate(problems):
            allowed = similarities[row] >= self._min_similarity
            numbers = np.flatnonzero(allowed & ~self._own if problem.split == "test" else allowed)
            ordered = numbers[np.argsort(-similarities[row, numbers], kind="stable")]
            pairs += [(row, int(number), float(similarities[row, number])) for number in ordered[: self._top_k]]
        return pairs

    def _both_orders(self, first: str, second: str) -> tuple[tuple[Message, ...], tuple[Message, ...]]:
        return overlap_messages(self._prompt, first, second), overlap_messages(self._prompt, second, first)

    def _verdicts(self, questions: Sequence[tuple[Message, ...]]) -> list[str]:
        """`yes`, `no`, `nonsense` or `refused` for each question."""
        verdicts = self._ask(questions, seed=0, temperature=0.0)
        unclear = [number for number, verdict in enumerate(verdicts) if verdict == "nonsense"]
        again = self._ask([questions[number] for number in unclear], seed=1, temperature=_AGAIN)
        for number, verdict in zip(unclear, again, strict=True):
            verdicts[number] = verdict
        return verdicts

    def _ask(self, questions: Sequence[tuple[Message, ...]], *, seed: int, temperature: float) -> list[str]:
        if not questions:
            return []
        sampling = Sampling(max_new_tokens=MAX_REPLY_TOKENS, temperature=temperature)
        asked = [Question(messages=messages, seeds=(seed,), sampling=sampling) for messages in questions]
        return [_verdict(replies) for replies in self._responder.ask(asked)]


def load_encoder(model: str, revision: str | None = None, *, device: str = "auto") -> Encoder:
    """Load an encoder that averages the last hidden states of a text's tokens.

    Only safetensors weights are read, and code from the folder is never run.

    Raises:
        EngineUnavailable: there is no such model, or it has no weights in that format.
    """
    # Only builds with this check need PyTorch here.
    import torch

    from sure_math.models.engines.checked_load import load_base_model

    folder = model_folder(model, revision)
    chosen_device = ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device
    tokenizer = load_tokenizer(folder)
    network = load_base_model(folder)
    network = network.float().to(chosen_device).eval()
    positions = getattr(network.config, "max_position_embeddings", _MAX_TOKENS)
    longest = min(_MAX_TOKENS, positions, tokenizer.model_max_length)

    @torch.inference_mode()
    def mean(texts: Sequence[str]) -> np.ndarray:
        tokens = tokenizer(list(texts), padding=True, truncation=True, max_length=longest, return_tensors="pt").to(
            chosen_device
        )
        hidden = network(**tokens).last_hidden_state
        mask = tokens["attention_mask"].unsqueeze(-1).to(hidden.dtype)
        means = (hidden * mask).sum(dim=1) / mask.sum(dim=1).clamp(min=1)
        return torch.nn.functional.normalize(means, dim=-1).cpu().numpy()

    return lambda texts: _in_batches(mean, texts)


def encoder_fingerprint(model: str, revision: str | None = None) -> str:
    """Compute a digest of the encoder's files, or return its commit on the Hub. The nearest problems depend on it."""
    return fingerprint_of(Path(model_folder(model, revision)))


def _in_batches(encode: Any, texts: Sequence[str]) -> np.ndarray:
    """Encode texts of similar length together, so that little is padded. The rows are in the order of the texts."""
    order = sorted(range(len(texts)), key=lambda number: (len(texts[number]), number))
    parts = [
        encode([shortened(texts[number], MAX_PROBLEM_CHARACTERS) for number in batch])
        for batch in batched(order, _BATCH)
    ]
    vectors = np.concatenate(parts)
    if not np.isfinite(vectors).all():  # no vector is similar to NaN: every problem would pass as clean
        raise EngineUnavailable(
            "decontaminate.check.embedding: the encoder gives vectors with NaN or infinity; use another encoder"
        )
    return vectors[np.argsort(order)]


def _verdict(replies: tuple[Reply, ...] | Refusal) -> str:
    if isinstance(replies, Refusal):
        return "refused"
    overlaps = says_yes(replies[0].text)
    return "nonsense" if overlaps is None else ("no", "yes")[overlaps]


def _outcome(verdicts: Sequence[str]) -> str:
    """Of the outcomes of the two orders, return the one that speaks most against the pair being clean."""
    return next((verdict for verdict in ("yes", "refused", "nonsense") if verdict in verdicts), "no")
