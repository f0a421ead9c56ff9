"""Long runs of random trouble, bounded to ten minutes; their figures are printed at the end."""
