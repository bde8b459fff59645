"""Recorded market data: files of several layouts, read in a stream and replayed as a market."""
