"""The supervision tree on Ray: start, watch, kill, adopt, promote."""
