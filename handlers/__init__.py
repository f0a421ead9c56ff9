"""The steps of the workshop, one module each."""
