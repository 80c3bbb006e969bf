"""What a user can mend."""


class Problem(Exception):
    """Something the user can mend. Its text names the thing at fault and the remedy, in one line."""
