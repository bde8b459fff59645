"""Real PostgreSQL and Redis servers from Python wheels, run as our own child processes, or those of the operator."""
