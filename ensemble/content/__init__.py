"""What is in a post: its text and its image, looked at once, compared, described."""
