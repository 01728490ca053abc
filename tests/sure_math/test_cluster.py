"""Pins of `sure_math/cluster.py`:

- the partition does not depend on the order of the samples, in both procedures, for any table of verdicts a judge or
  the symbolic check may give, intransitive and wrong ones included (Hypothesis);
- judge calls: none where answers agree as strings; at most one per pair of distinct canonical answers; always with the
  problem; one batch per shard (`default`), pairs not yet connected only (`paper`);
- `default` never joins two answers known to differ, and counts each refused merge; `paper` is plain union-find;
- two units never meet through a bare number; what becomes of missing and blank answers; the equivalence modes;
- the bound on compared answers; errors that name the value.
"""

import random
from collections.abc import Sequence
from itertools import combinations, permutations
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sure_math.cluster import (
    MAX_DISTINCT_ANSWERS,
    MISSING_POLICIES,
    PROCEDURES,
    AnswerSet,
    Clustering,
    Equivalence,
    MissingPolicy,
    Pair,
    PairCheck,
    Procedure,
    cluster_answers,
    cluster_shard,
    exact,
)
from sure_math.equivalence import Verdict, same_answer

UNHURRIED = settings(deadline=None)
"""A busy machine is not a failure."""
Verdicts = dict[frozenset[str], Verdict]


class Table:
    """A check that looks pairs up and remembers what it was asked; pairs not in the table get `otherwise`."""

    def __init__(self, verdicts: Verdicts | None = None, *, otherwise: Verdict = "undecided") -> None:
        self.verdicts = verdicts or {}
        self.otherwise = otherwise
        self.batches: list[list[Pair]] = []

    def __call__(self, pairs: Sequence[Pair], /) -> list[Verdict]:
        self.batches.append(list(pairs))
        return [self.verdicts.get(frozenset((pair.first, pair.second)), self.otherwise) for pair in pairs]

    @property
    def asked(self) -> list[tuple[str, str]]:
        return [(pair.first, pair.second) for batch in self.batches for pair in batch]


def table(equal: str = "", different: str = "", *, otherwise: Verdict = "undecided") -> Table:
    """`equal` and `different` are pairs as in "a~b c~d"."""
    verdicts: Verdicts = {}
    for verdict, text in (("equal", equal), ("different", different)):
        for pair in text.split():
            verdicts[frozenset(pair.split("~"))] = "equal" if verdict == "equal" else "different"
    return Table(verdicts, otherwise=otherwise)


def symbolic_mode(symbolic: PairCheck | None) -> Equivalence:
    return Equivalence(canonical=exact, symbolic=symbolic, ask_judge=True)


NOTHING = symbolic_mode(None)

DEFAULT = [
    # name, answers, symbolic, judge, ids, judge calls, conflicts
    ("unanimous", "a a a a", table(), table(otherwise="equal"), [0, 0, 0, 0], 0, 0),
    ("all differ", "a b c", table(otherwise="different"), table(otherwise="equal"), [0, 1, 2], 0, 0),
    ("first appearance", "c a c b", table("a~b", "a~c b~c"), table(), [0, 1, 0, 1], 0, 0),
    ("judge decides the rest", "a b c", table("a~b"), table("b~c a~c"), [0, 0, 0], 2, 0),
    ("judge says no", "a b", table(), table(otherwise="different"), [0, 1], 1, 0),
    ("judge does not know", "a b", table(), table(), [0, 1], 1, 0),
    ("a chain against a difference", "a b c", table("a~b b~c", "a~c"), table(), [0, 0, 1], 0, 1),
    ("a wrong yes of the judge", "a b c", table("a~b", "a~c"), table("b~c"), [0, 0, 1], 1, 1),
    ("a wrong no of the judge", "a b c", table("a~b b~c"), table(different="a~c"), [0, 0, 1], 1, 1),
    ("computed before judged", "a b c", table("b~c", "a~c"), table("a~b"), [0, 1, 1], 1, 1),
    ("an undecided pair does not block", "a b c", table("a~b b~c"), table(), [0, 0, 0], 1, 0),
    ("two pairs and a bridge", "a b c d", table("a~b c~d b~c", "a~d"), table(), [0, 0, 0, 1], 2, 1),
    ("the bridge comes first", "a b c d", table("a~c b~c b~d", "a~d a~b c~d"), table(), [0, 1, 0, 1], 0, 1),
]


@pytest.mark.parametrize("case", DEFAULT, ids=lambda case: case[0])
def test_default_procedure(case: tuple[str, str, Table, Table, list[int], int, int]) -> None:
    _, answers, symbolic, judge, ids, calls, conflicts = case
    result = cluster_answers(answers.split(), problem="?", judge=judge, equivalence=symbolic_mode(symbolic))
    assert (result.ids, result.judge_calls, result.conflicts) == (ids, calls, conflicts)


