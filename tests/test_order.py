"""Files that take long are begun first, each as a whole."""

import pytest

from tests.support.order import rank

SLOW = {"tests/journeys/test_far.py", "tests/interop/test_old.py", "tests/pds/test_disk.py"}
SIZES = {"tests/pds/test_many.py": 90, "tests/pds/test_few.py": 2}


@pytest.mark.parametrize(
    ("sooner", "later"),
    [
        ("tests/pds/test_disk.py", "tests/journeys/test_try.py"),
        ("tests/interop/test_old.py", "tests/journeys/test_far.py"),
        ("tests/journeys/test_far.py", "tests/pds/test_disk.py"),
        ("tests/journeys/test_try.py", "tests/pds/test_many.py"),
        ("tests/pds/test_many.py", "tests/pds/test_few.py"),
        ("tests/a/test_one.py", "tests/b/test_one.py"),
    ],
)
def test_what_takes_long_comes_first(sooner: str, later: str) -> None:
    sizes = {sooner: 1, later: 1, **SIZES}
    assert rank(sooner, SLOW, sizes) < rank(later, SLOW, sizes)


def test_the_tests_of_a_file_stay_together_and_in_order(request: pytest.FixtureRequest) -> None:
    files = [item.nodeid.partition("::")[0] for item in request.session.items]
    assert len(set(files)) == sum(
        1 for number, file in enumerate(files) if number == 0 or files[number - 1] != file
    )
