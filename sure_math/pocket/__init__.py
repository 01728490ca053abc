"""The pocket world and the small models that live in it: a complete run of Phase 1 without a download."""
