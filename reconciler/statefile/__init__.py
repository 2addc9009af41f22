"""Where the recorded state is kept: the backends, the file format and the lock."""
