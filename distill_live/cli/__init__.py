"""The command line: one command a file, loaded only when it is called."""

from distill_live.threads import ask_numeric_libraries

ask_numeric_libraries()  # here, because it must come before anything loads numpy
