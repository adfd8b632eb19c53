"""Reads and validates muster.toml and the environment, and hands each room its own small frozen part."""

from bot.settings.load import load, load_store
from bot.settings.problems import Problem, SettingsError
from bot.settings.values import (
    AlertmanagerSettings,
    HttpSettings,
    LogSettings,
    Settings,
    SlackSettings,
    StoreSettings,
    WatchSettings,
)

__all__ = [
    "AlertmanagerSettings",
    "HttpSettings",
    "LogSettings",
    "Problem",
    "Settings",
    "SettingsError",
    "SlackSettings",
    "StoreSettings",
    "WatchSettings",
    "load",
    "load_store",
]
