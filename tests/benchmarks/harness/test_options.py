import pytest


@pytest.fixture
def parser():
    from benchmarks.harness import options

    made = options.Parser(prog="python -m benchmarks something")
    made.add_argument("--count", type=options.positive_int)
    made.add_argument("--rate", type=options.positive)
    made.add_argument("--parts", type=options.choices("first", "second", "third"))
    return made


def test_values_are_read(parser):
    options = parser.parse_args(["--count", "3", "--rate", "1e2", "--parts", "third,first"])
    assert (options.count, options.rate, options.parts) == (3, 100.0, ("first", "third"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--count", "0"], "--count: must be a positive integer. Received: 0"),
        (["--count", "two"], "--count: must be a positive integer. Received: two"),
        (["--rate", "-1"], "--rate: must be a positive number. Received: -1"),
        (["--rate", "nan"], "--rate: must be a positive number. Received: nan"),
        (["--rate", "inf"], "--rate: must be a positive number. Received: inf"),
        (
            ["--parts", "first,fourth"],
            "--parts: must be among first, second, third, .*first,fourth",
        ),
        (["--parts", ""], "--parts: must be among first"),
        (["--colour", "red"], "unrecognized arguments: --colour red"),
    ],
)
def test_errors_are_raised_as_one_line(parser, arguments, message):
    with pytest.raises(ValueError, match=message) as raised:
        parser.parse_args(arguments)
    assert "\n" not in str(raised.value)
