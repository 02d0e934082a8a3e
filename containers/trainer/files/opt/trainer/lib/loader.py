"""A data loader of many worker processes over shared memory.

Each worker owns `prefetch` segments: files in the shared-memory directory,
mapped by the worker that fills them and by the trainer that reads them. What
crosses the pipes is only which segment is full and which is free again.

A segment is created at its full length, but memory is taken only when a page
is first written. A worker that writes a page for which there is no room left
is killed by the kernel with SIGBUS; no call fails that it could have checked.
"""

import mmap
import os
import resource
import select
import signal
import struct
import zlib

CHUNK = 64 * 1024  # bytes of one encoded sample in a shard
NOTE = struct.Struct("=III")  # worker, slot, batch: travels through the pipes
HEADER = struct.Struct("=IIH")  # batch, checksum of the body, length of the label
LAST = 0xFFFFFFFF  # in place of a batch: this worker has no more


class LoaderError(RuntimeError):
    """The loader cannot go on."""


def segment_path(shm_dir, owner, worker, slot):
    return f"{shm_dir}/loader_{owner}_w{worker:02}_s{slot:02}"


def samples(dataset):
    """Every sample of the dataset: (path of the shard, offset)."""
    shards = sorted(name for name in os.listdir(dataset) if name.endswith(".bin"))
    if not shards:
        raise LoaderError(f"no shards in {dataset}")
    for name in shards:
        path = os.path.join(dataset, name)
        for offset in range(0, os.path.getsize(path), CHUNK):
            yield path, offset


class Loader:
    """Batches of one epoch, in the order in which workers finish them.

    `label` is written into the head of every batch by the worker that made it.
    """

    def __init__(self, settings, workers, label=b""):
        self.settings = settings
        self.workers = workers
        self.label = label
        self.samples = list(samples(settings.dataset))
        self.owner = os.getpid()
        self.pids = {}
        self.maps = {}
        self.free = []  # write ends, one pipe per worker: this slot may be filled again
        self.full, self.full_write = os.pipe()

    # Worker side -----------------------------------------------------------

    def work(self, worker, free_read):
        """Fills this worker's segments with its share of the samples."""
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        size = self.settings.batch_bytes
        maps, shards = [], {}
        share = self.samples[worker :: self.workers]
        for index, (path, offset) in enumerate(share):
            if index < self.settings.prefetch:
                slot = index
                maps.append(self.create_segment(worker, slot))
            else:
                note = os.read(free_read, NOTE.size)
                if len(note) < NOTE.size:
                    return  # the trainer is gone
                slot = NOTE.unpack(note)[1]
            if path not in shards:
                shards[path] = open(path, "rb")
            batch = worker + index * self.workers
            self.decode(shards[path], offset, batch, maps[slot], size)
            os.write(self.full_write, NOTE.pack(worker, slot, batch))
        os.write(self.full_write, NOTE.pack(worker, 0, LAST))

    def create_segment(self, worker, slot):
        path = segment_path(self.settings.shm_dir, self.owner, worker, slot)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.ftruncate(descriptor, self.settings.batch_bytes)
            return mmap.mmap(descriptor, self.settings.batch_bytes)
        finally:
            os.close(descriptor)

    def decode(self, shard, offset, batch, segment, size):
        """One encoded sample becomes one batch; the head goes in last."""
        shard.seek(offset)
        chunk = shard.read(CHUNK)
        start = HEADER.size + len(self.label)
        body = (chunk * (size // len(chunk) + 1))[: size - start]
        segment[start:size] = body
        segment[:start] = HEADER.pack(batch, zlib.crc32(body), len(self.label)) + self.label

    # Trainer side ----------------------------------------------------------

    def __iter__(self):
        """Yields (batch, label) for every batch, checked where it lies."""
        try:
            self.start()
            yield from self.consume()
        finally:
            self.close()

    def start(self):
        for worker in range(self.workers):
            free_read, free_write = os.pipe()
            self.free.append(free_write)
            pid = os.fork()
            if pid == 0:
                status = 1
                try:
                    # A worker that held the others' pipes open would keep
                    # them from noticing that the trainer is gone.
                    for descriptor in [self.full, *self.free]:
                        os.close(descriptor)
                    self.work(worker, free_read)
                    status = 0
                except OSError as error:
                    os.write(2, f"loader worker {worker}: {error}\n".encode())
                finally:
                    os._exit(status)
            os.close(free_read)
            self.pids[pid] = worker
        os.close(self.full_write)
        self.full_write = None

    def consume(self):
        # Training starts when every worker has filled all that it may fill.
        waiting, ready, working = [], 0, self.workers
        warm = sum(
            min(self.settings.prefetch, len(self.samples[worker :: self.workers])) for worker in range(self.workers)
        )
        while working or waiting:
            if waiting and ready >= warm:
                worker, slot, batch = waiting.pop(0)
                yield batch, self.check(worker, slot, batch)
                self.release(worker, slot)
                continue
            for worker, slot, batch in self.notes():
                if batch == LAST:
                    working -= 1
                else:
                    ready += 1
                    waiting.append((worker, slot, batch))

    def notes(self):
        """What the workers report, or the news that one of them died."""
        readable, _, _ = select.select([self.full], [], [], 0.2)
        data = os.read(self.full, NOTE.size * 256) if readable else b""
        self.reap()
        if readable and not data:
            raise LoaderError("all DataLoader workers exited before the epoch was done")
        return list(NOTE.iter_unpack(data))

    def reap(self):
        while self.pids:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            self.pids.pop(pid, None)
            if os.WIFSIGNALED(status):
                name = signal.strsignal(os.WTERMSIG(status))
                hint = " The loader may be out of shared memory." if os.WTERMSIG(status) == signal.SIGBUS else ""
                raise LoaderError(f"DataLoader worker (pid {pid}) is killed by signal: {name}.{hint}")
            if os.WEXITSTATUS(status) != 0:
                raise LoaderError(f"DataLoader worker (pid {pid}) exited with status {os.WEXITSTATUS(status)}.")

    def check(self, worker, slot, batch):
        """Reads a batch in place; returns the label that its worker wrote."""
        if (worker, slot) not in self.maps:
            path = segment_path(self.settings.shm_dir, self.owner, worker, slot)
            with open(path, "rb") as file:
                self.maps[worker, slot] = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        segment = self.maps[worker, slot]
        found, checksum, length = HEADER.unpack_from(segment)
        start = HEADER.size + length
        with memoryview(segment) as view, view[start:] as body:
            if found != batch or zlib.crc32(body) != checksum:
                raise LoaderError(f"batch {batch} arrived damaged")
        return segment[HEADER.size : start]

    def release(self, worker, slot):
        try:
            os.write(self.free[worker], NOTE.pack(worker, slot, 0))
        except BrokenPipeError:
            pass  # that worker has had its last sample and left

    def close(self):
        """Ends the workers and takes their segments out of shared memory."""
        for pid in self.pids:
            os.kill(pid, signal.SIGKILL)
        for pid in list(self.pids):
            os.waitpid(pid, 0)
        self.pids.clear()
        for descriptor in [self.full, self.full_write, *self.free]:
            if descriptor is not None:
                os.close(descriptor)
        for worker in range(self.workers):
            for slot in range(self.settings.prefetch):
                try:
                    os.unlink(segment_path(self.settings.shm_dir, self.owner, worker, slot))
                except FileNotFoundError:
                    pass
