"""Code grids and their live edits: swap, hold, mute, blend, remap, and the bank of encoded sounds (no torch)."""
