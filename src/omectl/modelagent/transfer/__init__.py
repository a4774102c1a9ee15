"""The one engine that moves bytes, whatever backend names them."""
