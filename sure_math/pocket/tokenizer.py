"""The pocket tokenizer: byte-level BPE trained on text of the pocket world. Each digit is a token; any text can be
encoded."""

from collections.abc import Iterator

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from sure_math.pocket.lessons import lessons, solve_prompt

VOCABULARY = 1024
SPECIAL = ("<|pad|>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>")
CHAT_TEMPLATE = (
    "{% for message in messages %}{{ '<|' + message['role'] + '|>' + message['content'] }}"
    "{% if message['role'] == 'assistant' %}{{ '<|end|>' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)
# A digit with the space before it is one token, so that `47 + 6` takes five tokens. Letters never merge with digits.
_PIECES = r" ?\d| ?\\?[A-Za-z]+| ?[^\s\dA-Za-z]+|\s+"
_CORPUS_LESSONS = 20_000


def train_tokenizer(seed: int) -> PreTrainedTokenizerFast:
    """Train the tokenizer of all four models. The instruction in `prompts/solve.txt` is a single token."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_PIECES), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY - 1,
        special_tokens=list(SPECIAL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    instruction = solve_prompt("").strip()
    tokenizer.train_from_iterator(_corpus(seed, instruction), trainer)
    tokenizer.add_tokens([AddedToken(instruction, normalized=False, special=False)])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<|pad|>",
        eos_token="<|end|>",
        additional_special_tokens=["<|system|>", "<|user|>", "<|assistant|>"],
        chat_template=CHAT_TEMPLATE,
        clean_up_tokenization_spaces=False,
        padding_side="left",
    )


def _corpus(seed: int, instruction: str) -> Iterator[str]:
    for role in ("teacher", "author", "judge"):
        for lesson in lessons(role, seed, 0, _CORPUS_LESSONS):
            yield from (message.content.replace(instruction, "") for message in lesson.messages)
            yield lesson.reply
