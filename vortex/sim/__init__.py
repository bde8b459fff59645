"""The whole house in one process under virtual time, with seeded faults and an oracle."""
