"""What is learned of each kind of task."""
