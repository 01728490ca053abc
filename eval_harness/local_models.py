"""Check the folder of a model that lm-eval loads by itself: its back ends `hf` and `vllm` would load whatever is there.

lm-eval's back end `hf` reads pickled weights if there are no others, fills missing tensors with random numbers, and
runs code from the folder if `trust_remote_code` is set. So the folder is checked as all other models of this package.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from sure_math.models.engines import EngineUnavailable

MODEL_ARGUMENTS = ("pretrained", "delta")
"""Arguments of lm-eval's back ends that name a model; `delta` holds differences of all weights of `pretrained`."""


def check_local_model(arguments: Mapping[str, Any]) -> None:
    """Check the folders that the arguments of a back end name. A name on the Hub, and other arguments, are accepted.

    >>> check_local_model({"pretrained": "Qwen/Qwen3-1.7B", "dtype": "bfloat16"})

    Raises:
        EngineUnavailable: code of the model would run, or the folder is not exactly a model in safetensors.
    """
    if str(arguments.get("trust_remote_code", False)).casefold() in ("true", "1"):
        raise EngineUnavailable(
            "trust_remote_code = True: code that comes with a model is not run here; leave the argument out, or "
            "evaluate a model that transformers or vLLM has itself"
        )
    if str(arguments.get("peft", "None")) not in ("None", ""):
        raise EngineUnavailable(
            f"peft = {arguments['peft']}: adapters are not loaded; merge the adapter into its model (peft: "
            "model.merge_and_unload().save_pretrained(NEW)) and name that folder as pretrained"
        )
    for name in MODEL_ARGUMENTS:
        folder = Path(str(arguments.get(name) or ""))
        if arguments.get(name) and folder.is_dir() and not arguments.get("gguf_file"):
            from sure_math.models.engines.checked_load import check_tensors
            from sure_math.models.engines.files import load_tokenizer

            check_tensors(folder)
            if not arguments.get("tokenizer"):
                load_tokenizer(folder)


def model_arguments(words: list[str]) -> dict[str, Any]:
    """Read `--model_args` and `--trust_remote_code` from the words of a command of lm-eval.

    >>> model_arguments(["run", "--model_args", "pretrained=my,dtype=float32", "--tasks", "sure_math"])
    {'pretrained': 'my', 'dtype': 'float32'}
    """
    from lm_eval._cli.utils import key_val_to_dict, try_parse_json

    options: dict[str, Any] = {}
    for index, word in enumerate(words):
        option, equals, value = word.partition("=")
        if option in ("--trust_remote_code",):
            options["trust_remote_code"] = True
        if option not in ("--model_args", "-a"):
            continue
        values = [value] if equals else []
        for more in [] if equals else words[index + 1 :]:
            if more.startswith("-"):
                break
            values.append(more)
        for text in values:
            try:
                parsed = try_parse_json(text)
                options |= parsed if isinstance(parsed, dict) else key_val_to_dict(text)
            except ValueError:
                break  # lm-eval says what is wrong
    return options


@contextlib.contextmanager
def bounded_templates(lm: Any) -> Iterator[None]:
    """Let the tokenizer of a back end render its chat template within the limits of all models, while this lasts."""
    backend = getattr(lm, "lm", lm)  # lm-eval wraps a back end to cache its responses
    tokenizer = vars(backend).get("tokenizer")  # a property may load a tokenizer from the Hub
    original = getattr(tokenizer, "apply_chat_template", None)
    if original is None or not getattr(tokenizer, "chat_template", None):
        yield
        return
    assert tokenizer is not None
    tokenizer.apply_chat_template = _bounded(tokenizer, original)
    try:
        yield
    finally:
        del tokenizer.apply_chat_template


def _bounded(tokenizer: Any, original: Any) -> Any:
    from jinja2.exceptions import TemplateError

    from sure_math.models.responders.templates import TemplateFailure, apply_chat_template

    def apply(
        conversation: Sequence[Mapping[str, str]],
        *,
        tokenize: bool = True,
        add_generation_prompt: bool = False,
        continue_final_message: bool = False,
        **options: Any,
    ) -> Any:
        try:
            text = apply_chat_template(tokenizer, conversation, options)
        except TemplateFailure as error:
            if error.kind == "TemplateError":  # the template refuses a system prompt: lm-eval tries without
                raise TemplateError(str(error)) from None
            raise EngineUnavailable(
                f"the model's chat template {' '.join(str(error).split())}; use another model, or leave out "
                "--apply_chat_template"
            ) from None
        if add_generation_prompt and not tokenize and not continue_final_message:
            return text
        return original(
            conversation,
            tokenize=tokenize,
            add_generation_prompt=add_generation_prompt,
            continue_final_message=continue_final_message,
            **options,
        )

    return apply
