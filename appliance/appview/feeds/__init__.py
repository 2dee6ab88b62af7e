"""Feeds as configuration: rules, their records, and the service other AppViews ask."""
