r"""Find the answer in a response without a box, or in a gold solution: in phrases, then the last formula or number.

Only `is_correct` uses this module. Boxes and thoughts are read by `sure_math/extract.py`, which comes first always; the
samples of a dataset are read by it alone.

A response without a box states its answer, in this order:

1. between `<answer>` tags;
2. behind a phrase: `the answer is`, `####`, and the same in other main languages. An afterthought behind the answer
   (`, as desired`, `, but it could be 5`) is cut off;
3. in a last line that is a number alone;
4. as its last formula or number, if a word such as `is`, `gives` or `total`, or a sign of currency, states it.

A `$` in front of an amount is money if no `$` closes it as TeX would: `$5 + $3 = $8` has no formula.
"""

import re

from sure_math.equivalence.forms import Collection, Labelled, Opaque, Quantity, Words
from sure_math.equivalence.labels import WORDS_THAT_CHANGE
from sure_math.equivalence.read import read_form
from sure_math.extract import BOX, boxed_answer, with_backslashes
from sure_math.thoughts import visible_text

_PHRASE = re.compile(
    r"(?:final\s+answer|correct\s+answer|correct\s+option|correct\s+choice|answer)\**\s*(?:is|are|:|=|\bwould\s+be\b)+\**\s*:?\s*"
    r"(?:for\s+sure\s+|therefore\s+|simply\s+|option\s+|choice\s+|\(?the\s+option\s+)?(?=\S)|(?:^|\n)\s*####\s*"
    # "So choose C" in Chinese.
    r"|(?:故|应|所以|因此)(?:本题)?应?选择?\s{0,3}[:：]?\s{0,3}(?=[A-J\d(（$])"
    # The same in other languages: "the answer" and "is", a colon or a dash.
    r"|(?:\bAntwort|\bLösung|\bErgebnis|\bantwoord)\**\s{0,3}(?:(?:ist|lautet|beträgt|is)\b|:)\**\s{0,3}:?\s{0,3}(?=\S)"
    r"|(?:\brespuesta|\bresposta|\bréponse|\brisposta)(?:\s(?:final|finale|correcta|correta|corretta|correcte))?\**\s{0,3}"
    r"(?:(?:es|é|è|est)\b|:)\**\s{0,3}:?\s{0,3}(?=\S)"
    r"|(?:\bОтвет|\bВідповідь)\**\s{0,3}(?:(?:равен|равна|равно)\b|[:—–-])\**\s{0,3}(?=\S)"
    r"|(?:\bodpowiedź|\bodpověď|\bcevap|\bjawaban(?:nya)?|\bđáp\s?án|\bsvaret|\bvastaus)\**\s{0,3}"
    r"(?:(?:to|brzmi|je|adalah|là|är|er|on)\b|:)\**\s{0,3}:?\s{0,3}(?=\S)"
    r"|(?:最终)?答案\**\s{0,3}(?:是|为|為|等于|[:：])\**\s{0,3}[:：]?\s{0,3}(?=\S)|答え\s{0,3}(?:は|[:：])\s{0,3}(?=\S)"
    r"|(?:정답|답)\s{0,3}(?:은|는|[:：])\s{0,3}(?=\S)|उत्तर\s{0,3}(?:है\s|[:：])\s{0,3}(?=\S)|(?:الجواب|الإجابة)\s{0,3}(?:هو|هي|[:：])\s{0,3}(?=\S)",
    re.IGNORECASE,
)
_TAGGED = re.compile(r"<(answer|final_answer)>\s{0,9}")
_SENTENCE_END = re.compile(r"(?<=[^\s.])\.(?=\s+[A-Z]|\s*$|\s*<\|)|。|\n|I hope it is correct|<\|")
_MONEY = r"[-+−]?\s?[.\d]"
_MATH = re.compile(
    r"(?<!\\)\$\$(.{1,2000}?)(?<!\\)\$\$"
    # TeX mathematics that starts like an amount of money must end like a formula: no blank before the closing sign.
    rf"|(?<!\\)\$(?={_MONEY})((?:[^$\\]|\\.){{1,2000}}?)(?<!\s)\$(?!\d)"
    rf"|(?<!\\)\$(?!{_MONEY})((?:[^$\\]|\\.){{1,2000}}?)\$(?!\d)"
    r"|\\\((.{1,2000}?)\\\)|\\\[(.{1,2000}?)\\\]",
    re.DOTALL,
)
_NUMBER = re.compile(
    r"(?<![\w.,\\{−–+-])(?:[-+−]|(?<!\d )–)?(?:[¤$€£]\s*)?(?:\d{1,3}(?:[, ]\d{3})+|\d+)?(?:\.\d+|(?<=\d))"
    r"(?:\s*/\s*\d+)?(?:\s*(?:%|°|percent\b|pct\b|[a-zµ]{1,2}[²³]|€))?(?![\w])"
)
_STATING = re.compile(
    r"\b(?:is|are|was|be|it's|equals?|gives?|gets?|have|has|becomes|obtain|find|thus|so|therefore|hence|answer|total)\b|[=:≈]",
    re.IGNORECASE,
)
_AMOUNT = re.compile(r"[$€£¥₹]\s?\d")
_LETTER = re.compile(r"(?<![\w'’-])\(?([A-J])\)?(?![\w'’-])(?=\s*$|[\s.,:;)*])")
_LETTERS = re.compile(
    r"(?<![\w'’-])\(?[A-J]\)?\**(?:\s{0,3}(?:,|/|&|;|\(?\s?\b(?:or|and|oder|und|ou|et|o|y|или|и)\b|或|和|、){1,2}\s{0,3}"
    r"(?:(?:or|and|maybe|perhaps|possibly)\s{1,3}){0,2}\**\(?[A-J]\)?\**(?![\w'’-]))+",
    re.IGNORECASE,
)
"""Several letters joined: `A or B`, `(A), (B) and (C)`. They are several answers."""
_LETTER_LINE = re.compile(
    r"^[\s*#>_-]{0,9}(?:the\s)?(?:final\s|correct\s)?(?:answer|option|choice)[\s*]{0,5}(?:is|:|=)[\s*:]{0,5}"
    r"(?:option\s|choice\s)?[\s*$]{0,5}(?:\\text\{)?\(?([A-J])\)?\}?[\s*$.]{0,9}$",
    re.IGNORECASE | re.MULTILINE,
)
"""A line of its own that gives the letter of a multiple choice answer."""
_BOXED_LETTER = re.compile(
    r"[\W_]{0,9}(?:(?:text|math)[a-z]{0,6})?[\W_]{0,9}[A-J](?:[):.].{0,400}|[\W_]{0,9})", re.DOTALL
)
_AFTERTHOUGHT = re.compile(
    r"\s{0,3}[,;(—–]\s{0,3}(?:but|though|although|however|yet|as\b(?!\s+well)|since|because|which|where|while|whereas|not|"
    r"rather|rounded|assuming|and\s+not|that\s+is|i\.e|altogether|in\s+total|right|correct|exactly|approximately)\b"
    r"|\s+(?:but|because|since|although|though|rather\s+than|instead\s+of|and\s+not|not)\s",
    re.IGNORECASE,
)
_CONDITION = re.compile(r"\b(?:if|when|unless|otherwise|else)\b", re.IGNORECASE)
_GOES_ON = re.compile(r"\s{0,3}(?:[-+*/=^×·÷:,;(−–…]|(?:or|and|to|through|out\s+of|of|oder|und|ou|et|y|и|или)\b)")
"""What makes the text behind a number a part of the answer."""
_HEDGE = re.compile(r"\b(?:either|maybe|perhaps|possibly|probably)\b\s{0,3}", re.IGNORECASE)
_NEGATED = re.compile(r"(?:definitely\s|certainly\s)?(?:not|nicht|no|pas|не|不)\b", re.IGNORECASE)
_INSTEAD = re.compile(r"\b(?:but|it\s+is|it's|rather|instead|sondern|sino|mais|а)\s", re.IGNORECASE)
_UNSURE = re.compile(
    r"[,;]\s{0,3}(?:but|though|although|however)\b[^.;\n]{0,200}\b(?:possible|could|might|may|maybe|perhaps)\b[^.;\n]{0,200}",
    re.IGNORECASE,
)
_SO = re.compile(
    r"(?:thus|so|therefore|hence|also|daher|deshalb|donc|ainsi|luego|logo|quindi|поэтому|значит|итак|因此|所以|故|则|よって|따라서)"
    r"\s{0,3}[,，、:：]?\s{0,3}",
    re.IGNORECASE,
)
"""A word that opens a conclusion."""
_COPULA = re.compile(r"(?:です|でした|だ|である|입니다|이다|이에요|예요|है|हैं)\s*\Z")
"""A verb at the end of a sentence, in languages that put it there."""
_FILLERS = r"(?:\s(?:than|equals?|to|or|be|been|the|a|number|value|exactly|simply|just|is|of)\b){0,5}"
_DENIED_BEFORE = re.compile(
    r"(?:\b(?:not|never|cannot|neither|nor|nicht|keine?|greater|less|more|fewer|larger|smaller|higher|lower|bigger"
    r"|exceeds?|exceeding|at\s(?:most|least)|over|under|above|below|beyond|up\sto|other|between|except|besides|twice|thrice"
    r"|half|multiple|factor|divisor|square|cube|root|(?:divisible|divided)\sby|out\sof|wrong|incorrect|(?:could|may|might)\sbe)|n['’]t"
    r"|\bimpossible\sfor\s\w{1,9})\b"
    rf"{_FILLERS}[\s$€£(\\*:]{{0,6}}\Z|[<>≤≥≠]\s{{0,3}}\Z",
    re.IGNORECASE,
)
"""Words in front of a number that deny it or only bound it: `is not equal to`, `at most`."""
_DENIED_BEHIND = re.compile(
    r"[\s$*),]{0,5}(?:(?:which|that|but\sthis|but\sthat)\s)?(?:(?:is|was|are|would\sbe|can|could|does|do)\s?(?:not\b|n['’]t\b|wrong|incorrect|impossible|false"
    r"|too\b)|cannot\b|isn['’]t\b|can['’]t\b)|[^.!\n]{0,60}\?\s{0,9}\Z",
    re.IGNORECASE,
)
"""What denies a number in front of it, or makes its sentence a question."""
_GIVES_UP = re.compile(
    r"\b(?:I\s(?:really\s|still\s|honestly\s)?(?:can['’]?t|cannot|can\snot|could\snot|couldn['’]t|don['’]t\sknow|do\snot\sknow"
    r"|give\sup|failed\sto)|I(?:\sam|['’]m)\s(?:unable|not\s(?:able|sure|certain)|stuck)|unable\sto\s(?:solve|determine|find|answer)"
    r"|(?:cannot|can['’]?t|could\snot)\sbe\s(?:determined|solved|found|answered|known|computed)"
    r"|impossible\sto\s(?:solve|determine|find|say|know|tell)|not\s(?:the\scase|true)\sthat|(?:false|impossible|wrong|incorrect)\sthat)\b"
    r"(?![^.!?\n]{0,200}\b(?:but|so|however|still)\b)"
    r"|\bno\s(?:answer|solutions?|integers?)\b[^.\n]{0,80}\d\W{0,5}\Z"
    r"|\b(?:need|want|have)\sto\s(?:find|determine|compute|show|check)\b[^.\n]{0,100}\.?\Z",
    re.IGNORECASE,
)
"""A response that says that it has no answer, or that what follows is false."""
_TAIL_BEHIND_VERB = re.compile(r"(?:\b(?:is|are|equals?|gives?|get|obtain|be)\b|[=:])\s{0,3}(?=[-+−–√π(\[{|\\\d])")
_BOLD_SPAN = re.compile(r"\*\*([^*\n]{1,60})\*\*(?!\s{0,2}[-+*/=^×])")
_END_OF_PROOF = re.compile(r"(?:\s|[□■∎◻◼]|\bq\.?e\.?d\.?)+\Z", re.IGNORECASE)
_NOUN_BEHIND_BOX = re.compile(
    r"(\\boxed\{[^{}]{0,100}\}\$?)\s(?!is\b|are\b|was\b|then\b|so\b|but\b|not\b|or\b|and\b)[a-z]{3,20}(?=,?\s(?:and|or)\s\$?\\boxed)"
)
"""A noun between the boxes of a gold: `\\boxed{1} papers and \\boxed{2} bins`."""
_STYLING = re.compile(r"(?:\*\*|__|[`*_\"])+")
_BETWEEN = re.compile(r"(?:\s|[,;.]|and|or)*")
"""The text between formulas that form a list of answers."""
_JOINED = re.compile(
    r"\s{0,3}(?:[,;]\s{0,3})?(?:(?:and|or|to|und|oder|bis|et|ou|y|o|и|или)\b|[和或~–-])\s{0,3}[$€£]?", re.IGNORECASE
)
"""The text between the last two numbers of a sentence if both belong to the answer: `7 or 8`, `$5-$10`."""
_PERCENT_AFTER = re.compile(r"\s*\$?\s*\\?(%|pct\b|percent\b)")
_TAIL = 20_000
"""Characters at the end of a response in which prose is searched: answers are at the end."""