PAPER = [
    # name, answers, judge, ids, judge calls, undecided, conflicts
    ("unanimous", "a a a", table(), [0, 0, 0], 0, 0, 0),
    ("connected pairs are not asked", "a b c", table(otherwise="equal"), [0, 0, 0], 2, 0, 0),
    ("a chain overrules a no", "a b c", table("a~b b~c", "a~c"), [0, 0, 0], 3, 0, 1),
    ("all differ", "a b c d", table(otherwise="different"), [0, 1, 2, 3], 6, 0, 0),
    ("nonsense", "a b c", table(), [0, 1, 2], 3, 3, 0),
    ("pairs", "d a c b", table("a~b c~d", otherwise="different"), [0, 1, 0, 1], 6, 0, 0),
]


@pytest.mark.parametrize("case", PAPER, ids=lambda case: case[0])
def test_paper_procedure(case: tuple[str, str, Table, list[int], int, int, int]) -> None:
    _, answers, judge, ids, calls, undecided, conflicts = case
    symbolic = table(otherwise="different")
    result = cluster_answers(
        answers.split(), problem="?", judge=judge, procedure="paper", equivalence=symbolic_mode(symbolic)
    )
    assert (result.ids, result.judge_calls, result.undecided, result.conflicts) == (ids, calls, undecided, conflicts)
    assert not symbolic.batches


def test_the_procedures_part_where_the_judge_contradicts_itself() -> None:
    verdicts = table("a~b b~c", "a~c").verdicts
    clusterings = {
        procedure: cluster_answers(["a", "b", "c"], judge=Table(verdicts), procedure=procedure, equivalence=NOTHING)
        for procedure in PROCEDURES
    }
    assert clusterings["paper"].ids == [0, 0, 0]
    assert clusterings["default"].ids == [0, 0, 1]
    assert all(clustering.conflicts == 1 for clustering in clusterings.values())


@st.composite
def problems_with_verdicts(draw: st.DrawFn) -> tuple[list[str | None], Verdicts, Verdicts]:
    answers = draw(st.lists(st.sampled_from(["a", "b", "c", "d", "e", "f", None]), min_size=1, max_size=12))
    any_verdict = st.sampled_from(get_args(Verdict))
    pairs = [frozenset(pair) for pair in combinations("abcdef", 2)]
    symbolic = {pair: draw(any_verdict) for pair in pairs}
    judge = {pair: draw(any_verdict) for pair in pairs}
    return answers, symbolic, judge


@UNHURRIED
@given(
    problems_with_verdicts(),
    st.sampled_from(PROCEDURES),
    st.sampled_from(MISSING_POLICIES),
    st.randoms(use_true_random=False),
)
def test_order_of_the_samples_changes_nothing(
    case: tuple[list[str | None], Verdicts, Verdicts],
    procedure: Procedure,
    missing: MissingPolicy,
    generator: random.Random,
) -> None:
    answers, symbolic, judge = case
    order = list(range(len(answers)))
    generator.shuffle(order)

    def clustering(of: list[str | None]) -> Clustering:
        return cluster_answers(
            of,
            judge=Table(judge),
            procedure=procedure,
            missing=missing,
            equivalence=symbolic_mode(Table(symbolic)),
        )

    straight, shuffled = clustering(answers), clustering([answers[index] for index in order])
    back = dict(zip(order, shuffled.ids, strict=True))
    for first, second in combinations(range(len(answers)), 2):
        assert (straight.ids[first] == straight.ids[second]) == (back[first] == back[second])
    assert [straight.ids[index] == -1 for index in order] == [cluster_id == -1 for cluster_id in shuffled.ids]
    for name in ("judge_calls", "undecided", "conflicts", "uncompared", "stopped"):
        assert getattr(straight, name) == getattr(shuffled, name)


