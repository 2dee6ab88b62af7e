"""The methods of the neighbours' role, by NSID."""
