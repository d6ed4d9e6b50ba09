"""Mels to codes and back: the RVQ-VAE, its streaming layers, its quantisers and its losses.

``config`` needs no torch; ``model`` and ``codebooks`` are what the engine loads; only ``quantizer`` (training)
needs ``vector_quantize_pytorch``. Import the modules themselves: this file loads none of them.
"""
