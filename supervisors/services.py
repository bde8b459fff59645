"""Keeps the servers we depend on alive: one thread each, because starting one blocks for seconds."""

import threading
from collections.abc import Callable, Mapping, Sequence

from vortex.adapters.embedded.service import Service
from vortex.kernel.errors import VortexError

WATCH_S = 0.25
# Looking at the operator's own server means connecting to it.
WATCH_EXTERNAL_S = 10.0
RETRY_FIRST_S = 0.5
RETRY_MAX_S = 30.0

Progress = Callable[[str, str], None]


class Services:
    """All servers of the machine side, in start order."""

    def __init__(self, services: Sequence[Service], progress: Progress, on_change: Callable[[], None]) -> None:
        self._services = list(services)
        self._progress = progress
        self._on_change = on_change
        self._over = threading.Event()
        self._threads: list[threading.Thread] = []
        self._started: list[Service] = []
        self.restarts: dict[str, int] = {service.name: 0 for service in services}

    @property
    def by_name(self) -> Mapping[str, Service]:
        """Each service under its name."""
        return {service.name: service for service in self._services}

    def start(self) -> None:
        """Start all, independent ones side by side; raise what stopped the first that failed."""
        failures: list[BaseException] = []

        def begin(service: Service) -> None:
            try:
                service.start(lambda text: self._progress("services", text))
            except BaseException as error:  # noqa: BLE001 - carried to the caller's thread
                failures.append(error)

        self._started = list(self._services)
        threads = [threading.Thread(target=begin, args=(s,), name=f"start {s.name}") for s in self._services]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failures:
            raise failures[0]

    def watch(self) -> None:
        """Restart whichever dies, until `stop`."""
        for service in self._services:
            thread = threading.Thread(target=self._watch, args=(service,), name=f"watch {service.name}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        """Stop watching, then stop them in reverse order."""
        self._over.set()
        for thread in self._threads:
            thread.join()
        for service in reversed(self._started):
            service.stop()
        self._started.clear()

    def facts(self) -> dict[str, dict[str, str | int | bool | None]]:
        """What the cluster file says of them; addresses may hold passwords and are left out."""
        return {
            service.name: {
                "embedded": service.embedded,
                "pid": service.pid,
                "restarts": self.restarts[service.name],
            }
            | ({"rest": service.dsn, "ws": getattr(service, "ws", "")} if service.name == "venue" else {})
            for service in self._services
        }

    def _watch(self, service: Service) -> None:
        pause = WATCH_S if service.embedded else WATCH_EXTERNAL_S
        retry = RETRY_FIRST_S
        while not self._over.wait(pause):
            if service.alive():
                continue
            self._progress("services", f"{service.name} died; restarting it")
            try:
                service.start(lambda text: self._progress("services", text))
            except VortexError as error:
                self._progress("services", f"{service.name} does not come back: {error}")
                self._over.wait(retry)
                retry = min(retry * 2, RETRY_MAX_S)
                continue
            retry = RETRY_FIRST_S
            self.restarts[service.name] += 1
            self._on_change()
