"""Worker processes: started, asked, and stopped again.

A worker runs one object, made in its own process, whose `answer` takes a request and gives a value; requests and values
are pickled. Six rules:

1. The start method is `spawn`: a worker is a fresh interpreter, so it inherits no locks of the threads that run here
   (`fork` copies them as they stand), no secrets in memory, and no random bits; a source of randomness that is handed
   over draws anew (`tip.randomness`). It is the one method that every system has, and it leaves no server behind.
2. Requests and answers alternate on each pipe, so no two ends ever write to each other at once: nothing can lock up.
3. All workers are asked before the first answer is awaited.
4. What a worker raises is raised here: the same type, the same fields, with the worker's traceback as a note. Of
   several errors it is the one that would have come first in one process.
5. A worker that dies is an error that names it; all others are stopped. So they are when something interrupts the
   wait, for then no answer on the pipes belongs to the next request. Workers leave Ctrl-C to this process.
6. Only processes that were started here are stopped. A worker whose starter is gone reads the end of its pipe and ends.
"""

from __future__ import annotations

import multiprocessing
import signal
import traceback
import weakref
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import resource_tracker
from typing import TYPE_CHECKING, Any, Final, Protocol, Self

from tip.errors import ConfigurationError, ProtocolMisuse, TipError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from multiprocessing.connection import Connection
    from multiprocessing.context import SpawnProcess

MOST: Final = 256  # workers: beyond, somebody counted agents
_PATIENCE: Final = 5.0  # seconds that a stopped worker has to end before it is killed

Order = tuple[int, ...]


class Server(Protocol):
    """What runs in a worker."""

    def answer(self, request: Any) -> object:  # noqa: ANN401 - each server has requests of its own
        """The answer to one request."""


class FailedAt(Exception):
    """An error at a known place of a request: of errors in several workers the first one in this order is raised."""

    def __init__(self, order: Order, error: Exception) -> None:
        self.order, self.error = order, error
        super().__init__(order, error)


@dataclass(frozen=True, slots=True)
class Raised:
    """What a worker raised: taken apart, since some errors are made from other things than they print."""

    order: Order
    kind: type[Exception]
    given: tuple[Any, ...]
    fields: Mapping[str, Any] = field(repr=False)
    trace: str = field(repr=False)

    @classmethod
    def of(cls, error: Exception) -> Raised:
        """The parts of an error."""
        order: Order = ()
        if isinstance(error, FailedAt):
            order, error = error.order, error.error
        trace = "".join(traceback.format_exception(error))
        return cls(order, type(error), error.args, dict(vars(error)), trace)

    def error(self) -> Exception:
        """The same error again."""
        made = self.kind.__new__(self.kind)
        made.args = self.given
        made.__dict__.update(self.fields)
        made.add_note(f"In a worker process:\n{self.trace}")
        return made


class Workers:
    """So many processes, each with a server of its own; a context manager that stops them.

    `server` is a class or function of a module, called without arguments in each worker. One thread asks at a time.
    """

    def __init__(self, count: int, server: Callable[[], Server]) -> None:
        if isinstance(count, bool) or not 1 <= count <= MOST:
            raise ConfigurationError(f"processes is a whole number from 1 to {MOST}, not {count!r}")
        self._processes: list[SpawnProcess] = []
        self._pipes: list[Connection] = []
        self._stopped = weakref.finalize(self, _stop, self._processes, self._pipes)
        try:
            for _ in range(count):
                self._begin(server)
        except BaseException:
            self.close()
            raise

    def _begin(self, server: Callable[[], Server]) -> None:
        context = multiprocessing.get_context("spawn")
        here, there = context.Pipe()
        self._pipes.append(here)
        process = context.Process(target=_serve, args=(there, server), daemon=True, name="tip worker")
        resource_tracker.ensure_running()  # its start would end the silence that follows
        with _unheard(signal.SIGINT):  # a process inherits what its starter does not hear
            process.start()
            self._processes.append(process)
        there.close()  # so that the end of the worker is the end of the pipe

    def __len__(self) -> int:
        return len(self._processes)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def pids(self) -> tuple[int, ...]:
        """The workers' process ids."""
        return tuple(process.pid or 0 for process in self._processes)

    def ask(self, requests: Mapping[int, object], meanwhile: Callable[[], object] | None = None) -> dict[int, Any]:
        """The answers to these requests, by number of the worker; `meanwhile` runs here while they work.

        Raises what a worker or `meanwhile` raised (rule 4), and `TipError` for a worker that died.
        """
        if not self._stopped.alive:
            raise ProtocolMisuse("the worker processes were stopped")
        try:
            for worker, request in requests.items():
                self._send(worker, request)
            failed = _tried(meanwhile)
            answers = {worker: self._receive(worker) for worker in requests}
        except BaseException:
            self.close()
            raise
        failures = [*failed, *(answer for answer in answers.values() if isinstance(answer, Raised))]
        if failures:
            raise min(failures, key=lambda failure: failure.order).error()
        return answers

    def _send(self, worker: int, request: object) -> None:
        try:
            self._pipes[worker].send(request)
        except OSError as error:  # a broken pipe: nobody reads it any more
            raise self._died(worker) from error

    def _receive(self, worker: int) -> object:
        try:
            return self._pipes[worker].recv()
        except (EOFError, OSError) as error:
            raise self._died(worker) from error

    def _died(self, worker: int) -> TipError:
        """What is told of a worker that is gone."""
        process = self._processes[worker]
        process.join(_PATIENCE)
        return TipError(
            f"worker process {worker + 1} of {len(self)} ended with exit code {process.exitcode}, and the others were "
            "stopped. An exit code below 0 is a signal, often for want of memory. A script that starts processes does "
            'so under `if __name__ == "__main__":`, or each worker would run the script again'
        )

    def close(self) -> None:
        """Stop the workers; they hold nothing that has to be saved. Again is no fault."""
        self._stopped()


@contextmanager
def _unheard(number: signal.Signals) -> Iterator[None]:
    """A signal waits until the end, where the system knows of that."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {number})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _tried(work: Callable[[], object] | None) -> list[Raised | _Here]:
    """What this process raised while the workers worked."""
    if work is None:
        return []
    try:
        work()
    except FailedAt as failed:
        return [_Here(failed.order, failed.error)]
    return []


@dataclass(frozen=True, slots=True)
class _Here:
    """An error of this process, as good as new."""

    order: Order
    raised: Exception

    def error(self) -> Exception:
        """The same error."""
        return self.raised


def _stop(processes: list[SpawnProcess], pipes: list[Connection]) -> None:
    for pipe in pipes:
        pipe.close()
    for process in processes:
        process.terminate()
    for process in processes:
        process.join(_PATIENCE)
        if process.is_alive():
            process.kill()
            process.join()


def _serve(pipe: Connection, server: Callable[[], Server]) -> None:
    """A worker's life: answer requests until the pipe ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    made = server()
    while True:
        try:
            request = pipe.recv()
        except (EOFError, ConnectionError):  # the other end is closed, perhaps with an answer unread
            return
        _reply(pipe, made, request)


def _reply(pipe: Connection, server: Server, request: object) -> None:
    try:
        answer = server.answer(request)
    except Exception as error:  # noqa: BLE001 - all of them are raised where the request came from
        answer = Raised.of(error)
    try:
        pipe.send(answer)
    except ConnectionError:
        return  # nobody waits for it any more; the next look at the pipe finds its end
