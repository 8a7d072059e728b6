"""What we report: facts as replies, events and words for history."""
