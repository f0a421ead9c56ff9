"""Whole dialogues: people type into the embedded workspace, the real bot does it on the embedded
cluster."""
