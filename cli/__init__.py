"""The face: Typer commands and Rich screens."""
