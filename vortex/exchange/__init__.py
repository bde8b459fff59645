"""The simulated exchange: matching, account, market, faults. Shares no decision code with the trader."""
