"""The one seam in lm-eval: its `evaluate`, which brings a model and our tasks together.

lm-eval has no hook there. It builds the model before it loads a task and shows it to none; the first module of ours
that a run imports is a task's. So importing the task class puts a function in the place of `lm_eval.evaluator.evaluate`
that does what the original does, and where a task of ours takes part
1. hands the original a model that answers our requests through the journal (`generate`),
2. adds the section `sure_math` to the results (`summary`) and says what needs to be said.
Runs without a task of ours go to the original untouched.
"""

from __future__ import annotations

import contextlib
import functools
import logging
from collections.abc import Iterator, Mapping
from typing import Any

from lm_eval import evaluator
from lm_eval.api.model import CachingLM

from eval_harness.generate import RecordedModel, journal_path, model_identity
from eval_harness.options import OptionError
from eval_harness.protocol import OurTask
from eval_harness.summary import add_summary
from sure_math.models.responders.journal import Journal

_running = 0


def attach(task_class: type[OurTask]) -> None:
    """Put our `evaluate` in the place of lm-eval's, once. Tasks of `task_class` are ours."""
    if not hasattr(evaluator.evaluate, "sure_math_original"):
        evaluator.evaluate = _around(evaluator.evaluate, task_class)


def is_attached() -> bool:
    """Whether the evaluation that is going on went through our `evaluate`."""
    return _running > 0


def _around(original: Any, task_class: type[OurTask]) -> Any:
    @functools.wraps(original)
    def evaluate(lm: Any, task_dict: Any, *arguments: Any, **named: Any) -> Any:
        tasks = _ours(task_dict, task_class)
        if not tasks:
            return original(lm, task_dict, *arguments, **named)
        _check_data(tasks)
        first = next(iter(tasks.values()))
        identity = model_identity(lm, first.model_arguments)
        with _journal(lm) as journal, _counted():
            model = RecordedModel(lm, tasks=list(tasks), journal=journal, identity=identity)
            results = original(model, task_dict, *arguments, **named)
        if results is not None:
            templated = bool(named.get("apply_chat_template"))
            for note in add_summary(results, tasks, model, templated=templated):
                logging.getLogger("eval_harness").warning(note)
        return results

    evaluate.sure_math_original = original  # type: ignore[attr-defined]
    return evaluate


def _ours(task_dict: Mapping[str, Any], task_class: type[OurTask]) -> dict[str, OurTask]:
    tasks = task_dict.get("tasks", task_dict)
    return {name: task for name, task in tasks.items() if isinstance(task, task_class)}


def _check_data(tasks: Mapping[str, OurTask]) -> None:
    """One file is one benchmark's."""
    named = [name for name, task in tasks.items() if isinstance(task.options.get("data"), str)]
    if len(named) > 1:
        raise OptionError(
            f"data = {tasks[named[0]].options['data']} would be read for {', '.join(named)}; name the task of each "
            f'file: --metadata \'{{"data": {{"{named[0]}": "FILE", ...}}}}\''
        )


@contextlib.contextmanager
def _journal(lm: Any) -> Iterator[Journal | None]:
    """The journal beside the cache the user asked for with `--use_cache`; None without one."""
    journal = Journal(journal_path(lm.cache_db)) if isinstance(lm, CachingLM) else None
    if journal is None:
        logging.getLogger("eval_harness").info(
            "responses are not kept: a run that is stopped starts anew. --use_cache PATH keeps each one as it comes"
        )
    try:
        yield journal
    finally:
        if journal is not None:
            journal.close()


@contextlib.contextmanager
def _counted() -> Iterator[None]:
    global _running
    _running += 1
    try:
        yield
    finally:
        _running -= 1
