from support.videos import models  # noqa: F401  a fixture of the room
