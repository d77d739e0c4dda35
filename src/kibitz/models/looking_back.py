"""A. Looking back at a run that has been: what a user calls."""

from __future__ import annotations

from typing import Any

from kibitz.checkpoint.packed import unpack
from kibitz.models.core import Core
from kibitz.models.replaying import LookBack, Replay, Replayed
from kibitz.models.running import FitArguments, run_replay
from kibitz.models.side_by_side import spread

SETTINGS = ("batch_size", "validation_split", "shuffle", "initial_epoch", "steps_per_epoch", "validation_steps",
            "validation_batch_size", "validation_freq")  # fmt: skip
"""What fit was given that a run's record tells."""


class LookingBack:
    """What a model can say of a run that has been; it is a base of `Model`, and nobody makes one."""

    core: Core
    _stays_in_its_process = True

    def replay(
        self,
        x: Any = None,
        y: Any = None,
        *,
        run: Any,
        steps: Any = None,
        epochs: Any = None,
        callbacks: Any = None,
        validation_data: Any = None,
        class_weight: Any = None,
        sample_weight: Any = None,
        with_original: bool = False,
        tolerance: float | None = None,
        workers: int = 1,
        verbose: Any = "auto",
    ) -> Replayed:
        """Run a stretch of a run again, while callbacks look on that were not there.

        They see what they would have seen then, to the bit: the logs, the clock, and `self.model` as it was after that
        very batch. It begins at the last commit before the stretch; what the callbacks of the run wrote is taken from
        its journal, and they are not called. At each commit on the way the state is compared with the run's. The run's
        folder is only read, and this model is afterwards as it was.

        Args:
            x: The inputs that `fit` was given.
            y: The targets.
            run: The folder of the run.
            steps: Which steps, over the whole run from 0, such as "8300:8320". None: see `epochs`; neither means all.
            epochs: The same in epochs, such as "3:5".
            callbacks: Who looks on. None means nobody: the run is compared with its record.
            validation_data: As `fit` was given it. None means none.
            class_weight: As `fit` was given it. None means 1 for all.
            sample_weight: As `fit` was given it. None means 1 for each row.
            with_original: Whether those of the callbacks that the record tells of are run as they were, from the commit
                on, with what they remembered; otherwise they too only look on.
            tolerance: How far the state may be from the run's at a commit, as a share of its size. None: not at all.
            workers: How many processes run it, side by side, each from a commit of its own. With more than one,
                callbacks have the logs at hand, and not the model; those with a method `merge(other)` look on as copies
                where the model is, and are merged in order into the one that was given.
            verbose: 0 says nothing; all else how many steps are run again.

        Returns:
            What was run, and at which commits it was exact.

        Raises:
            NotReady: If there is no such run, or a callback that looks on writes to the model.
            InvalidArgument: If the stretch cannot be, or the run was made of something else.
            NotExact: If it comes out otherwise than the run did.

        Example:
            >>> import kibitz, numpy as np, tempfile
            >>> x, y = np.ones((64, 2), "float32"), np.ones((64, 1), "float32")
            >>> model = kibitz.Sequential([kibitz.Input((2,)), kibitz.layers.Dense(1)])
            >>> model.compile("sgd", "mse")
            >>> seen = []
            >>> look = kibitz.on("train_batch_end", lambda batch, logs: seen.append((batch, logs["loss"])))
            >>> with tempfile.TemporaryDirectory() as run:
            ...     _ = model.fit(x, y, batch_size=8, epochs=3, verbose=0, run=run)
            ...     _ = model.replay(x, y, run=run, steps="10:13", callbacks=[look], verbose=0)
            >>> [batch for batch, loss in seen]
            [2, 3, 4]
        """
        asked = LookBack(run, steps, epochs, with_original, tolerance, verbose not in (0, False))
        replay = Replay(self.core, asked)
        told = unpack(replay.commit.document["made_of"], replay.commit.arrays)
        settings = {name: told[name] for name in SETTINGS}
        given = FitArguments(
            x=x, y=y, epochs=replay.commit.document["epochs"], verbose=0, callbacks=callbacks,
            validation_data=validation_data, class_weight=class_weight, sample_weight=sample_weight, **settings,
        )  # fmt: skip
        replay = spread(replay, self.core, given, asked, workers)
        run_replay(self.core, given, replay)
        return replay.done
