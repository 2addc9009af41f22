"""Pure text: plans, fleets and costs as values in, as lines and JSON out."""
