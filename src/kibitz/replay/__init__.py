"""Looking back: a stretch of a run that has ended is run again, and a callback sees what it would have seen then."""
