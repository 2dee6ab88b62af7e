"""Strangers at work with ours: published clients, and a reference PDS asked the same questions.

- `differential`: ask both servers the same and compare; `sides` starts them; `outcomes` compares
- `corpus`: what they are asked
"""
