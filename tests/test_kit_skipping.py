"""A test of a contract that is skipped, or let fail, has failed, whoever did it."""

from __future__ import annotations

import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from kit_gallery.honest import Empty
from sojourn.testing import JobConformance

pytestmark = pytest.mark.once

HEAD = """
import pytest
from sojourn import BaseJob
from sojourn.journals.memory import MemoryJournal
from sojourn.testing import BackendConformance, JobConformance, JournalConformance

class Plain(BaseJob):
    pass
"""
JOB = """
class TestPlain(JobConformance):
    job_class = Plain
"""
SKIPPED = {
    "by a fixture of its own": JOB
    + """
    @pytest.fixture(autouse=True)
    def only_on_tuesdays(self):
        pytest.skip("it is Monday")
""",
    "by a fixture of its module": """
@pytest.fixture(autouse=True, scope="module")
def only_on_tuesdays():
    pytest.skip("it is Monday")
"""
    + JOB,
    "by a mark of its module": 'pytestmark = pytest.mark.skip("it is Monday")\n' + JOB,
    "by the condition of a mark": 'pytestmark = pytest.mark.skipif(True, reason="it is Monday")\n'
    + JOB,
    "from within": JOB
    + """
    def make_job(self):
        pytest.skip("it is Monday")
""",
    "from within a backend's": """
class TestBackend(BackendConformance):
    def make_backend(self, slots):
        pytest.skip("it is Monday")
""",
    "from within a journal's": """
class TestJournal(JournalConformance):
    def make_journal(self, folder):
        pytest.skip("it is Monday")
""",
    "by letting it fail": """
class Broken(BaseJob):
    def cancel(self):
        return True

pytestmark = pytest.mark.xfail(reason="it is Monday")

class TestBroken(JobConformance):
    job_class = Broken
""",
}
FOREIGN = """
@pytest.mark.slow
class TestPlain(JobConformance):
    job_class = Plain

    def test_of_its_own(self):
        pytest.skip("it is Monday")

def test_of_another_kind():
    pytest.skip("it is Monday")
"""


def run(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    plain = ["-q", "-p", "no:cacheprovider", "--rootdir", str(folder), "-c", "/dev/null"]
    return subprocess.run(
        [sys.executable, "-m", "pytest", *plain, str(folder), *options],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        timeout=100,
    )


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[ET.Element]]:
    """Run all that are skipped, and return what is told of the tests of each."""
    folder = tmp_path_factory.mktemp("skipped")
    texts = {**SKIPPED, "another's": FOREIGN}
    for number, text in enumerate(texts.values()):
        (folder / f"test_{number}.py").write_text(HEAD + text)
    chosen = "cancel-asks or one_that_is_over or every_entry_is_stored or its_own or of_another"

    run(folder, "-k", chosen, "--junit-xml=told.xml")

    cases = list(ET.parse(folder / "told.xml").iter("testcase"))
    return {
        how: [case for case in cases if case.get("classname", "").split(".")[0] == f"test_{number}"]
        for number, how in enumerate(texts)
    }


@pytest.mark.parametrize("how", SKIPPED)
def test_a_test_of_a_contract_that_is_skipped_has_failed(
    how: str, told: dict[str, list[ET.Element]]
) -> None:
    cases = told[how]

    assert cases
    for case in cases:
        assert {each.tag for each in case} <= {"failure", "error"}
        words = "".join(case.itertext())
        assert "was skipped, or let fail, and it is a part of the contract; let it run" in words
        assert "it is Monday" in words or how == "by letting it fail"


def test_what_is_not_of_the_kit_may_be_skipped(told: dict[str, list[ET.Element]]) -> None:
    found = {case.get("name"): [each.get("type") for each in case] for case in told["another's"]}

    assert found == {
        "test_promise[cancel-asks]": [],
        "test_of_its_own": ["pytest.skip"],
        "test_of_another_kind": ["pytest.skip"],
    }


def test_what_is_of_the_kit_may_be_deselected(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(HEAD + FOREIGN)

    done = run(tmp_path, "-m", "not slow", "-W", "ignore")

    assert done.stdout.splitlines()[-1].startswith("1 skipped"), done.stdout


def test_a_class_that_derives_from_one_that_is_skipped_is_refused() -> None:
    @pytest.mark.skip("later")
    class Later:
        pass

    with pytest.raises(TypeError, match="TestLater does without test_promise"):

        class TestLater(Later, JobConformance):
            job_class = Empty
