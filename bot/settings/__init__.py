"""Reads and validates muster.toml and the environment, and hands each room its own small frozen part."""

from bot.settings.load import load, load_slack, load_store
from bot.settings.problems import Problem, SettingsError
from bot.settings.settings import Settings

__all__ = ["Problem", "Settings", "SettingsError", "load", "load_slack", "load_store"]
