"""The blocking client against a real machine, a real agent, and peers of other releases."""

import base64
import os
import signal
import threading
import time
import unittest

import qapi_dbus
from qapi_dbus.qmp import BLOCK_IO_ERROR, DEVICE_DELETED, MIGRATION, STOP


class Blocking(unittest.TestCase):
    """One connection for each test."""

    def setUp(self) -> None:
        self.bus = self.enterContext(qapi_dbus.Bus())

    def test_file_of_the_guest_is_written_and_read(self) -> None:
        agent = self.bus.qga("real.1")
        path = os.path.join(os.environ["SCRATCH"], "blocking.txt")
        handle = agent.guest_file_open(path, mode="w+")
        agent.guest_file_write(handle, base64.b64encode(b"text").decode(), count=3)
        agent.guest_file_seek(handle, 0, "set")
        read = agent.guest_file_read(handle, count=100)
        self.assertEqual(base64.b64decode(read["buf-b64"]), b"tex")
        self.assertEqual((read["count"], read["eof"]), (3, True))
        agent.guest_file_close(handle)
        with self.assertRaises(qapi_dbus.PeerError) as caught:
            agent.guest_file_close(handle)
        self.assertEqual(caught.exception.class_, "GenericError")
        self.assertTrue(caught.exception.may_have_run)

    def test_alternates_take_each_of_their_forms(self) -> None:
        agent = self.bus.qga("real.1")
        for capture in (True, "merged"):
            pid = agent.guest_exec("/bin/echo", arg=["hi"], capture_output=capture)["pid"]
            status = agent.guest_exec_status(pid)
            while not status["exited"]:
                time.sleep(0.05)
                status = agent.guest_exec_status(pid)
            self.assertEqual(base64.b64decode(status["out-data"]), b"hi\n")

    def test_nested_arguments_and_union(self) -> None:
        qmp = self.bus.qmp("real.1")
        qmp.blockdev_add({"driver": "raw", "node-name": "b1", "file": {"driver": "null-co", "size": 65536}})
        nodes = {node.get("node-name"): node for node in qmp.query_named_block_nodes(flat=True)}
        self.assertEqual(nodes["b1"]["image"]["virtual-size"], 65536)
        qmp.blockdev_del("b1")
        with self.assertRaises(qapi_dbus.PeerError):
            qmp.blockdev_del("b1")

    def test_file_descriptors_are_sent_along(self) -> None:
        qmp = self.bus.qmp("real.1")
        with open(os.devnull, encoding="ascii") as null:
            qmp.getfd(null, "null")
            fdset = qmp.add_fd(null.fileno(), opaque="mine")
        qmp.closefd("null")
        self.assertIn("fdset-id", fdset)

    def test_default_names_and_machines(self) -> None:
        self.bus.qga().guest_ping()
        self.assertEqual(self.bus.qmp().state(), "ready")
        self.assertIn("guest-info", self.bus.qga().commands())
        self.assertEqual(
            sorted(self.bus.machines()), ["absent", "fragile", "newer", "older", "real.1", "silent"]
        )

    def test_events_come_in_order_and_the_wait_ends(self) -> None:
        qmp = self.bus.qmp("real.1")
        qmp.stop()
        with qmp.events(STOP) as stops:
            with self.assertRaises(TimeoutError):
                stops.next(timeout=0.1)
            for _ in range(3):
                qmp.cont()
                qmp.stop()
            events = [stops.next(timeout=10) for _ in range(3)]
        sequences = [event.sequence for event in events]
        self.assertEqual(sequences, sorted(set(sequences)))
        self.assertLess(abs(events[0].timestamp - time.time()), 60)
        self.assertEqual(qmp.query_status()["running"], False)

    def test_newer_peer_loses_nothing(self) -> None:
        qmp = self.bus.qmp("newer")
        status = dict(qmp.query_status())
        self.assertEqual(status["status"], "hibernating")
        self.assertEqual(status["x-new"], {"list": [1, 2.5, "c"], "none": None, "nul": "a\0b"})
        inner = status["x-deep"]
        for _ in range(30):
            assert isinstance(inner, dict)
            inner = inner["in"]
        self.assertEqual(inner, "bottom")
        self.assertEqual(qmp.query_name().get("name"), "a\0b")
        with self.assertRaises(qapi_dbus.PeerError) as caught:
            qmp.stop()
        self.assertEqual((caught.exception.class_, caught.exception.text), ("NewClass", "NewClass: no"))

    def test_newer_events_lose_nothing(self) -> None:
        qmp = self.bus.qmp("newer")
        with qmp.events("NEW_THING") as new, qmp.events(DEVICE_DELETED, match={"device": "d1"}) as gone:
            with qmp.events(MIGRATION) as migration, qmp.events() as everything:
                qmp.cont()
                self.assertEqual(new.next(timeout=10).data, {"answer": 42})
                deleted = gone.next(timeout=10)
                self.assertEqual(deleted.data, {"path": "/p", "device": "d1", "x-new": [True]})
                self.assertEqual(deleted.timestamp, 1_700_000_000.25)
                self.assertEqual(migration.next(timeout=10).data["status"], "teleporting")
                names = []
                for event in everything:
                    names.append(event.name)
                    if MIGRATION.matches(event):
                        self.assertEqual(event.data["status"], "teleporting")
                        break
                self.assertEqual(names[-3:], ["NEW_THING", "DEVICE_DELETED", "MIGRATION"])

    def test_arguments_arrive_as_they_were_given(self) -> None:
        qmp = self.bus.qmp("newer")
        values = {
            "int": -1, "big": 2**64 - 1, "float": 0.5, "text": "\u00e9\U0001f600", "no": None,
            "bool": True, "empty": {}, "list": [], "mixed": [1, "a", None, {"b": [[]]}],
        }  # fmt: skip
        self.assertEqual(qmp.call("echo", values), values)
        qmp.migrate_set_parameters(tls_creds=None, max_bandwidth=2**40)
        self.assertEqual(qmp.call("last")["arguments"], {"tls-creds": None, "max-bandwidth": 2**40})
        qmp.set_action(reboot="a-new-action")
        self.assertEqual(qmp.call("last")["arguments"], {"reboot": "a-new-action"})
        options = {"driver": "from-the-future", "node-name": "n", "x-new": [1]}
        qmp.blockdev_add(options)  # type: ignore[arg-type]
        self.assertEqual(qmp.call("last")["arguments"], options)
        for value in (2**64, "a\0", "\ud800", b"bytes", object()):
            with self.assertRaises((TypeError, ValueError)):
                qmp.call("echo", {"value": value})

    def test_older_peer_breaks_nothing(self) -> None:
        qmp = self.bus.qmp("older")
        self.assertEqual(qmp.query_status(), {"running": True})
        with qmp.events(BLOCK_IO_ERROR) as errors:
            qmp.cont()
            self.assertEqual(errors.next(timeout=10).data["device"], "d1")
        with self.assertRaises(qapi_dbus.PeerError) as caught:
            qmp.query_sev()
        self.assertEqual(caught.exception.class_, "CommandNotFound")
        self.assertFalse(caught.exception.may_have_run)

    def test_errors_say_whether_the_command_may_have_run(self) -> None:
        with self.assertRaises(qapi_dbus.NotSent) as not_sent:
            self.bus.qmp("absent").stop()
        self.assertEqual((not_sent.exception.reason, not_sent.exception.may_have_run), ("NotConnected", False))
        with self.assertRaises(qapi_dbus.Unknown) as late:
            self.bus.qmp("silent").with_options(timeout=0.2).system_reset()
        self.assertEqual((late.exception.reason, late.exception.may_have_run), ("Timeout", True))
        with self.assertRaises(qapi_dbus.Unknown) as lost:
            self.bus.qmp("fragile").system_powerdown()
        self.assertEqual(lost.exception.reason, "ConnectionLost")
        with self.assertRaises(qapi_dbus.Refused) as refused:
            self.bus.qmp("newer").human_monitor_command(7)  # type: ignore[arg-type]
        self.assertEqual(refused.exception.reason, "InvalidArgs")
        with self.assertRaises(qapi_dbus.NotSent):
            self.bus.qmp(name="org.qemu.nobody", path="/").stop()
        bus = qapi_dbus.Bus()
        with bus:
            qmp = bus.qmp("newer")
        with self.assertRaises(qapi_dbus.NotSent):
            qmp.query_status()

    def test_threads_share_a_connection(self) -> None:
        qmp = self.bus.qmp("newer")
        seen: list[int] = []

        def ask(number: int) -> None:
            for _ in range(20):
                seen.append(qmp.call("echo", {"number": number})["number"] - number)

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(seen, [0] * 160)

    def test_zz_service_that_goes_away_ends_events_and_calls(self) -> None:
        qmp = self.bus.qmp()
        with qmp.events(STOP) as stops:
            os.kill(int(os.environ["SINGLE"]), signal.SIGKILL)
            with self.assertRaises(qapi_dbus.Gone):
                stops.next(timeout=10)
        with self.assertRaises(qapi_dbus.NotSent):
            qmp.query_status()


if __name__ == "__main__":
    unittest.main()
