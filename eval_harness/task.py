"""The task class of every benchmark: one greedy and 16 sampled requests per problem, graded together.

lm-eval has one sampling setting and one repeat count per task, so that pass@1 and avg@16 would be two tasks. Here each
response is a request of its own: number 0 is greedy, numbers 1 to 16 are sampled at T = 1.2 with top-p 0.95
(Sec. 4.3). Only the token budget is the user's (`--gen_kwargs max_gen_toks=...`).

Settings of `--metadata`:
- `data`: a file or folder to read the benchmark from, or one for each task by name;
- `problems`: `all` asks AMO-Bench's 11 descriptions too, which needs a judge;
- `judge`: the model that compares them, as in a build's configuration: `{"model": ..., "engine": ..., "server": ...}`.
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

TEMPERATURE, TOP_P = 1.2, 0.95
"""Of the sampled responses, Sec. 4.3."""
OPTIONS = ("data", "problems", "judge")


class SureTask(ConfigurableTask):
    """One benchmark. `metadata.benchmark` of its YAML names it; see the module for what a user may set."""

    def __init__(
        self, data_dir: Any = None, cache_dir: Any = None, download_mode: Any = None, config: Any = None
    ) -> None:
        config = {key: value for key, value in dict(config).items() if key != "class"}
        metadata = dict(config.get("metadata") or {})
        self.name = str(config["task"])
        self.benchmark_name = str(metadata["benchmark"])
        self.options = {name: metadata[name] for name in OPTIONS if metadata.get(name) is not None}
        self.model_arguments = {
            name: value for name, value in metadata.items() if name not in (*OPTIONS, *_OF_THE_YAML)
        }
        self.judge: NamedJudge | None = None
        directions = metric_directions(self.benchmark.samples)
        # What lm-eval stores of a task's settings: nothing of the model's arguments, which may hold a key.
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
                "process_results": "graded by the task",  # not called; without it lm-eval looks the metrics up
                "metric_list": [
                    {"metric": name, "aggregation": "mean", "higher_is_better": up} for name, up in directions.items()
                ],
                "metadata": kept,
            }
        )
        self._filters = [FilterEnsemble(name="none", filters=[])]  # the default keeps the first of several responses
        self._aggregation_list[RESPONSES] = list

    @property
    def benchmark(self) -> Benchmark:
        return BENCHMARKS[self.benchmark_name]

    def download(self, dataset_kwargs: Any = None, **kwargs: Any) -> None:
        """Read the problems; lm-eval wants them as a `datasets` table."""
        self.loaded = self._read()
        self.fingerprint = fingerprint(self.loaded)
        rows = [dataclasses.asdict(problem) for problem in self.loaded.problems]
        self.dataset = {"test": datasets.Dataset.from_list(rows)}

    def build_all_requests(self, **named: Any) -> None:
        """As lm-eval does, but never from its cache of requests, whose key knows neither the prompt nor the data."""
        if not is_attached():
            raise OptionError(
                f"{self.name}: lm_eval's `evaluate` was imported before this task and would ask for samples without "
                "seeds; call lm_eval.simple_evaluate, or import eval_harness.task first"
            )
        if named.pop("cache_requests", False):
            logging.getLogger(__name__).warning("%s: --cache_requests is not used by this task", self.name)
        super().build_all_requests(**named)

    def construct_requests(self, doc: Mapping[str, Any], ctx: Any, **named: Any) -> list[Instance]:
        """Number 0 is greedy, the others are samples."""
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
                arguments=(ctx, dict(each)),
                idx=number,
                metadata=(task, doc_id, 1),
            )
            for number, each in enumerate(settings)
        ]

    @property
    def budget(self) -> int:
        """New tokens per response, the only setting of generation that is the user's."""
        return budget_of(self.name, self.config.generation_kwargs)

    def process_results(self, doc: Mapping[str, Any], results: Sequence[Any]) -> dict[str, Any]:
        """Every metric of one problem, and its responses for the summary."""
        if "bypass" in self._metric_fn_list:  # --predict_only
            return {"bypass": 0}
        responses = [result[0] for result in results]
        graded = self.grade(doc, responses)
        greedy, samples = graded[0], graded[1:]
        metrics: dict[str, Any] = {"pass@1": float(greedy.correct), **_shares("@1", [greedy])}
        if samples:
            metrics[f"avg@{len(samples)}"] = sum(each.correct for each in samples) / len(samples)
            metrics |= _shares(f"@{len(samples)}", samples)
            metrics[f"distinct@{len(samples)}"] = float(len(set(map(str, responses[1:]))))
        metrics[RESPONSES] = {
            "problem_id": doc["problem_id"],
            "distinct": len(set(map(str, responses[1:]))),
            "graded": [dataclasses.asdict(each) for each in graded],
        }
        return metrics

    def grade(self, doc: Mapping[str, Any], responses: Sequence[str]) -> list[GradedResponse]:
        """One verdict per response to one problem."""
        if doc["grading"] == "judge":
            assert self.judge is not None, "`_read` leaves these problems out where there is none"
            return grade_judged(doc["problem"], doc["answer"], responses, self.judge.check)
        return {"boxed": grade_boxed, "number": grade_number}[doc["grading"]](doc["answer"], responses)

    def doc_to_text(self, doc: Any, doc_to_text: Any = None) -> str:
        """The prompt as it is: no template language is run on a problem's text."""
        return str(doc["prompt"])

    def doc_to_target(self, doc: Any, doc_to_target: Any = None) -> str:
        return str(doc["answer"])

    def _read(self) -> LoadedBenchmark:
        if self.options.get("judge") is not None and self.benchmark_name == "amo_bench":
            self.judge = named_judge(self.options["judge"])
        everything = self.judge is not None
        if self.options.get("problems") == "all" and self.benchmark_name == "amo_bench" and not everything:
            raise OptionError(
                f"{self.name}: problems = all asks for the 11 problems of AMO-Bench whose answers are descriptions, "
                'and no judge is named to compare them. Name one with --metadata \'{"judge": {"model": ..., '
                '"engine": "server", "server": {"url": ...}}}\', or leave problems out: the 39 problems that a parser '
                "grades are the default"
            )
        return load_benchmark(self.benchmark_name, task=self.name, data=self._data(), everything=everything)

    def _data(self) -> str | None:
        data = self.options.get("data")
        return data.get(self.name) if isinstance(data, Mapping) else data


_OF_THE_YAML = ("version", "benchmark", "config_source")


def _shares(suffix: str, graded: Sequence[GradedResponse]) -> dict[str, float]:
    """How many of some responses had no answer, and why, or could not be compared in time."""
    counts = {
        "truncated": sum(each.outcome == "truncated" for each in graded),
        "unboxed": sum(each.outcome in ("unboxed", "empty") for each in graded),
        "timed_out": sum(each.outcome == "timed_out" for each in graded),
    }
    return {f"{name}{suffix}": count / len(graded) for name, count in counts.items()}


attach(SureTask)
