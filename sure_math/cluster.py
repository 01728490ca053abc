"""Answers to clusters: the partition of one problem's answers by meaning, whatever the order of the samples.

Two procedures, both on the sorted distinct answers of a problem (`Procedure`):

`default`
    1. Answers with one canonical form are one answer.
    2. The symbolic check decides every pair of distinct canonical answers it can.
    3. The judge, given the problem, decides each remaining pair: once, in sorted order, all of them in one batch.
    4. Clusters merge along the equal pairs, those of the symbolic check before those of the judge and each in sorted
       order, and only where no pair across them is known to differ; a merge refused for that is a conflict. One wrong
       verdict thus cannot join two answers known to be different, nor part what is equal by computation: with 10,
       10 cm and 10 m the two lengths stay apart, and 10 goes to the first one in sorted order, 10 cm.

`paper`
    Exact strings are one answer; the judge decides the pairs that are not yet connected; union-find. A pair the judge
    called different and a chain of others joined all the same is a conflict.

How this differs from the paper (Sec. 3.1):
    1. `default` decides symbolically what it can, and asks the judge about the rest only.
    2. `default` does not let a chain of verdicts overrule a single contrary one.
    3. In both, the judge is given the problem, and sees one orientation of a pair, the sorted one.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal, Protocol

from sure_math.equivalence import Verdict, canonical, same_answers

Procedure = Literal["default", "paper"]
MissingPolicy = Literal["own", "shared", "exclude"]
PROCEDURES: tuple[Procedure, ...] = ("default", "paper")
MISSING_POLICIES: tuple[MissingPolicy, ...] = ("own", "shared", "exclude")
MAX_DISTINCT_ANSWERS = 64
"""Distinct answers of one problem that are compared (2,016 pairs); rarer ones beyond it are clusters of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two answers to one problem, in sorted order."""

    problem: str | None
    first: str
    second: str


class PairCheck(Protocol):
    """Decides pairs: one relation per pair, in order. The symbolic check is one, the judge another."""

    def __call__(self, pairs: Sequence[Pair], /) -> Sequence[Verdict]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Equivalence:
    """When two answers are the same before a judge is asked."""

    canonical: Callable[[str], str]
    """Answers with the same canonical form are the same answer in the `default` procedure."""
    symbolic: PairCheck | None
    """None: it decides no pair."""
    ask_judge: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerSet:
    """The answers to one problem, one per sample; None or blank where a sample has none."""

    problem: str | None
    answers: tuple[str | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Clustering:
    """The partition of one problem's answers and what it took."""

    ids: list[int]
    """One per answer, numbered by first appearance from 0; -1 for a missing answer under `exclude`."""
    judge_calls: int
    undecided: int
    """Judge verdicts that were neither equal nor different; such a pair is not merged, nor kept apart."""
    conflicts: int
    """`default`: merges refused, since a pair across differs. `paper`: pairs judged different and connected."""
    uncompared: int
    """Distinct answers beyond `MAX_DISTINCT_ANSWERS`; each is a cluster of its own."""


def exact(answer: str) -> str:
    """The canonical form where only the string counts: surrounding white space is no part of an answer."""
    return answer.strip()


def _symbolic(pairs: Sequence[Pair], /) -> Sequence[Verdict]:
    """`sure_math.equivalence` as a pair check; it leaves what depends on the problem undecided."""
    return same_answers([(pair.first, pair.second) for pair in pairs])


