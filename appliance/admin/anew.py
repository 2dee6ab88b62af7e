"""Starting anew: changed settings take hold, and nobody is answered by what is about to end."""

from collections.abc import Callable


class Anew:
    """The way to start everything anew, where whoever runs this process has one."""

    def __init__(self, restart: Callable[[], None] | None) -> None:
        self._restart = restart
        self.is_asked = False

    @property
    def is_possible(self) -> bool:
        return self._restart is not None

    def ask(self) -> bool:
        """Have everything start anew, very soon; tell whether it will."""
        if self._restart is None:
            return False
        if not self.is_asked:
            self.is_asked = True
            self._restart()
        return True
