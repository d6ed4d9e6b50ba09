"""Time: what sounds when. The render loop, the processes round it, devices, recording and replay.

Start reading at ``performance.py`` (what is rendered) and ``device.py`` (how it reaches the output). Loads nothing by
itself: the device process must not load torch.
"""
