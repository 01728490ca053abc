"""Answers to clusters: the partition of one problem's answers by meaning. The order of the samples does not matter.

There are two procedures. Both work on the sorted distinct answers of a problem (`Procedure`):

`default`
    1. Answers with the same canonical form are one answer.
    2. The symbolic check decides every pair of distinct canonical answers that it can.
    3. The judge, given the problem, decides each remaining pair once. All pairs are asked in one batch, in sorted
       order.
    4. Clusters merge along the equal pairs: first the pairs of the symbolic check, then the pairs of the judge, each in
       sorted order. Two clusters merge only if no pair across them is known to differ. A merge that is refused for this
       reason is a conflict. Thus one wrong verdict cannot join two answers that are known to be different, and cannot
       separate answers that are equal by computation. Example: with 10, 10 cm and 10 m, the two lengths stay apart, and
       10 joins 10 cm, the first of them in sorted order.

`paper`
    Only equal strings are one answer. The judge decides the pairs that are not connected yet, and equal pairs are
    joined (union-find). If the judge called a pair different and a chain of other pairs still joined it, that is
    a conflict.

How this differs from the paper (Sec. 3.1):
    1. `default` decides symbolically what it can, and asks the judge about the rest only.
    2. `default` does not let a chain of verdicts overrule a single contrary verdict.
    3. In both procedures the judge is given the problem, and sees a pair in one orientation only, the sorted one.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal, Protocol

from sure_math.equivalence import Verdict, canonical, same_answers, was_stopped
from sure_math.equivalence.unseen import visible

Procedure = Literal["default", "paper"]
MissingPolicy = Literal["own", "shared", "exclude"]
PROCEDURES: tuple[Procedure, ...] = ("default", "paper")
MISSING_POLICIES: tuple[MissingPolicy, ...] = ("own", "shared", "exclude")
MAX_DISTINCT_ANSWERS = 64
"""Most distinct answers of one problem that are compared (2,016 pairs). Each rarer answer is a cluster of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two answers to one problem, in sorted order."""

    problem: str | None
    first: str
    second: str


class PairCheck(Protocol):
    """Decides pairs: one verdict per pair, in order. The symbolic check and the judge are such checks."""

    def __call__(self, pairs: Sequence[Pair], /) -> Sequence[Verdict]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Equivalence:
    """Under which conditions two answers are the same before a judge is asked."""

    canonical: Callable[[str], str]
    """Answers with the same canonical form are the same answer in the `default` procedure."""
    symbolic: PairCheck | None
    """None: no pair is decided symbolically."""
    ask_judge: bool
    stopped: Callable[[str, str], bool] | None = None
    """Says whether `symbolic` gave up a pair that it left undecided. None: it gives up no pair."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerSet:
    """The answers to one problem, one per sample. A sample without an answer has None or a blank string."""

    problem: str | None
    answers: tuple[str | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Clustering:
    """The partition of one problem's answers, and the counts of how it was made."""

    ids: list[int]
    """One per answer, numbered by first appearance from 0; -1 for a missing answer under `exclude`."""
    judge_calls: int
    undecided: int
    """Verdicts of the judge that were neither equal nor different. Such a verdict
    does not merge the clusters and does not forbid a merge."""
    conflicts: int
    """`default`: merges that were refused because a pair across differs. `paper`: pairs that were judged different and
    are connected."""
    uncompared: int
    """Distinct answers beyond `MAX_DISTINCT_ANSWERS`; each is a cluster of its own."""
    stopped: int = 0
    """Pairs whose symbolic check took too long and was given up, so that a judge or nobody decided them."""


def exact(answer: str) -> str:
    """Return the canonical form if only the string counts: the answer without surrounding white space."""
    return answer.strip()


def _symbolic(pairs: Sequence[Pair], /) -> Sequence[Verdict]:
    """Use `sure_math.equivalence` as a pair check. Most pairs that depend on the problem stay undecided."""
    return same_answers([(pair.first, pair.second) for pair in pairs], [pair.problem for pair in pairs])


EQUIVALENCES: dict[str, Equivalence] = {
    "math": Equivalence(canonical=canonical, symbolic=_symbolic, ask_judge=True, stopped=was_stopped),
    "string": Equivalence(canonical=exact, symbolic=None, ask_judge=False),
    "judge": Equivalence(canonical=exact, symbolic=None, ask_judge=True),
}


def cluster_answers(
    answers: Sequence[str | None],
    *,
    problem: str | None = None,
    judge: PairCheck | None = None,
    procedure: Procedure = "default",
    missing: MissingPolicy = "own",
    equivalence: str | Equivalence = "math",
) -> Clustering:
    """Group one problem's answers by meaning. `cluster_shard` does the same for many problems at once.

    >>> cluster_answers([r"\\frac{1}{2}", "0.5", "2", None]).ids
    [0, 0, 1, 2]
    >>> cluster_answers([r"\\frac{1}{2}", "0.5", "2", None], equivalence="string", missing="exclude").ids
    [0, 1, 2, -1]

    Raises:
        TypeError: the answers are one text, or one of them is neither a text nor None.
    """
    if isinstance(answers, str):
        raise TypeError(f"answers is the text {answers!r:.100}; give a list of texts")
    answers = tuple(answers)
    for answer in answers:
        if not isinstance(answer, str | None):
            raise TypeError(f"an answer is {answer!r:.100} ({type(answer).__name__}) and must be a text, or None")
    answer_set = AnswerSet(problem=problem, answers=tuple(answers))
    return cluster_shard([answer_set], judge, procedure=procedure, missing=missing, equivalence=equivalence)[0]


def cluster_shard(
    shard: Sequence[AnswerSet],
    judge: PairCheck | None,
    *,
    procedure: Procedure = "default",
    missing: MissingPolicy = "own",
    equivalence: str | Equivalence = "math",
) -> list[Clustering]:
    """Group the answers of every problem of a shard, in order.

    Args:
        judge: decides the pairs that the symbolic check leaves open. With None they stay open. `default` calls the
            judge at most once with all pairs of the shard, `paper` once per round.
        missing: whether each missing answer is a cluster of its `own`, all missing answers of a problem have one
            `shared` cluster, or they are left out (`exclude`).
        equivalence: a name in `EQUIVALENCES`, or another `Equivalence`.

    Raises:
        ValueError: a name is unknown, or a check does not give one verdict per pair.
    """
    _check_name("procedure", procedure, PROCEDURES)
    _check_name("missing", missing, MISSING_POLICIES)
    if isinstance(equivalence, str):
        _check_name("equivalence", equivalence, tuple(EQUIVALENCES))
        equivalence = EQUIVALENCES[equivalence]
    key_of = exact if procedure == "paper" else equivalence.canonical
    partitions = [_Partition(answer_set, key_of) for answer_set in shard]
    judge = judge if equivalence.ask_judge else None
    if procedure == "paper":
        _resolve_as_in_the_paper(partitions, judge)
    else:
        _resolve(partitions, equivalence, judge)
    return [partition.clustering(missing) for partition in partitions]


class _Partition:
    """The distinct answers of one problem, the verdicts on their pairs, and the groups they are in.

    A node is the position of a distinct answer in sorted order. A pair of nodes is written with the smaller node first.
    """

    def __init__(self, answer_set: AnswerSet, key_of: Callable[[str], str]) -> None:
        self._keys = [_key(answer, key_of) for answer in answer_set.answers]
        self._problem = answer_set.problem
        counts = Counter(key for key in self._keys if key is not None)
        compared = sorted(counts, key=lambda key: (-counts[key], key))[:MAX_DISTINCT_ANSWERS]
        self._nodes = sorted(compared)
        self._uncompared = len(counts) - len(compared)
        self._shown = _shown(answer_set.answers, self._keys)
        self._group_of = list(range(len(self._nodes)))
        self._members = {node: [node] for node in self._group_of}
        self.verdicts: dict[tuple[int, int], Verdict] = {}
        self._judged: set[tuple[int, int]] = set()
        self.conflicts = 0
        self.stopped = 0

    def open_pairs(self) -> Iterator[tuple[int, int]]:
        """Yield the pairs that no check has decided, in sorted order."""
        all_pairs = combinations(range(len(self._nodes)), 2)
        return (nodes for nodes in all_pairs if self.verdicts.get(nodes, "undecided") == "undecided")

    def unconnected_forest(self) -> list[tuple[int, int]]:
        """Choose pairs that were not asked and that form no cycle with the groups so far.

        No answer to a chosen pair makes another chosen pair unnecessary. Asking these pairs in one batch takes the
        same calls as asking one pair after the other.
        """
        forest = list(self._group_of)
        chosen = []
        for first, second in combinations(range(len(self._nodes)), 2):
            if (first, second) in self.verdicts or forest[first] == forest[second]:
                continue
            chosen.append((first, second))
            joined = forest[second]
            forest = [forest[first] if group == joined else group for group in forest]
        return chosen

    def pair(self, nodes: tuple[int, int]) -> Pair:
        """The two answers as a check is shown them: the shortest exact string of each node."""
        first, second = (self._shown[self._nodes[node]] for node in nodes)
        return Pair(problem=self._problem, first=first, second=second)

    def judged(self, nodes: tuple[int, int], verdict: Verdict) -> None:
        self.verdicts[nodes] = verdict
        self._judged.add(nodes)

    def equal_pairs(self) -> list[tuple[int, int]]:
        """The pairs to merge along. Computed pairs come before judged pairs."""
        equal = (nodes for nodes, verdict in self.verdicts.items() if verdict == "equal")
        return sorted(equal, key=lambda nodes: (nodes in self._judged, nodes))

    def connected(self, nodes: tuple[int, int]) -> bool:
        return self._group_of[nodes[0]] == self._group_of[nodes[1]]

    def known_to_differ(self, nodes: tuple[int, int]) -> bool:
        """Whether some pair across the groups of the two nodes is known to differ."""
        first, second = (self._members[self._group_of[node]] for node in nodes)
        return any(self.verdicts.get((min(a, b), max(a, b))) == "different" for a in first for b in second)

    def merge(self, nodes: tuple[int, int]) -> None:
        kept, joined = (self._group_of[node] for node in nodes)
        for node in self._members[joined]:
            self._group_of[node] = kept
        self._members[kept] += self._members.pop(joined)

    def clustering(self, missing: MissingPolicy) -> Clustering:
        group_of_key: dict[str, int] = {key: self._group_of[node] for node, key in enumerate(self._nodes)}
        numbers: dict[object, int] = {}
        ids = []
        for sample, key in enumerate(self._keys):
            if key is not None:
                # An answer beyond the bound is in no group. Its own key names its cluster.
                name: object = group_of_key.get(key, key)
            elif missing == "exclude":
                ids.append(-1)
                continue
            else:
                name = ("missing", sample) if missing == "own" else ("missing",)
            ids.append(numbers.setdefault(name, len(numbers)))
        return Clustering(
            ids=ids,
            judge_calls=len(self._judged),
            undecided=sum(self.verdicts[nodes] == "undecided" for nodes in self._judged),
            conflicts=self.conflicts,
            uncompared=self._uncompared,
            stopped=self.stopped,
        )


def _resolve(partitions: Sequence[_Partition], equivalence: Equivalence, judge: PairCheck | None) -> None:
    if equivalence.symbolic is not None:
        for partition, nodes, verdict in _decide(
            equivalence.symbolic, [(partition, partition.open_pairs()) for partition in partitions]
        ):
            partition.verdicts[nodes] = verdict
            if verdict == "undecided" and equivalence.stopped is not None:
                pair = partition.pair(nodes)
                partition.stopped += equivalence.stopped(pair.first, pair.second)
    if judge is not None:
        for partition, nodes, verdict in _decide(
            judge, [(partition, partition.open_pairs()) for partition in partitions]
        ):
            partition.judged(nodes, verdict)
    for partition in partitions:
        for nodes in partition.equal_pairs():
            if partition.connected(nodes):
                continue
            if partition.known_to_differ(nodes):
                partition.conflicts += 1
            else:
                partition.merge(nodes)


def _resolve_as_in_the_paper(partitions: Sequence[_Partition], judge: PairCheck | None) -> None:
    asking = list(partitions) if judge is not None else []
    while judge is not None and asking:
        rounds = [(partition, partition.unconnected_forest()) for partition in asking]
        asking = [partition for partition, pairs in rounds if pairs]
        for partition, nodes, verdict in _decide(judge, [(partition, iter(pairs)) for partition, pairs in rounds]):
            partition.judged(nodes, verdict)
            if verdict == "equal":
                partition.merge(nodes)
    for partition in partitions:
        different = [nodes for nodes, verdict in partition.verdicts.items() if verdict == "different"]
        partition.conflicts = sum(map(partition.connected, different))


def _decide(
    check: PairCheck, questions: Sequence[tuple[_Partition, Iterator[tuple[int, int]]]]
) -> list[tuple[_Partition, tuple[int, int], Verdict]]:
    """Call the check once for the pairs of all problems. Without pairs it is not called."""
    open_pairs = [(partition, nodes) for partition, pairs in questions for nodes in pairs]
    if not open_pairs:
        return []
    verdicts = check([partition.pair(nodes) for partition, nodes in open_pairs])
    if len(verdicts) != len(open_pairs):
        raise ValueError(f"a check of {len(open_pairs)} pairs gave {len(verdicts)} verdicts: it must give one per pair")
    for verdict in verdicts:
        _check_name("verdict", verdict, ("equal", "different", "undecided"))
    return [(partition, nodes, verdict) for (partition, nodes), verdict in zip(open_pairs, verdicts, strict=True)]


def _key(answer: str | None, key_of: Callable[[str], str]) -> str | None:
    """Return the canonical form, or None for a missing or blank answer, which is not equal to any answer.

    An answer of markup alone ("$$", "{}") would have a blank form. It is its own form instead.
    """
    if answer is None or not visible(answer).strip():
        return None
    form = key_of(answer)
    return form if form.strip() else exact(answer)


def _shown(answers: Sequence[str | None], keys: Sequence[str | None]) -> dict[str, str]:
    strings: dict[str, str] = {}
    for answer, key in zip(answers, keys, strict=True):
        if answer is not None and key is not None:
            candidate = exact(answer)
            strings[key] = min(candidate, strings.get(key, candidate), key=lambda text: (len(text), text))
    return strings


def _check_name(field: str, value: str, known: Sequence[str]) -> None:
    if value not in known:
        raise ValueError(f"{field} is {value!r}: choose one of {', '.join(known)}")
