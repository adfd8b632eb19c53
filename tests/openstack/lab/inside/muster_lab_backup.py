"""A backup service that stores nothing and needs no device to read from.

Runs inside cinder-backup, with the lab's own environment. FakeBackupService is part of Cinder
(cinder/tests/unit/backup/fake_service.py; Apache-2.0). The manager around it asks the machine for
its storage connector with sudo and opens the attached device: those three calls are stepped over.
"""

import os
from pathlib import Path
from typing import Any

from cinder.backup import manager
from cinder.tests.unit.backup.fake_service import FakeBackupService
from cinder.volume import volume_utils


def _connector(*args: Any, **kwargs: Any) -> dict[str, str]:
    return {"host": os.uname()[1], "ip": "127.0.0.1"}


def _attach(
    self: object, context: Any, backup_device: Any, properties: Any, is_snapshot: bool = False
) -> dict[str, Any]:
    return {"device": {"path": Path(os.devnull).open("rb")}}


def _detach(
    self: object,
    context: Any,
    attach_info: dict[str, Any],
    device: Any,
    properties: Any,
    is_snapshot: bool = False,
    force: bool = False,
    **more: Any,
) -> None:
    attach_info["device"]["path"].close()


volume_utils.brick_get_connector_properties = _connector
manager.BackupManager._attach_device = _attach
manager.BackupManager._detach_device = _detach


class LabBackupService(FakeBackupService):  # type: ignore[misc]  # Cinder has no types
    pass
