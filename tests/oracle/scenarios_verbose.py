"""What is printed: the progress lines, without their times."""

from __future__ import annotations

from tests.oracle.scenario import scenario
from tests.oracle.small import line, line_data, printed, rows, without_times


@scenario("fit.verbose.lines")
def verbose_two_prints_a_line_an_epoch(ns, tmp):
    """The epoch's title, its steps and its numbers, with those of validation."""
    x, y = line_data(6)
    with printed() as text:
        line(ns).fit(x, y, batch_size=2, epochs=2, shuffle=False, verbose=2, validation_data=(x, y))
    return without_times(text.getvalue())


@scenario("fit.verbose.bar", "fit.verbose.auto")
def verbose_one_ends_each_epoch_with_its_numbers(ns, tmp):
    """The bar's last state: steps of steps and all numbers; "auto" is the same."""
    x, y = line_data(6)
    found = []
    for verbose in (1, "auto"):
        with printed() as text:
            line(ns).fit(x, y, batch_size=2, epochs=2, shuffle=False, verbose=verbose, validation_data=(x, y))
        found.append(without_times(text.getvalue()))
    return found


@scenario("evaluate.verbose.lines", "predict.verbose.lines")
def evaluate_and_predict_print_their_steps(ns, tmp):
    """Verbose one and two, in both."""
    x, y = line_data(6)
    model, found = line(ns), []
    for verbose in (1, 2):
        with printed() as text:
            model.evaluate(x, y, batch_size=2, verbose=verbose)
            model.predict(rows(6, 3), batch_size=2, verbose=verbose)
        found.append(without_times(text.getvalue()))
    return found


@scenario("fit.verbose.numbers")
def small_and_large_numbers_are_printed_as_keras_prints_them(ns, tmp):
    """Four decimals, or an exponent when small."""
    x, y = line_data(4)

    class Adds(ns.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs.update(tiny=0.00012345, huge=123456.789, negative=-1.5, zero=0.0)

    with printed() as text:
        line(ns).fit(x, y, shuffle=False, verbose=2, callbacks=[Adds()])
    return without_times(text.getvalue())
