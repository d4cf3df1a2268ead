"""The error of settings that cannot be used."""


class SettingsError(Exception):
    """The settings cannot be used; the message names the key, the reason and the way out."""
