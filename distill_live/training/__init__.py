"""From a folder of recordings to a model file: one loop for everything that learns, and the tasks it runs."""
