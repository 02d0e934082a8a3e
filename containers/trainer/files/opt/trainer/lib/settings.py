"""The trainer's settings: /etc/trainer/trainer.conf, and the environment.

The service gets /etc/default/trainer from its unit; a program started by hand
reads the same file here, so that both load batches in the same way.
"""

import configparser
import os
import shlex
from dataclasses import dataclass

CONF = "/etc/trainer/trainer.conf"
ENVIRONMENT = "/etc/default/trainer"


class SettingsError(Exception):
    """A setting is missing or makes no sense."""


@dataclass(frozen=True)
class Settings:
    dataset: str
    workers: int
    prefetch: int
    batch_bytes: int
    step_seconds: float
    shm_dir: str


def environment() -> dict:
    """KEY=value lines of the environment file; the real environment wins."""
    found = {}
    try:
        with open(ENVIRONMENT, encoding="utf-8") as file:
            for line in file:
                for word in shlex.split(line, comments=True):
                    key, equals, value = word.partition("=")
                    if equals:
                        found[key] = value
    except FileNotFoundError:
        pass
    return {**found, **os.environ}


def load() -> Settings:
    parser = configparser.ConfigParser()
    if not parser.read(CONF):
        raise SettingsError(f"cannot read {CONF}")
    try:
        settings = Settings(
            dataset=parser.get("data", "path"),
            workers=parser.getint("loader", "workers"),
            prefetch=parser.getint("loader", "prefetch"),
            batch_bytes=parser.getint("loader", "batch_mib") << 20,
            step_seconds=parser.getint("model", "step_ms") / 1000,
            shm_dir=environment().get("TRAINER_SHM_DIR", "/dev/shm"),
        )
    except (configparser.Error, ValueError) as error:
        raise SettingsError(f"{CONF}: {error}") from error
    if min(settings.workers, settings.prefetch, settings.batch_bytes) < 1:
        raise SettingsError(f"{CONF}: workers, prefetch and batch_mib must be at least 1")
    return settings
