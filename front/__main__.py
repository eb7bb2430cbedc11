"""Run the front of the server in a runtime directory: `python -m front RUNTIME_DIR`. The launcher does."""

import sys
from pathlib import Path

import uvloop

from front.process import log_to, serve
from front.settings import FrontSettings

if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(f"{len(sys.argv) - 1} arguments came; expected one, the server's runtime directory")
    settings = FrontSettings.of_runtime_dir(Path(sys.argv[1]).resolve())
    log_to(settings.directory.front_log)
    uvloop.run(serve(settings))
