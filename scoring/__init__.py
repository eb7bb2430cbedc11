"""Folders, tars and tables of images in, a table of answers out, without a server: `pixserve score`.

The archive is the model: a worker process computes with the code that the archive carries, as TorchServe's worker does.
`command.py` is the command line; `job.py` runs a job on this machine, `ray_job.py` the same on Ray.
"""
