"""`fleet federate join` as a site that breaks: `python broken_site.py HOW ...` sends NaN in round 1, or is killed in round 2."""

from __future__ import annotations

import os
import signal
import sys

from fleet_cli.main import main
from policy_merge.federation.message import Query, Reply, packed, read_tensors, tensor_bytes, unpacked
from policy_merge.federation.site import FederatedSite


def broken(how: str):
    """Return what answers in place of a site's own function."""
    whole = FederatedSite.answer

    def answer(site: FederatedSite, message: bytes) -> bytes:
        number = unpacked(message, Query, source="query")[0].round
        if how == "killed" and number >= 2:
            os.kill(os.getpid(), signal.SIGKILL)
        reply, content = unpacked(whole(site, message), Reply, source="reply")
        if how == "corrupt" and number == 1:
            content = tensor_bytes({name: own * float("nan") for name, own in read_tensors(content, source="").items()})
        return packed(reply, content)

    return answer


if __name__ == "__main__":
    FederatedSite.answer = broken(sys.argv.pop(1))
    main()
