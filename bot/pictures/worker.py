"""The process that draws: reads pictures from standard input until that ends, writes PNGs to
standard output.

A process and not a thread, because Graphviz holds the interpreter's lock for a tenth of a second
and may crash; it imports nothing of the bot but the pictures, and is given all words said.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import BinaryIO

from bot.pictures.localized import Drawing, PlotDrawing, TraceDrawing
from bot.pictures.protocol import decode_drawing

MISSING, FAILED = "missing", "failed"
"""What an answer says in `error`: a library is not installed, or drawing went wrong."""


def serve_pictures(asked: BinaryIO, answers: BinaryIO, home: Path) -> None:
    """Answer each picture with a line that tells how many bytes follow, or which error it
    was.
    """
    for line in asked:
        error, words, png = "", "", b""
        try:
            png = draw_picture(decode_drawing(line), home)
        except ModuleNotFoundError as missing:
            error, words = MISSING, str(missing.name)
        # Whatever goes wrong here is told, and the next picture drawn.
        except Exception as problem:  # noqa: BLE001
            error, words = FAILED, f"{type(problem).__name__}: {problem}"[:300]
        answers.write(
            json.dumps({"length": len(png), "error": error, "words": words}).encode() + b"\n" + png
        )
        answers.flush()


def draw_picture(drawing: Drawing, home: Path) -> bytes:
    """Return the picture as PNG. The libraries are imported when they are first needed."""
    if isinstance(drawing, PlotDrawing):
        from bot.pictures import plots

        return plots.draw_plot(drawing)
    if isinstance(drawing, TraceDrawing):
        from bot.pictures import traces

        return traces.draw_trace(drawing)
    if not (home / "fonts.conf").exists():
        from bot.pictures import assets

        assets.prepare_assets(home)
    from bot.pictures import graphs

    return graphs.draw_graph(drawing)


def main() -> None:
    """Serve on the standard streams, with the directory that is the only argument; remove it
    at the end.
    """
    home, answers = Path(sys.argv[1]), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what libraries print must not come between the answers
    try:
        serve_pictures(sys.stdin.buffer, answers, home)
    finally:
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    main()
