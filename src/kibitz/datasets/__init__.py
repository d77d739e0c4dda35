"""Real data to start with; nothing else in Kibitz imports this."""

from kibitz.datasets import digits

__all__ = ["digits"]
