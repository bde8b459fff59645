"""The nouns of the house: frozen messages that every other room speaks."""
