"""The provider `vastai`: machines of the marketplace Vast.ai."""
