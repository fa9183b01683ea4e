"""The guard's traffic and rules, its figures, and how they are compared."""
import collections
import gzip
import json
import os
import pathlib
import re
import struct
import subprocess
import sys
import tempfile
import tomllib

from . import BENCH, ROOT, fail

FOLDER = BENCH / "guard.d"
CAPTURE, RULES, FIGURES = FOLDER / "capture.pcap.gz", FOLDER / "guard.rules", BENCH / "instructions.toml"
# By scenario: the stage of `sekisho-bench stages`, and what it runs with.
SCENARIOS = {"plain": "protocols", "rules": "detect", "events": "events"}
# What is counted: the packet path from the first frame to the end of the last flow, and the making of events by the thread that writes them.
COUNTED = ("sekisho_bench::stages::feed*", "*EveEncoder*::encode", "*EveEncoder*::encode::h*")
TOLERANCE_PERCENT = 3
# Of the capture's cases, these are left out: large, for what they show.
LEFT_OUT = ("yara-mail", "yara-smb-copy", "yara-web")
DAY = 86_400
# A rule that alerts more often on the capture is left out: such rules are no traffic's work, and would outweigh all else.
MOST_ALERTS = 30


def frames_of(path):
    """(seconds, microseconds, wire length, bytes) of a classic capture of Ethernet frames; None if it is anything else, or damaged."""
    data = path.read_bytes()
    if len(data) < 24 or struct.unpack_from("<I", data)[0] not in (0xA1B2C3D4, 0xA1B23C4D) or struct.unpack_from("<I", data, 20)[0] != 1:
        return None
    nano, at, frames = struct.unpack_from("<I", data)[0] == 0xA1B23C4D, 24, []
    while at + 16 <= len(data):
        seconds, part, held, wire = struct.unpack_from("<IIII", data, at)
        at += 16
        if at + held > len(data):
            return None
        frames.append((seconds, part // 1000 if nano else part, wire, data[at:at + held]))
        at += held
    return frames


def join(captures):
    """One capture of all of them, each a day after the one before, so that no flow of one goes on in the next."""
    out = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1)]
    start = 1_767_225_600
    for frames in captures:
        first = min(seconds for seconds, *_ in frames)
        for seconds, micros, wire, data in frames:
            out.append(struct.pack("<IIII", start + seconds - first, micros, len(data), wire) + data)
        start += max(seconds for seconds, *_ in frames) - first + DAY
    return b"".join(out)


def renumber(texts):
    """All rules of these texts, numbered from 1; what refers to a file or to a variable of a configuration is left out."""
    rules = []
    for text in texts:
        for rule in re.sub(r"\\\n\s*", "", text).splitlines():
            if rule.strip() and not rule.lstrip().startswith("#") and not re.search(r"dataset|datarep|iprep|filesha|filemd5|geoip|\$WATCHED", rule):
                rules.append(re.sub(r"\bsid: *\d+", f"sid:{len(rules) + 1}", rule.strip()))
    return rules


