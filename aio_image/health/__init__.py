"""Whether a cloud is healthy: named checks over its public API, as any client could make them."""
