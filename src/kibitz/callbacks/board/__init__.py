"""What TensorBoard reads, written without TensorFlow: event files, and what the projector and the profiler look for."""
