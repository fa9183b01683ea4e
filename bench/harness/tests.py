"""Tests of the harness's own arithmetic: `cd bench && python3 -m unittest harness.tests`. `cargo test` runs them too."""
import io
import json
import pathlib
import struct
import tempfile
import unittest
import unittest.mock

from . import alerts, figures, guard, inputs, progress, race, show


def run(seconds, **more):
    return {"run_seconds": seconds, "process_seconds": 2 * seconds, "load_seconds": seconds, "cpu_seconds": seconds, "max_rss_bytes": int(seconds * 100),
            "packets": 1000, "bytes": 50_000, "alerts": 3, "rules_loaded": 7} | more


class Figures(unittest.TestCase):
    def test_spread(self):
        self.assertEqual(figures.spread([3.0, 1.0, 2.0]), {"median": 2.0, "least": 1.0, "most": 3.0})
        self.assertEqual(figures.spread([1.0, 2.0])["median"], 1.5)

    def test_the_first_run_does_not_count(self):
        digest = figures.digest([run(100.0), run(1.0), run(4.0), run(2.0)])
        self.assertEqual(digest["run_seconds"], {"median": 2.0, "least": 1.0, "most": 4.0})
        self.assertEqual(digest["packets_per_second"], 500.0)
        self.assertEqual(digest["bits_per_second"], 200_000.0)
        self.assertEqual(digest["max_rss_bytes"], 400)
        self.assertEqual(len(digest["runs"]), 3)

    def test_a_single_run_counts(self):
        self.assertEqual(figures.digest([run(4.0)])["run_seconds"]["median"], 4.0)

    def test_ratio_is_how_much_faster_the_first_is(self):
        ratio = figures.ratio(figures.digest([run(1.0)]), figures.digest([run(8.0)]))
        self.assertEqual(ratio, {"packets_per_second": 8.0, "cpu_seconds": 8.0})

    def test_a_share_is_of_the_lead(self):
        lead = {"suricata 8": {"times_as_fast": {"packets_per_second": 4.0, "cpu_seconds": 5.0}}}
        less = {"suricata 8": {"times_as_fast": {"packets_per_second": 2.0, "cpu_seconds": 10.0}}}
        self.assertEqual(figures.shares(less, lead), {"suricata 8": {"packets_per_second": 0.5, "cpu_seconds": 2.0}})

    def test_loss(self):
        self.assertEqual(figures.loss_percent(4.0, 3.0), 25.0)
        self.assertEqual(figures.loss_percent(4.0, 5.0), -25.0)

    def test_costs_are_differences(self):
        measured = [{"stage": name, "nanoseconds_per_packet": ns} for name, ns in (("decode", 30.0), ("flow", 70.0), ("stream", 90.0))]
        self.assertEqual(figures.costs(measured), [("decode", 30.0), ("flow", 40.0), ("stream", 20.0)])


def alert(sid, src="10.0.0.1", sport=1234, dst="192.0.2.1", dport=80, proto="TCP"):
    return {"event_type": "alert", "proto": proto, "src_ip": src, "src_port": sport, "dest_ip": dst, "dest_port": dport, "alert": {"signature_id": sid}}


class Alerts(unittest.TestCase):
    def read(self, *events):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "eve.json")
            path.write_text("".join(json.dumps(event) + "\n" for event in events))
            return alerts.read(path)

    def test_repeats_and_direction_do_not_count(self):
        found = self.read(alert(1), alert(1), alert(1, "192.0.2.1", 80, "10.0.0.1", 1234), alert(2), {"event_type": "flow", "alert": {}})
        self.assertEqual(len(found), 2)

    def test_protocols_are_named_alike(self):
        icmp = {"event_type": "alert", "proto": "IPv6-ICMP", "src_ip": "fe80::1", "dest_ip": "fe80::2", "alert": {"signature_id": 5}}
        self.assertEqual(self.read(icmp), self.read(icmp | {"proto": "ICMP"}))

    def test_no_file_is_no_alert(self):
        self.assertEqual(alerts.read("/nowhere/eve.json"), set())

    def test_differences_are_counted_and_listed(self):
        ours, theirs = self.read(alert(1), alert(2), alert(2, sport=9)), self.read(alert(1), alert(3))
        compared = alerts.compare(ours, theirs)
        self.assertEqual((compared["both"], compared["only_sekisho"], compared["only_suricata"], compared["equal"]), (1, 2, 1, False))
        self.assertEqual(compared["only_sekisho_by_rule"], [{"sid": 2, "flows": 2, "example": "TCP 10.0.0.1 9 192.0.2.1 80"}])
        self.assertEqual([rule["sid"] for rule in compared["only_suricata_by_rule"]], [3])
        self.assertTrue(alerts.compare(ours, ours)["equal"])


class Engine:
    """Stands in for an engine: takes so many seconds, and raises these alerts."""
    kind = "none"

    def __init__(self, name, seconds, events):
        self.name, self.seconds, self.events = name, seconds, events

    def run(self, capture, rules, folder, events=False, options=()):
        pathlib.Path(folder).mkdir()
        pathlib.Path(folder, "eve.json").write_text("".join(json.dumps(event) + "\n" for event in self.events))
        return run(self.seconds)


