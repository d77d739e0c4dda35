"""What `make demo` shows: a classifier of real handwritten digits, and callbacks that look on."""
