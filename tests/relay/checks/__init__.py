"""The forty checks of an event, each with what passes it and what fails it."""
