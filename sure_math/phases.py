"""The phases of `build.py` bound to a configuration: what each one runs, and what its result depends on.

A shard is made again where the settings named here changed. `VERSIONS` stands for the code: raise a phase's number with
every change that makes other rows of the same inputs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, get_args

from sure_math.annotation.label import label, model_labeller
from sure_math.annotation.sample import sample
from sure_math.config import BuildConfig, Strategy
from sure_math.extract import extract_answer, final_answer
from sure_math.identity import digest
from sure_math.models.engines import Sampling
from sure_math.models.responders.roles import Models, reply_settings, roles
from sure_math.problems.contamination.decontaminate import Distinct
from sure_math.problems.contamination.screening import Screening
from sure_math.problems.evolution.draw import choose, drawn_seeds, kept_children
from sure_math.problems.evolution.eliminate import check_language
from sure_math.problems.evolution.evolve import EvolutionRules, evolve
from sure_math.problems.sources.inputs import Inputs
from sure_math.prompts import load_prompt
from sure_math.rows import Answer, Cluster, Output, Problem, Sample, Uncertainty, Verdict
from sure_math.storage.store import Phase, Table

VERSIONS = {
    "distinct": 2,
    "screen": 1,
    "draw": 1,
    "evolve": 3,
    "unique": 3,
    "decontaminate": 1,
    "choose": 1,
    "label": 2,
    "sample": 1,
    "extract": 1,
    "cluster": 1,
    "entropy": 1,
    "verdict": 2,
}


class Phases:
    """One method per phase."""

    def __init__(self, config: BuildConfig, models: Models, kind: str) -> None:
        """`kind`: whether samples are completions (`text`) or answers already extracted (`answer`)."""
        self._config, self._models, self._kind = config, models, kind
        self._screened: Screening | None = None

    def distinct(self) -> Phase[Problem] | None:
        """Seeds that nearly repeat another; equal ones go where they are read, and without evolution `unique` looks."""
        near = self._config.decontaminate.near_duplicates
        if near is None or not self._config.evolve.enabled:
            return None
        distinct = Distinct(near_duplicates=near, phase="distinct")
        settings = {"near_duplicates": near}
        return self._phase("distinct", Problem, settings, distinct, ordered=True, close=distinct.close)

    def screen(self, inputs: Inputs) -> Phase[Problem] | None:
        """Seeds against the benchmarks."""
        screening = self._screening(inputs)
        if not screening:
            return None
        return self._phase(
            "screen", Problem, screening.settings(), lambda problems: screening("screen", problems), "inspector"
        )

    def draw(self, seeds: Table[Problem]) -> Phase[Problem] | None:
        per_tier, run_seed = self._config.seeds.per_tier, self._config.run.seed
        if per_tier is None or not self._config.evolve.enabled:
            return None
        chosen = drawn_seeds(seeds.all_rows(), per_tier, run_seed)
        return self._phase(
            "draw",
            Problem,
            {"chosen": digest(sorted(chosen))},
            lambda problems: choose(problems, chosen, phase="draw", reason="not_drawn"),
        )

    def evolve(self) -> Phase[Problem] | None:
        config = self._config.evolve
        if not config.enabled:
            return None
        author = self._models["author"]
        prompts = evolution_prompts(self._config)
        if "language" in config.eliminate:
            check_language(config.language)
        rules = EvolutionRules(
            run_seed=self._config.run.seed,
            rounds=config.rounds,
            weights=config.weights,
            min_chars=config.min_chars,
            max_chars=config.max_chars,
            eliminate=config.eliminate,
            language=config.language,
            keep_seeds=config.keep_seeds,
        )
        sampling = Sampling(max_new_tokens=config.max_new_tokens, temperature=config.temperature, top_p=config.top_p)
        settings = {
            **config.model_dump(mode="json", exclude={"author", "keep"}),
            "seed": self._config.run.seed,
            "prompts": prompts,
        }
        return self._phase(
            "evolve", Problem, settings, lambda seeds: evolve(seeds, author, prompts, sampling, rules), "author"
        )

    def unique(self) -> Phase[Problem]:
        """Takes the evolved problems and what they evolved from: a child may not nearly repeat its own seed either."""
        near = self._config.decontaminate.near_duplicates
        distinct = Distinct(near_duplicates=near)

        def run(problems: Sequence[Problem], seeds: Sequence[Problem]) -> Output[Problem]:
            return distinct(problems, seeds if near is not None and self._config.evolve.enabled else ())

        return self._phase("unique", Problem, {"near_duplicates": near}, run, ordered=True, close=distinct.close)

    def decontaminate(self, inputs: Inputs) -> Phase[Problem] | None:
        """Children against the benchmarks; takes them and all that evolved, for what an ancestor overlaps with."""
        screening = self._screening(inputs)
        if not screening or not self._config.evolve.enabled:
            return None
        return self._phase(
            "decontaminate",
            Problem,
            screening.settings(),
            lambda problems, evolved: screening("decontaminate", problems, evolved),
            "inspector",
        )

    def choose(self, problems: Table[Problem]) -> Phase[Problem] | None:
        limit, run_seed = self._config.evolve.keep, self._config.run.seed
        if limit is None or not self._config.evolve.enabled:
            return None
        chosen = kept_children(problems.all_rows(), limit, run_seed)
        return self._phase(
            "choose",
            Problem,
            {"chosen": digest(sorted(chosen))},
            lambda problems: choose(problems, chosen, phase="choose", reason="surplus"),
        )

    def label(self) -> Phase[Problem] | None:
        if self._config.label.by == "none" and not self._config.label.drop_unlabelled:
            return None
        config, seed, tags = self._config.label, self._config.run.seed, self._config.extract.model_dump()
        settings = config.model_dump(exclude={"model"})
        labeller = None
        if config.model is not None:
            prompt = load_prompt(self._config.prompts, "solve")
            settings |= {"prompt": prompt, "seed": seed, "tags": tags}
            labeller = model_labeller(
                self._models["labeller"],
                prompt,
                run_seed=seed,
                tags=tags,
                **config.model_dump(include={"num_samples", "temperature", "max_new_tokens", "min_share"}),
            )
        return self._phase(
            "label",
            Problem,
            settings,
            lambda problems: label(problems, by=config.by, drop_unlabelled=config.drop_unlabelled, labeller=labeller),
            "labeller",
        )

    def sample(self) -> Phase[Sample]:
        if self._config.samples.path is not None:
            return self._phase("sample", Sample, {}, _stored_of)
        config, seed = self._config.sample, self._config.run.seed
        teacher, prompt = self._models["teacher"], load_prompt(self._config.prompts, "solve")
        sampling = Sampling(
            max_new_tokens=config.max_new_tokens,
            temperature=config.temperature,
            top_p=config.top_p,
            top_k=config.top_k,
        )
        return self._phase(
            "sample",
            Sample,
            {**config.model_dump(), "seed": seed, "prompt": prompt},
            lambda problems: sample(
                problems, teacher, prompt, sampling, num_samples=config.num_samples, greedy=config.greedy, run_seed=seed
            ),
            "teacher",
        )

    def extract(self) -> Phase[Answer]:
        tags = self._config.extract.model_dump()
        kind = self._kind

        def run(samples: Sequence[Sample]) -> Output[Answer]:
            return Output(rows=[_answer(row, kind, tags) for row in samples])

        return self._phase("extract", Answer, {**tags, "kind": kind}, run)

    def cluster(self) -> Phase[Cluster]:
        from sure_math.cluster import cluster

        config, judge = self._config.cluster, self._judge()

        def run(problems: Sequence[Problem], answers: Sequence[Answer]) -> Output[Cluster]:
            return Output(rows=cluster(problems, answers, judge, **config.model_dump()))

        return self._phase("cluster", Cluster, {**config.model_dump(), **self._judge_settings()}, run, "judge")

    def entropy(self) -> Phase[Uncertainty]:
        from sure_math.cluster import EQUIVALENCES
        from sure_math.entropy import entropy

        equivalence = self._config.cluster.equivalence
        canonical = EQUIVALENCES[equivalence].canonical

        def run(
            samples: Sequence[Sample], answers: Sequence[Answer], clusters: Sequence[Cluster]
        ) -> Output[Uncertainty]:
            return Output(rows=entropy(samples, answers, clusters, canonical=canonical))

        return self._phase("entropy", Uncertainty, {"equivalence": equivalence}, run)

    def verdict(self) -> Phase[Verdict]:
        from sure_math.annotation.grade import verdicts

        equivalence, judge = self._config.cluster.equivalence, self._judge()

        def run(
            problems: Sequence[Problem], answers: Sequence[Answer], uncertainties: Sequence[Uncertainty]
        ) -> Output[Verdict]:
            return Output(rows=verdicts(problems, answers, uncertainties, equivalence=equivalence, judge=judge))

        settings = {"equivalence": equivalence, **self._judge_settings()}
        return self._phase("verdict", Verdict, settings, run, "judge")

    def _screening(self, inputs: Inputs) -> Screening:
        if self._screened is None:
            inspector, prompt = None, None
            if "inspector" in self._models:
                inspector, prompt = self._models["inspector"], load_prompt(self._config.prompts, "overlap")
            self._screened = Screening(self._config.decontaminate, inputs, inspector, prompt)
        return self._screened

    def _judge(self) -> Any:
        if "judge" not in self._models:
            return None
        from sure_math.annotation.judge import JudgePrompt, LlmJudge

        return LlmJudge(self._models["judge"], JudgePrompt.parse(load_prompt(self._config.prompts, "judge")))

    def _judge_settings(self) -> dict[str, Any]:
        return {"prompt": load_prompt(self._config.prompts, "judge")} if "judge" in self._models else {}

    def _phase(
        self,
        name: str,
        makes: type,
        settings: Mapping[str, Any],
        run: Callable[..., Output[Any]],
        role: str | None = None,
        *,
        ordered: bool = False,
        close: Callable[[], None] = lambda: None,
    ) -> Phase[Any]:
        depends = {**settings, "version": VERSIONS[name]}
        if role is not None and role in self._models:
            responder = self._models[role]
            identity = responder.identity
            depends["model"] = [identity.name, identity.fingerprint, identity.logprob_mode]
            depends["model_settings"] = reply_settings(roles(self._config)[role])
            close = responder.close
        return Phase(name=name, makes=makes, run=run, settings=depends, ordered=ordered, close=close)


def evolution_prompts(config: BuildConfig) -> dict[str, str]:
    """The system message of every strategy that has a weight; PromptError where one is missing."""
    used = {name for weights in config.evolve.weights.values() for name, weight in weights.items() if weight > 0}
    return {name: load_prompt(config.prompts, name) for name in get_args(Strategy) if name in used}


def _stored_of(problems: Sequence[Problem], stored: Sequence[Sample]) -> Output[Sample]:
    kept = {problem.problem_id for problem in problems}
    return Output(rows=[row for row in stored if row.problem_id in kept])


def _answer(row: Sample, kind: str, tags: dict[str, str]) -> Answer:
    if kind == "answer":
        text = extract_answer(row.text) or row.text.strip()
        return Answer(
            problem_id=row.problem_id,
            sample_index=row.sample_index,
            answer=text or None,
            missing=None if text else "empty",
        )
    found = final_answer(row.text, row.finish_reason, **tags)
    return Answer(problem_id=row.problem_id, sample_index=row.sample_index, answer=found.answer, missing=found.missing)
