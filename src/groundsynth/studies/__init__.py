"""Questions put to a finished run: what a choice changes, measured on held-out patches."""
