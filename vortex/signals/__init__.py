"""E1-E5: numeric kernels over market state, and the signals read from them."""
