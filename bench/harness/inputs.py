"""Captures, rules and binaries: made or unpacked once, and kept in bench/work."""
import hashlib
import json
import os
import pathlib
import platform
import random
import subprocess

from . import ROOT, WORK, fail

# The seed of all random choices here: the same inputs on each machine.
SEED = 1


def parity():
    """The lent material: beside the project, or one folder further up."""
    for up in ("..", "../.."):
        place = (ROOT / up / "shared" / "parity").resolve()
        if place.exists():
            return place
    return None


def target_dir():
    if os.environ.get("CARGO_TARGET_DIR"):
        return pathlib.Path(os.environ["CARGO_TARGET_DIR"])
    said = subprocess.run(["cargo", "metadata", "--no-deps", "--format-version", "1", "--offline"], cwd=ROOT, capture_output=True, text=True)
    return pathlib.Path(json.loads(said.stdout)["target_directory"]) if said.returncode == 0 else ROOT / "target"


def build(*packages):
    """Builds the release binaries; returns their folder."""
    arguments = [argument for package in packages for argument in ("-p", package)]
    if subprocess.run(["cargo", "build", "--release", "--locked", "--quiet", *arguments], cwd=ROOT).returncode:
        fail("the release build failed; deploy/install-packages build installs what it needs")
    return target_dir() / "release"


def unpack(packed):
    """A file of the lent material, unpacked."""
    to = WORK / packed.with_suffix("").name
    if not to.exists():
        part = to.with_suffix(".part")
        if subprocess.run(["zstd", "-q", "-f", "-d", "--long=27", packed, "-o", part]).returncode:
            fail(f"{packed} cannot be unpacked; is zstd installed?")
        part.rename(to)
    return to


class Inputs:
    """Where each capture and each set of rules comes from."""

    def __init__(self, bench, capture=None, rules=None, quick=False):
        self.bench, self.given_capture, self.given_rules, self.quick = bench, capture, rules, quick
        self.lent = parity()
        WORK.mkdir(exist_ok=True)

    def tool(self, *arguments, core=None):
        """What the project's own tool says; pinned to `core` if one is named."""
        pinned = [] if core is None else ["taskset", "-c", str(core)]
        done = subprocess.run([*pinned, str(self.bench), *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if done.returncode:
            fail(f"{self.bench} {' '.join(map(str, arguments))}: {done.stderr.strip()}")
        return json.loads(done.stdout)

    def generated(self, name, *options):
        """A capture of our own generator, in bench/work under its options' names."""
        return self._made(f"generated-{name}.pcap", lambda part: self.tool("generate", part, "--seed", SEED, *options))

    def _made(self, name, make):
        path = WORK / name
        if not path.exists():
            part = path.with_suffix(".part")
            make(part)
            part.rename(path)
        return path

    def mix(self, times):
        """The office mix, `times` times over, each with addresses of its own; without it, or with --quick, office traffic of our own."""
        if self.given_capture:
            return self.given_capture
        packed = self.lent and self.lent / "mix.pcap.zst"
        if self.quick or not packed:
            return self.traffic("office", 10_000_000 if self.quick else 400_000_000)
        return self._made(f"mix-x{times}.pcap", lambda part: self.tool("replicate", packed, part, "--times", times))

    def traffic(self, mix, size_bytes):
        """Conversations of our generator, up to so many bytes; one segment in a hundred is lost and one comes late."""
        return self.generated(f"{mix}-{size_bytes}", "--mix", mix, "--bytes", size_bytes, "--loss", 0.01, "--reorder", 0.01)

    def captures(self):
        """Captures by what is in them, for the protocol mix: (name, path)."""
        size_bytes = 3_000_000 if self.quick else 100_000_000
        yield from ((mix, self.traffic(mix, size_bytes)) for mix in ("office", "web", "tls", "dns", "smb", "mail", "bulk", "short"))
        if self.lent and not self.quick:
            for name in ("mix", "synth", "near"):
                yield f"lent: {name}", unpack(self.lent / f"{name}.pcap.zst")

    def rules(self):
        """All the rules: those given, ET Open where it is lent (1,000 of them with --quick), else those that ship with the sensor."""
        if self.given_rules:
            return self.given_rules
        if self.lent:
            whole = unpack(self.lent / "et-open.rules.zst")
            return dict(self._parts(whole, [1_000]))[1_000] if self.quick else whole
        together = WORK / "shipped.rules"
        together.write_bytes(b"".join(path.read_bytes() for path in sorted((ROOT / "signatures" / "rules").glob("*.rules"))))
        return together

    @staticmethod
    def _parts(whole, sizes):
        for size, chosen in nested(count(whole), sizes, SEED):
            path = WORK / f"{whole.stem}-{size}.rules"
            with open(path, "wb") as part:
                part.writelines(rule for number, rule in enumerate(enabled(whole)) if number in chosen)
            yield size, path

    def subsets(self, sizes):
        """(number of rules, file) from none to all: the sizes that are smaller than all rules, each a part of the next."""
        whole = self.rules()
        yield 0, None
        yield from self._parts(whole, sizes)
        yield count(whole), whole


def enabled(path):
    """The lines of a file that are rules, one after the other: a process that starts another lends it the most memory it ever had, as far as the
    kernel's accounts go, so this one stays small."""
    with open(path, "rb") as lines:
        yield from (line for line in lines if line.strip() and not line.lstrip().startswith(b"#"))


def count(path):
    """How many rules a file has."""
    return sum(1 for _ in enabled(path))


def nested(rules, sizes, seed):
    """(size, numbers of the rules) for each size that is less than all `rules`: chosen by the seed, each choice within the next larger one."""
    order = list(range(rules))
    random.Random(seed).shuffle(order)
    for size in sorted(size for size in sizes if size < rules):
        yield size, set(order[:size])


def machine():
    cpu = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.machine())
    memory = next((int(line.split()[1]) * 1024 for line in open("/proc/meminfo") if line.startswith("MemTotal")), 0)
    return {"cpu": cpu, "cores": os.cpu_count(), "memory_bytes": memory, "kernel": platform.release(), "load_average": os.getloadavg()[0]}


def commit(given=None):
    """The last commit that changed the engine; `+changes` if it was changed since. Of a binary that was given, its SHA-256: nothing else is known of it."""
    if given:
        with open(given, "rb") as file:
            return f"binary {hashlib.file_digest(file, 'sha256').hexdigest()[:16]}"
    def git(*arguments):
        return subprocess.run(["git", "-C", ROOT, *arguments, "--", "sensor", "signatures"], capture_output=True, text=True).stdout.strip()
    return git("log", "-1", "--format=%h", "--abbrev=12") + ("+changes" if git("status", "--porcelain") else "")
