"""Rollouts: prompts in, responses of the student out.

| module | what it holds |
|---|---|
| `prompt_pool` | the prompts of a step |
| `sources` | the responses to these prompts, sampled now or one step ahead |
| `rewards` | the grades of responses |
| `rollout_log` | responses on disk, for a resumed run |
| `student_sampler` | the sampler of a run in one process |
"""
