"""A virtual machine with the sensor in it, whose NICs hang on taps of a network namespace of its own.

The machine runs under QEMU's TCG, which needs no privilege of the host's and boots everywhere; it is slow (about as a
tenth of the host), so nothing here measures speed. The guest's program (init) runs commands that come over a serial port.
Whatever takes longer than it may ends the machine, and the error carries the console's last lines.
"""
import gzip
import json
import os
import pathlib
import re
import select
import shlex
import signal
import socket
import subprocess
import sys
import time

QUEUES = 4
# QEMU's names and settings of the NICs, by the driver of the guest's kernel.
DEVICES = {
    # XDP in the driver's zero-copy needs queues that can be reset one by one, and DMA addresses (the platform's IOMMU).
    "virtio_net": f"virtio-net-pci,mq=on,vectors={2 * QUEUES + 2},rss=on,hash=off,queue_reset=on,iommu_platform=on,disable-legacy=on",
    "igb": "igb",
}


class Failed(Exception):
    """Something is not as it must be."""


def must(holds, sentence):
    """Ends the job with `sentence` unless it holds."""
    if not holds:
        raise Failed(sentence)


def main(job):
    """Runs `job` with the arguments that all jobs have, and ends the process with what came of it."""

    def stop(number, _):
        # An exception, so that the machine is taken down.
        raise Failed(f"stopped by signal {number}")

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    cache, work, bench, seconds, driver = sys.argv[1:]
    try:
        job(cache, pathlib.Path(work), bench, float(seconds), driver)
    except Failed as failed:
        print(f"  FAILED: {failed}")
        sys.exit(1)


