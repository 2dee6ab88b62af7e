"""New releases: read of in a signed channel, proven, and handed to who may install them.

The service only reads, fetches and asks. What installs (`receive`) is run by root, believes no
word of the service, and trusts the key in /etc/hearth alone.
"""
