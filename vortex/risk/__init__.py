"""S2: sizing, levels, the gate and the circuit breakers."""
