"""Cloud GPU Shopper: declared fleets of rented GPUs, planned, bought, handed over and destroyed."""

__version__ = "0.1.0"
