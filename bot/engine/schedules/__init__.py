"""Commands about schedules, and the run of a step in one slot of its schedule."""
