"""Strangers at work with ours: published clients, and a reference PDS asked the same questions.

- `differential`: ask both servers the same; `sides` starts them, `outcomes` tells what is compared
- `corpus`: what they are asked, made of the pieces in `asking`
- `kept`: the differences that stay, each with its reason
"""
