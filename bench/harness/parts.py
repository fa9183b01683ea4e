"""The parts of bench/run. Each says how many steps it takes, measures, and returns its figures with the plots and tables that show them."""
import os
import subprocess
import tempfile

from . import BENCH, WORK, figures, inputs
from .show import bars, line, race_table, table

MEGA, GIGA = 1e6, 1e9


class Part:
    """One thing to measure. `self.run` is the whole run: its inputs, race, progress and options."""
    name = title = method = ""

    def __init__(self, run):
        self.run = run

    def races(self):
        """How many races it holds."""
        return 0

    def steps(self):
        return self.races() * self.run.race.steps()

    def tool(self, label, *arguments):
        """One call of the project's own tool, pinned by itself where it pins."""
        self.run.progress.step(label)
        return self.run.inputs.tool(*arguments)

    def pinned(self, label, *arguments):
        """One call of the project's own tool, pinned as the engines are."""
        self.run.progress.step(label)
        return self.run.inputs.tool(*arguments, core=self.run.options.core)

    def series(self, results, by, key="packets_per_second", unit=MEGA):
        """One line per engine over what was varied."""
        names = [engine.name for engine in self.run.race.contestants]
        return [(name, [(x, result["engines"][name][key] / unit) for x, result in zip(by, results)]) for name in names]


class Compare(Part):
    name, title = "compare", "Side by side"
    method = ("The engines read the same capture from the page cache on one worker, pinned to one processor with all their threads, in turns. Without "
              "rules Suricata runs with --disable-detection; `events` writes every event that each engine writes as it is installed.")
    modes = (("plain", "no rules, no events"), ("rules", "all rules, alerts only"), ("events", "all rules, every event"))

    def races(self):
        return len(self.modes)

    def measure(self):
        capture, rules = self.run.inputs.mix(5), self.run.inputs.rules()
        results = {mode: self.run.race.go(what, capture, None if mode == "plain" else rules, mode == "events") for mode, what in self.modes}
        return {"capture": capture.name, "rules": rules.name, "modes": results}, [], [race_table([(what, results[mode]) for mode, what in self.modes])]


class Rulesets(Part):
    name, title = "rulesets", "By number of rules"
    method = "Rules are drawn from all of them by a seed, each choice within the next larger one. Alerts only."
    sizes = (100, 1_000, 10_000)

    def races(self):
        return 2 + sum(size < self.total() for size in self.sizes)

    def total(self):
        return inputs.count(self.run.inputs.rules())

    def measure(self):
        capture = self.run.inputs.mix(5)
        sizes, results = [], []
        for size, rules in self.run.inputs.subsets(self.sizes):
            sizes.append(size)
            results.append(self.run.race.go(f"{size:,} rules", capture, rules))
        ours = [result["engines"]["sekisho"]["packets_per_second"] for result in results if "sekisho" in result["engines"]]
        lost = {"loss_percent_from_fewest_rules_to_all": figures.loss_percent(ours[1], ours[-1])} if len(ours) > 2 else {}
        plots = [line("Throughput by number of rules", "rules", "Mpps", self.series(results[1:], sizes[1:]), log_x=True)]
        return ({"capture": capture.name, "sizes": dict(zip(map(str, sizes), results)), **lost}, plots,
                [race_table([(f"{size:,} rules", result) for size, result in zip(sizes, results)])])


class Frames(Part):
    name, title = "frames", "By frame size"
    method = "Generated TCP and UDP flows that take turns, all data frames of one size, payload of noise; all rules, alerts only."
    sizes = (64, 128, 256, 512, 1024, 1514)

    def races(self):
        return len(self.sizes)

    def measure(self):
        packets = 30_000 if self.run.options.quick else 300_000
        results = []
        for size in self.sizes:
            capture = self.run.inputs.generated(f"frames-{size}-{packets}", "--mix", "uniform", "--concurrent", 1000, "--packets", packets, "--frame-size", size)
            results.append(self.run.race.go(f"frames of {size} B", capture, self.run.inputs.rules()))
        plots = [line("Throughput by frame size", "bytes a frame", "Gbit/s", self.series(results, self.sizes, "bits_per_second", GIGA)),
                 line("Packets by frame size", "bytes a frame", "Mpps", self.series(results, self.sizes))]
        return dict(zip(map(str, self.sizes), results)), plots, [race_table([(f"{size} B", result) for size, result in zip(self.sizes, results)])]