def stated_answer(text: str, *, is_gold: bool, unboxed: str, choice: bool = False) -> str | None:
    """Return the answer that a text states outside its thoughts; None if it states none.

    Args:
        is_gold: a gold is read with more trust. Its box is the answer whatever stands beside it, a thought that never
            ends is read, a box that is not closed is read to its end, and a short text without a phrase is the answer
            as a whole.
        unboxed: `reject` returns the answer in the last complete box only.
        choice: the gold is a letter, so a letter in a sentence is an answer.

    >>> stated_answer("Hence the answer is 12.", is_gold=False, unboxed="parse")
    '12'
    """
    visible = visible_text(text)
    if visible is None:
        if not is_gold:
            return None
        visible = text
    restored = with_backslashes(visible)
    visible = restored if BOX.search(restored) else visible
    if is_gold and visible.lstrip("$ ").startswith("\\boxed"):
        visible = _NOUN_BEHIND_BOX.sub(r"\1", visible)
    boxed = boxed_answer(visible, is_reference=is_gold)
    if unboxed == "reject":
        return boxed
    boxes = list(BOX.finditer(visible)) if boxed is not None or "\\" in visible else []
    if boxed is None and boxes and is_gold:
        boxed = re.sub(r"[\s$]+$", "", visible[boxes[-1].start() :].partition("{")[2])
    if boxed is None and boxes:
        return None
    if boxed is not None:
        return (choice and _letter_behind(visible[boxes[-1].end() if boxes else 0 :], boxed)) or boxed
    if is_gold and not _PHRASE.search(visible[-_TAIL:]):
        return _only_formula(visible.strip())
    return _from_prose(visible[-_TAIL:].strip(), choice)


