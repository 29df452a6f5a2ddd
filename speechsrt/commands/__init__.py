"""The verbs: one file each, with a `run(config)` that takes a plain, checked configuration."""
