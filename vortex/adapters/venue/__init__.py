"""The simulated exchange as a server: REST and WebSocket on one port of the loopback interface."""