@UNHURRIED
@given(problems_with_verdicts(), st.sampled_from(PROCEDURES))
def test_invariants(case: tuple[list[str | None], Verdicts, Verdicts], procedure: Procedure) -> None:
    answers, symbolic, judge = case
    judged = Table(judge)
    result = cluster_answers(
        answers, problem="?", judge=judged, procedure=procedure, equivalence=symbolic_mode(Table(symbolic))
    )
    id_of = dict(zip(answers, result.ids, strict=True))
    # Ids are numbered by first appearance, equal strings share one, missing answers share none.
    assert list(dict.fromkeys(result.ids)) == list(range(len(set(result.ids))))
    assert all(id_of[answer] == cluster_id for answer, cluster_id in zip(answers, result.ids, strict=True) if answer)
    missing_ids = [cluster_id for answer, cluster_id in zip(answers, result.ids, strict=True) if answer is None]
    assert len(set(missing_ids)) == len(missing_ids)
    # One call per pair at most, in sorted orientation, with the problem.
    assert len(set(judged.asked)) == len(judged.asked) == result.judge_calls
    assert all(first < second for first, second in judged.asked)
    assert all(pair.problem == "?" for batch in judged.batches for pair in batch)
    distinct = sorted({answer for answer in answers if answer is not None})
    pairs = list(combinations(distinct, 2))
    if procedure == "default":
        undecided = [pair for pair in pairs if symbolic[frozenset(pair)] == "undecided"]
        assert judged.asked == undecided
        known = {pair: symbolic[frozenset(pair)] for pair in pairs} | {
            pair: judge[frozenset(pair)] for pair in undecided
        }
        assert not any(known[pair] == "different" and id_of[pair[0]] == id_of[pair[1]] for pair in pairs)
        if result.conflicts == 0:
            assert all(id_of[pair[0]] == id_of[pair[1]] for pair in pairs if known[pair] == "equal")
    else:
        # Union-find over every yes the judge would give: skipping connected pairs changes nothing.
        components = {answer: {answer} for answer in distinct}
        for first, second in pairs:
            if judge[frozenset((first, second))] == "equal":
                joined = components[first] | components[second]
                components |= dict.fromkeys(joined, joined)
        assert all((id_of[a] == id_of[b]) == (b in components[a]) for a, b in pairs)


def test_every_order_of_three_lengths_gives_the_same_clusters() -> None:
    verdicts = table("10~10cm 10~10m", "10cm~10m").verdicts
    for order in permutations(["10", "10cm", "10m", "10"]):
        result = cluster_answers(
            list(order), judge=table(otherwise="equal"), equivalence=symbolic_mode(Table(verdicts))
        )
        id_of = dict(zip(order, result.ids, strict=True))
        assert id_of["10"] == id_of["10cm"] != id_of["10m"]
        assert (result.conflicts, result.judge_calls) == (1, 0)


UNITS = [
    # answers, parts that a judge who always says yes must leave apart
    (["10", "10 cm", "10 m"], [{"10", "10 cm"}, {"10 m"}]),
    (["10", "10 \\text{ cm}", "10 \\text{ centimeters}", "10 \\text{ mm}"], None),
    (["5", "x=5", "y=5"], [{"5", "x=5"}, {"y=5"}]),
    (["3", "3 apples", "3 oranges"], [{"3", "3 apples"}, {"3 oranges"}]),
    (["30", "30^\\circ", "30 \\text{ rad}"], None),
    (["10", "10\\%", "0.1"], [{"10"}, {"10\\%", "0.1"}]),
    (["10", "10\\%", "\\frac{1}{10}"], [{"10"}, {"10\\%", "\\frac{1}{10}"}]),
]


@pytest.mark.parametrize(("answers", "expected"), UNITS, ids=[str(answers) for answers, _ in UNITS])
def test_units_never_meet_through_a_bare_number(answers: list[str], expected: list[set[str]] | None) -> None:
    partitions = set()
    for order in permutations(answers):
        result = cluster_answers(list(order), problem="?", judge=table(otherwise="equal"))
        members = {
            number: frozenset(a for a, b in zip(order, result.ids, strict=True) if b == number) for number in result.ids
        }
        partitions.add(frozenset(members.values()))
    (partition,) = partitions
    for part in partition:
        for first, second in combinations(sorted(part), 2):
            assert same_answer(first, second) != "different"
    if expected is not None:
        assert partition == set(map(frozenset, expected))


def test_canonical_forms_are_one_answer() -> None:
    mode = Equivalence(canonical=lambda answer: answer.replace(",", ""), symbolic=None, ask_judge=True)
    judge = table(otherwise="different")
    result = cluster_answers(["1,000", "1000", "5"], judge=judge, equivalence=mode)
    assert (result.ids, judge.asked) == ([0, 0, 1], [("1000", "5")])
    # The paper merges exact strings only, so its judge is asked about the two spellings.
    literal = table(otherwise="different")
    assert cluster_answers(["1,000", "1000"], judge=literal, procedure="paper", equivalence=mode).ids == [0, 1]
    assert literal.asked == [("1,000", "1000")]


def test_markup_without_content_never_merges() -> None:
    mode = Equivalence(canonical=lambda answer: answer.strip("${} "), symbolic=None, ask_judge=True)
    assert cluster_answers(["$$", "{}", "$$"], equivalence=mode).ids == [0, 1, 0]