class Larger(Part):
    name, title = "larger", "Larger frames, and TLS"
    method = ("Generated traffic of an office: as it is; with so many short flows that frames have 552 B in the mean; and three flows in four TLS. All rules, alerts only. "
              "`of the ratio on the mix` says how much of what the sensor is faster on the mix it is faster here: from 1.00 on it is no less.")
    mixes = (("office", "office"), ("office and short flows", "office=1,dns=15,short=5"), ("TLS, three in four", "tls=3,office=1"))

    def races(self):
        return 1 + len(self.mixes)

    def measure(self):
        race, inputs_, size_bytes = self.run.race, self.run.inputs, 3_000_000 if self.run.options.quick else 200_000_000
        captures = [("the mix", inputs_.mix(5)), *((what, inputs_.traffic(mix, size_bytes)) for what, mix in self.mixes)]
        results = [(what, race.go(what, capture, inputs_.rules())) for what, capture in captures]
        shares = {what: figures.shares(result["sekisho_against"], results[0][1]["sekisho_against"]) for what, result in results}
        rows = []
        for what, result in results:
            packets = next(iter(result["engines"].values()))
            rows += [[what, rival, f"{packets['bytes'] / packets['packets']:.0f}", f"{share['packets_per_second']:.2f}", f"{share['cpu_seconds']:.2f}"]
                     for rival, share in shares[what].items()]
        return {"captures": dict(results), "share_of_ratio_on_mix": shares}, [], [
            race_table(results), table(["", "against", "bytes a frame", "of the ratio on the mix", "by processor time"], rows)]


