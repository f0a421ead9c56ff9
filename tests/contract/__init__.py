"""Contracts: the same cases against the sandbox and against the real thing."""
