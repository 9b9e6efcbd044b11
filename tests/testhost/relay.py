"""A TCP relay that makes a near server far: for latency benchmarks and for cutting connections.

with Relay(target_port=server.port, delay_ms=40) as relay:   # 40 ms each way = 80 ms round trip
    ...connect to 127.0.0.1:relay.port...
    relay.drop()                                             # as if the network broke
    relay.swallow()                                          # as if somebody pulled out the cable
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import socket
import struct
import threading
from collections.abc import Awaitable, Callable

# Closing with this set sends a reset: both ends see the connection break, not end.
RESET = struct.pack("ii", 1, 0)
# A packet filter of one instruction: return 0, let nothing through. The kernel asks it before TCP sees
# a packet, so nothing is acknowledged either.
SO_ATTACH_FILTER = 26
NOTHING = ctypes.create_string_buffer(struct.pack("HBBI", 0x06, 0, 0, 0))
FILTER = struct.pack("HP", 1, ctypes.addressof(NOTHING))


class Relay:
    """Relays 127.0.0.1:`port` to a target, `delay_ms` later each way, at full bandwidth."""

    def __init__(
        self, target_port: int, target_host: str = "127.0.0.1", delay_ms: float = 0, port: int = 0
    ) -> None:
        self.target = (target_host, target_port)
        self.delay = delay_ms / 1000
        self.port = port  # 0 until started: any free one
        self.connections = 0  # accepted so far
        self.callers: list[str] = []  # how each of them began: ssh says its name and version
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._server: asyncio.Server | None = None

    # -- used from the test's thread --------------------------------------------------------------

    def __enter__(self) -> Relay:
        self._thread.start()
        try:
            self._call(self._open)
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._call(self._shut)
        self._call(self._cut)
        self._call(self._end)
        self._stop()

    def drop(self, refuse: bool = False) -> None:
        """Break all connections now; new ones work at once, or only after `accept`."""
        if refuse:
            self._call(self._shut)
        self._call(self._cut)

    def swallow(self) -> None:
        """From now on nothing passes, and nobody is told: only silence."""
        self._call(self._deafen)

    def accept(self) -> None:
        """Listen again, on the same port, after `drop(refuse=True)`."""
        self._call(self._open)

    def _call(self, work: Callable[[], Awaitable[None]]) -> None:
        async def run() -> None:
            await work()

        asyncio.run_coroutine_threadsafe(run(), self._loop).result(timeout=10)

    def _stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=10)
        self._loop.close()

    # -- runs in the relay's own thread -----------------------------------------------------------

    async def _open(self) -> None:
        if self._server is None:
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
            self.port = self._server.sockets[0].getsockname()[1]

    async def _shut(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    async def _cut(self) -> None:
        for writer in list(self._writers):
            sock = writer.get_extra_info("socket")
            if sock is not None:
                with contextlib.suppress(OSError):  # closed a moment ago
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            writer.transport.abort()
        await asyncio.sleep(0.01)  # let the pumps see it and end

    async def _deafen(self) -> None:
        for writer in self._writers:
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, FILTER)

    async def _end(self) -> None:
        rest = asyncio.all_tasks(self._loop) - {asyncio.current_task()}
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        await asyncio.sleep(2 * self.delay)  # opening a connection is a round trip too
        try:
            far_reader, far_writer = await asyncio.open_connection(*self.target)
        except OSError:
            writer.transport.abort()
            return
        pair = {writer, far_writer}
        self._writers |= pair
        for each in pair:
            sock = each.get_extra_info("socket")
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            await asyncio.gather(
                self._pump(reader, far_writer, self.callers), self._pump(far_reader, writer)
            )
        except asyncio.CancelledError:
            pass  # the relay ends: nobody waits for this task
        finally:
            self._writers -= pair
            for each in pair:
                each.close()

    async def _pump(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        callers: list[str] | None = None,
    ) -> None:
        """Each piece leaves `delay` after it came: reading goes on meanwhile, as on a long wire."""
        wire: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(maxsize=1000)
        sender = asyncio.create_task(self._send(wire, writer))
        data = b"-"
        try:
            while data and not sender.done():
                data = await reader.read(65536)
                if callers is not None:
                    callers.append(data[:60].decode(errors="replace"))
                    callers = None
                await wire.put((self._loop.time() + self.delay, data))
            await sender
        except OSError:
            writer.transport.abort()
        finally:
            sender.cancel()

    async def _send(
        self, wire: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter
    ) -> None:
        while True:
            due, data = await wire.get()
            await asyncio.sleep(max(0.0, due - self._loop.time()))
            if not data:
                if writer.can_write_eof() and not writer.transport.is_closing():
                    writer.write_eof()
                return
            writer.write(data)
            await writer.drain()
