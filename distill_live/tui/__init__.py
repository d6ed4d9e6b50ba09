"""The terminal app: a client of the bridge, through the same OSC names as everybody. It may die; the sound goes on."""
