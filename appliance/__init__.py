"""Hearth: an AT Protocol network for one household, in one process."""
