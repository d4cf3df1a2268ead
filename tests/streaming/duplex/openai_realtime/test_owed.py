from streaming.duplex.openai_realtime.owed import OwedCalls


def test_the_model_goes_on_when_it_has_all_results_of_an_answer() -> None:
    """In whatever order, and each answer by itself."""
    owed = OwedCalls()
    owed.made({"a": "a", "b": "b"})
    owed.made({"c": "c"})

    assert owed.answered("b") is False
    assert owed.answered("c") is True
    assert owed
    assert owed.answered("a") is True
    assert not owed


def test_a_result_that_nobody_waits_for_has_no_name() -> None:
    """Of a call that was never made, or has been answered."""
    owed = OwedCalls()
    owed.made({"a": "as the server has it"})

    assert owed.name_of("a") == "as the server has it"
    assert owed.name_of("b") is None
    owed.answered("a")
    assert owed.name_of("a") is None


def test_no_calls_leave_nothing_open() -> None:
    """An answer in words."""
    owed = OwedCalls()
    owed.made({})

    assert not owed
