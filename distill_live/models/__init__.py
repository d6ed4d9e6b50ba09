"""Model files, the parts that play them, and the library that names them."""
