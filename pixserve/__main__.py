"""`python -m client`: the command line `cifar10`."""

from pixserve.commands.main import main

main()
