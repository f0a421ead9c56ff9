"""The consoles' pages: drawing what the programs in the cluster answer, and who may see them."""
