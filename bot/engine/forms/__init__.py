"""Forms of steps: their questions, what was filled in, and the command that it makes."""