_LEAD = re.compile(
    r"(?:[A-Za-z]+,? ){0,12}(?:is|are|equals?|be|was|were|gives?|get|have|has)(?: exactly)?:?\s*|[A-Za-z]{0,12}:?\s*"
)
"""Words in front of the only formula of a gold that is a sentence."""


def _only_formula(gold: str) -> str | None:
    """Return the formula of a gold that is a sentence with one formula (`The total is $12$.`).

    Any other gold stands as it is written: the last formula of `The minimum is $12$ when $x = 13$` is no answer.
    """
    formulas = list(_MATH.finditer(gold))
    if len(formulas) != 1 or not re.fullmatch(r"[\s.]*", gold[formulas[0].end() :]):
        return None
    lead = gold[: formulas[0].start()]
    if not _LEAD.fullmatch(lead) or not WORDS_THAT_CHANGE.isdisjoint(lead.lower().split()):
        return None
    return next(group for group in formulas[0].groups() if group is not None).strip()


def _letter_behind(text: str, boxed: str) -> str | None:
    """Return the letter that a last line gives (`Answer: D`) if the box holds something else than a letter."""
    if _BOXED_LETTER.fullmatch(boxed):
        return None
    lines = _LETTER_LINE.findall(text[-_TAIL:])
    return str(lines[-1]) if lines else None


