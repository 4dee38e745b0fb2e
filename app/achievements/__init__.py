"""What learners hold."""
