"""The provider `tensordock`: virtual machines of the marketplace TensorDock."""
