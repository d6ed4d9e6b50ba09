"""codes -> next codes: the autoregressive prior, its sampling, its guards, and what it is trained on.

``params`` needs the standard library only, ``sampling`` and ``guard`` numpy only, the rest torch. Nothing is imported
here: ask for the module that holds what you need. The prior never sees audio.
"""
