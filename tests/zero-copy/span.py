"""A NIC with four queues at a mirror port, in zero-copy. See run."""
import collections
import hashlib
import json
import pathlib
import random
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "cases"))
import traffic  # noqa: E402
from sensor import Sensor, accounts  # noqa: E402
from vm import QUEUES, Vm, main, must  # noqa: E402

FLOWS = 64
# Frames a second: what the emulated NIC takes without loss.
RATE = 1500
DATAGRAMS = 200
# Every 16 bits alike: addresses and ports may be exchanged and the hash stays the same.
SYMMETRIC = ":".join(["6d:5a"] * 20)
# The key of Microsoft's own examples.
ASYMMETRIC = (
    "6d:5a:56:da:25:5b:0e:c2:41:67:25:3d:43:a3:8f:b0:d0:ca:2b:cb:ae:7b:30:b4:77:cb:2d:a3:80:30:f2:0c:6a:42:b7:3b:be:ac:01:fa")
RULES = """
alert http any any -> any any (msg:"a marked request"; flow:established,to_server; http.uri; content:"/marked"; sid:1; rev:1;)
alert tcp any any -> any any (msg:"a text over the edge of two segments"; flow:established,to_client; content:"over-the-edge-of-two"; sid:2; rev:1;)
alert udp any any -> any any (msg:"a marked datagram"; content:"sekisho-marked"; offset:0; sid:3; rev:1;)
alert tcp any any -> any any (msg:"never sent"; content:"this text is never sent"; sid:4; rev:1;)
"""


def capture(path, network, seed):
    """Writes a capture of conversations; says what is in it: bodies' hashes by client, the clients that are marked, and more."""
    traffic.frames.clear()
    chance = random.Random(seed)
    hashes, marked, edged, datagrams = {}, set(), set(), 0
    connections = []
    for flow in range(FLOWS):
        client, server = f"10.{network}.{flow}.{chance.randrange(1, 250)}", f"203.0.113.{chance.randrange(1, 250)}"
        connections.append((client, traffic.Tcp(client, chance.randrange(20000, 60000), server, 80)))
    for client, connection in connections:
        connection.open()
    for flow, (client, connection) in enumerate(connections):
        body = chance.randbytes(12_000 + flow)
        if flow % 4 == 0:
            marked.add(client)
        if flow % 8 == 3:
            # The first segment holds its head and 1,000 bytes of it.
            body = body[:990] + b"over-the-edge-of-two" + body[1010:]
            edged.add(client)
        hashes[client] = hashlib.sha256(body).hexdigest()
        path_of = "/marked" if client in marked else "/plain"
        connection.send(f"GET {path_of}/{flow} HTTP/1.1\r\nHost: zero-copy.example\r\n\r\n".encode())
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        connection.reply(head + body[:1000])
        for at in range(1000, len(body), 1400):
            connection.reply(body[at : at + 1400])
            connection.acks(0)
    for _ in range(DATAGRAMS):
        says = b"sekisho-marked" if chance.random() < 0.3 else b"sekisho-silent"
        datagrams += says == b"sekisho-marked"
        traffic.send_udp(
            f"10.{network}.200.{chance.randrange(1, 250)}", chance.randrange(20000, 60000), "203.0.113.9", 9999,
            says + chance.randbytes(chance.randrange(0, 1400)))
    for client, connection in connections:
        connection.close()
    path.write_bytes(traffic.pcap())
    return {"frames": len(traffic.frames), "hashes": hashes, "marked": marked, "edged": edged, "datagrams": datagrams}


def zero_copy_everywhere(vm, interface, status):
    """By the sensor's word, which is the kernel's to its sockets (XDP_OPTIONS), and by the kernel's to everybody (xdp_diag)."""
    ways = {(queue["queue"], queue["mode"], queue["attach"], queue["driver"]) for queue in status["queues"]}
    must(ways == {(number, "zero_copy", "native", vm.driver) for number in range(QUEUES)}, f"the sensor's queues are {sorted(ways)}")
    sockets = set(re.findall(r"qid:(\d+),zc:(\d)", vm.run("ss --no-header --xdp --extended")))
    must(sockets == {(str(number), "1") for number in range(QUEUES)}, f"the kernel's list of sockets has queues and zero-copy as {sorted(sockets)}")
    link = json.loads(vm.run(f"ip -j link show dev {interface}"))[0]
    # 1 is XDP_ATTACHED_DRV of linux/if_link.h. A zero-copy bind succeeds in the network stack's mode as well.
    must(link.get("xdp", {}).get("mode") == 1, f"the program is not attached in the driver: {link.get('xdp')}")


