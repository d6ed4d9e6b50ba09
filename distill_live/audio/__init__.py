"""Sound as arrays: files, corpora, mels, rings, glides, meters. No hardware, no torch.

Arrays are float32 ``[C, T]`` or ``[T]``, full scale is 1.0; the instrument's rate is 48 kHz.
Import the module you need (``from distill_live.audio.mel import log_mel``); this package imports none of them.
"""