class Races(unittest.TestCase):
    @staticmethod
    def race(engines, rules="some.rules"):
        with tempfile.TemporaryDirectory() as folder, unittest.mock.patch.object(race, "WORK", folder):
            contestants = [Engine(name, *what) for name, what in engines.items()]
            return race.Race(contestants, 1, progress.Progress(1, io.StringIO())).go("", "a.pcap", rules)

    def test_the_sensor_is_held_against_each_other_engine(self):
        against = self.race({"sekisho": (1.0, [alert(1)]), "suricata 7": (6.0, []), "suricata 8": (3.0, [alert(1)])})["sekisho_against"]
        self.assertEqual({name: beside["times_as_fast"]["packets_per_second"] for name, beside in against.items()}, {"suricata 7": 6.0, "suricata 8": 3.0})
        self.assertEqual({name: beside["alerts"]["only_sekisho"] for name, beside in against.items()}, {"suricata 7": 1, "suricata 8": 0})

    def test_without_rules_or_rivals_there_is_less_to_compare(self):
        self.assertNotIn("alerts", self.race({"sekisho": (1.0, []), "suricata 8": (3.0, [])}, None)["sekisho_against"]["suricata 8"])
        self.assertEqual(self.race({"sekisho": (1.0, [])})["sekisho_against"], {})
        self.assertEqual(self.race({"suricata 8": (1.0, [])})["sekisho_against"], {})


class Inputs(unittest.TestCase):
    def test_subsets_are_nested(self):
        chosen = dict(inputs.nested(500, [100, 10, 500, 900], 1))
        self.assertEqual({size: len(part) for size, part in chosen.items()}, {10: 10, 100: 100})
        self.assertLess(chosen[10], chosen[100])
        self.assertEqual(chosen, dict(inputs.nested(500, [10, 100], 1)))
        self.assertNotEqual(chosen, dict(inputs.nested(500, [10, 100], 2)))

    def test_comments_are_no_rules(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "some.rules")
            path.write_bytes(b"# alert\n\nalert\n  #x\n")
            self.assertEqual(list(inputs.enabled(path)), [b"alert\n"])
            self.assertEqual(inputs.count(path), 1)


class Progress(unittest.TestCase):
    def test_what_is_left(self):
        self.assertIsNone(progress.left(0, 10, 5.0))
        self.assertEqual(progress.left(2, 10, 5.0), 20.0)

    def test_a_pipe_sees_nothing_and_a_terminal_a_line(self):
        class Terminal(io.StringIO):
            def isatty(self):
                return True
        for stream, lines in ((io.StringIO(), 0), (Terminal(), 2)):
            told = progress.Progress(2, stream)
            told.step("one")
            told.step("two")
            self.assertEqual(len(stream.getvalue().splitlines()), lines)


class Shown(unittest.TestCase):
    def test_a_race_is_a_row_an_engine(self):
        result = Races.race({"sekisho": (1.0, [alert(1), alert(2)]), "suricata 7": (8.0, [alert(1)]), "suricata 8": (4.0, [alert(1), alert(3)])})
        shown = show.race_table([("mix", result)])
        self.assertTrue(all(len(row) == len(shown["columns"]) for row in shown["rows"]))
        self.assertEqual([row[-3:] for row in shown["rows"]], [["", "", ""], ["8.00 (8.00)", "1", "0"], ["4.00 (4.00)", "1", "1"]])
        self.assertEqual(len(show.text(shown).splitlines()), 4)


class Guard(unittest.TestCase):
    def test_worse_by_more_than_three_percent_fails(self):
        for now, worse, word in ((1031.0, True, "worse"), (1029.0, False, ""), (969.0, False, "keeps"), (1000.0, False, "+0.00")):
            with self.subTest(now=now):
                failed, lines = guard.judge({"rules": 1000.0}, {"rules": now})
                self.assertEqual(failed, worse)
                self.assertIn(word, lines[0])

    def test_a_figure_that_is_not_committed_fails(self):
        self.assertTrue(guard.judge({}, {"rules": 1.0})[0])

    def test_figures_come_back_as_written(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "figures.toml")
            written = {"reason": 'a "quoted" \\ reason', "valgrind": "3.19.0", "dev": {"plain": 1.5, "rules": 2.0}}
            guard.write(written, path)
            self.assertEqual(guard.read(path), written)

    def test_captures_are_joined_a_day_apart(self):
        joined = guard.join([[(100, 5, 60, b"a" * 60), (130, 0, 60, b"b" * 60)], [(7, 0, 99, b"c")]])
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "joined.pcap")
            path.write_bytes(joined)
            frames = guard.frames_of(path)
            self.assertEqual([frame[3] for frame in frames], [b"a" * 60, b"b" * 60, b"c"])
            self.assertEqual(frames[2][0] - frames[1][0], guard.DAY)
            self.assertEqual(frames[2][2], 99)
            path.write_bytes(joined[:-1])
            self.assertIsNone(guard.frames_of(path), "cut off")
            path.write_bytes(joined[:20] + struct.pack("<I", 101) + joined[24:])
            self.assertIsNone(guard.frames_of(path), "no Ethernet")

    def test_rules_are_numbered_anew(self):
        rules = guard.renumber(["# a\nalert tcp any any -> any any (sid:77; rev:2;)\n", "alert udp any any -> any any ( \\\n   sid:77;)\nalert ip any any -> any any (dataset:set,x; sid:1;)"])
        self.assertEqual(rules, ["alert tcp any any -> any any (sid:1; rev:2;)", "alert udp any any -> any any ( sid:2;)"])


if __name__ == "__main__":
    unittest.main()
