"""VORTEX-7: the pure trading core and its adapters. Knows nothing of Ray."""
