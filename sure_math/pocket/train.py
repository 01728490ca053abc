"""Train the pocket models from scratch: `python -m sure_math.pocket.train --out DIR`.

The models learn to predict the next token of the replies of lessons that are drawn from the pocket world. The student
is a copy of the teacher, trained further on three families alone: it has the capacity for the other families, and a
trainer can give them back to it. The judge starts from the author, which has learnt to copy numbers exactly; a judge
trained from nothing stayed below 80 %. A run that was stopped continues from its last checkpoint. The same seed gives
the same lessons in the same order.
"""

import argparse
import json
import math
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from rich.progress import Progress
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

from sure_math.command_line.arguments import output_path
from sure_math.command_line.terminal import prepare_output, say, terminal_console
from sure_math.models.engines.pocket_files import ROLES
from sure_math.pocket.lessons import Lesson, lessons
from sure_math.pocket.tokenizer import train_tokenizer
from sure_math.storage.files import explain_os_error, sync_folder, unshare
from sure_math.storage.output_folder import (
    LIST,
    STAGING,
    OutputError,
    check_place,
    foreign_names,
    fresh_staging,
    install,
    read_list,
    refuse_foreign,
    refuse_links,
    write_list,
)

_CHUNK_LESSONS = 2048
"""Lessons that are drawn, sorted by length and batched together, so that a batch holds little padding."""
_IGNORED = -100
_LOG_EVERY = 25


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """Size of a model and of its training."""

    hidden: int
    layers: int
    steps: int
    tokens_per_step: int = 4096
    """Padded tokens."""
    learning_rate: float = 2e-3
    start_from: str | None = None
    """The role whose weights the training starts from."""
    cycles: int = 1
    """How many times the learning rate rises and falls again."""
    checkpoint_every: int = 200
    """Steps."""


COURSES: dict[str, Course] = {
    "author": Course(hidden=192, layers=4, steps=1600),
    "teacher": Course(hidden=256, layers=4, steps=2800),
    "judge": Course(hidden=192, layers=4, steps=3600, learning_rate=1e-3, start_from="author", cycles=3),
    "student": Course(hidden=256, layers=4, steps=120, learning_rate=9e-4, start_from="teacher"),
}


def build_model(course: Course, tokenizer: PreTrainedTokenizerFast) -> Qwen3ForCausalLM:
    """Make a Qwen3 of the course's size with random weights."""
    config = Qwen3Config(
        vocab_size=len(tokenizer),
        hidden_size=course.hidden,
        intermediate_size=3 * course.hidden,
        num_hidden_layers=course.layers,
        num_attention_heads=course.hidden // 32,
        num_key_value_heads=course.hidden // 64,
        head_dim=32,
        max_position_embeddings=2048,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return Qwen3ForCausalLM(config)


@dataclass(frozen=True, slots=True)
class LessonBatch:
    """Right-padded token ids and labels, both [rows, tokens] int64; labels are -100 outside the reply."""

    ids: torch.Tensor
    labels: torch.Tensor


def batches(role: str, seed: int, tokenizer: PreTrainedTokenizerFast, budget: int) -> Iterator[LessonBatch]:
    """Yield batches of at most `budget` padded tokens, without end."""
    start = 0
    while True:
        rows = sorted(
            (_encode(lesson, tokenizer) for lesson in lessons(role, seed, start, _CHUNK_LESSONS)),
            key=lambda row: len(row[0]),
        )
        start += _CHUNK_LESSONS
        groups: list[list[tuple[list[int], int]]] = [[]]
        for row in rows:
            if len(row[0]) * (len(groups[-1]) + 1) > budget:
                groups.append([])
            groups[-1].append(row)
        order = torch.randperm(len(groups), generator=torch.Generator().manual_seed(seed + start)).tolist()
        yield from (_pad(groups[index], int(tokenizer.pad_token_id)) for index in order)


def train_role(
    role: str, out: Path, *, seed: int, tokenizer: PreTrainedTokenizerFast, device: str, course: Course
) -> None:
    """Train a model, or continue a training that was stopped, and save the model in bfloat16 under `out/role`."""
    if (out / role / "model.safetensors").exists():
        return
    torch.manual_seed(seed)
    model = build_model(course, tokenizer)
    if course.start_from:
        model = Qwen3ForCausalLM.from_pretrained(out / course.start_from, dtype=torch.float32)
    model = model.to(device).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=course.learning_rate, betas=(0.9, 0.95), weight_decay=0.05)
    done = _load_checkpoint(out / f"{role}.checkpoint", model, optimizer)
    stream = batches(role, seed, tokenizer, course.tokens_per_step)
    unshare(out / f"{role}.jsonl")
    log = (out / f"{role}.jsonl").open("a", encoding="utf-8")
    with Progress(console=terminal_console()) as progress, log:
        bar = progress.add_task(role, total=course.steps, completed=done)
        started, tokens = time.monotonic(), 0
        for step, batch in zip(range(course.steps), stream, strict=False):
            if step < done:
                continue
            rate = _learning_rate(course, step)
            loss = _update(model, optimizer, batch, rate, device)
            tokens += batch.ids.numel()
            progress.advance(bar)
            if (step + 1) % _LOG_EVERY == 0:
                speed = tokens / (time.monotonic() - started)
                log.write(json.dumps({"step": step + 1, "loss": loss, "tokens_per_second": round(speed)}) + "\n")
                log.flush()
            if (step + 1) % course.checkpoint_every == 0:
                _save_checkpoint(out / f"{role}.checkpoint", model, optimizer, step + 1)
    staging = fresh_staging(out / role)
    _save_model(model, tokenizer, staging)
    install(staging, out / role, written=read_list(out / role / LIST), list_path=out / role / LIST)


