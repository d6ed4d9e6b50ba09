"""codes -> next codes: the autoregressive prior, its sampling, its guards, and what it is trained on.

What plays (``base``, ``sampling``, ``guard``, ``*_live``) needs numpy only, what learns (``network``, ``objective``,
one module a kind) torch. Nothing is imported here: ask for the module that holds what you need. The prior never sees
audio.
"""
