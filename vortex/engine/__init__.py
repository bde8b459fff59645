"""The pure brains that actors host: symbol, executor, breaker."""
