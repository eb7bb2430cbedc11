"""Changes to a running server without a lost request: rollout, gate, watch, rollback, scaling, retirement.

In: a `Connection` to a server on this machine. Out: what was done, or an error after which the server is as it was.
The command line (operations/commands/) calls it; nothing else does.
"""
