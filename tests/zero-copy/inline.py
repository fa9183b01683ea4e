"""Two NICs with four queues each, in line between two hosts that talk through them, in zero-copy. See run."""
import json
import pathlib
import re
import subprocess
import sys
import time

from sensor import Sensor, total
from vm import QUEUES, Failed, Vm, main, must, tool

HERE = pathlib.Path(__file__).resolve().parent
CLIENT, SERVER = "10.99.0.1", "10.99.0.2"
SECRET = "this-cargo-must-not-pass-the-checkpoint"
RULES = f"""
drop tcp any any -> any any (msg:"forbidden"; flow:established,to_server; content:"{SECRET}"; sid:1; rev:1;)
alert tcp any any -> any any (msg:"seen"; flow:established,to_server; content:"a-text-to-be-seen-in-line"; sid:2; rev:1;)
"""
# Emulated, a worker may well wait for its CPU longer than a NIC's would: the kernel is to take over only when it is dead.
STALE_MS = 10_000


def turned(text):
    """As an order to talk has it: else the order itself would match a rule."""
    return text[::-1]


class Hosts:
    """The two hosts, which are namespaces of this one; the server answers as long as this is open."""

    def __init__(self, vm):
        self.vm, self.seed = vm, 0
        for nic, address in enumerate((CLIENT, SERVER)):
            inside, tap = vm.inside(nic), vm.tap(nic)
            # Checksums as they are on a cable: each end makes and checks them all.
            tool("ethtool", "-K", tap, "tx", "off", "tso", "off", "gso", "off", "gro", "off", inside=inside)
            tool("ip", "link", "set", "dev", tap, "arp", "on", inside=inside)
            tool("ip", "addr", "add", f"{address}/24", "dev", tap, inside=inside)
        self.server = subprocess.Popen(
            ["ip", "netns", "exec", vm.inside(1), "setpriv", "--pdeathsig", "KILL", sys.executable, HERE / "talk.py", "serve", SERVER],
            stdout=open(vm.work / "server.log", "w", encoding="utf-8"))

    def __enter__(self):
        self.vm.until(self.served, 20, "the server did not start in 20 s")
        return self

    def served(self):
        """What the server said: that it is there, and then one line for each connection."""
        return (self.vm.work / "server.log").read_text(encoding="utf-8").splitlines()

    def __exit__(self, kind, error, trace):
        self.server.kill()
        self.server.wait()

    def begin(self, up, down, **more):
        """Begins a connection: to be given to `end`."""
        self.seed += 1
        order = {"seed": self.seed, "up": up, "down": down, **more}
        client = subprocess.Popen(
            ["ip", "netns", "exec", self.vm.inside(0), sys.executable, HERE / "talk.py", "ask", SERVER, json.dumps(order)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        return self.seed, client

    def end(self, begun):
        """What its two ends say of it: the client's, and the server's, if that had anything to say."""
        seed, client = begun
        try:
            out, err = client.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            client.kill()
            raise Failed("a connection was not over after a minute") from None
        must(client.returncode == 0, f"a connection through the link failed: {err.strip().splitlines()[-1:]}")

        def served():
            return next((said for said in map(json.loads, self.served()[1:]) if said["seed"] == seed), None)

        return json.loads(out), self.vm.until(served, 30, f"the server's end of connection {seed} was not over in 30 s; the client says {out.strip()}, the server {self.served()}")

    def whole(self, begun, when):
        """Ends it, and sees to it that every byte arrived, both ways. The longest pause on the way, in seconds."""
        client, server = self.end(begun)
        must(client["whole"] and server["whole"], f"{when}: the client got {client}, the server {server}")
        return max(client["pause"], server["pause"])


def zero_copy_on_both(vm, ports, status):
    """As span's: the sensor's word and the kernel's, for each queue of both ports."""
    ways = {(queue["interface"], queue["queue"], queue["mode"], queue["attach"]) for queue in status["queues"]}
    wanted = {(port, number, "zero_copy", "native") for port in ports for number in range(QUEUES)}
    must(ways == wanted, f"the sensor's queues are {sorted(ways)}")
    sockets = re.findall(r"(\w+):q(\d+) .*?zc:(\d)", vm.run("ss --no-header --xdp --extended | tr '\\n' ' ' | sed 's/stats(/\\n/g'"))
    must(set(sockets) == {(port, str(number), "1") for port in ports for number in range(QUEUES)}, f"the kernel's list of sockets: {sorted(sockets)}")
    in_driver(vm, ports)


def in_driver(vm, ports):
    """The program is in both drivers."""
    for port in ports:
        link = json.loads(vm.run(f"ip -j link show dev {port}"))[0]
        must(link.get("xdp", {}).get("mode") == 1, f"the program is not attached in {port}'s driver: {link.get('xdp')}")


def inspected(hosts, sensor):
    """Real connections both ways through the sensor: whole where nothing forbids it, and not one byte of what is forbidden."""
    both = [hosts.begin(400_000, 400_000), hosts.begin(100_000, 600_000), hosts.begin(20_000, 500, pieces=4, seconds=1, text=turned("a-text-to-be-seen-in-line"))]
    for begun in both:
        hosts.whole(begun, "through the sensor")
    before = sensor.metrics()
    client, server = hosts.end(hosts.begin(20_000, 0, pieces=4, seconds=1, silence=4, text=turned(SECRET)))
    # The text is cut in its middle: its first half may be out before the second comes.
    most = 10_000 + len(SECRET) // 2
    must(server["right"] and server["bytes"] < most, f"a connection with a forbidden text: the server got {server}, the client {client}")
    return total(sensor.metrics(), "sekisho_packets_total", outcome="dropped") - total(before, "sekisho_packets_total", outcome="dropped")


def inline(cache, work, _, seconds, driver):
    with Vm(cache, work, 2, seconds, driver) as vm:
        ports = [vm.interface(nic) for nic in range(2)]
        for port in ports:
            vm.run(f"ethtool -L {port} combined {QUEUES} && ip link set dev {port} up")
        pair = f'[[inline]]\nports = ["{ports[0]}", "{ports[1]}"]\nstale_ms = {STALE_MS}\n'
        sensor = Sensor(vm, RULES, pair)
        status = sensor.start()
        zero_copy_on_both(vm, ports, status)
        print(f"  zero-copy on {QUEUES} queues of both ports, the program in the drivers")
        for port in ports:
            vm.run(f"ethtool -X {port} hkey {':'.join(['6d:5a'] * 20)} equal {QUEUES}")
        with Hosts(vm) as hosts:
            dropped = inspected(hosts, sensor)
            must(dropped > 0, "the ledger has no dropped packet")
            print(f"  connections whole both ways, a forbidden text kept back, {dropped} packets dropped")

            begun = hosts.begin(200_000, 200_000, pieces=50, seconds=4)
            time.sleep(1)
            sensor.kill()
            pause = hosts.whole(begun, "while the sensor was killed")
            must(vm.run("ss --no-header --xdp").strip() == "", "the killed sensor has left sockets")
            in_driver(vm, ports)
            hosts.whole(hosts.begin(200_000, 200_000, text=turned(SECRET)), "with no sensor")
            print(f"  killed: the kernel forwards; the longest pause was {pause} s")

            begun = hosts.begin(200_000, 200_000, pieces=50, seconds=6)
            zero_copy_on_both(vm, ports, sensor.start())
            pause = hosts.whole(begun, "while the sensor came back")
            inspected(hosts, sensor)
            print(f"  started again: inspected again; the longest pause was {pause} s")
            events = sensor.stop()
            alerts = [event["alert"]["signature_id"] for event in events if event["event_type"] == "alert"]
            must(sorted(alerts) == [1, 1, 2, 2], f"alerts of rules {alerts} instead of 1 and 2, twice each")
            hosts.whole(hosts.begin(100_000, 100_000), "after the sensor was stopped")
        said = vm.run(f"sekisho run --inline {ports[0]}:{ports[1]} --detach")
        left = [link["ifname"] for link in json.loads(vm.run("ip -j link show")) if "xdp" in link]
        must(not left, f"after --detach, which said {said.strip()!r}, the program is still on {left}")
        complaints = vm.complaints()
        must(not complaints, f"the machine's kernel complains: {complaints}")


main(inline)
