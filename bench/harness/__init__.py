"""What bench/run, bench/compare and bench/guard are made of. Python's standard library is all that it needs."""
import pathlib
import sys

BENCH = pathlib.Path(__file__).resolve().parent.parent
ROOT = BENCH.parent
WORK = BENCH / "work"


def fail(sentence):
    """Ends the program with one sentence about what is wrong, and what to do."""
    sys.exit(f"bench/{pathlib.Path(sys.argv[0]).name}: {sentence}")
