"""The task class of every benchmark: one greedy request and 16 sampled requests per problem, graded together.

lm-eval has one sampling setting and one number of repeats per task, so pass@1 and avg@16 would be two tasks. Here every
response is a separate request: request 0 is greedy, requests 1 to 16 are sampled at T = 1.2 with top-p 0.95 (Sec. 4.3).
A user can change only the token budget (`--gen_kwargs max_gen_toks=...`).

Options in `--metadata`:
- `data`: a file or folder to read the benchmark from, or a mapping from tasks to files or folders;
- `problems`: `all` also asks the 11 problems of AMO-Bench whose answers are descriptions, which needs a judge;
- `judge`: the model that compares descriptions, as in a build's configuration:
  `{"model": ..., "engine": ..., "server": ...}`;
- `limits`: how large the parts of a benchmark's file or dataset may be, as in a build's configuration.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Mapping, Sequence
from typing import Any

import datasets
from lm_eval.api.filter import FilterEnsemble
from lm_eval.api.instance import Instance
from lm_eval.api.task import ConfigurableTask

from eval_harness.attach import attach, is_attached
from eval_harness.benchmarks import BENCHMARKS, Benchmark, LoadedBenchmark, fingerprint, load_benchmark
from eval_harness.grade import GradedResponse, grade_boxed, grade_judged, grade_number
from eval_harness.judge import NamedJudge, named_judge
from eval_harness.options import RESPONSES, OptionError, budget_of, metric_directions
from sure_math.identity import statement
from sure_math.problems.sources.limits import Limits, limits_from

TEMPERATURE, TOP_P = 1.2, 0.95
"""Sampling of all responses but the greedy one (Sec. 4.3)."""
OPTIONS = ("data", "problems", "judge", "limits")
"""Options that a user can set in `--metadata`."""


class SureTask(ConfigurableTask):
    """A task of one benchmark, which `metadata.benchmark` names in the task's YAML file."""

    def __init__(
        self, data_dir: Any = None, cache_dir: Any = None, download_mode: Any = None, config: Any = None
    ) -> None:
        config = {key: value for key, value in dict(config).items() if key != "class"}
        metadata = dict(config.get("metadata") or {})
        self.name = str(config["task"])
        self.benchmark_name = str(metadata["benchmark"])
        self.options = {name: metadata[name] for name in OPTIONS if metadata.get(name) is not None}
        self.model_arguments = {name: value for name, value in metadata.items() if name not in (*OPTIONS, *_YAML_KEYS)}
        self.judge: NamedJudge | None = None
        directions = metric_directions(self.benchmark.samples)
        # lm-eval stores these settings in its results. The model's arguments are left out: they may contain a key.
        kept = {name: metadata[name] for name in ("version", "benchmark") if name in metadata}
        super().__init__(
            config={
                "generation_kwargs": {"max_gen_toks": 8192, "until": []},
                **config,
                "output_type": "generate_until",
                "test_split": "test",
                "doc_to_text": "prompt",
                "doc_to_target": "answer",
                "num_fewshot": 0,
                "process_results": "graded by the task",  # never called; without it lm-eval looks up the metrics
                "metric_list": [
                    {"metric": name, "aggregation": "mean", "higher_is_better": up} for name, up in directions.items()
                ],
                "metadata": kept,
            }
        )
        self._filters = [FilterEnsemble(name="none", filters=[])]  # the default filter keeps only the first response
        self._aggregation_list[RESPONSES] = list

    @property
    def benchmark(self) -> Benchmark:
        """The entry of `BENCHMARKS`."""
        return BENCHMARKS[self.benchmark_name]

    def download(self, dataset_kwargs: Any = None, **kwargs: Any) -> None:
        """Read the problems, and hand them to lm-eval as a `datasets` table."""
        self.loaded = self._read()
        self.fingerprint = fingerprint(self.loaded)
        rows = [dataclasses.asdict(problem) for problem in self.loaded.problems]
        self.dataset = {"test": datasets.Dataset.from_list(rows)}

    def build_all_requests(self, **named: Any) -> None:
        """Build the requests as lm-eval does, but never from its cache, whose key contains neither prompt nor data."""
        if not is_attached():
            raise OptionError(
                f"{self.name}: lm_eval's `evaluate` was imported before this task, so samples would be requested "
                "without seeds; call lm_eval.simple_evaluate, or import eval_harness.task first"
            )
        if named.pop("cache_requests", False):
            logging.getLogger(__name__).warning("%s: --cache_requests is not used by this task", self.name)
        super().build_all_requests(**named)

    def construct_requests(self, doc: Mapping[str, Any], ctx: Any, **named: Any) -> list[Instance]:
        """Make the requests of one problem: request 0 is greedy, the others are sampled."""
        task, doc_id, _ = named["metadata"]
        budget = self.budget
        greedy = {"do_sample": False, "temperature": 0.0, "max_gen_toks": budget, "until": []}
        sampled = {
            "do_sample": True,
            "temperature": TEMPERATURE,
            "top_p": TOP_P,
            "max_gen_toks": budget,
            "until": [],
        }
        settings = [greedy, *([sampled] * self.benchmark.samples)]
        return [
            Instance(
                request_type="generate_until",
                doc=doc,
                arguments=(ctx, dict(request_settings)),
                idx=number,
                metadata=(task, doc_id, 1),
            )
            for number, request_settings in enumerate(settings)
        ]

    @property
    def budget(self) -> int:
        """New tokens per response, at most: the only setting of generation that a user can change."""
        return budget_of(self.name, self.config.generation_kwargs)

    def process_results(self, doc: Mapping[str, Any], results: Sequence[Any]) -> dict[str, Any]:
        """Return every metric of one problem, and its graded responses for the summary."""
        if "bypass" in self._metric_fn_list:  # --predict_only
            return {"bypass": 0}
        responses = [result[0] for result in results]
        graded_responses = self.grade(doc, responses)
        greedy, samples = graded_responses[0], graded_responses[1:]
        metrics: dict[str, Any] = {"pass@1": float(greedy.correct), **_shares("@1", [greedy])}
        if samples:
            metrics[f"avg@{len(samples)}"] = sum(graded.correct for graded in samples) / len(samples)
            metrics |= _shares(f"@{len(samples)}", samples)
            metrics[f"distinct@{len(samples)}"] = float(len(set(map(str, responses[1:]))))
        metrics[RESPONSES] = {
            "problem_id": doc["problem_id"],
            "distinct": len(set(map(str, responses[1:]))),
            "graded": [dataclasses.asdict(graded) for graded in graded_responses],
        }
        return metrics

    def grade(self, doc: Mapping[str, Any], responses: Sequence[str]) -> list[GradedResponse]:
        """Grade every response to one problem, as the benchmark requires."""
        if doc["grading"] == "judge":
            assert self.judge is not None, "`_read` leaves out these problems if there is no judge"
            return grade_judged(statement_of(doc), doc["answer"], responses, self.judge.check)
        grade = {"boxed": grade_boxed, "number": grade_number}[doc["grading"]]
        return grade(doc["answer"], responses, statement_of(doc))

    def fewshot_context(
        self, doc: Any, num_fewshot: int, system_instruction: str | None = None, *arguments: Any, **named: Any
    ) -> Any:
        """Return the whole prompt. A problem's own system prompt takes the place of lm-eval's, which must be empty."""
        own = doc.get("system") or None
        if own is not None and system_instruction:
            raise OptionError(
                f"{self.name}: --system_instruction = {system_instruction[:60]!r}: the problem {doc['problem_id']} has "
                f"a system prompt of its own ({own[:60]!r}); leave the option out, or remove the system prompts from "
                "the data"
            )
        context = super().fewshot_context(doc, num_fewshot, own or system_instruction, *arguments, **named)
        # lm-eval leaves system messages out if a chat template refuses them.
        if own is not None and isinstance(context, str) and "".join(own.split()) not in "".join(context.split()):
            raise OptionError(
                f"{self.name}: the problem {doc['problem_id']} has a system prompt ({own[:60]!r}), which the model's "
                "chat template leaves out; use a template that writes it, or remove the system prompts from the data"
            )
        return context

    def doc_to_text(self, doc: Any, doc_to_text: Any = None) -> str:
        """Return the prompt as it is; lm-eval would run a template language on the problem's text."""
        return str(doc["prompt"])

    def doc_to_target(self, doc: Any, doc_to_target: Any = None) -> str:
        """Return the gold."""
        return str(doc["answer"])

    def _read(self) -> LoadedBenchmark:
        if self.options.get("judge") is not None and self.benchmark_name == "amo_bench":
            self.judge = named_judge(self.options["judge"])
        everything = self.judge is not None
        if self.options.get("problems") == "all" and self.benchmark_name == "amo_bench" and not everything:
            raise OptionError(
                f"{self.name}: problems = all asks for the 11 problems of AMO-Bench whose answers are descriptions, "
                'and no judge is named to compare them. Name a judge with --metadata \'{"judge": {"model": ..., '
                '"engine": "server", "server": {"url": ...}}}\', or leave out `problems`: the default is the 39 '
                "problems that a parser grades"
            )
        return load_benchmark(
            self.benchmark_name, task=self.name, data=self._data(), everything=everything, limits=self._limits()
        )

    def _limits(self) -> Limits:
        values = self.options.get("limits", {})
        if not isinstance(values, Mapping):
            raise OptionError(f"{self.name}: metadata limits = {values}: must be a mapping, such as {_LIMITS_EXAMPLE}")
        return limits_from(values, f"{self.name}: metadata limits", f"give --metadata '{_RAISED_LIMIT}'")

    def _data(self) -> str | None:
        data = self.options.get("data")
        return data.get(self.name) if isinstance(data, Mapping) else data


_RAISED_LIMIT = '{"limits": {"NAME": VALUE}}'
_LIMITS_EXAMPLE = _RAISED_LIMIT.replace("NAME", "text_characters").replace("VALUE", "2000000")
_YAML_KEYS = ("version", "benchmark", "config_source")


def statement_of(doc: Mapping[str, Any]) -> str:
    """Return all that a problem asks: its system prompt, if it has one, and its text.

    >>> statement_of({"problem": "What is 3 + 9?", "system": "Answer in base 8."})
    'Answer in base 8.\\n\\nWhat is 3 + 9?'
    """
    return statement(doc["problem"], doc.get("system"))


def _shares(suffix: str, responses: Sequence[GradedResponse]) -> dict[str, float]:
    """Return the shares of responses that were cut off, have no box, or could not be compared in time."""
    counts = {
        "truncated": sum(graded.outcome == "truncated" for graded in responses),
        "unboxed": sum(graded.outcome in ("unboxed", "empty") for graded in responses),
        "timed_out": sum(graded.outcome == "timed_out" for graded in responses),
    }
    return {f"{name}{suffix}": count / len(responses) for name, count in counts.items()}


attach(SureTask)
