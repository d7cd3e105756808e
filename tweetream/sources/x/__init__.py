"""X: the filtered stream of API v2, by rules that follow the topics."""
