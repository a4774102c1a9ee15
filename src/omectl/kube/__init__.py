"""The way to the API server: client, credentials, errors, apply and prune."""
