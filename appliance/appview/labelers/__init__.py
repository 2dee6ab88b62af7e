"""Labelers: whose labels are shown, how they come here, and why they are believed."""
