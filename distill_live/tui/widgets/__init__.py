"""Widgets that more than one screen may use; each draws what it is given and knows no sockets."""
