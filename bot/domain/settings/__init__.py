"""What a table of muster.toml is, for every room that has one; `bot.settings` reads the file."""
