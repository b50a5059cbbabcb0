"""What writes captions: one module an engine."""
