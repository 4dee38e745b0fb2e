"""The root of the tree."""

from __future__ import annotations

from app.kernel.unit_of_work import UnitOfWork
from app.organisations import services

CENTRE = "学分银行管理中心"


def install(uow: UnitOfWork) -> int:
    """Add the management centre where there is none yet."""
    if services.centre(uow.session) is not None:
        return 0
    services.add(
        uow,
        code="CBGD",
        name=CENTRE,
        kind="center",
        address="广州市越秀区麓景西路41号",
        contact="020-83772086",
    )
    return 1
