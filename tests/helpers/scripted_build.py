"""A build with scripted models, for the tests of the pipeline."""

import io
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from sure_math.build import build, open_build, run_build
from sure_math.command_line.progress import Progress
from sure_math.config import ModelConfig, load_config
from sure_math.identity import digest
from sure_math.models.engines import ModelIdentity, Refusal
from sure_math.models.responders.chat import Question
from sure_math.models.responders.roles import Starter
from sure_math.publication.published import PublishedDataset
from sure_math.publication.run_facts import BuildTables
from tests.helpers.scripted_models import ScriptedResponder, last_user_text

Script = Callable[[Question, int], str | Refusal]
SCRIPTED = (
    "teacher.model=teacher",
    "cluster.equivalence=string",
    "run.shard_size=4",
    "run.batch_size=16",
    "decontaminate.skip=all",
)


def solve(question: Question, seed: int) -> str:
    """One of three answers, from the question and the seed alone."""
    return rf"So it is \boxed{{{int(digest([last_user_text(question), seed]), 16) % 3}}}"


def evolve(question: Question, seed: int) -> str:
    return f"What is the number {digest([question.messages[0].content, last_user_text(question)])[:12]} and {seed}?"


def refuse(question: Question, seed: int) -> str:
    return "yes and no"


@dataclass(kw_only=True)
class Scripted:
    """The loader of scripted models: one responder per model name, with everything that was asked of it."""

    scripts: dict[str, Script] = field(default_factory=lambda: {"teacher": solve, "author": evolve, "judge": refuse})
    fingerprint: str = "0" * 64
    responders: dict[str, ScriptedResponder] = field(default_factory=dict)

    def __call__(self, config: ModelConfig) -> tuple[ModelIdentity, Starter]:
        name = config.model
        identity = ModelIdentity(name=name, fingerprint=self.fingerprint, engine="scripted 0", logprob_mode="raw")
        responder = ScriptedResponder(script=self.scripts[name], identity=identity)
        self.responders[name] = responder
        return identity, lambda: responder

    def asked(self, name: str = "teacher") -> int:
        """Requests asked since the last call."""
        if name not in self.responders:
            return 0
        count = sum(len(question.seeds) for question in self.responders[name].asked)
        self.responders[name].asked.clear()
        return count


def write_problems(path: Path, count: int, start: int = 0) -> Path:
    rows = [{"problem": f"What is {number} + 1?", "answer": str(number % 3)} for number in range(start, start + count)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def run(
    out: Path, *overrides: str, load: Scripted | None = None, config: str = "annotate", update: bool = True
) -> PublishedDataset:
    """Build with scripted models; nothing is printed."""
    return run_build(
        load_config(config, [*SCRIPTED, *overrides]),
        out,
        name="test",
        update=update,
        load=load or Scripted(),
        console=Console(file=io.StringIO()),
    )


def run_phases(out: Path, *overrides: str, load: Scripted) -> BuildTables:
    """All phases but publish, which takes most of the time of a small build."""
    config = load_config("annotate", [*SCRIPTED, *overrides])
    with open_build(config, out, Progress(Console(file=io.StringIO())), update=True, load=load) as opened:
        return build(config, opened.models, opened.store)


def printed(out: Path, *overrides: str, load: Scripted | None = None) -> str:
    """What a build prints."""
    stream = io.StringIO()
    config = load_config("annotate", [*SCRIPTED, *overrides])
    run_build(config, out, name="test", load=load or Scripted(), console=Console(file=stream, width=200))
    return stream.getvalue()


def shard_files(out: Path) -> dict[str, bytes]:
    folder = out / ".build" / "shards"
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*.parquet"))}
