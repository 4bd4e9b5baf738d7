"""The base of the errors that a user can fix."""


class EddyError(Exception):
    """Something that a user can fix. The message says what was received and what to do; commands print it as it is."""
