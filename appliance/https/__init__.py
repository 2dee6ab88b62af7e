"""HTTPS without a web server before Hearth: certificates by ACME, and a door that shows them."""
