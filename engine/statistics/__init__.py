"""Statistics that resist self-deception: what a result is worth after so many trials, windows and parameters. One method a module."""