def quiet(rules, bench):
    """The rules that do not alert too often on the capture, numbered as they are."""
    with tempfile.TemporaryDirectory() as folder:
        text = pathlib.Path(folder, "all.rules")
        text.write_text("\n".join(rules) + "\n")
        command = [bench.with_name("sekisho"), "pcap", CAPTURE, "--checksums", "ignore", "--rules", text, "--output", folder, "--set", "eve.types=alert"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        alerts = collections.Counter(json.loads(line)["alert"]["signature_id"] for line in pathlib.Path(folder, "eve.json").open() if '"alert"' in line)
    return [rule for sid, rule in enumerate(rules, 1) if alerts[sid] <= MOST_ALERTS]


def make(bench):
    """Makes capture and rules anew, from the cases under tests/ and the generator."""
    FOLDER.mkdir(exist_ok=True)
    captures, rules = [], []
    with tempfile.TemporaryDirectory() as folder:
        made = pathlib.Path(folder, "case.pcap")
        for script in sorted(ROOT.glob("tests/cases/*/make.py")):
            if script.parent.name in LEFT_OUT:
                continue
            environment = {**os.environ, "PYTHONPATH": str(ROOT / "tests" / "cases"), "PYTHONDONTWRITEBYTECODE": "1"}
            subprocess.run([sys.executable, script, made], check=True, cwd=folder, env=environment)
            frames = frames_of(made)
            if frames:
                captures.append(frames)
                rules += [path.read_text() for path in sorted(script.parent.glob("*.rules"))]
        office = pathlib.Path(folder, "office.pcap")
        subprocess.run([bench, "generate", office, "--mix", "office", "--bytes", "130000", "--concurrent", "20", "--loss", "0.01", "--reorder", "0.01"], check=True, stdout=subprocess.DEVNULL)
        captures.append(frames_of(office))
    rules += [path.read_text() for path in sorted((ROOT / "signatures" / "rules").glob("*.rules"))]
    CAPTURE.write_bytes(gzip.compress(join(captures), mtime=0))
    RULES.write_text("# Made by `bench/guard --make` from the rules of the cases under tests/ and those that ship: see README.md.\n" + "\n".join(quiet(renumber(rules), bench)) + "\n")


def count(bench, scenario):
    """Instructions and packets of one scenario."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={folder}/out", *(f"--toggle-collect={name}" for name in COUNTED),
                   bench, "stages", CAPTURE, "--passes", "0", "--stage", SCENARIOS[scenario], "--set", "rules.cache=false",
                   *(() if scenario == "plain" else ("--rules", RULES))]
        done = subprocess.run(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "RUST_LOG": "error"})
        collected = re.search(r"Collected *: *(\d+)", done.stderr)
        packets = re.search(r'"packets":(\d+)', done.stdout)
        if done.returncode or not collected or not packets or int(collected[1]) == 0:
            fail(f"{' '.join(map(str, command))} counted nothing:\n{done.stderr[-1500:]}")
    return int(collected[1]), int(packets[1])


def versions():
    """What the count depends on beside the sensor."""
    valgrind = subprocess.run(["valgrind", "--version"], capture_output=True, text=True).stdout.strip()
    library = subprocess.run(["pkg-config", "--modversion", "libhs"], capture_output=True, text=True).stdout.strip()
    return {"valgrind": valgrind.removeprefix("valgrind-"), "hyperscan": library}


def read(path=FIGURES):
    """The committed figures."""
    return tomllib.loads(path.read_text()) if path.exists() else {}


def write(figures, path=FIGURES):
    """Commits figures: {"reason", "valgrind", "hyperscan", PROFILE: {SCENARIO: instructions a packet}}."""
    def quoted(text):
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    lines = ["# Instructions a packet on the packet path, over bench/guard.d; measured and written by `bench/guard --commit REASON`.",
             "# bench/guard fails when a figure gets more than 3 % worse. `reason` says why the figures changed last.",
             *(f"{key} = {quoted(value)}" for key, value in figures.items() if isinstance(value, str))]
    for key, scenarios in figures.items():
        if isinstance(scenarios, dict):
            lines += ["", f"[{key}]", *(f"{name} = {value}" for name, value in scenarios.items())]
    path.write_text("\n".join(lines) + "\n")


def judge(committed, measured):
    """(worse, lines to show): each scenario against its committed figure. One that was not committed yet is worse."""
    worse, lines = False, []
    for scenario, now in measured.items():
        before = committed.get(scenario)
        if before is None:
            worse = True
            lines.append(f"{scenario}: {now:,.0f} instructions a packet; no figure is committed: bench/guard --commit REASON")
            continue
        change = 100 * (now / before - 1)
        line = f"{scenario}: {now:,.0f} instructions a packet, committed {before:,.0f}, {change:+.2f} %"
        if change > TOLERANCE_PERCENT:
            worse = True
            line += f"; more than {TOLERANCE_PERCENT} % worse: mend it, or bench/guard --commit REASON says why it must be"
        elif change < -TOLERANCE_PERCENT:
            line += "; better: bench/guard --commit REASON keeps it so"
        lines.append(line)
    return worse, lines
