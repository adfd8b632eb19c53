"""Reads and validates muster.toml and the environment, and hands each room its own small frozen part."""

from bot.settings.load import load, load_store
from bot.settings.problems import Problem, SettingsError
from bot.settings.values import (
    AlertmanagerSettings,
    CinderSettings,
    CloudSettings,
    CloudTowerSettings,
    HttpSettings,
    LogSettings,
    OpenStackSettings,
    RedfishSettings,
    Secret,
    Settings,
    SlackSettings,
    StoreSettings,
    WatchSettings,
)

__all__ = [
    "AlertmanagerSettings",
    "CinderSettings",
    "CloudSettings",
    "CloudTowerSettings",
    "HttpSettings",
    "LogSettings",
    "OpenStackSettings",
    "Problem",
    "RedfishSettings",
    "Secret",
    "Settings",
    "SettingsError",
    "SlackSettings",
    "StoreSettings",
    "WatchSettings",
    "load",
    "load_store",
]