def tool(*words, inside=None, check=True):
    """Runs a program of the host, in the network namespace `inside`, and returns what it printed. For a minute at most."""
    command = ["ip", "netns", "exec", inside, *words] if inside else list(words)
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    except subprocess.TimeoutExpired:
        raise Failed(f"`{shlex.join(words)}` took more than a minute") from None
    if check and done.returncode != 0:
        raise Failed(f"`{shlex.join(words)}` failed: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


class Vm:
    """A booted machine with `nics` NICs of four queues, of the kind `driver`; a context, at whose end nothing is left of it."""

    def __init__(self, cache, work, nics, seconds, driver):
        self.cache, self.work = pathlib.Path(cache), pathlib.Path(work)
        self.nics, self.driver = nics, driver
        self.end = time.monotonic() + seconds
        self.namespace = f"sekisho-zc-{os.getpid()}"
        self.qemu = self.agent = None
        self.console = self.work / "console.log"

    def __enter__(self):
        try:
            self.boot()
        except BaseException:
            self.last_words()
            self.clean()
            raise
        return self

    def __exit__(self, kind, error, trace):
        if kind is not None:
            self.last_words()
        self.clean()

    def last_words(self):
        """Shows the end of what the kernel said: where something went wrong, it is likely there."""
        if self.console.exists():
            print("  The machine's console, at its end:")
            for line in self.console.read_text(errors="replace").splitlines()[-15:]:
                print(f"    {line.rstrip()}")

    def clean(self):
        if self.agent:
            self.agent.close()
        if self.qemu:
            self.qemu.kill()
            self.qemu.wait()
        for nic in range(self.nics):
            # The taps go with them.
            tool("ip", "netns", "del", self.inside(nic), check=False)

    def inside(self, nic):
        """The namespace of the host's end of a NIC: each has its own, so that the kernel takes no shortcut between two."""
        return self.namespace + (f"-{nic}" if nic else "")

    def tap(self, nic):
        """The host's end of a NIC."""
        return f"zc{nic}"

    def mac(self, nic):
        return f"52:54:00:00:00:{nic + 1:02x}"

    def boot(self):
        inside = self.namespace
        remove_what_was_left()
        for nic in range(self.nics):
            tool("ip", "netns", "add", self.inside(nic))
            off = [f"net.ipv6.conf.{which}.disable_ipv6=1" for which in ("all", "default")]
            tool("sysctl", "-qw", *off, inside=self.inside(nic))
        root = self.cache / "qemu"
        libraries = [root / "usr/lib/x86_64-linux-gnu", root / "lib/x86_64-linux-gnu", root / "usr/lib/x86_64-linux-gnu/pulseaudio"]
        agent = self.work / "agent.sock"
        agent.unlink(missing_ok=True)
        # A CPU for each queue: with fewer, and no queues to spare, virtio_net sends what a program forwards to a queue that is not
        # there, and the kernel dies of it (7.3).
        command = [
            root / "usr/bin/qemu-system-x86_64", "-L", root / "usr/share/qemu", "-L", root / "usr/share/seabios",
            "-machine", "q35", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", str(QUEUES), "-m", "1024", "-nodefaults", "-no-reboot",
            "-display", "none", "-kernel", self.cache / "vmlinuz", "-initrd", self.work / "initramfs",
            # A machine that has to wait for the host's CPUs must not take that for a fault of its own.
            "-append", "console=ttyS0 panic=-1 loglevel=7 mitigations=off random.trust_cpu=on nowatchdog tsc=nowatchdog "
            "rcupdate.rcu_cpu_stall_suppress=1",
            "-chardev", f"file,id=console,path={self.console}", "-serial", "chardev:console",
            "-chardev", f"socket,id=agent,path={agent},server=on,wait=off", "-serial", "chardev:agent",
        ]
        for nic in range(self.nics):
            tap = self.tap(nic)
            several = self.driver == "virtio_net"
            tool("ip", "tuntap", "add", "dev", tap, "mode", "tap", *(["multi_queue"] if several else []), inside=inside)
            tool("ip", "link", "set", "dev", tap, "txqueuelen", "20000", "arp", "off", "up", inside=inside)
            command += ["-netdev", f"tap,id=net{nic},ifname={tap},script=no,downscript=no,vhost=off" + (f",queues={QUEUES}" if several else "")]
            # Each on a bus of its own: igb's virtual functions take up the numbers of a whole one.
            command += ["-device", f"pcie-root-port,id=port{nic},chassis={nic + 1}"]
            command += ["-device", f"{DEVICES[self.driver]},bus=port{nic},netdev=net{nic},mac={self.mac(nic)},romfile="]
        environment = dict(
            os.environ, LD_LIBRARY_PATH=":".join(map(str, libraries)),
            QEMU_MODULE_DIR=str(root / "usr/lib/x86_64-linux-gnu/qemu"))
        with open(self.work / "qemu.log", "wb") as log:
            self.qemu = subprocess.Popen(
                ["ip", "netns", "exec", inside, "setpriv", "--pdeathsig", "KILL", *map(str, command)], stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment)
        self.agent = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        # The file is there before QEMU listens.
        while self.agent.connect_ex(str(agent)) != 0:
            must(self.qemu.poll() is None, "QEMU ended at once: " + (self.work / "qemu.log").read_text(errors="replace").strip())
            must(time.monotonic() < self.end, "QEMU did not start in time")
            time.sleep(0.05)
        for nic in range(1, self.nics):
            # QEMU holds it open, wherever it is.
            tool("ip", "link", "set", "dev", self.tap(nic), "netns", self.inside(nic), inside=inside)
            tool("ip", "link", "set", "dev", self.tap(nic), "up", inside=self.inside(nic))
        self.buffer = b""
        must(self.read_line() == b"ready", "the machine's first program said something odd")

    def more(self):
        """Takes what has come from the guest."""
        left = self.end - time.monotonic()
        ready = select.select([self.agent], [], [], left)[0] if left > 0 else []
        must(ready, "the machine took too long")
        data = self.agent.recv(65536)
        must(data, "the machine is gone")
        self.buffer += data

    def read_line(self):
        while b"\n" not in self.buffer:
            self.more()
        line, self.buffer = self.buffer.split(b"\n", 1)
        return line.strip()

    def run(self, command, check=True):
        """Runs a shell command in the guest and returns what it printed, errors too. Fails with that if it does."""
        self.agent.sendall(command.encode() + b"\n")
        status, length = map(int, self.read_line().split())
        while len(self.buffer) < length:
            self.more()
        said, self.buffer = gzip.decompress(self.buffer[:length]).decode(errors="replace"), self.buffer[length:]
        must(status == 0 or not check, f"in the machine, `{command}` ended with {status}: {said.strip()}")
        return said

    def until(self, holds, seconds, sentence):
        """Waits until `holds()` gives something, and returns it."""
        end = min(time.monotonic() + seconds, self.end)
        while not (result := holds()):
            must(time.monotonic() < end, sentence)
            time.sleep(0.1)
        return result

    def write(self, path, text):
        """A small file in the guest."""
        self.run(f"printf %s {shlex.quote(text.replace(chr(10), chr(1)))} | tr '\\001' '\\n' > {path}")

    def interface(self, nic):
        """The guest's name of a NIC: found by its address, for the names' order is nobody's promise."""
        for link in json.loads(self.run("ip -j link show")):
            if link["address"] == self.mac(nic):
                return link["ifname"]
        raise Failed(f"the machine has no NIC {self.mac(nic)}: did the kernel's driver load?")

    def send(self, bench, capture, nic, rate):
        """Sends a capture's frames to a NIC once; returns how many the kernel took."""
        said = tool(
            str(bench), "replay", str(capture), "--interface", self.tap(nic), "--rate", str(rate), "--rounds", "1", "--seconds", "50",
            "--method", "packet", inside=self.inside(nic))
        sent = json.loads(said)
        must(sent["refused"] == 0, f"the host's kernel refused {sent['refused']} frames")
        return sent["sent"]

    def complaints(self):
        """What the guest's kernel warns of: lines with a warning, a bug or an oops."""
        pattern = re.compile(r"WARNING:|BUG:|BUG |Oops|Call Trace|general protection|KASAN|refcount_t:")
        return [line for line in self.run("dmesg").splitlines() if pattern.search(line)]


def remove_what_was_left():
    """Removes namespaces of runs that were killed before they could: those whose process is gone."""
    for name in tool("ip", "netns", "list").split():
        if (match := re.fullmatch(r"sekisho-zc-(\d+)(-\d)?", name)) and not pathlib.Path("/proc", match[1]).exists():
            tool("ip", "netns", "del", name, check=False)
