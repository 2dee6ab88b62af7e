"""Lexicons: the schemas of records, methods and messages, as data.

- `catalog`: load the documents, look up a definition, follow a reference
- `validate`: the face: check records, parameters, inputs, outputs and messages
- `compile`: make a definition into a closure that checks one value
- `strings`: the checks of strings: formats, lengths, graphemes, enumerations
- `graphemes`: count what a reader sees as one character
- `blob_rules`: what a record's schema asks of each blob it names
- `schema_check`: is this document a lexicon at all?
- `errors`: what can be wrong
"""
