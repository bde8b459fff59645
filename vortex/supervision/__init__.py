"""OTP supervision as pure data and functions: specs, restart policy, liveness, tree."""