def _from_prose(text: str, choice: bool) -> str | None:
    if tagged := list(_TAGGED.finditer(text)):
        inside = text[tagged[-1].end() :].partition(f"</{tagged[-1].group(1)}>")[0]
        return _in_statement(_without_afterthought(inside.strip()), choice) if inside.strip() else None
    phrases = list(_PHRASE.finditer(text))
    if phrases:
        if _DOUBTED_PHRASE.search(text[max(0, phrases[-1].start() - 40) : phrases[-1].start()]):
            return None
        behind = text[phrases[-1].end() :].strip()
        if (correction := _CORRECTION.search(behind[:400])) is not None:
            behind = behind[correction.end() :]
        if _ALL_OR_NONE.match(behind):
            return None
        end = _SENTENCE_END.search(behind)
        sentence = behind[: end.start()] if end else behind
        if len(_CONDITION.findall(sentence)) > 1:  # `4 if n is even, and 5 if n is odd` is neither 4 nor 5
            return None
        statement = _sentence(behind)
        if _NEGATED.match(statement):
            instead = _INSTEAD.search(behind[:400])
            if instead is None:
                return None
            statement = _sentence(behind[instead.end() :])
        return _in_statement(_first_number(_without_afterthought(statement)), choice)
    text = _without_condition(_END_OF_PROOF.sub("", text))
    if (check := _CHECK_LINE.search(text)) is not None and text[: check.start()].strip():
        text = text[: check.start()].strip()
    last_line = _unstyled(text.rpartition("\n")[2].strip().rstrip(".").lstrip("=").strip("$ "))
    if _is_quantity(last_line):
        return last_line
    if _GIVES_UP.search(text):
        return None
    bold = _BOLD_SPAN.findall(text.rpartition("\n")[2])
    if len(bold) == 1 and _is_quantity(bold[0].strip().rstrip(".")):
        return str(bold[0]).strip().rstrip(".")
    return _in_statement(text, choice) if _states_something(text) else None


