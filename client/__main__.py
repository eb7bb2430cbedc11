"""`python -m client`: the command line `cifar10`."""

from client.commands.main import main

main()
