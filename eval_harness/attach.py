"""Replace `lm_eval.evaluator.evaluate`, the only function of lm-eval that sees the model and our tasks together.

lm-eval offers no hook for this. It builds the model before it loads a task and does not pass the model to a task. The
first of our modules that a run imports is the task class. Therefore importing the task class replaces `evaluate` by a
function that calls the original. If one of our tasks takes part in the run, the replacement also
1. gives the original a model that answers our requests from the journal (`generate`),
2. adds the section `sure_math` to the results (`summary`) and logs the notes on them.
Runs without our tasks are passed to the original unchanged.
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
from eval_harness.local_models import bounded_templates, check_local_model
from eval_harness.options import OptionError
from eval_harness.protocol import OurTask
from eval_harness.secrets import refuse_secrets
from eval_harness.summary import add_summary
from sure_math.models.responders.journal import Journal

_running = 0


def attach(task_class: type[OurTask]) -> None:
    """Replace lm-eval's `evaluate` by ours, unless that was done before. Tasks of `task_class` are ours."""
    if not hasattr(evaluator.evaluate, "sure_math_original"):
        evaluator.evaluate = _around(evaluator.evaluate, task_class)


def is_attached() -> bool:
    """Return whether the evaluation that is running was started through our `evaluate`."""
    return _running > 0


def _around(original: Any, task_class: type[OurTask]) -> Any:
    @functools.wraps(original)
    def evaluate(lm: Any, task_dict: Any, *arguments: Any, **named: Any) -> Any:
        tasks = _ours(task_dict, task_class)
        if not tasks:
            return original(lm, task_dict, *arguments, **named)
        _check_data(tasks)
        first = next(iter(tasks.values()))
        refuse_secrets(first.model_arguments)
        check_local_model(first.model_arguments)
        identity = model_identity(lm, first.model_arguments)
        with _journal(lm) as journal, _counted_as_running(), bounded_templates(lm):
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
    """Refuse a single data file for several tasks: a file holds the problems of one benchmark."""
    named = [name for name, task in tasks.items() if isinstance(task.options.get("data"), str)]
    if len(named) > 1:
        raise OptionError(
            f"data = {tasks[named[0]].options['data']} would be read for {', '.join(named)}; say which file belongs to "
            f'which task: --metadata \'{{"data": {{"{named[0]}": "FILE", ...}}}}\''
        )


@contextlib.contextmanager
def _journal(lm: Any) -> Iterator[Journal | None]:
    """Open the journal beside the cache that `--use_cache` names; yield None if the user asked for no cache."""
    journal = Journal(journal_path(lm.cache_db)) if isinstance(lm, CachingLM) else None
    if journal is None:
        logging.getLogger("eval_harness").info(
            "responses are not kept: a run that is stopped starts again from the beginning. --use_cache PATH keeps "
            "each response as soon as it is there"
        )
    try:
        yield journal
    finally:
        if journal is not None:
            damage = journal.damage()
            if damage is not None:
                logging.getLogger("eval_harness").warning(damage)
            journal.close()


@contextlib.contextmanager
def _counted_as_running() -> Iterator[None]:
    global _running
    _running += 1
    try:
        yield
    finally:
        _running -= 1
