"""Thin Ray shells around the pure engines."""
