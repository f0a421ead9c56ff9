"""The workshop as a whole: progress, the tour, the digest, undo."""
