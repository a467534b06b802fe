"""A small server of the papers of runs and judgements: files below one folder, read only."""

from __future__ import annotations

import sys
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer


class Handler(SimpleHTTPRequestHandler):
    """Markdown and JSON are shown, not downloaded; nothing is logged."""

    extensions_map = {  # noqa: RUF012  (as the base class has it)
        **SimpleHTTPRequestHandler.extensions_map,
        ".md": "text/plain; charset=utf-8",
        ".json": "text/plain; charset=utf-8",
    }

    def log_message(self, format: str, *args: object) -> None:
        """Keep quiet: every look at a page would be a line."""


def main(folder: str, host: str, port: str) -> None:
    ThreadingHTTPServer((host, int(port)), partial(Handler, directory=folder)).serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
