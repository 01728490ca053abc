"""Send the student's weights to the engines that sample, after every update.

| module | what it holds |
|---|---|
| `sender` | `WeightSender`: the process that trains sends its weights |
| `gloo` | our transfer back end on vLLM's interface: sender, receiver, registration |
| `trainer_calls` | what vLLM's trainer engines ask of the sender, answered for several engines at once |
| `buckets` | tensors packed into buckets of bytes |
| `digest`, `held` | proof that what was sent was received, and that the engine's model holds it |
| `in_step` | the check on log-probabilities: an engine is nearer to the student than to any earlier student |
| `broadcast_group` | a Gloo group of torch in which buckets are broadcast |
| `together` | calls that are made at the same time |
| `vllm_api` | the names of vLLM that are used here, and the check that the installed vLLM has them |

Importing `WeightSender` imports no vLLM; making one does.
"""

from uopd.weight_sync.sender import WeightSender

__all__ = ["WeightSender"]
