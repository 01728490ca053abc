"""Rollouts: prompts in, responses of the student out.

`prompt_pool.py` draws the prompts of a step, `sources.py` samples their responses, `rewards.py` grades them,
`rollout_log.py` writes them for a resumed run, and `student_sampler.py` is the sampler of a run in one process.
"""
