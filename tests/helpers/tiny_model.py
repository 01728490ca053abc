"""A random Qwen3 of 30,000 parameters with a word tokenizer: it has broad distributions and ends by stop and length."""

import json
from pathlib import Path

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

VOCABULARY = 64
POSITIONS = 128
END, SECOND_END = 1, 2
"""The tokenizer's end token, and a second end token that only `generation_config.json` names."""
SPECIAL = ["<|pad|>", "<|end|>", "<|stop|>", "<|user|>", "<|system|>", "<|assistant|>", "<think>", "</think>"]
TEMPLATE = (
    "{% for message in messages %}<|{{ message['role'] }}|> {{ message['content'] }} {% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% if enable_thinking is defined and not enable_thinking %}"
    " <think> </think>{% endif %}{% endif %}"
)
LEAKING_DEFAULTS = {"do_sample": True, "temperature": 0.1, "top_k": 1, "top_p": 0.1, "repetition_penalty": 1.7}
"""Settings that an engine must not use: the contract tests would fail at once."""


def save_tiny_model(folder: Path) -> Path:
    """Write weights, tokenizer, and a `generation_config.json` whose settings must not reach the sampling."""
    words = SPECIAL + [f"w{index}" for index in range(VOCABULARY - len(SPECIAL))]
    tokenizer = Tokenizer(models.WordLevel({word: index for index, word in enumerate(words)}, unk_token="w0"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<|pad|>",
        eos_token="<|end|>",
        additional_special_tokens=SPECIAL[2:],
        chat_template=TEMPLATE,
    ).save_pretrained(folder)
    torch.manual_seed(0)
    model = Qwen3ForCausalLM(
        Qwen3Config(
            vocab_size=VOCABULARY,
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=2,
            num_key_value_heads=1,
            head_dim=32,
            max_position_embeddings=POSITIONS,
            tie_word_embeddings=True,
            initializer_range=0.25,
            eos_token_id=END,
            pad_token_id=0,
            bos_token_id=None,
        )
    )
    model.save_pretrained(folder)
    config = {"eos_token_id": [END, SECOND_END], "pad_token_id": 0, **LEAKING_DEFAULTS}
    (folder / "generation_config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder
