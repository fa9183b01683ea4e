"""The sensor in the machine: started, asked, and stopped so that its accounts are closed."""
import json
import re

from vm import Failed, must

FOLDER = "/run/sensor"
CONFIG = f"""
[sensor]
name = "zero-copy"
[capture.xdp]
mode = "native"
[capture.afxdp]
zero_copy = "require"
[rules]
paths = ["{FOLDER}/zero-copy.rules"]
cache = false
[eve]
path = "{FOLDER}/eve.json"
[control]
socket = "{FOLDER}/control.sock"
"""


class Sensor:
    """One sensor at a time. `more` is added to the configuration, `arguments` to the command line."""

    def __init__(self, vm, rules, more="", arguments=""):
        self.vm = vm
        vm.run(f"mkdir -p {FOLDER}")
        vm.write(f"{FOLDER}/zero-copy.rules", rules)
        vm.write(f"{FOLDER}/sekisho.toml", CONFIG + more)
        self.arguments = arguments

    def start(self):
        """Returns its status as soon as it answers: by then it takes packets on all queues."""
        self.vm.run(
            f"cd {FOLDER} && rm -f status && (sekisho run --config sekisho.toml {self.arguments} >out 2>err & echo $! >pid; "
            "wait $!; echo $? >status) >/dev/null 2>&1 &")
        return self.vm.until(self.status, 60, "the sensor was not ready in 60 s")

    def status(self):
        """What `sekisho status` says, or None before it can. Fails if the sensor is gone."""
        said = self.vm.run(f"cd {FOLDER}; cat status 2>/dev/null || sekisho status --config sekisho.toml --format json 2>/dev/null", check=False)
        if re.fullmatch(r"\d+\n", said):
            raise Failed(f"the sensor ended with {said.strip()}: {self.words().strip()}")
        return json.loads(said) if said.startswith("{") else None

    def words(self):
        """All that it said."""
        return self.vm.run(f"cat {FOLDER}/out {FOLDER}/err")

    def metrics(self):
        """Its metrics: {(name, labels): value}, labels as a frozenset of (label, value)."""
        found = {}
        for line in self.vm.run("wget -q -O - http://127.0.0.1:9477/metrics").splitlines():
            if match := re.fullmatch(r"(\w+)(?:\{(.*)\})? (\S+)", line):
                found[match[1], frozenset(re.findall(r'(\w+)="([^"]*)"', match[2] or ""))] = float(match[3])
        return found

    def await_packets(self, count):
        """Waits until it has received so many, and returns its metrics then."""
        metrics = {}

        def there():
            metrics.update(self.metrics())
            return total(metrics, "sekisho_packets_received_total") >= count

        try:
            self.vm.until(there, 40, "")
        except Failed:
            raise Failed(f"{total(metrics, 'sekisho_packets_received_total')} packets were received in 40 s, and {count} were sent") from None
        return metrics

    def kill(self):
        """Ends it as a crash does."""
        self.vm.run(f"kill -KILL $(cat {FOLDER}/pid)")
        self.ended()

    def ended(self):
        """Waits until it has ended, and returns its exit status."""
        return self.vm.until(lambda: self.vm.run(f"cat {FOLDER}/status 2>/dev/null", check=False).strip(), 20, "the sensor did not end in 20 s")

    def stop(self):
        """Ends it in order, its accounts closed. Returns its events."""
        self.vm.run(f"kill -TERM $(cat {FOLDER}/pid)")
        status = self.ended()
        words = self.words()
        must(status == "0", f"the sensor ended with {status}: {words.strip()}")
        must("The ledger balances" in words, f"the sensor's last words do not say that the ledger balances: {words.strip()}")
        return [json.loads(line) for line in self.vm.run(f"cat {FOLDER}/eve.json").splitlines()]


def total(metrics, name, **labels):
    """The sum of a metric over all labels that are not given."""
    wanted = set(labels.items())
    return int(sum(value for (key, found), value in metrics.items() if key == name and wanted <= found))


def accounts(metrics, sent):
    """Every packet that was sent is seen by XDP, redirected to a socket, received by a worker, and has an outcome."""
    seen, redirected = total(metrics, "sekisho_xdp_packets_total"), total(metrics, "sekisho_xdp_packets_total", outcome="redirected")
    received, settled = total(metrics, "sekisho_packets_received_total"), total(metrics, "sekisho_packets_total")
    lost = {name: total(metrics, f"sekisho_afxdp_{name}_total") for name in ["rx_dropped", "rx_ring_full", "rx_invalid_descs"]}
    must(seen == sent, f"{sent} frames were sent, and {seen} were seen by XDP")
    must(redirected == seen, f"{seen - redirected} of {seen} frames were not redirected to a socket")
    must(not any(lost.values()), f"frames were lost at a socket: {lost}")
    must(received == redirected, f"{redirected - received} frames were redirected and not received")
    must(settled == received, f"{received - settled} frames were received and have no outcome")
