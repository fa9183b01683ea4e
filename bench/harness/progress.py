"""Progress on a terminal: a line a step, with what is left. In a pipe there is none."""
import sys
import time


def left(done, steps, seconds):
    """Seconds until the end, if the steps to come take as long as those that are done; none before the first."""
    return seconds / done * (steps - done) if done else None


class Progress:
    """Counts steps. `steps` is how many there will be."""

    def __init__(self, steps, stream=sys.stderr):
        self.steps, self.done, self.stream = steps, 0, stream
        self.started = time.monotonic()
        self.shown = stream.isatty()

    def step(self, sentence):
        """Tells what begins now."""
        if self.shown:
            rest = left(self.done, self.steps, time.monotonic() - self.started)
            estimate = "" if rest is None else f", about {rest / 60:.0f} min to go" if rest > 90 else f", about {rest:.0f} s to go"
            print(f"[{self.done + 1}/{self.steps}{estimate}] {sentence}", file=self.stream, flush=True)
        self.done += 1
