"""How pytest-xdist divides the tests among its workers: by the groups of `two_workers.py`."""

from xdist.scheduler import LoadScopeScheduling

from tests.helpers.two_workers import group_of


class GroupScheduling(LoadScopeScheduling):
    """A worker that is free takes the next group, in the order in which the tests were collected."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid, self.config.rootpath)
