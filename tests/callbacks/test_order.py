"""The order in which callbacks are called: that of the list, but for who says before or after whom."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import kibitz as keras
from kibitz.callbacks import Callback, CallbackList, CSVLogger, EarlyStopping, History, ProgbarLogger
from kibitz.callbacks.order import in_order
from kibitz.errors import InvalidArgument, WrongType
from kibitz.testing import Recorder, drive


class A(Callback):
    pass


class B(Callback):
    pass


class BelowB(B):
    pass


class C(Callback):
    pass


def order(*callbacks):
    return [type(each).__name__ for each in in_order(callbacks)]


def test_who_declares_nothing_stays_where_it_was_put():
    callbacks = [C(), A(), B(), A(), object()]
    assert in_order(callbacks) == callbacks


@pytest.mark.parametrize("before", [A, "A", (A,), [A, "C"], ("nobody", "A")])
def test_before_a_class_a_name_or_several(before):
    assert order(A(), C(), B(before=before))[0] != "A"
    assert order(A(), C(), B(before=before)).index("B") < order(A(), C(), B(before=before)).index("A")


@pytest.mark.parametrize("after", [A, "A", (A,), [A, "nobody"]])
def test_after_a_class_a_name_or_several(after):
    assert order(B(after=after), C(), A()) == ["C", "A", "B"]


def test_a_class_means_its_subclasses_and_a_name_means_itself():
    assert order(BelowB(), A(before=B)) == ["A", "BelowB"]
    assert order(BelowB(), A(before="B")) == ["BelowB", "A"]
    assert order(BelowB(), A(before="BelowB")) == ["A", "BelowB"]
    assert order(B(), A(before=BelowB)) == ["B", "A"]


def test_the_name_of_a_function_is_its_name():
    @keras.on("epoch_end")
    def show(epoch):
        pass

    assert in_order([show, first := A(before="show")]) == [first, show]


def test_a_class_may_declare_it_for_all_its_instances():
    class Early(Callback):
        before = (CSVLogger, "History")

    assert order(History(), Early(), Early()) == ["Early", "Early", "History"]


def test_all_instances_of_a_class_are_meant():
    assert order(A(), C(), A(), B(before=A)) == ["C", "B", "A", "A"]


def test_who_is_not_there_does_not_matter():
    assert order(A(before=C, after="Nobody"), B()) == ["A", "B"]


def test_it_need_not_come_before_itself():
    class First(Callback):
        before = Callback

    assert order(A(), First(), B()) == ["First", "A", "B"]


def test_only_a_kibitz_callback_declares():
    class Duck:
        before = "A"

        def on_epoch_end(self, epoch, logs=None):
            pass

    assert order(A(), Duck()) == ["A", "Duck"]
    assert order(Duck(), A(before="Duck")) == ["A", "Duck"]


@pytest.mark.parametrize(
    "callbacks",
    [
        [A(before="B"), B(before="A")],
        [A(before="B"), C(), B(before="A")],
        [A(after="C"), B(after="A"), C(after="B")],
        [A(before=B, after=B), B()],
    ],
)
def test_a_circle_is_refused_and_names_who_is_in_it(callbacks):
    with pytest.raises(InvalidArgument) as raised:
        in_order(callbacks)
    in_it = [type(each).__name__ for each in callbacks if len(callbacks) == 2 or each.before or each.after]
    assert str(raised.value).splitlines() == [
        "These callbacks each want to come before the other.",
        f"  given    {', '.join(in_it)}",
        "  wanted   an order without a circle",
        "  cure     take one `before` or `after` away",
    ]


def test_a_circle_is_refused_before_the_first_step():
    record = Recorder()
    with pytest.raises(InvalidArgument, match="each want to come before the other"):
        drive([record, A(before="B"), B(before="A")], epochs=[{"loss": 1.0}])
    assert record.calls == []


@pytest.mark.parametrize("side", ["before", "after"])
@pytest.mark.parametrize("given", [3, {A}, (A, 3), A()])
def test_what_is_no_class_and_no_name_is_refused(side, given):
    with pytest.raises(WrongType) as raised:
        B(**{side: given})
    assert raised.value.what == f"B says {side} whom it is called, and it is no class of callbacks."
    assert raised.value.cure == f"{side}=CSVLogger, or {side}=(History, CSVLogger)"


def test_history_and_the_progress_bar_can_be_meant(capsys):
    class Adds(Callback):
        before = (History, ProgbarLogger)

        def on_epoch_end(self, epoch, logs=None):
            logs["late"] = 1.0

    class Looks(Callback):
        after = History

        def on_epoch_end(self, epoch, logs=None):
            self.rows = len(self.model.history.epoch)

    looks, own = Looks(), History()
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    history = model.fit([[1.0]], [[1.0]], verbose=2, callbacks=[looks, own, Adds()])

    assert looks.rows == 1
    assert history.history["late"] == [1.0]
    assert "late: 1.0000" in capsys.readouterr().out


def test_the_one_before_is_known_to_add_what_the_later_watches():
    class Smooth(Callback):
        before, adds = EarlyStopping, ("smooth",)

        def on_epoch_end(self, epoch, logs=None):
            logs["smooth"] = logs["loss"]

    stop = EarlyStopping("smooth", mode="min")
    assert drive([stop, Smooth()], epochs=[{"loss": 1.0}, {"loss": 2.0}, {"loss": 3.0}]).by == "EarlyStopping"


def test_a_list_of_ones_own_has_the_order_too():
    assert [type(each).__name__ for each in CallbackList([A(), B(before=A)]).callbacks] == ["B", "A"]


KINDS = [type(name, (Callback,), {}) for name in "PQRSTU"]


@st.composite
def declarations(draw):
    """Callbacks, each of a class of its own, who declare something that has no circle."""
    count = draw(st.integers(0, 6))
    ranks = draw(st.permutations(range(count)))  # an order that all declarations are true of
    callbacks = []
    for place in range(count):
        others = draw(st.sets(st.integers(0, count - 1), max_size=2))
        declared = {
            "before": tuple(KINDS[other] for other in others if ranks[other] > ranks[place]),
            "after": tuple(KINDS[other].__name__ for other in others if ranks[other] < ranks[place]),
        }
        callbacks.append(KINDS[place](**declared))
    return callbacks


def must_precede(one, other):
    return type(other) in one.before or type(one).__name__ in other.after


@given(declarations())
def test_every_declaration_holds_and_else_the_order_is_that_of_the_list(callbacks):
    ordered = in_order(callbacks)

    assert sorted(map(id, ordered)) == sorted(map(id, callbacks))
    for place, one in enumerate(ordered):
        assert not any(must_precede(later, one) for later in ordered[place + 1 :])
    # Each stands as early as the list has it among those who were free to be called then.
    for place, one in enumerate(ordered):
        called, waiting = ordered[:place], ordered[place:]
        free = [
            each for each in callbacks if each not in called and not any(must_precede(other, each) for other in waiting)
        ]
        assert free[0] is one
