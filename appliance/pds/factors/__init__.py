"""What a member proves besides the password.

- totp: codes of an authenticator app (RFC 6238), pure
- second_steps: the tables of what is switched on, and the back-off for guessing
- passkeys: WebAuthn, as the only step or the second
- factors: which factor is asked for, and whether an answer is right
"""
