from support.pages import grey, served  # noqa: F401  fixtures of the room
from support.videos import models  # noqa: F401
