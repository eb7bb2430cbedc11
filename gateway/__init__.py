"""The gateway: an nginx before one or several servers, through which strangers come.

In: config.properties and the API keys of the runtime directory. Out: a configuration, checked and run. `make gateway`
and `pixserve keys` call it; nothing of ours imports it but them.
"""
