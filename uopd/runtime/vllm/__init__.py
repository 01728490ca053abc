"""vLLM as the engine that samples the student's responses, and as a teacher that scores them."""
