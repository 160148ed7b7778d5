"""Around the jobs: what they will take, what lies about, what may go."""
