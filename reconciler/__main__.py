"""Lets ``python -m reconciler`` do what the installed ``gpu-shopper`` command does."""

from __future__ import annotations

from reconciler.cli.main import main

if __name__ == "__main__":
    main()
