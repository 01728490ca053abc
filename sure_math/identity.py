"""Ids, seeds of randomness and fingerprints. All are digests of content, and do not depend on time or order."""

import hashlib
import heapq
import json
import unicodedata
from collections.abc import Iterable


def digest(value: object) -> str:
    """Compute the SHA-256 (hex) of a JSON value. The order of keys does not matter.

    >>> digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    True
    """
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def short_id(value: object) -> str:
    """Return the first 64 bits of `digest`, in hex. This is enough to name every row of a large dataset.

    >>> short_id("a problem")
    '19588f7e337d1bd8'
    """
    return digest(value)[:16]


def request_digest(run_seed: int, role: str, problem_id: str, index: int) -> str:
    """Compute the SHA-256 (hex) of one request, from the run, the role, the problem and the sample's index."""
    content = f"{run_seed}/{role}/{problem_id}/{index}"
    return hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()


def random_seed(run_seed: int, role: str, problem_id: str, index: int) -> int:
    """Return the seed of one request, in [0, 2**63).

    >>> random_seed(0, "sample", "p1", 3) == random_seed(0, "sample", "p1", 3)
    True
    """
    return int(request_digest(run_seed, role, problem_id, index)[:16], 16) >> 1


def uniform(hex_digest: str) -> float:
    """Turn a digest into a uniform number in [0, 1), the same on every machine.

    The number has the first 53 bits of the digest, which are all that a float can hold.

    >>> uniform("8" + "0" * 63)
    0.5
    """
    return (int(hex_digest[:16], 16) >> 11) / 2**53


def lowest_by_digest(ids: Iterable[str], count: int, *, role: str, run_seed: int) -> list[str]:
    """Pick `count` of the ids (all if there are fewer), those with the lowest digest for this role of this run."""
    return heapq.nsmallest(count, ids, key=lambda problem_id: digest([run_seed, role, problem_id]))


def same_problem_key(problem: str, system: str | None) -> str:
    """Return a key that two rows share exactly if they are the same problem.

    A system prompt changes the task as much as the text does: "Answer in base 8." in front of one text makes another
    problem of it. An empty system prompt is another one than none, because chat templates put a text of their own where
    there is none.

    >>> same_problem_key("What is 3 + 9?", "Answer in base 8.") == same_problem_key("What is 3 + 9?", None)
    False
    """
    return json.dumps([None if system is None else normalised(system), normalised(problem)])


def statement(problem: str, system: str | None) -> str:
    """Return all that says what is asked: the system prompt, if there is one, and the problem.

    >>> statement("What is 3 + 9?", "Answer in base 8.")
    'Answer in base 8.\\n\\nWhat is 3 + 9?'
    """
    return f"{system}\n\n{problem}" if system else problem


def normalised(text: str) -> str:
    """Remove differences that do not make another problem: Unicode forms, case, white space, a final stop.

    >>> normalised("What  is 1 + 1 ?")
    'what is 1 + 1'
    """
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split()).rstrip(" .?!")
