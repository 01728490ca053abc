"""Evolution: new problems from seeds, by six strategies of an author model."""
