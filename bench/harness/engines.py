"""The two engines: each reads a capture with some rules and says what it took."""
import json
import os
import pathlib
import re
import subprocess
import sys

from . import BENCH, alerts, fail


def timed(command, log, stderr, environment=None):
    """Runs it; returns what the kernel says that the process cost."""
    with open(log, "wb") as out:
        start = os.times().elapsed
        process = subprocess.Popen(list(map(str, command)), stdout=out, stderr=stderr, env={**os.environ, **(environment or {})})
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        print(pathlib.Path(log).read_text(errors="replace")[-2000:], file=sys.stderr)
        fail(f"{' '.join(map(str, command))} ended with {process.returncode}")
    return {"process_seconds": os.times().elapsed - start, "cpu_seconds": usage.ru_utime + usage.ru_stime,
            "max_rss_bytes": usage.ru_maxrss * 1024}


def lines(path):
    try:
        with open(path, "rb") as file:
            return sum(1 for _ in file)
    except FileNotFoundError:
        return 0


class Sekisho:
    """The sensor. `--set` options can be added to a run."""
    name = kind = "sekisho"
    caches = True

    def __init__(self, binary, core):
        self.binary, self.core = binary, core

    def version(self):
        return subprocess.run([self.binary, "--version"], capture_output=True, text=True).stdout.strip()

    def cache(self, folder):
        """Options for a run that keeps compiled rules in this folder."""
        return ("--set", f'rules.cache="{folder}"')

    def run(self, capture, rules, folder, events=False, options=()):
        # Without --output no event is written.
        what = ["--rules", rules, "--output", folder] if rules else []
        if rules and not events:
            what += ["--set", "eve.types=alert"]
        command = [self.binary, "pcap", capture, "--checksums", "ignore", "--summary", "json", *what, *options]
        cost = timed(["taskset", "-c", self.core, *command], f"{folder}.log", subprocess.DEVNULL)
        summary = read_json(f"{folder}.log")
        return cost | {
            "run_seconds": summary["run_seconds"], "load_seconds": summary["load_seconds"], "ready_rss_bytes": summary["ready_rss_bytes"], "packets": summary["packets"],
            "bytes": summary["bytes"], "alerts": summary["alerts"], "rules_loaded": summary["rules"]["loaded"],
        }


class Suricata:
    """One of Debian's, or one that is given with its own configuration."""
    kind = "suricata"

    def __init__(self, core, number, binary=None, configuration=None):
        """`number` is which of Debian's, as `bench/suricata` knows it."""
        self.core, self.number = core, str(number)
        self.name = "suricata" if binary else f"suricata {number}"
        # Whether it keeps compiled rules from one start to the next.
        self.caches = not binary and int(number) >= 8
        self.environment = {"SURICATA": str(binary), "SURICATA_YAML": str(configuration)} if binary else {}

    def fetch(self):
        """Unpacks Debian's, if that is the one; returns its version."""
        done = subprocess.run([BENCH / "suricata", "fetch", "--version", self.number], stdout=subprocess.PIPE, text=True, env={**os.environ, **self.environment})
        if done.returncode:
            fail("there is no Suricata to compare with; --engine sekisho measures without it")
        return done.stdout.strip().splitlines()[-1]

    def cache(self, folder):
        """Options for a run that keeps compiled rules in this folder."""
        return ("--set", f"detect.sgh-mpm-caching-path={folder}") if self.caches else ()

    def run(self, capture, rules, folder, events=False, options=()):
        command = [BENCH / "suricata", "run", "--version", self.number, capture, folder, *([rules] if rules else []), *(["--", *options] if options else [])]
        environment = self.environment | {"EVENTS": "all" if events else "alerts"}
        cost = timed(["taskset", "-c", self.core, *command], f"{folder}.log", subprocess.STDOUT, environment)
        log = pathlib.Path(folder, "suricata.log").read_text()
        elapsed = re.search(r"time elapsed ([0-9.]+)s", log)
        read = re.search(r"read \d+ files?, (\d+) packets, (\d+) bytes", log)
        if not elapsed or not read:
            fail(f"{folder}/suricata.log does not say how long it took")
        loaded = re.search(r"(\d+) rules successfully loaded", log)
        return cost | {
            "run_seconds": float(elapsed[1]), "load_seconds": cost["process_seconds"] - float(elapsed[1]), "packets": int(read[1]),
            "bytes": int(read[2]), "alerts": lines(f"{folder}/eve.json"), "rules_loaded": int(loaded[1]) if loaded else 0,
        }


def suricatas(core, versions, binary=None, configuration=None):
    """The Suricatas to race against: one that is given, or of Debian's the versions `7`, `8` or `both`."""
    if binary:
        return [Suricata(core, 0, binary, configuration)]
    return [Suricata(core, number) for number in ((7, 8) if versions == "both" else (versions,))]


def found(folder):
    """What a run alerted on."""
    return alerts.read(f"{folder}/eve.json")


def read_json(path):
    return json.loads(pathlib.Path(path).read_text())
