"""Mels to codes and back: the RVQ-VAE, its streaming layers, its quantisers and its losses.

``config``, ``plan``, ``codebooks`` and ``live`` are what plays, and need no torch; ``model`` is what learns; only
``quantizer`` needs ``vector_quantize_pytorch``. Import the modules themselves: this file loads none of them.
"""
