"""Write the curated problems from their templates: `python -m sure_math.curated.generate [--check] [--file FILE]`.

The templates of a tier take turns until the tier has its share of a split. Randomness follows from the seed and the
name of the template, so a new template does not change the numbers of other templates.

The file of the package is replaced. A file of `--file` that holds anything else than these problems is refused.
"""

from __future__ import annotations

import argparse
import importlib
import json
import pkgutil
import random
import re
from collections.abc import Iterator, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from sure_math.command_line.arguments import output_path
from sure_math.command_line.terminal import say
from sure_math.curated.problems import FILE
from sure_math.curated.template import TEMPLATES, Draft, Draw, Template, agreement
from sure_math.equivalence.text import is_thousands_comma, split_top
from sure_math.identity import digest, normalised
from sure_math.rows import Split
from sure_math.storage.files import explain_os_error, write_whole
from sure_math.storage.output_folder import OutputError, check_new_file

ATTEMPTS = 200
"""Draws of numbers for one problem. A template that needs more draws from too wide a range."""


class TemplateError(RuntimeError):
    """A template cannot make its problems, or its two computations disagree. The message names the template."""


def load_templates() -> dict[str, Template]:
    """Import the modules of all templates, which fills the table, and return the table."""
    for package in ("train", "heldout"):
        folder = f"sure_math.curated.{package}"
        for module in pkgutil.iter_modules(importlib.import_module(folder).__path__):
            importlib.import_module(f"{folder}.{module.name}")
    return TEMPLATES


def load_settings() -> dict[str, Any]:
    """Return the settings in `curated.yaml`."""
    settings: dict[str, Any] = yaml.safe_load(
        resources.files(__package__).joinpath("curated.yaml").read_text(encoding="utf-8")
    )
    return settings


def rows(settings: dict[str, Any]) -> Iterator[dict[str, str]]:
    """Make all rows: train before test, then by tier, topic and template.

    Raises:
        TemplateError: too few templates for a tier, or an instance whose two computations disagree.
    """
    templates = load_templates()
    split: Split
    for split in ("train", "test"):
        for tier, share in settings["tiers"].items():
            of_tier = [template for template in templates.values() if (template.split, template.tier) == (split, tier)]
            count = round(settings["rows"][split] * share)
            counts = take_turns(of_tier, count, settings["per_template"][split], settings["seed"])
            for template in sorted(of_tier, key=lambda template: (template.topic, template.name)):
                for draft in instances(template, counts[template.name], settings["seed"]):
                    yield _row(template, draft)


def take_turns(templates: Sequence[Template], total: int, most: int, seed: int) -> dict[str, int]:
    """Return how many of `total` problems each template makes, by its name.

    A template makes `most` problems at most. A held-out template makes at most one problem of each of its structures.
    """
    limits = {
        template.name: min(most, template.variants) if template.split == "test" else most for template in templates
    }
    if sum(limits.values()) < total:
        where = f"{templates[0].split}/{templates[0].tier}" if templates else "a tier"
        raise TemplateError(f"{where}: {len(templates)} templates make {sum(limits.values())} of {total} problems")
    counts = dict.fromkeys(limits, 0)
    order = sorted(limits, key=lambda name: digest([seed, name]))
    while total:
        for name in order:
            if total and counts[name] < limits[name]:
                counts[name] += 1
                total -= 1
    return counts


def instances(template: Template, count: int, seed: int) -> Iterator[Draft]:
    """Make `count` problems with different texts, whose answers cannot be read off the text."""
    texts: set[str] = set()
    answers: set[str] = set()
    for index in range(count):
        for attempt in range(ATTEMPTS):
            source = random.Random(digest([seed, template.name, index, attempt]))
            draft = template.make(Draw(source, index % template.variants))
            if draft is None or normalised(draft.problem) in texts:
                continue
            if gives_away(draft) or reads_as_one_number(draft):
                continue
            if draft.answer in answers and attempt < ATTEMPTS // 2:
                continue
            _check(template, draft)
            texts.add(normalised(draft.problem))
            answers.add(draft.answer)
            yield draft
            break
        else:
            raise TemplateError(f"{template.name}: no problem number {index + 1} in {ATTEMPTS} draws")


def gives_away(draft: Draft) -> bool:
    """Return whether the answer is in the text as a token of its own, with any blanks inside it."""
    answer = r"\s*".join(re.escape(sign) for sign in draft.answer if not sign.isspace())
    return re.search(rf"(?<![\w.^{{_\\]){answer}(?!\w|\.\d)", draft.problem) is not None


def reads_as_one_number(draft: Draft) -> bool:
    """Return whether a bare list without blanks reads as one number with thousands separators, as `27, 139` does.

    A response that loses the blank could not be graded correctly. Tuples, intervals and sets cannot be misread so.
    """
    return len(split_top(draft.answer.replace(" ", ""), is_thousands_comma)) > 1


def _check(template: Template, draft: Draft) -> None:
    if not agreement(draft.closed, draft.checked):
        raise TemplateError(
            f"{template.name}: {draft.closed!r} by formula and {draft.checked!r} by check, for: {draft.problem}"
        )
    if not draft.steps[-1].rstrip(" .").endswith(f"\\boxed{{{draft.answer}}}$"):
        raise TemplateError(f"{template.name}: the last step must end with $\\boxed{{{draft.answer}}}$")
    if template.tier == "competition" and len(draft.steps) < 4:
        raise TemplateError(f"{template.name}: a competition problem needs at least four steps")


def _row(template: Template, draft: Draft) -> dict[str, str]:
    return {
        "problem": draft.problem,
        "answer": draft.answer,
        "solution": "\n".join(draft.steps),
        "split": template.split,
        "tier": template.tier,
        "topic": template.topic,
        "template": template.name,
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m sure_math.curated.generate", description=__doc__.split("\n")[0])
    parser.add_argument("--check", action="store_true", help="compare with the file that is there and write nothing")
    packaged = Path(str(resources.files(__package__).joinpath(FILE)))
    parser.add_argument(
        "--file", type=output_path, default=packaged, metavar="FILE", help="another place than the package"
    )
    options = parser.parse_args(arguments)
    path: Path = options.file
    content = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows(load_settings()))
    if not options.check:
        try:
            same = path.is_file() and path.read_bytes() == content.encode()
            check_new_file(path, "--file", ours=same or path == packaged)
            write_whole(path, content.encode())
        except OutputError as error:
            say(f"error: {error}", stderr=True)
            return 1
        except OSError as error:
            say(f"error: {explain_os_error(error, path) or error}", stderr=True)
            return 1
        return 0
    if path.is_file() and path.read_text(encoding="utf-8") == content:
        return 0
    say(f"{path}: is not what the templates make; run python -m sure_math.curated.generate", stderr=True)
    return 1


if __name__ == "__main__":
    raise SystemExit(main())
