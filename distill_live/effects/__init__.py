"""Effects on the finished sound: contract X in ``base``, one effect per file, the chain that runs them. No torch.

Import the module you need; this package imports none of them.
"""
