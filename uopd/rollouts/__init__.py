"""Rollouts: prompts in, responses of the student out."""