def _unstyled(text: str) -> str:
    """Return a text without `**`, `_` and backticks around the whole of it."""
    opening = _STYLING.match(text)
    if opening is None or not text.endswith(opening.group()[::-1]) or len(text) <= 2 * len(opening.group()):
        return text
    return text[opening.end() : len(text) - len(opening.group())].strip()


def _is_quantity(text: str) -> bool:
    """Whether a text is a number, with a unit or without."""
    if not 0 < len(text) <= 60 or not re.match(r"[-+−–]?\s?[\\$€£¥.]?[\d.\\]", text):
        return False
    form = read_form(text)
    return isinstance(form, Quantity) and not form.value.symbols


def _without_afterthought(statement: str) -> str:
    """Cut off the words behind an answer: `70, as desired`, `4, but it could be 5`."""
    statement = _HEDGE.sub("", statement)
    for cut in _AFTERTHOUGHT.finditer(statement):
        head = _unstyled(statement[: cut.start()].strip())
        if head and (_is_answer(head) or _LETTER.fullmatch(head)):
            return head
    return statement


def _first_number(statement: str) -> str:
    """Return the number that a statement starts with, if the words behind it say what is counted: `18 dollars a day
    for 5 days`.
    """
    number = _NUMBER.match(statement)
    if number is None or "=" in statement or _MATH.search(statement) or _is_answer(statement):
        return statement
    return statement if _GOES_ON.match(statement, number.end()) else number.group()


def _states_something(text: str) -> bool:
    """Whether a text without an answer phrase states its last number, and does not only mention it (`work mentions
    34`).

    A bare answer, a formula or an amount of money is stated. A number in a sentence needs a stating word before it
    (`is`, `gives`, ...).
    """
    if _is_answer(_unstyled(text)) or _MATH.search(text) or _LETTER.search(text) or _AMOUNT.search(text):
        return True
    stating = _STATING.search(text)
    return stating is not None and any(char.isdigit() for char in text[stating.end() :])


