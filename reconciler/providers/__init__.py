"""What a GPU provider must do, the registry that finds one by name, and one folder for each."""