def _learning_rate(course: Course, step: int) -> float:
    """Return the learning rate: linear warm-up over 3 % of the steps, then cosine to a tenth of a percent."""
    warm_up = max(1, course.steps * 3 // 100)
    if step < warm_up:
        return course.learning_rate * (step + 1) / warm_up
    return course.learning_rate * max(
        0.001, 0.5 * (1 + math.cos(math.pi * (step - warm_up) / (course.steps - warm_up)))
    )


def _update(
    model: Qwen3ForCausalLM, optimizer: torch.optim.Optimizer, batch: LessonBatch, rate: float, device: str
) -> float:
    for group in optimizer.param_groups:
        group["lr"] = rate
    ids, labels = batch.ids.to(device), batch.labels.to(device)
    with torch.autocast(device.split(":")[0], dtype=torch.bfloat16):
        hidden = model.model(input_ids=ids).last_hidden_state[:, :-1]
        in_reply = labels[:, 1:] != _IGNORED
        logits = model.lm_head(hidden[in_reply])
    loss = torch.nn.functional.cross_entropy(logits.float(), labels[:, 1:][in_reply])
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return float(loss.detach())


def _encode(lesson: Lesson, tokenizer: PreTrainedTokenizerFast) -> tuple[list[int], int]:
    messages = [{"role": message.role, "content": message.content} for message in lesson.messages]
    prompt = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
    head = tokenizer.encode(prompt, add_special_tokens=False)
    tail = tokenizer.encode(lesson.reply, add_special_tokens=False)
    return [*head, *tail, int(tokenizer.eos_token_id)], len(head)


def _pad(rows: list[tuple[list[int], int]], pad: int) -> LessonBatch:
    width = max(len(ids) for ids, _ in rows)
    ids = torch.full((len(rows), width), pad, dtype=torch.int64)
    labels = torch.full((len(rows), width), _IGNORED, dtype=torch.int64)
    for index, (row, prompt) in enumerate(rows):
        ids[index, : len(row)] = torch.tensor(row)
        labels[index, prompt : len(row)] = ids[index, prompt : len(row)]
    return LessonBatch(ids, labels)


def _save_model(model: Qwen3ForCausalLM, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    model.to(torch.bfloat16).save_pretrained(folder, safe_serialization=True)
    tokenizer.save_pretrained(str(folder))


def _save_checkpoint(path: Path, model: Qwen3ForCausalLM, optimizer: torch.optim.Optimizer, step: int) -> None:
    tensors = {f"model.{name}": tensor.detach().clone() for name, tensor in model.named_parameters()}
    for index, state in optimizer.state_dict()["state"].items():
        tensors |= {f"adam.{index}.{key}": torch.as_tensor(value).clone() for key, value in state.items()}
    temporary = path.with_suffix(".tmp")
    temporary.unlink(missing_ok=True)
    save_file(tensors, temporary, metadata={"step": str(step)})
    with temporary.open("rb") as file:
        os.fsync(file.fileno())
    os.replace(temporary, path)
    sync_folder(path.parent)


def _load_checkpoint(path: Path, model: Qwen3ForCausalLM, optimizer: torch.optim.Optimizer) -> int:
    if not path.exists():
        return 0
    named = dict(model.named_parameters())
    try:
        tensors = load_file(path)
    except SafetensorError as error:
        say(f"{path}: is damaged ({error}); this model is trained from its beginning", stderr=True)
        return 0
    with torch.no_grad():
        for name, parameter in named.items():
            parameter.copy_(tensors[f"model.{name}"])
    state = optimizer.state_dict()
    for index in range(len(named)):
        keys = ("step", "exp_avg", "exp_avg_sq")
        state["state"][index] = {key: tensors[f"adam.{index}.{key}"] for key in keys}
    optimizer.load_state_dict(state)
    return int(next(iter(state["state"].values()))["step"])


def _tokenizer(folder: Path, seed: int) -> PreTrainedTokenizerFast:
    if not (folder / "tokenizer.json").exists():
        train_tokenizer(seed).save_pretrained(str(folder))
    return PreTrainedTokenizerFast.from_pretrained(str(folder))


def main() -> None:
    """Run the command line."""
    prepare_output()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument(
        "--out", type=output_path, required=True, help="folder for the models; a stopped run goes on from here"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--roles", nargs="+", choices=ROLES, default=["teacher", "student", "author", "judge"])
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    out = options.out
    try:
        check_folder(out)
        out.mkdir(parents=True, exist_ok=True)
        write_list(out / LIST, {})  # says whose folder it is
        tokenizer = _tokenizer(out / "tokenizer", options.seed)
        for role in options.roles:
            train_role(role, out, seed=options.seed, tokenizer=tokenizer, device=options.device, course=COURSES[role])
    except OutputError as error:
        say(f"error: {error}", stderr=True)
        raise SystemExit(1) from None
    except OSError as error:
        line = explain_os_error(error, out)
        if line is None:
            raise
        say(f"error: {line}", stderr=True)
        raise SystemExit(1) from None


def check_folder(out: Path) -> None:
    """Refuse a folder that holds anything else than a training of pocket models; nothing in it is touched.

    Raises:
        OutputError: the folder cannot be used.
    """
    check_place(out)
    files = [f"{role}.{ending}" for role in ROLES for ending in ("jsonl", "checkpoint", "tmp")]
    own = ["tokenizer", *ROLES, *files]
    refuse_links(out, [LIST, STAGING, *own])
    begun = (out / LIST).is_file() or any((out / name).is_file() for name in files)
    if not begun:
        refuse_foreign(out, foreign_names(out), "training of pocket models")


if __name__ == "__main__":
    main()
