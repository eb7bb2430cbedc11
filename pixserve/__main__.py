"""`python -m pixserve`: the command line, where the command `pixserve` is not on the PATH."""

import sys

from pixserve.missing_package import sentence_of_missing

try:
    from pixserve.commands.main import main
except ModuleNotFoundError as missing:
    sys.exit(sentence_of_missing(missing))

main()