class Flows(Part):
    name, title = "flows", "By number of live flows"
    method = ("TCP flows that are all open and take strict turns, the order that is worst for caches; all rules. From memory: the sensor's worker alone, fed "
              "with chunks of traffic as it is made, only the worker's time counted, handshakes and data apart. Whole captures: the engines over "
              "a capture of the same kind, handshakes included, with memory caps that no flow reaches.")
    ours = ("--set", "flow.memcap_bytes=1500000000", "--set", "stream.memcap_bytes=4000000000")
    theirs = ("--set", "flow.memcap=4gb", "--set", "flow.hash-size=1048576", "--set", "flow.prealloc=100000", "--set", "stream.memcap=4gb",
              "--set", "stream.reassembly.memcap=4gb", "--set", "flow.managers=1")

    def counts(self):
        return (100, 1_000, 10_000) if self.run.options.quick else (1_000, 10_000, 100_000, 1_000_000)

    def races(self):
        return len(self.counts())

    def steps(self):
        return super().steps() + len(self.counts()) * self.run.options.runs

    def measure(self):
        counts, rules = self.counts(), self.run.inputs.rules()
        packets = 100_000 if self.run.options.quick else 4_000_000
        memory, races = [], []
        for count in counts:
            runs = [self.pinned(f"{count:,} live flows from memory", "flows", count, "--packets", packets, "--frame-size", 512, "--rules", rules, *self.ours)
                    for _ in range(self.run.options.runs)]
            middle = sorted(runs, key=lambda run: run["packets_per_second"])[len(runs) // 2]
            memory.append(middle | {"spread": figures.spread([run["packets_per_second"] for run in runs])})
        for count in counts:
            frames = 3 * count + packets // 4
            capture = self.run.inputs.generated(f"flows-{count}-{frames}", "--mix", "uniform", "--concurrent", count, "--packets", frames, "--frame-size", 256,
                                                "--udp-share", 0, "--leave-open", "--rate", 1_000_000)
            races.append(self.run.race.go(f"{count:,} live flows", capture, rules, options={"sekisho": self.ours, "suricata": self.theirs}))
        lost = figures.loss_percent(memory[0]["packets_per_second"], memory[-1]["packets_per_second"])
        plots = [line("Data frames with so many flows alive, from memory", "flows", "Mpps",
                      [("sekisho", [(m["flows"], m["packets_per_second"] / MEGA) for m in memory])], log_x=True),
                 line("Memory by live flows", "flows", "MB resident", [("sekisho, from memory", [(m["flows"], m["rss_bytes"] / MEGA) for m in memory]),
                                                             *self.series(races, counts, "max_rss_bytes")], log_x=True),
                 line("Whole captures, handshakes included", "flows", "Mpps", self.series(races, counts), log_x=True)]
        rows = [[f"{m['flows']:,}", f"{m['packets_per_second'] / MEGA:.2f}", f"{m['setup_packets_per_second'] / MEGA:.2f}", f"{m['rss_bytes'] / MEGA:.0f}",
                 f"{(m['rss_bytes'] - m['ready_rss_bytes']) / m['flows']:.0f}", f"{m['evicted']:,}"] for m in memory]
        return ({"from_memory": memory, "captures": dict(zip(map(str, counts), races)), "loss_percent_from_fewest_flows_to_most": lost}, plots,
                [table(["flows alive", "data, Mpps", "handshakes, Mpps", "MB resident", "bytes a flow", "evicted"], rows),
                 race_table([(f"{count:,} flows", result) for count, result in zip(counts, races)])])


class Protocols(Part):
    name, title = "protocols", "By protocol mix"
    method = "Captures of different contents; all rules, alerts only."

    def __init__(self, run):
        super().__init__(run)
        self.captures = None

    def list(self):
        self.captures = self.captures or list(self.run.inputs.captures())
        return self.captures

    def races(self):
        return len(self.list())

    def measure(self):
        results = [(name, self.run.race.go(name, capture, self.run.inputs.rules())) for name, capture in self.list()]
        names = [engine.name for engine in self.run.race.contestants]
        plots = [bars("Throughput by protocol mix", "Gbit/s", [(f"{name}, {engine}", result["engines"][engine]["bits_per_second"] / GIGA)
                                                               for name, result in results for engine in names])]
        return dict(results), plots, [race_table(results)]


class Workers(Part):
    name, title = "workers", "By number of workers"
    method = ("The capture is read into memory, its flows shared out by a symmetric RSS hash over addresses and ports; each worker is pinned to a processor of its "
              "own and goes through its part again and again until the time is up. All rules, no events.")

    def steps(self):
        return 1

    def measure(self):
        capture = self.run.inputs.mix(1 if self.run.options.quick else 5)
        seconds, runs = (0.3, 1) if self.run.options.quick else (5, 3)
        figures_ = self.tool("workers, from memory", "scaling", capture, "--rules", self.run.inputs.rules(), "--seconds", seconds, "--runs", runs)
        points = figures_["points"]
        one = points[0]["packets_per_second"] / points[0]["workers"] / MEGA
        plots = [line("Throughput by workers", "workers", "Mpps", [("sekisho", [(p["workers"], p["packets_per_second"] / MEGA) for p in points]),
                                                                  ("linear", [(p["workers"], p["workers"] * one) for p in points])])]
        rows = [[p["workers"], f"{p['packets_per_second'] / MEGA:.2f}", f"{p['bits_per_second'] / GIGA:.2f}", f"{p['linear']:.2f}", f"{100 * p['largest_share']:.0f} %"]
                for p in points]
        return figures_ | {"capture": capture.name}, plots, [table(["workers", "Mpps", "Gbit/s", "× linear", "largest part of the capture"], rows)]


class Stages(Part):
    name, title = "stages", "Where the time goes, and the ceilings"
    method = ("Each stage does all that the one before it does and one thing more, over the same frames in memory; what it adds is the difference. No clock is read "
              "while frames go by. `read` is the capture file alone, from the page cache; `hyperscan` one database of all rules' fast "
              "patterns of four bytes and more over each packet's payload alone: neither is part of the sum.")

    def steps(self):
        return 1

    def measure(self):
        capture = self.run.inputs.mix(1 if self.run.options.quick else 5)
        measured = self.pinned("stages", "stages", capture, "--rules", self.run.inputs.rules(), "--passes", 1 if self.run.options.quick else 5)
        stages = {stage["stage"]: stage for stage in measured["stages"]}
        way = [stages[name] for name in ("decode", "flow", "stream", "protocols", "detect", "events")]
        added = figures.costs(way)
        plots = [bars("Nanoseconds a packet, by what adds them", "ns", added),
                 bars("Packets a second up to each stage", "Mpps", [(s["stage"], s["packets_per_second"] / MEGA) for s in measured["stages"]])]
        cost = dict(added)
        rows = [[s["stage"], f"{s['packets_per_second'] / MEGA:.2f}", f"{s['bits_per_second'] / GIGA:.2f}", f"{s['nanoseconds_per_packet']:.0f}",
                 f"{cost[s['stage']]:.0f}" if s["stage"] in cost else "", f"{s['found']:,}"] for s in measured["stages"]]
        return measured | {"capture": capture.name, "added_nanoseconds_per_packet": cost}, plots, [
            table(["stage", "Mpps", "Gbit/s", "ns a packet", "of it added", "patterns or alerts"], rows)]


class Load(Part):
    name, title = "load", "Load and reload"
    method = ("From the start of the process until all rules are ready, on all processors, over a capture of a few packets. Cold: the sensor's cache of compiled rules "
              "is empty; so it is of Suricata 8, while 7 keeps none. Suricata: the time of the whole process. `MB when ready` is what is resident when the last rule is. A reload needs root (network namespaces, a live sensor under load; bench/reload).")

    def steps(self):
        return self.run.options.runs * sum(len(self.kinds(engine)) for engine in self.run.race.contestants) + 1

    @staticmethod
    def kinds(engine):
        return ("cold", "warm") if engine.caches else ("keeps nothing",)

    def measure(self):
        rules = self.run.inputs.rules()
        capture = self.run.inputs.generated("few", "--flows", 10)
        results = {}
        cores = f"0-{os.cpu_count() - 1}"
        for engine in self.run.race.contestants:
            for kind in self.kinds(engine):
                results[f"{engine.name}, {kind}"] = self.load(engine, kind, capture, rules, cores)
        reload_seconds = self.reload(rules)
        rows = [[name, f"{r['seconds']['median']:.2f}", f"{r['seconds']['least']:.2f}–{r['seconds']['most']:.2f}", f"{r['ready_rss_bytes'] / MEGA:.0f}" if r["ready_rss_bytes"] else "",
                 f"{r['max_rss_bytes'] / MEGA:.0f}"] for name, r in results.items()]
        tables = [table(["engine", "seconds", "least–most", "MB when ready", "MB at most"], rows)]
        if reload_seconds:
            tables.append(table(["bench/reload says", ""], [line.strip().split("  ", 1) for line in reload_seconds if "  " in line.strip()]))
        return {"start": results, "reload": reload_seconds}, [], tables

    def load(self, engine, kind, capture, rules, cores):
        pinned, engine.core = engine.core, cores
        runs = []
        with tempfile.TemporaryDirectory(dir=WORK) as folder:
            for number in range(self.run.options.runs):
                self.run.progress.step(f"loading: {engine.name}, {kind}")
                cache = f"{folder}/cache-{number if kind == 'cold' else 0}"
                os.makedirs(cache, exist_ok=True)
                options = engine.cache(cache)
                if kind == "warm" and number == 0:
                    engine.run(capture, rules, f"{folder}/out", options=options)
                runs.append(engine.run(capture, rules, f"{folder}/out", options=options))
        engine.core = pinned
        return {"seconds": figures.spread([run["load_seconds" if engine.name == "sekisho" else "process_seconds"] for run in runs]),
                "ready_rss_bytes": max(run.get("ready_rss_bytes", 0) for run in runs),
                "max_rss_bytes": max(run["max_rss_bytes"] for run in runs)}

    def reload(self, rules):
        """The lines of bench/reload, with one more if it did not end well; nothing where it cannot run at all."""
        self.run.progress.step("reload under load")
        options = self.run.options
        if options.quick or os.geteuid() != 0 or not options.sekisho:
            return None
        environment = {**os.environ, "SEKISHO": str(options.sekisho), "SEKISHO_BENCH": str(self.run.inputs.bench), "RULES": str(rules)}
        # On a machine that is busy with other things a reload can starve: it has the least priority of all.
        done = subprocess.run(["timeout", "--kill-after", "10", "180", BENCH / "reload"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
        said = [line.strip() for line in done.stdout.splitlines()]
        if done.returncode:
            why = "no end within 180 s" if done.returncode in (124, 137) else done.stderr.strip().rpartition("\n")[2]
            said.append(f"FAILED with {done.returncode}  {why}")
        return said


ALL = (Compare, Rulesets, Frames, Larger, Flows, Protocols, Workers, Stages, Load)
