"""The version of this release; what is built from it reads it here."""

VERSION = "0.1.0"
