"""The volume driver of the lab: Cinder's own that logs instead of calling LVM, under our name.

Runs inside cinder-volume, with the lab's own environment. FakeLoggingVolumeDriver is part of
Cinder (cinder/tests/fake_driver.py, Copyright 2012 OpenStack Foundation; Apache-2.0).
"""

from cinder.tests.fake_driver import FakeLoggingVolumeDriver


class LabVolumeDriver(FakeLoggingVolumeDriver):  # type: ignore[misc]  # Cinder has no types
    pass
