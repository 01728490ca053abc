"""Models: engines that continue tokens, and responders that answer text."""
