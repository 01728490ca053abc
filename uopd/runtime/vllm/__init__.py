"""vLLM as the engine that samples the student's responses, and as a teacher that scores them.

| module | what it holds |
|---|---|
| `rollout_engine` | the engine that samples and receives weights |
| `scorer`, `prompt_logprobs` | the teacher, and the log-probabilities of texts that it only reads |
| `start` | start vLLM, with errors that say which options to change |
"""
