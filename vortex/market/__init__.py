"""E0: from raw market messages to a consistent, warm market state."""
