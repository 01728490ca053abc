"""A model whose head has more rows than its tokenizer has tokens, as the heads of real models do."""

import json
import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file


def padded(source: Path, folder: Path, rows: int) -> Path:
    """Copy a model, with a head of so many rows: the new ones are copies of its own, and as likely."""
    shutil.copytree(source, folder)
    config = json.loads((folder / "config.json").read_text())
    tokens = config["vocab_size"]
    weights = load_file(folder / "model.safetensors")
    copies = torch.arange(rows - tokens) % tokens
    for name in [name for name in weights if "embed" in name or "lm_head" in name]:
        weights[name] = torch.cat([weights[name], weights[name][copies]])
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "config.json").write_text(json.dumps(config | {"vocab_size": rows}))
    return folder
