"""What is tried against this server, and the tests that carry it out, by number."""
