"""The edge ring: Binance, PostgreSQL, Redis, embedded servers, recorded files."""
