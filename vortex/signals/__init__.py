"""E1-E5: numeric kernels over market state, and the signals read from them."""


def precompile() -> str:
    """Compile or load every kernel now rather than at the first event; why nothing is cached, or an empty string."""
    from vortex.signals.warm_start import compile_all

    return compile_all()