def _sentence(text: str) -> str:
    """Return the first sentence. If it starts with a formula, return the whole formula, over several lines too."""
    if (formula := _MATH.match(text)) is not None:
        end = _SENTENCE_END.search(text, formula.end())
        rest = text[formula.end() : end.start() if end else len(text)]
        return formula.group() + (rest if _BETWEEN.fullmatch(_MATH.sub("", rest)) else "")
    end = _SENTENCE_END.search(text)
    return text[: end.start()].strip() if end else text


def _in_statement(text: str, choice: bool) -> str | None:
    text = _SIGN_WORD.sub("-", _COPULA.sub("", _unstyled(_UNSURE.sub("", text))))
    if (so := _SO.match(text)) is not None and not _MATH.search(text) and _is_answer(text[so.end() :]):
        text = text[so.end() :]
    if choice and (letter := _letter(text)) is not None:
        alone = re.search(rf"\b{letter[0]}\b", text)
        denied = alone is not None and _is_denied(text, alone.start(), alone.end())
        return None if denied else letter
    if _is_answer(text):
        return text
    formulas, after = list(_MATH.finditer(text)), text
    if formulas:
        after = text[formulas[-1].end() :]
    numbers = [match for match in _NUMBER.finditer(after) if re.search(r"\d", match.group())]
    if formulas and not (numbers and re.search(r"[.!?]\s", after[: numbers[-1].start()])):
        if _is_denied(text, formulas[-1].start(), formulas[-1].end()):
            return None
        if len(formulas) > 1 and _are_alike(text, formulas[-2], formulas[-1]):
            if _is_denied(text, formulas[-2].start(), formulas[-1].end()):
                return None
            return text[formulas[-2].start() : formulas[-1].end()]
        last = _content(formulas[-1])
        return f"{last}\\%" if _PERCENT_AFTER.match(after) else last
    if (tail := _behind_verb(after)) is not None:
        return tail
    if numbers and _is_denied(after, numbers[-1].start(), numbers[-1].end()):
        return None
    if len(numbers) > 1 and _JOINED.fullmatch(after, numbers[-2].end(), numbers[-1].start()):
        if _is_denied(after, numbers[-2].start(), numbers[-1].end()):
            return None
        return after[numbers[-2].start() : numbers[-1].end()].strip()
    return _RAISED_UNIT.sub(r" \\text{\1}\2", numbers[-1].group().strip()) if numbers else text


_RAISED_UNIT = re.compile(r"(?<=\d)\s?([a-zµ]{1,2})([²³])\Z")


def _without_condition(text: str) -> str:
    """Cut `when $x = 2$` off the last sentence, if a number or a formula is stated before it."""
    start = max(text.rfind(". "), text.rfind("\n"), len(text) - 300) + 1
    condition = _LAST_CONDITION.search(text, max(0, start))
    if condition is None:
        return text
    head = text[max(0, start) : condition.start()]
    stating = _STATING.search(head)
    stated = stating is not None and re.search(r"\d|\$", head[stating.end() :])
    return text[: condition.start()] if stated and not _CONDITION.match(head.strip()) else text


_LAST_CONDITION = re.compile(
    r"[\s,]{1,3}\(?(?:(?:attained|achieved|reached|occurring)\s)?(?:when|if|at|where)\s\$?\(?[A-Za-z]\w?\s?=\s?[^\s,]{1,20}\s?\)?[.)]{0,2}\Z"
    r"|\s(?:when|if)\s(?:it\sis\s)?divided\sby\s\S{1,12}\Z"
)
_CHECK_LINE = re.compile(r"\n[\s*#]{0,5}(?:check|checking|verification|verify|note)\**:", re.IGNORECASE)
_DOUBTED_PHRASE = re.compile(
    r"\b(?:wrong|incorrect|false|if|suppose|supposing|assume|assuming|whether)\s(?:that\s)?(?:the\s|my\s)?(?:final\s|correct\s)?\Z"
    r"|\b(?:wrong|incorrect)\s\Z|(?:\A|[.!?\n]\s?)(?:is|was)\s(?:the\s|my\s)?\Z",
    re.IGNORECASE,
)
"""Words in front of `answer is` that make it a supposition or a question."""
_CORRECTION = re.compile(
    r"\b(?:actually|correction|wait)\b[,:]?\s(?:it|the\sanswer)(?:\sis|['’]s|\sshould\sbe)\s", re.IGNORECASE
)
_ALL_OR_NONE = re.compile(r"(?:none|all|no|every|any)\b(?=[^.\n]*\d)|\d+\+(?:\s|\Z)", re.IGNORECASE)
_SIGN_WORD = re.compile(r"(?:\A|(?<=\bis\s)|(?<=:\s)|(?<==\s))(?:minus|negative)\s(?=\$?\d)", re.IGNORECASE)


