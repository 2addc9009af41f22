"""The one door to the network: HTTP requests, their limits, their retries and their errors."""
