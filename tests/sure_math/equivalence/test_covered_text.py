"""Parts of an answer that used to be dropped before the comparison: members of chains, rows, conditions, labels.

Every pair is tried in both orders.
"""

import pytest

from sure_math.equivalence import same_answers

EQUAL = [
    ("x=1 oder x=2", "x=1 or x=2"),
    ("x=1 और x=2", "1, 2"),
    ("x=3 та x=4", "3, 4"),
    ("x=1 x=2", "x=1, x=2"),
    ("1或2", "1, 2"),
    ("x=5+6=11", "11"),
    ("AB=BC=5", "5"),
    ("m=n=3", "3"),
    ("n=min(364, 233)=233", "233"),
    (r"x=\frac13\approx 0.333", "1/3"),
    (r"\begin{cases}x=1\\y=2\end{cases}", "x=1, y=2"),
    (r"\left\{\begin{aligned}a&=1\\b&=2\end{aligned}\right.", "b=2, a=1"),
    (r"\left.\begin{array}{l}x=35\\y=2\end{array}\right\}", "x=35, y=2"),
    (r"\substack{x=1\\y=2}", "x=1, y=2"),
    (r"\begin{gathered}x+y=3\\x-y=1\end{gathered}", r"\begin{cases}x-y=1\\x+y=3\end{cases}"),
    (
        r"f(x)=\begin{cases}1&\text{if }x>0\\2&\text{otherwise}\end{cases}",
        r"f(x)=\begin{cases}1,&x>0\\2,&\text{otherwise}\end{cases}",
    ),
    (r"x=2k\pi,\ k\in\mathbb{Z}", r"x=2n\pi\ (n\in\mathbb{Z})"),
    (r"y=ce^{2x}, c \text{ is a real constant}", r"y=ce^{2x}"),
    (r"f(x)=\frac{1}{x-2}, x\neq2", r"f(x)=\frac{1}{x-2}"),
    ("x>0, x\\ne 3", r"(0,3)\cup(3,\infty)"),
    ("x<2 or x>1", r"\mathbb{R}"),
    ("all real numbers except 2", r"(-\infty,2)\cup(2,\infty)"),
    ("Answer: 5", "5"),
    (r"\text{Area}=5", "5"),
    (r"\text{绿色}", "绿色"),
    (r"\sum_{k=1}^{n} k", r"\frac{n(n+1)}{2}"),
    (r"S=\prod_{k=1}^{4} k", "24"),
]

NOT_EQUAL = [
    ("x=1 ou x=2", "x=2"),
    ("a=3 b=4 c=5", "a=1 b=4 c=5"),
    ("y=2x=6", "6"),
    ("2+2=5", "5"),
    ("n=min(364, 233)=188", "188"),
    ("x=1\\quad y=2", "2"),
    ("x=1; y=2", "2"),
    (r"\begin{cases}u=1\\v=2\end{cases}", r"\begin{cases}u=2\\v=1\end{cases}"),
    (r"\begin{align*}p&=1\\q&=2\\r&=3\end{align*}", "3"),
    (r"\begin{gathered}263&x>0\\6&x\le 0\end{gathered}", r"\begin{gathered}263&x>0\\372&x\le 0\end{gathered}"),
    (r"\begin{cases}1&x>0\\2&x<0\end{cases}", r"\begin{cases}1&x<0\\2&x>0\end{cases}"),
    (r"\operatorname{rank} A=2", r"\det A=2"),
    (r"\dim V=3", r"\dim W=3"),
    ("P(A)=1/2", "P(B)=1/2"),
    (r"\bar{w}=2", "w=2"),
    ("|w|=2", "w=2"),
    ("area=5", "perimeter=5"),
    ("x=5", "length=5"),
    ("y=x, x>0", "y=x, x<0"),
    (r"x=2k\pi, k\in\mathbb{Z}", r"x=3k\pi, k\in\mathbb{Z}"),
    ("(1,2) cm", "(1,2) m"),
    ("x>5 cm", "x>5 m"),
    ("7 + √29", "7 +"),
    ("5 \\# 7", "7"),
    ("11+", "11"),
    ("≤ 6", "6"),
    ("[-4, 1]", "-4, 1"),
    (r"\lfloor x/9\rfloor", r"\lfloor x/8\rfloor"),
    (r"\{f\in\mathbb{R}[x]\colon 2\mid\deg f+1\}", "1"),
    ("44 o 21", "44"),
    ("14 and a half of 93", "93 and a half of 14"),
]


@pytest.mark.parametrize(("a", "b"), EQUAL)
def test_equal(a: str, b: str) -> None:
    assert same_answers([(a, b), (b, a)]) == ["equal", "equal"]


@pytest.mark.parametrize(("a", "b"), NOT_EQUAL)
def test_not_equal(a: str, b: str) -> None:
    assert "equal" not in same_answers([(a, b), (b, a)])


GROUPS_EQUAL = [
    (r"x=1,y=2 \text{ or } x=3,y=4", "(1,2),(3,4)"),
    ("x=1,y=2;x=3,y=4", "x=3,y=4;x=1,y=2"),
    ("a=1,2; b=3", "b=3, a=2,1"),
    (r"\begin{cases}x=1\\y=2\end{cases} \text{ or } \begin{cases}x=3\\y=4\end{cases}", "(3,4), (1,2)"),
    ("(x,y)=(1,2) or (3,4)", "(3,4),(1,2)"),
    ("x=y=3", "x=3, y=3"),
    ("x=0 or x>=1", r"\{0\}\cup[1,\infty)"),
    ("1, 2, or 3", "3, 2, 1"),
]
GROUPS_NOT_EQUAL = [
    ("x=1,y=2;x=3,y=4", "x=1,y=4;x=3,y=2"),
    (r"x=1, y=2 \text{ or } x=3, y=4", r"x=1, y=4 \text{ or } x=3, y=2"),
    ("1,2;3,4", "1,3;2,4"),
    ("1,2;3,4", "1,2,3,4"),
    ("a=1,2; b=3", "a=1; b=2,3"),
    ("x=1,2, y=3", "x=1, y=2,3"),
    (r"x=1 \text{ or } y=2", r"x=1 \text{ and } y=2"),
    ("x<1 or y<2", "x<1 and y<2"),
    ("1, 2 or 3, 4", "1, 3 or 2, 4"),
    (r"\{\{1\},2\}", r"\{1,\{2\}\}"),
    ("(-\\infty,\\infty), n\\neq 2", "(-\\infty,\\infty)"),
    ("n^2, n\\neq 2", "n^2"),
    (r"\boxed{68} \text{ or more}", "68"),
    (r"\boxed{68}", r"-\boxed{68}"),
    (r"\boxed{8} \text{ if } n>1", "8"),
    ("not \\approx 8.24", "8.24"),
    ("half of x = 5", "5"),
    ("at most = 5", "5"),
]


@pytest.mark.parametrize(("a", "b"), GROUPS_EQUAL)
def test_values_that_belong_together_are_equal(a: str, b: str) -> None:
    assert same_answers([(a, b), (b, a)]) == ["equal", "equal"]


@pytest.mark.parametrize(("a", "b"), GROUPS_NOT_EQUAL)
def test_values_that_are_grouped_otherwise_are_not_equal(a: str, b: str) -> None:
    assert "equal" not in same_answers([(a, b), (b, a)])
