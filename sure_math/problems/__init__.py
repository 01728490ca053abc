"""Problems: where they come from, how they evolve, and which are dropped before anything is asked of a teacher."""
