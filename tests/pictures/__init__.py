"""Pictures: the DOT text, the plot, and the process that draws."""
