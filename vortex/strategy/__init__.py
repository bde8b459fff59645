"""S1: from signals to a decision, with strategies A, B and C."""
