"""The engines over the same capture, in turns, pinned to the same processor."""
import shutil
import tempfile

from . import WORK, alerts, engines, figures


class Race:
    """What all races of a run have in common."""

    def __init__(self, contestants, runs, progress, warms=True):
        self.contestants, self.progress = contestants, progress
        # The first one warms the page cache, and is not counted if there are others.
        self.numbers = range(0 if warms else 1, runs + 1)

    def steps(self):
        """Runs in one race."""
        return len(self.numbers) * len(self.contestants)

    def go(self, label, capture, rules, events=False, options=None):
        """One race. `options` are more arguments by kind of engine. Figures by engine, and how the sensor compares with each other one, alerts too."""
        runs = {engine.name: [] for engine in self.contestants}
        found = {}
        with tempfile.TemporaryDirectory(dir=WORK) as folder:
            for number in self.numbers:
                for engine in self.contestants:
                    self.progress.step(f"{label}: {engine.name}, {f'run {number}' if number else 'to warm up'}")
                    place = f"{folder}/{engine.name}"
                    runs[engine.name].append(engine.run(capture, rules, place, events, (options or {}).get(engine.kind, ())))
                    if number == self.numbers[-1] and rules:
                        found[engine.name] = engines.found(place)
                    shutil.rmtree(place, ignore_errors=True)
        result = {"engines": {name: figures.digest(done, self.numbers[0] == 0) for name, done in runs.items()}}
        for name, alerted in found.items():
            result["engines"][name]["rule_and_flow_pairs"] = len(alerted)
        result["sekisho_against"] = {name: self.against(name, result["engines"], found) for name in runs if name != "sekisho" and "sekisho" in runs}
        return result

    @staticmethod
    def against(name, digests, found):
        """The sensor beside another engine: how many times as fast, and whose alerts the other lacks."""
        beside = {"times_as_fast": figures.ratio(digests["sekisho"], digests[name])}
        return beside | ({"alerts": alerts.compare(found["sekisho"], found[name])} if found else {})
