"""The provider `lambda`: on-demand instances of Lambda."""
