"""The command line: one command a file, loaded only when it is called."""

from distill_live.threads import one_numeric_thread

one_numeric_thread()  # here, because it must come before anything loads numpy
