"""Pictures of what steps show: the traffic graph, also before and after a change, the plot of a
burst and a trace, drawn by a process of its own.

Pillow lives here and nowhere else, in the extra `graphs`. Without it, or when drawing takes too
long, there is no picture, and what a step says stands in words alone.
"""

from bot.pictures.drawing_process import DrawingProcess, list_missing_libraries
from bot.pictures.trial import explain_failed_trial

__all__ = ["DrawingProcess", "explain_failed_trial", "list_missing_libraries"]