def sides(events, network):
    """The TCP flow records of a network's clients: (who began, packets to the server, packets to the client)."""
    flows = [event for event in events if event["event_type"] == "flow" and event["proto"] == "TCP"]
    # A worker that sees only the server's side takes the server for the one who began.
    ours = [event for event in flows if any(event[end].startswith(f"10.{network}.") for end in ("src_ip", "dest_ip"))]
    return [(event["src_ip"], event["flow"]["pkts_toserver"], event["flow"]["pkts_toclient"]) for event in ours]


def judge(events, first):
    """Exactly the alerts that are due, and every byte of every body."""
    alerts = collections.defaultdict(list)
    for event in events:
        if event["event_type"] == "alert":
            alerts[event["alert"]["signature_id"]].append(event["src_ip"] if event["src_ip"].startswith("10.") else event["dest_ip"])
    in_first = {sid: sorted(ip for ip in ips if ip.startswith("10.1.")) for sid, ips in alerts.items()}
    must(in_first.get(1) == sorted(first["marked"]), f"marked requests: alerts on {in_first.get(1)}, sent by {sorted(first['marked'])}")
    must(in_first.get(2) == sorted(first["edged"]), f"texts over an edge: alerts on {in_first.get(2)}, sent to {sorted(first['edged'])}")
    must(len(in_first.get(3, [])) == first["datagrams"], f"{first['datagrams']} marked datagrams were sent, {len(in_first.get(3, []))} raised an alert")
    must(set(alerts) == {1, 2, 3}, f"alerts of rules {sorted(alerts)}")
    files = [event for event in events if event["event_type"] == "fileinfo"]
    bodies = {event["dest_ip"]: event["fileinfo"].get("sha256") for event in files if event["dest_ip"].startswith("10.1.")}
    wrong = [client for client, digest in first["hashes"].items() if bodies.get(client) != digest]
    must(not wrong, f"{len(wrong)} of {FLOWS} bodies did not arrive as they were sent, that of {wrong[:1]} first")


def come_again(vm, bench, work, sensor, interface, first):
    """A sensor that was killed leaves the queues free for the next one, and a link that goes down and up costs nothing after it."""
    sensor.start()
    sensor.kill()
    zero_copy_everywhere(vm, interface, sensor.start())
    vm.run(f"ethtool -X {interface} hkey {SYMMETRIC} equal {QUEUES}")
    sent = vm.send(bench, work / "first.pcap", 0, RATE)
    accounts(sensor.await_packets(sent), sent)
    vm.run(f"ip link set dev {interface} down && ip link set dev {interface} up")
    sent += vm.send(bench, work / "first.pcap", 0, RATE)
    accounts(sensor.await_packets(sent), sent)
    sensor.stop()
    print("  the same after a kill and a restart, and after the link was down")


def span(cache, work, bench, seconds, driver):
    with Vm(cache, work, 1, seconds, driver) as vm:
        interface = vm.interface(0)
        vm.run(f"ethtool -L {interface} combined {QUEUES} && ip link set dev {interface} promisc on up")
        sensor = Sensor(vm, RULES, f'[[interface]]\nname = "{interface}"\n')
        zero_copy_everywhere(vm, interface, sensor.start())
        print(f"  zero-copy on {QUEUES} queues, the program in the driver")

        first, second = capture(work / "first.pcap", 1, 1), capture(work / "second.pcap", 2, 2)
        # After the program is attached: attaching resets the table.
        vm.run(f"ethtool -X {interface} hkey {SYMMETRIC} equal {QUEUES}")
        sent = vm.send(bench, work / "first.pcap", 0, RATE)
        must(sent == first["frames"], f"{sent} frames were sent of {first['frames']}")
        accounts(sensor.await_packets(sent), sent)
        vm.run(f"ethtool -X {interface} hkey {ASYMMETRIC} equal {QUEUES}")
        sent += vm.send(bench, work / "second.pcap", 0, RATE)
        accounts(sensor.await_packets(sent), sent)
        print(f"  {sent} frames sent, all received and accounted for")

        events = sensor.stop()
        judge(events, first)
        print(f"  {FLOWS} bodies whole, {len(first['marked'])} + {len(first['edged'])} + {first['datagrams']} alerts as due")
        together, split = sides(events, 1), sides(events, 2)
        must(len(together) == FLOWS and all(there and back for _, there, back in together), f"with the symmetric key {FLOWS} flows made {together}")
        whole = sum(1 for _, there, back in split if there and back)
        must(whole < FLOWS and len(split) == 2 * FLOWS - whole, f"with the asymmetric key {FLOWS} flows made {len(split)} records, {whole} of them with both sides")
        print(f"  with the symmetric key {len(together)} of {FLOWS} flows are whole, with the asymmetric one {whole}")
        come_again(vm, bench, work, sensor, interface, first)
        complaints = vm.complaints()
        must(not complaints, f"the machine's kernel complains: {complaints}")


main(span)
