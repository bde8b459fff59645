"""Tools that know nothing of trading: time, chance, errors, state machines, order of messages."""
