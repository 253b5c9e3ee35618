"""The errors a user can mend: one sentence that says what is wrong, where, and what to do."""


class UserError(Exception):
    """Something the user can mend. The command line prints its message and exits with 2."""


class DataError(UserError):
    """Malformed data: ``file:line: rule, got ...``."""
