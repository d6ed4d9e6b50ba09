"""One screen a file: play, train, models. A new screen is a file here and a line in ``app.ROOMS``."""
