"""How far the sandbox agrees with recordings of the real programs."""
