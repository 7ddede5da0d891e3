"""The client for asyncio: what differs from the blocking one."""

import asyncio
import os
import signal
import unittest
from unittest import mock

import qapi_dbus
from qapi_dbus import aio, qmp
from qapi_dbus.qmp import DEVICE_DELETED, RESUME, STOP


class Asyncio(unittest.IsolatedAsyncioTestCase):
    """One connection for each test."""

    async def asyncSetUp(self) -> None:
        self.bus = await self.enterAsyncContext(aio.Bus())

    async def test_calls_run_side_by_side(self) -> None:
        monitor, agent = self.bus.qmp("real.1"), self.bus.qga("real.1")
        status, name, info = await asyncio.gather(
            monitor.query_status(), monitor.query_name(), agent.guest_info()
        )
        self.assertIn("status", status)
        self.assertEqual(name, {})
        self.assertTrue(info["version"])
        self.assertEqual(await monitor.run_state(), status["status"])

    async def test_cancelled_call_gives_up_the_reply_only(self) -> None:
        silent = self.bus.qmp("silent")
        with self.assertRaises(TimeoutError):
            async with asyncio.timeout(0.1):
                await silent.with_options(timeout=1).system_reset()
        with open(os.devnull, encoding="ascii") as null:
            task = asyncio.ensure_future(self.bus.qmp("real.1").getfd(null, "null"))
            await asyncio.sleep(0)
            task.cancel()
        self.assertTrue((await self.bus.qmp("real.1").query_version())["qemu"])

    async def test_events_are_an_iterator(self) -> None:
        monitor = self.bus.qmp("real.1")
        await monitor.stop()
        names = []
        async with monitor.events("STOP", "RESUME") as events:
            await monitor.cont()
            await monitor.stop()
            async for event in events:
                names.append(event.name)
                if STOP.matches(event):
                    break
        self.assertEqual(names, ["RESUME", "STOP"])

    async def test_cancelled_wait_loses_no_event(self) -> None:
        monitor = self.bus.qmp("newer")
        async with monitor.events(DEVICE_DELETED) as events:
            waiting = asyncio.ensure_future(events.next())
            await asyncio.sleep(0)
            waiting.cancel()
            await monitor.cont()
            self.assertEqual((await events.next(timeout=10)).data["path"], "/p")

    async def test_signal_of_a_newer_service_is_looked_up(self) -> None:
        newer = self.bus.qmp("newer")
        with mock.patch.dict(qmp.EVENTS):
            del qmp.EVENTS["DeviceDeleted"]
            async with newer.events("DEVICE_DELETED") as events:
                await newer.cont()
                event = await events.next(timeout=10)
        self.assertEqual(event.name, "DEVICE_DELETED")
        self.assertEqual(event.data, {"path": "/p", "device": "d1", "x-new": [True]})

    async def test_full_buffer_drops_the_oldest(self) -> None:
        monitor = self.bus.qmp("newer")
        async with monitor.events(DEVICE_DELETED, buffer=2) as events, monitor.events(DEVICE_DELETED) as all_of:
            for _ in range(5):
                await monitor.cont()
            sequences = [(await all_of.next(timeout=10)).sequence for _ in range(5)]
            kept = [(await events.next(timeout=10)).sequence for _ in range(2)]
        self.assertEqual(kept, sequences[-2:])
        self.assertEqual((events.dropped, all_of.dropped), (3, 0))

    async def test_subscriptions_end(self) -> None:
        monitor = self.bus.qmp("newer")
        for _ in range(100):  # more than one may have
            async with monitor.events(RESUME):
                pass
        with self.assertRaises(RuntimeError):
            await monitor.events(RESUME).next()

    async def test_zz_end_of_the_connection_or_service_is_told(self) -> None:
        async with aio.Bus() as other:
            waiting = asyncio.ensure_future(other.qmp("silent").system_reset())
            events = await other.qmp("newer").events(STOP).__aenter__()
            await asyncio.sleep(0.1)
        with self.assertRaises(qapi_dbus.Unknown):
            await waiting
        with self.assertRaises(qapi_dbus.Gone):
            await events.next(timeout=10)
        async with self.bus.qmp().events() as mine:
            os.kill(int(os.environ["SINGLE"]), signal.SIGKILL)
            with self.assertRaises(qapi_dbus.Gone):
                while True:  # the current state comes first
                    await mine.next(timeout=10)
        with self.assertRaises(qapi_dbus.NotSent):
            await self.bus.qmp().stop()


if __name__ == "__main__":
    unittest.main()
