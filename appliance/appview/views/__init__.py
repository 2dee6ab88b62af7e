"""Turn loaded rows into the views of the lexicons; pure, no reads.

Each function gives a JSON object, or None where the subject is hidden or missing. `values` are the
small pieces all need; `actors` profiles, `lists` lists and other collections, `embeds` what a post
carries, `posts` posts and feed items, `threads` both thread shapes, `notifications` the rest.
"""
