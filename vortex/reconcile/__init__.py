"""S3-9: our belief against the exchange's facts, and the rules that settle a difference."""