@pytest.mark.parametrize(
    ("missing", "expected"), [("own", [0, 1, 2, 0, 3]), ("shared", [0, 1, 1, 0, 1]), ("exclude", [0, -1, -1, 0, -1])]
)
@pytest.mark.parametrize("procedure", PROCEDURES)
def test_missing_answers(procedure: Procedure, missing: MissingPolicy, expected: list[int]) -> None:
    judge = table(otherwise="equal")
    result = cluster_answers(
        ["7", None, "", "7 ", " \n"], judge=judge, procedure=procedure, missing=missing, equivalence=NOTHING
    )
    assert (result.ids, result.judge_calls) == (expected, 0)


@pytest.mark.parametrize("procedure", PROCEDURES)
def test_equivalence_modes(procedure: Procedure) -> None:
    answers = ["Paris", "the city of Paris", "Paris"]
    for mode, ids, calls in (("string", [0, 1, 0], 0), ("judge", [0, 0, 0], 1)):
        judge = table(otherwise="equal")
        result = cluster_answers(answers, problem="?", judge=judge, procedure=procedure, equivalence=mode)
        assert (result.ids, result.judge_calls, len(judge.asked)) == (ids, calls, calls)


@pytest.mark.parametrize("procedure", PROCEDURES)
def test_without_a_judge_open_pairs_stay_apart(procedure: Procedure) -> None:
    result = cluster_answers(["a", "b"], procedure=procedure, equivalence=NOTHING)
    assert (result.ids, result.judge_calls, result.undecided) == ([0, 1], 0, 0)


def test_nonsense_is_counted() -> None:
    result = cluster_answers(["a", "b", "c"], judge=table("a~b"), equivalence=NOTHING)
    assert (result.ids, result.judge_calls, result.undecided) == ([0, 0, 1], 3, 2)


def test_one_batch_for_a_shard() -> None:
    shard = [AnswerSet(problem=str(number), answers=("a", "b", "c", None)) for number in range(5)]
    symbolic, judge = table("a~b"), table(different="a~c b~c")
    results = cluster_shard(
        [*shard, AnswerSet(problem="x", answers=("a",))], judge, equivalence=symbolic_mode(symbolic)
    )
    assert [result.ids for result in results] == [[0, 0, 1, 2]] * 5 + [[0]]
    assert [len(batch) for batch in symbolic.batches] == [15]
    assert [len(batch) for batch in judge.batches] == [10]
    assert [pair.problem for pair in judge.batches[0]] == [str(number) for number in range(5) for _ in range(2)]


def test_paper_rounds_are_batched_and_ask_no_connected_pair() -> None:
    shard = [AnswerSet(problem=None, answers=tuple("abcd")), AnswerSet(problem=None, answers=tuple("abx"))]
    judge = table("a~b b~c", otherwise="different")
    cluster_shard(shard, judge, procedure="paper", equivalence=NOTHING)
    batches = [[pair.first + pair.second for pair in batch] for batch in judge.batches]
    assert batches == [["ab", "ac", "ad", "ab", "ax"], ["bc", "bd", "bx"], ["cd"]]


@pytest.mark.parametrize("procedure", PROCEDURES)
def test_compared_answers_are_bounded(procedure: Procedure) -> None:
    common = [f"{number:03} " + "x" * 100_000 for number in range(MAX_DISTINCT_ANSWERS)]
    rare = [f"zz{number}" for number in range(30)]
    judge = table(otherwise="different")
    result = cluster_answers(rare + common * 2, judge=judge, procedure=procedure, equivalence=NOTHING)
    assert result.judge_calls == MAX_DISTINCT_ANSWERS * (MAX_DISTINCT_ANSWERS - 1) // 2
    assert result.uncompared == 30
    assert len(set(result.ids)) == MAX_DISTINCT_ANSWERS + 30
    assert not {answer for pair in judge.asked for answer in pair}.intersection(rare)


ERRORS = [
    ({"procedure": "greedy"}, "procedure is 'greedy': choose one of default, paper"),
    ({"missing": "drop"}, "missing is 'drop': choose one of own, shared, exclude"),
    ({"equivalence": "maths"}, "equivalence is 'maths': choose one of"),
    ({"judge": lambda pairs: ["yes" for _ in pairs], "equivalence": NOTHING}, "verdict is 'yes'"),
    ({"judge": lambda pairs: [], "equivalence": NOTHING}, "a check of 1 pairs gave 0 verdicts"),
]


@pytest.mark.parametrize(("arguments", "message"), ERRORS)
def test_errors_name_the_value(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        cluster_answers(["a", "b"], **arguments)
