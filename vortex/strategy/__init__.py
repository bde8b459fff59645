"""S1: from signals to a decision, with strategies A, B and C."""


def precompile() -> str:
    """Compile or load every kernel now rather than at the first event; why nothing is cached, or an empty string."""
    from vortex.strategy.warm_start import compile_all

    return compile_all()
