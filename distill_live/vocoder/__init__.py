"""Mel to sound: linear magnitudes from mel bands, phases for them, streaming (``rtisi``) or offline (``griffinlim``).

Import the module you need; this package imports none of them, and only ``griffinlim`` loads torchaudio.
"""
