r"""Golds to change: those of the public sets in the folder of real data, and a list of our own for everybody else."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SETS = (
    ("math/rllm_train_math.json", "answer"),
    ("math500/test.jsonl", "answer"),
    ("omni_math/omni_math_rule.jsonl", "answer"),
    ("olympiadbench/OE_TO_maths_en_COMP.jsonl", "final_answer"),
    ("hmmt_feb_2025/matharena.jsonl", "answer"),
    ("hmmt_nov_2025/test.jsonl", "answer"),
    ("amo_bench/golds.jsonl", "gold"),
    ("aime24/matharena_aime_2024_I.jsonl", "answer"),
    ("aime24/matharena_aime_2024_II.jsonl", "answer"),
    ("aime25/matharena_aime_2025_I.jsonl", "answer"),
    ("aime25/matharena_aime_2025_II.jsonl", "answer"),
    ("aimo_validation/aimo-validation-amc.jsonl", "answer"),
    ("aimo_validation/aimo-validation-aime.jsonl", "answer"),
    ("amc23/test.jsonl", "answer"),
    ("gsm8k/test.jsonl", "answer"),
)
MAX_LENGTH = 120
_BOX = re.compile(r"\s*\\boxed\{(.*)\}\s*", re.DOTALL)


def load(realdata: Path) -> list[str]:
    """Return the distinct golds of all sets in the folder, short ones only, without `$` and box."""
    found = {_bare(gold) for name, column in SETS for gold in _column(realdata / name, column)}
    return sorted(
        gold
        for gold in found | set(OWN)
        if gold and len(gold) <= MAX_LENGTH and "\n" not in gold and _is_balanced(gold)
    )


def _column(path: Path, column: str) -> Iterator[str]:
    text = path.read_text(encoding="utf-8")
    rows: list[dict[str, Any]] = (
        json.loads(text) if path.suffix == ".json" else [json.loads(line) for line in text.splitlines()]
    )
    for row in rows:
        value = row[column]
        for item in value if isinstance(value, list) else [value]:
            yield str(item).rpartition("####")[2]


def _is_balanced(gold: str) -> bool:
    return gold.count("{") == gold.count("}")


def _bare(gold: str) -> str:
    gold = gold.strip()
    if box := _BOX.fullmatch(gold):
        gold = box.group(1).strip()
    if gold.count("$") == 2 and gold[0] == gold[-1] == "$":
        gold = gold[1:-1].strip()
    if gold.startswith((r"\[", r"\(")) and gold.endswith((r"\]", r"\)")):
        gold = gold[2:-2].strip()
    return gold


OWN = [
    *("0", "1", "7", "12", "34", "105", "1250", "20736", "-3", "-48", "0.5", "2.75", "-1.25", "3.1416", "0.004"),
    *(
        r"\frac{1}{2}",
        r"-\frac{3}{7}",
        r"\frac{17}{24}",
        r"\frac{105}{384}",
        r"\frac{355}{113}",
        r"2\frac{5}{8}",
        "5/6",
    ),
    *(r"\sqrt{3}", r"3\sqrt{2}", r"\frac{\sqrt{5}}{4}", r"2+\sqrt{7}", r"\frac{1+\sqrt{5}}{2}", r"5-2\sqrt{6}"),
    *(r"\sqrt[3]{4}", r"4\pi", r"\frac{\pi}{6}", r"16-4\pi", r"e^{2}", r"\frac{e}{3}", r"2\pi^2", "2^{10}", "10^{12}"),
    *(r"\ln 2", r"\log_2 5", r"\sin 40^\circ", r"\cos\frac{\pi}{7}", r"\binom{12}{5}", "7!", "3+4i", "-2i", "1-5i"),
    *("x+1", "2x-3", "x^2+3x+2", "3x^3-5x^2+7", r"\frac{x+1}{x-2}", "a^2+b^2", "2(x+3)", "(x-1)(x+4)", "p-q"),
    *(r"\frac{2n+1}{n^2}", "x^2y", r"a_1+2a_2", r"2^{n}-1", r"\frac{n(n+1)}{2}", "y = 2x+5", "y=-3x+7", "x=12"),
    *("f(x)=2x+3", "x^2+y^2=25", "3x+4y=12", "f(n)=n^2+1", "(1,2)", "(3,-5)", "(0,4,7)", r"(\frac12,-3)"),
    *(r"\left(\frac{3}{5},\frac{4}{5}\right)", r"\left(3,\frac{\pi}{2}\right)", r"\{1,2,3\}", r"\{-2,5\}"),
    *(r"\{0,\frac12,\sqrt{3}\}", "1,3", "2, 5, 9", "-4,4", r"\frac12,\frac13", "(1,2]", "[0,5)", "(-3,7)", "[2,9]"),
    *(r"(-\infty,4)", r"[3,\infty)", r"(-\infty,-1)\cup(2,\infty)", r"[0,1)\cup(3,8]", "x>5", r"x\le 3", "2<x<9"),
    *(r"-1\le x\le 6", "A", "B", r"\text{(C)}", r"\text{Tuesday}", r"\text{ellipse}", "Evelyn", r"12\text{ cm}"),
    *(r"5\text{ meters}", r"30\%", r"45^\circ", r"\$18.50", "43_7", r"1101_2", "3:5", r"2\text{ hours}"),
    *(r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", r"\begin{pmatrix}5\\-2\\7\end{pmatrix}"),
    *(
        r"\begin{pmatrix}0&-1\\1&0\end{pmatrix}",
        r"\pm 3",
        r"1\pm\sqrt{2}",
        r"\frac{7\pm\sqrt{5}}{2}",
        "5,040",
        "12,345",
    ),
]
"""One gold or more of every type of answer, for people who do not have the folder of real data."""
