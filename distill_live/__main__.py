"""``python -m distill_live``: the command line."""

from distill_live.cli.main import main

if __name__ == "__main__":
    main()
