"""bench-services: many services at once on a real API server, from their creation to their end."""
