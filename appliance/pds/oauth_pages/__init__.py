"""The authorization server on the wire: what apps call, and the pages where members decide.

- endpoints: documents, pushed requests, tokens; mount: which of all is where
- authorize: what a member sees next; returning: the way back to the app
"""
