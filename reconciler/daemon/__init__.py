"""The loop that wakes, reconciles and sleeps until the next deadline."""
