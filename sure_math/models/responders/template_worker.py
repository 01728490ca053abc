"""The process that renders chat templates: one JSON line per conversation in, one JSON line out.

A template is a program of whoever made the model. Jinja's sandbox keeps it from files and Python; this process bounds
its time and its memory, which the sandbox does not. It is started by `templates.py` and imports nothing of the package.
"""

import json
import resource
import signal
import sys
from datetime import datetime
from typing import Any

import jinja2
import jinja2.ext
from jinja2.sandbox import ImmutableSandboxedEnvironment

CPU_SECONDS = 3.0
"""Of one conversation. A usual template takes a millisecond."""
MEMORY_BYTES = 2**30
"""Address space of the process. A usual template adds a few MB to its 100 MB."""
MOST_CHARACTERS = 2**24
"""Of a rendered conversation."""
_CACHED = 16


class _Generation(jinja2.ext.Extension):
    """The tag `generation`, with which some templates mark the turns of the assistant; its content is rendered."""

    tags = {"generation"}  # noqa: RUF012, Jinja's own attribute

    def parse(self, parser: Any) -> Any:
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method("_content"), [], [], body).set_lineno(line)

    def _content(self, caller: Any) -> Any:
        return caller()


def environment() -> ImmutableSandboxedEnvironment:
    """Return the environment in which transformers renders chat templates."""
    made = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[_Generation, jinja2.ext.loopcontrols]
    )
    made.filters["tojson"] = _tojson
    made.globals["raise_exception"] = _raise
    made.globals["strftime_now"] = lambda pattern: datetime.now().strftime(pattern)
    return made


def _tojson(
    value: Any, ensure_ascii: bool = False, indent: Any = None, separators: Any = None, sort_keys: bool = False
) -> str:
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def _raise(message: object) -> None:
    raise jinja2.exceptions.TemplateError(str(message))


def lower_limit(kind: int, wanted: int) -> int:
    """Lower a limit of this process for good, to `wanted` or to its own lower limit; return the new limit.

    A limit that a user or a system has set is never raised, and a lower hard limit is no error.
    """
    given = [limit for limit in resource.getrlimit(kind) if limit != resource.RLIM_INFINITY]
    lowest = min([wanted, *given])
    resource.setrlimit(kind, (lowest, lowest))
    return lowest


def main() -> None:
    """Serve requests until the input ends. The process is killed by the kernel if a template takes too long."""
    templates: dict[str, Any] = {}
    memory = lower_limit(resource.RLIMIT_AS, MEMORY_BYTES)
    lower_limit(resource.RLIMIT_CORE, 0)
    jinja = environment()
    output, sys.stdout = sys.stdout, sys.stderr
    print("ready", file=output, flush=True)
    for line in sys.stdin:
        signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS)  # without a handler, SIGPROF ends the process
        try:
            source, variables = json.loads(line)
            if source not in templates:
                if len(templates) == _CACHED:
                    templates.clear()
                templates[source] = jinja.from_string(source)
            text = templates[source].render(**variables)
            reply = {"text": text}
            if len(text) > MOST_CHARACTERS:
                reply = {"failed": f"writes more than {MOST_CHARACTERS:,} characters"}
        except MemoryError:
            templates.clear()
            reply = {"failed": f"needs more than {memory >> 20:,} MiB of memory"}
        except RecursionError:
            reply = {"failed": "is nested too deeply"}
        except Exception as error:
            reply = {"failed": f"fails ({type(error).__name__}: {str(error)[:300]})", "kind": type(error).__name__}
        signal.setitimer(signal.ITIMER_PROF, 0)
        print(json.dumps(reply), file=output, flush=True)


if __name__ == "__main__":
    main()