EQUIVALENCES: dict[str, Equivalence] = {
    "math": Equivalence(canonical=canonical, symbolic=_symbolic, ask_judge=True),
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
    """The clusters of one problem's answers; `cluster_shard` asks the judge for many problems at once."""
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
    """The clusters of every problem of a shard, in order.

    Args:
        judge: decides the pairs that the symbolic check leaves open; None leaves them open. `default` calls it at most
            once with all pairs of the shard, `paper` once per round.
        missing: a missing answer is a cluster of its `own`, all of them `shared` one, or they are left out (`exclude`).
        equivalence: a name in `EQUIVALENCES`, or an equivalence of your own.

    Raises:
        ValueError: an unknown name, or a check that does not give one relation per pair.
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
        _resolve(partitions, equivalence.symbolic, judge)
    return [partition.clustering(missing) for partition in partitions]


class _Partition:
    """The distinct answers of one problem, what is known about their pairs, and the groups they are in.

    A node is the position of a distinct answer in sorted order; a pair of nodes is written smaller first.
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
        self.relations: dict[tuple[int, int], Verdict] = {}
        self._judged: set[tuple[int, int]] = set()
        self.conflicts = 0

    def open_pairs(self) -> Iterator[tuple[int, int]]:
        """The pairs that nothing has decided, in sorted order."""
        everything = combinations(range(len(self._nodes)), 2)
        return (nodes for nodes in everything if self.relations.get(nodes, "undecided") == "undecided")

    def unconnected_forest(self) -> list[tuple[int, int]]:
        """Pairs that were not asked and are not connected, no two of which could connect a third of them.

        They can be asked in one batch with the same calls as one after the other.
        """
        forest = list(self._group_of)
        chosen = []
        for first, second in combinations(range(len(self._nodes)), 2):
            if (first, second) in self.relations or forest[first] == forest[second]:
                continue
            chosen.append((first, second))
            joined = forest[second]
            forest = [forest[first] if group == joined else group for group in forest]
        return chosen

    def pair(self, nodes: tuple[int, int]) -> Pair:
        """What a check is shown: the shortest exact string of each node."""
        first, second = (self._shown[self._nodes[node]] for node in nodes)
        return Pair(problem=self._problem, first=first, second=second)

    def judged(self, nodes: tuple[int, int], relation: Verdict) -> None:
        self.relations[nodes] = relation
        self._judged.add(nodes)

    def equal_pairs(self) -> list[tuple[int, int]]:
        """The pairs to merge along: what is computed goes before what is judged."""
        equal = (nodes for nodes, relation in self.relations.items() if relation == "equal")
        return sorted(equal, key=lambda nodes: (nodes in self._judged, nodes))

    def connected(self, nodes: tuple[int, int]) -> bool:
        return self._group_of[nodes[0]] == self._group_of[nodes[1]]

    def known_to_differ(self, nodes: tuple[int, int]) -> bool:
        """Whether some pair across the groups of the two nodes is known to differ."""
        first, second = (self._members[self._group_of[node]] for node in nodes)
        return any(self.relations.get((min(a, b), max(a, b))) == "different" for a in first for b in second)

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
                # An answer beyond the bound is in no group: its own key names its cluster.
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
            undecided=sum(self.relations[nodes] == "undecided" for nodes in self._judged),
            conflicts=self.conflicts,
            uncompared=self._uncompared,
        )


def _resolve(partitions: Sequence[_Partition], symbolic: PairCheck | None, judge: PairCheck | None) -> None:
    if symbolic is not None:
        for partition, nodes, relation in _decide(symbolic, [(each, each.open_pairs()) for each in partitions]):
            partition.relations[nodes] = relation
    if judge is not None:
        for partition, nodes, relation in _decide(judge, [(each, each.open_pairs()) for each in partitions]):
            partition.judged(nodes, relation)
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
        for partition, nodes, relation in _decide(judge, [(partition, iter(pairs)) for partition, pairs in rounds]):
            partition.judged(nodes, relation)
            if relation == "equal":
                partition.merge(nodes)
    for partition in partitions:
        different = [nodes for nodes, relation in partition.relations.items() if relation == "different"]
        partition.conflicts = sum(map(partition.connected, different))


def _decide(
    check: PairCheck, questions: Sequence[tuple[_Partition, Iterator[tuple[int, int]]]]
) -> list[tuple[_Partition, tuple[int, int], Verdict]]:
    """One call for the pairs of all problems; none where there are no pairs."""
    asked = [(partition, nodes) for partition, pairs in questions for nodes in pairs]
    if not asked:
        return []
    relations = check([partition.pair(nodes) for partition, nodes in asked])
    if len(relations) != len(asked):
        raise ValueError(f"a check of {len(asked)} pairs gave {len(relations)} relations: it must give one per pair")
    for relation in relations:
        _check_name("relation", relation, ("equal", "different", "undecided"))
    return [(partition, nodes, relation) for (partition, nodes), relation in zip(asked, relations, strict=True)]


def _key(answer: str | None, key_of: Callable[[str], str]) -> str | None:
    """The canonical form; None for a missing or blank answer, which is never equal to anything.

    An answer of markup alone ("$$", "{}") has a blank form, and stands for itself.
    """
    if answer is None or not answer.strip():
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