def _is_denied(text: str, start: int, end: int) -> bool:
    """Whether the words around a number deny it, only bound it, or ask for it."""
    before = re.sub(r"<[^<>\s]{1,20}>\Z", " ", text[max(0, start - 60) : start])
    return bool(_DENIED_BEFORE.search(before) or _DENIED_BEHIND.match(text[end : end + 100]))


def _behind_verb(text: str) -> str | None:
    """Return what stands behind the last verb of the last sentence, if it is more than a number: `is (1, 2)`."""
    sentence = re.split(r"[.!?]\s", text[-400:].rstrip(" .!"))[-1]
    verbs = list(_TAIL_BEHIND_VERB.finditer(sentence))
    tail = sentence[verbs[-1].end() :].strip() if verbs else ""
    number = _NUMBER.match(tail)
    if not tail or len(tail) > 100 or (number and number.end() == len(tail)) or not _is_answer(tail):
        return None
    return None if isinstance(read_form(tail), Words) else tail


def _content(formula: re.Match[str]) -> str:
    return str(next(group for group in formula.groups() if group is not None)).strip()


def _are_alike(text: str, first: re.Match[str], second: re.Match[str]) -> bool:
    """Whether two formulas are two answers, `$1$ and $2$` or `$x=1$ or $x=2$`, and not a condition and an answer."""
    if not _JOINED.fullmatch(text, first.end(), second.start()):
        return False
    forms = [read_form(_content(formula)) for formula in (first, second)]
    labels = {form.label if isinstance(form, Labelled) else "" for form in forms}
    return len(labels) == 1 and all(isinstance(form, Quantity | Labelled) for form in forms)


def _is_word(text: str, letter: re.Match[str]) -> bool:
    """Whether a letter is the pronoun `I`, or the article `A` that opens a sentence."""
    behind = text[letter.end() : letter.end() + 12]
    if letter.group() == "I":
        return re.match(r"\s[a-z]", behind) is not None and re.match(r"\s(?:is|and|or|because|since)\b", behind) is None
    opens = letter.group() == "A" and re.search(
        r"(?:\A|[.!?\n])\s{0,3}\Z", text[max(0, letter.start() - 5) : letter.start()]
    )
    verb = r"\s(?:is|was|are|and|or|because|since|but|not|fails?|holds|und|oder|ou|et|o|y)\b"
    return bool(opens) and re.match(r"\s[a-z]", behind) is not None and re.match(verb, behind) is None


def _letter(text: str) -> str | None:
    """Return the first letter that stands alone, without the article `A` inside a sentence; or all joined letters."""
    letters = [letter for letter in _LETTER.finditer(text) if not _is_word(text, letter)]
    if not letters:
        return None
    names = [match.group(1) for match in letters]
    first = letters[0]
    if len(text) > 40 and names[-1] != "A" and not re.match(r"\(?[A-J]\b[).:,]?", text):
        first = letters[-1] if len(set(names)) == 1 else letters[0]
    joined = _LETTERS.match(text, first.start())
    return ", ".join(re.findall(r"\b[A-J]\b", joined.group())) if joined else first.group(1)


def _is_answer(text: str) -> bool:
    if len(text) > 400:
        return False
    if len(_MATH.findall(text)) > 1:
        return bool(_BETWEEN.fullmatch(_MATH.sub("", text)))
    form = read_form(text)
    if isinstance(form, Collection) and len({isinstance(item, Words) for item in form.items}) > 1:
        return False  # a sentence with a comma
    return not isinstance(form, Opaque) and not (isinstance(form, Words) and len(form.text.split()) > 3)
