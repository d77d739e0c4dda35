"""A process that was forked from one in which JAX had computed: there JAX waits for threads that did not come along."""

from __future__ import annotations

import os

from kibitz.errors import NotReady, code


class Forks:
    """Whether JAX has computed in this process, and whether it had done so in the one that this one was forked from.

    Example:
        >>> from kibitz.engine.forked import Forks
        >>> forks = Forks()
        >>> forks.computing()
        >>> forks.refuse()
    """

    def __init__(self) -> None:
        self._computed = self._lost = False
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._forked)

    def _forked(self) -> None:
        self._lost = self._computed

    def computing(self) -> None:
        """JAX is about to compute."""
        self.refuse()
        self._computed = True

    def refuse(self) -> None:
        """Say in a forked process what would hang there.

        Raises:
            NotReady: If this is one.
        """
        if self._lost:
            raise NotReady(
                "This process was forked from one in which JAX had computed, and would wait for its threads for ever.",
                given=code("os.fork()"),
                wanted="a process of its own, begun anew",
                cure='multiprocessing.get_context("spawn"), or a thread',
            )


FORKS = Forks()
