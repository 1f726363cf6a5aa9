"""Stand-ins for parts that a test does not want: they answer from memory and note what they were asked."""
