"""Performance presets: what the hands have set, as a file a person can read.

``preset`` is one preset and its TOML; ``shelf`` is where presets lie and how they are counted; ``morph`` is the way
from one to another. Ground: knows the registry's declarations, and nothing of OSC, the engine or a screen.
"""
