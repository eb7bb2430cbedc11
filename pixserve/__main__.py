"""`python -m pixserve`: the command line, where the command `pixserve` is not on the PATH."""

from pixserve.commands.main import main

main()
