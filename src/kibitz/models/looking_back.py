"""Looking back at a run that has been: what a user calls. What does it is imported when it is called."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kibitz.engine.state import plain
from kibitz.errors import InvalidArgument, code
from kibitz.models.borrowed import Loan
from kibitz.models.core import Core
from kibitz.models.prepare import is_iterator

if TYPE_CHECKING:
    from kibitz.callbacks.history import History
    from kibitz.replay.bisection import Onset
    from kibitz.replay.difference import Difference
    from kibitz.replay.replayed import Replayed

DATA = ("validation_data", "class_weight", "sample_weight", "callbacks", "tolerance")
"""What is given beside x and y to get to a step."""


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
        branch: Any = None,
        tolerance: float | None = None,
        workers: int = 1,
        verbose: Any = "auto",
    ) -> Replayed | History:
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
            branch: A folder in which another run begins where the stretch begins: the callbacks may write, those that
                the record tells of go on with what they remembered, and it is a durable run like any other, up to the
                end of the stretch. The model is that of the branch afterwards. None: looking back is looking.
            tolerance: How far the state may be from the run's at a commit, as a share of its size. None: not at all.
            workers: How many processes run it, side by side, each from a commit of its own. With more than one,
                callbacks have the logs at hand, and not the model; those with a method `merge(other)` look on as copies
                where the model is, and are merged in order into the one that was given.
            verbose: 0 says nothing; all else how many steps are run again.

        Returns:
            What was run, and at which commits it was exact; of a branch its `History`.

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
            >>> look = kibitz.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: seen.append(batch))
            >>> with tempfile.TemporaryDirectory() as run:
            ...     _ = model.fit(x, y, batch_size=8, epochs=3, verbose=0, run=run)
            ...     _ = model.replay(x, y, run=run, steps="10:13", callbacks=[look], verbose=0)
            >>> seen
            [2, 3, 4]
        """
        from kibitz.models.branching import branch_off
        from kibitz.models.recorded import Data, as_recorded
        from kibitz.models.replaying import LookBack, Replay
        from kibitz.models.running import run_replay
        from kibitz.models.side_by_side import alone, spread

        asked = LookBack(run, steps, epochs, with_original, tolerance, _says(verbose))
        replay = Replay(self.core, asked, callbacks=callbacks)
        data = Data(x, y, validation_data, class_weight, sample_weight)
        given = as_recorded(replay.commit, replay.past, data, callbacks)
        if branch is not None:
            alone(workers)
            return branch_off(self.core, given, asked, branch)
        replay = spread(replay, self.core, given, asked, workers)
        run_replay(self.core, given, replay)
        return replay.done

    def bisect(
        self,
        x: Any = None,
        y: Any = None,
        *,
        run: Any,
        when: Any,
        steps: Any = None,
        validation_data: Any = None,
        class_weight: Any = None,
        sample_weight: Any = None,
        callbacks: Any = None,
        tolerance: float | None = None,
        verbose: Any = "auto",
    ) -> Onset:
        """Find the first step of a run after which something holds.

        Commits are asked first, by halves, then the steps between two of them, which are run again: a run of 100,000
        steps with a commit every 500 takes about 500. That finds what goes on to hold once it does, and says so where
        it is seen not to. What comes and goes, such as a spike of a single batch's loss, is looked for in `steps`, all
        of which are run again and asked. The model is afterwards as it was.

        Args:
            x: The inputs that `fit` was given.
            y: The targets.
            run: The folder of the run.
            when: A function of the model and the logs, or a condition on the logs such as "loss > 10",
                "isfinite(loss) == 0" or "batch.loss > 10", which is of the batch alone and is looked for at every step.
            steps: A stretch in which every step is asked, such as "8000:9000". None looks for it by halves.
            validation_data: As `fit` was given it. None means none.
            class_weight: As `fit` was given it. None means 1 for all.
            sample_weight: As `fit` was given it. None means 1 for each row.
            callbacks: Those of the run that are traced into the step, such as `GradientClip`. None means none.
            tolerance: As in `replay`.
            verbose: 0 says nothing; all else which steps are run again.

        Returns:
            What was found: its `step`, `epoch`, `batch`, the `rows` of that batch, and how many steps were run again;
            printed, it is a sentence. Its step is None if it holds nowhere.

        Raises:
            NotReady: If there is no such run.
            InvalidArgument: If the condition cannot be read, or the run was made of something else.
            UnknownMonitor: If the logs of the run have no such number.
            NotExact: If it comes out otherwise than the run did.

        Example:
            >>> import kibitz, numpy as np, tempfile
            >>> x, y = np.ones((64, 2), "float32"), np.ones((64, 1), "float32")
            >>> model = kibitz.Sequential([kibitz.Input((2,)), kibitz.layers.Dense(1)])
            >>> model.compile("sgd", "mse")
            >>> with tempfile.TemporaryDirectory() as run:
            ...     _ = model.fit(x, y, batch_size=8, epochs=3, verbose=0, run=run)
            ...     found = model.bisect(x, y, run=run, verbose=0,
            ...                          when=lambda model, logs: model.optimizer.iterations >= 14)
            >>> found.step, found.epoch, found.batch
            (13, 1, 5)
        """
        from kibitz.models.bisecting import bisect_fit
        from kibitz.models.recorded import Data, as_recorded
        from kibitz.models.replaying import LookBack, Replay

        data = Data(x, y, validation_data, class_weight, sample_weight)

        def given(replay: Replay) -> Any:
            return as_recorded(replay.commit, replay.past, data, callbacks)

        asked = LookBack(run, steps, tolerance=tolerance, says=_says(verbose))
        return bisect_fit(self.core, asked, when, x, given, callbacks)

    def load_step(
        self,
        run: Any,
        step: int | None = None,
        x: Any = None,
        y: Any = None,
        *,
        validation_data: Any = None,
        class_weight: Any = None,
        sample_weight: Any = None,
        callbacks: Any = None,
        tolerance: float | None = None,
    ) -> None:
        """Make this model what the model of a run was after a step: weights, optimizer, random state.

        Args:
            run: The folder of the run.
            step: The step, counted over the whole run from 0; -1 is what the run began with. None means the last one.
            x: The inputs that `fit` was given; needed where no commit was kept right behind the step.
            y: The targets.
            validation_data: As `fit` was given it. None means none.
            class_weight: As `fit` was given it. None means 1 for all.
            sample_weight: As `fit` was given it. None means 1 for each row.
            callbacks: Those of the run that are traced into the step, such as `GradientClip`. None means none.
            tolerance: As in `replay`.

        Raises:
            NotReady: If there is no such run, or the data are needed.
            InvalidArgument: If there is no such step, or the run was of another model.

        Example:
            >>> import kibitz, numpy as np, tempfile
            >>> x, y = np.ones((64, 2), "float32"), np.ones((64, 1), "float32")
            >>> model = kibitz.Sequential([kibitz.Input((2,)), kibitz.layers.Dense(1)])
            >>> model.compile("sgd", "mse")
            >>> with tempfile.TemporaryDirectory() as run:
            ...     _ = model.fit(x, y, batch_size=8, epochs=3, verbose=0, run=run)
            ...     model.load_step(run, 9, x, y)
            >>> int(model.optimizer.iterations)
            10
        """
        from kibitz.models.putting import put_step
        from kibitz.models.recorded import Data

        data = Data(x, y, validation_data, class_weight, sample_weight)
        put_step(self.core, run, step, data, callbacks, tolerance)

    def diff(self, run: Any, before: int, after: int, x: Any = None, y: Any = None, **data: Any) -> Difference:
        """Which parameters of a run moved most between two of its steps; the model is afterwards as it was.

        Args:
            run: The folder of the run.
            before: The state after this step, from 0; -1 is what the run began with.
            after: The state after this one.
            x: The inputs, as in `load_step`.
            y: The targets.
            **data: `validation_data`, `class_weight`, `sample_weight`, `callbacks` and `tolerance`, as in `load_step`.

        Raises:
            NotReady: If there is no such run, or the data are needed.
            InvalidArgument: If there is no such step, or the run was of another model; or if `x` is a generator.

        Example:
            >>> import kibitz, numpy as np, tempfile
            >>> x, y = np.ones((64, 2), "float32"), np.ones((64, 1), "float32")
            >>> model = kibitz.Sequential([kibitz.Input((2,)), kibitz.layers.Dense(1)])
            >>> model.compile("sgd", "mse")
            >>> with tempfile.TemporaryDirectory() as run:
            ...     _ = model.fit(x, y, batch_size=8, epochs=3, verbose=0, run=run)
            ...     moved = model.diff(run, -1, 23)
            >>> len(moved.rows), moved.rows[0].shape
            (2, (1,))
        """
        from kibitz.models.putting import build_from
        from kibitz.replay.difference import difference

        unknown = data.keys() - {*DATA}
        if unknown:
            raise InvalidArgument("diff compares two steps of a run.", given=code(f"{min(unknown)}=..."),
                                  wanted=", ".join(DATA), cure="model.diff(run, 8300, 8400)")  # fmt: skip
        if is_iterator(x):
            raise InvalidArgument(
                "A generator gives its batches once, and two steps are looked up.", given=x, wanted="arrays",
                cure="model.load_step for one of them, model.get_weights(), and a new generator for the other",
            )  # fmt: skip
        build_from(self.core, x)
        loan = Loan(self)
        try:
            states, moved = [], set[str]()  # layers may have been let go, or frozen, in between
            for step in (before, after):
                self.load_step(run, step, x, y, **data)
                state = self.core.timeline.read()
                moved |= state.params.keys()
                states.append(state.variables())
        finally:
            loan.give_back()
        shown, name = self.core.owner.shown_path, f"{self.core.owner.name}/"
        one, other = (
            {shown(each).removeprefix(name): plain(value) for each, value in state.items() if each in moved}
            for state in states
        )
        return difference(one, other, names=(_moment(before), _moment(after)))


def _says(verbose: Any) -> bool:
    return verbose not in (0, False)


def _moment(step: int) -> str:
    return "the beginning" if step < 0 else f"step {step:,}"
