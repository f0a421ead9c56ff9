"""The process that draws: reads pictures from standard input until that ends, writes PNGs to
standard output.

A process and not a thread, because drawing holds the interpreter's lock for tenths of a second; it
imports nothing of the bot but the pictures, and is given all words said.
"""

from __future__ import annotations

import json
import os
import sys
from typing import BinaryIO

from bot.pictures.localized import Drawing, PlotDrawing, TraceDrawing
from bot.pictures.protocol import decode_drawing

MISSING, FAILED = "missing", "failed"
"""What an answer says in `error`: a library is not installed, or drawing went wrong."""


def serve_pictures(asked: BinaryIO, answers: BinaryIO) -> None:
    """Answer each picture with a line that tells how many bytes follow, or which error it
    was.
    """
    for line in asked:
        error, words, png = "", "", b""
        try:
            png = draw_picture(decode_drawing(line))
        except ModuleNotFoundError as missing:
            error, words = MISSING, str(missing.name)
        # Whatever goes wrong here is told, and the next picture drawn.
        except Exception as problem:  # noqa: BLE001
            error, words = FAILED, f"{type(problem).__name__}: {problem}"[:300]
        answers.write(
            json.dumps({"length": len(png), "error": error, "words": words}).encode() + b"\n" + png
        )
        answers.flush()


def draw_picture(drawing: Drawing) -> bytes:
    """Return the picture as PNG. The libraries are imported when they are first needed."""
    if isinstance(drawing, PlotDrawing):
        from bot.pictures import plots

        return plots.draw_plot(drawing)
    if isinstance(drawing, TraceDrawing):
        from bot.pictures import traces

        return traces.draw_trace(drawing)
    from bot.pictures import graphs

    return graphs.draw_graph(drawing)


def main() -> None:
    """Serve on the standard streams."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what libraries print must not come between the answers
    serve_pictures(sys.stdin.buffer, answers)


if __name__ == "__main__":
    main()
