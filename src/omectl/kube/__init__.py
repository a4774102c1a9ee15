"""The way to the API server: client, credentials, errors, apply and prune.

Names are imported from the modules: `omectl --help` and `omectl plan` need some, and must not load a client for them.
"""
