"""The terms of service that learners agree to: a first edition in our own words."""

from __future__ import annotations

from sqlalchemy import select

from app.kernel.clock import now
from app.kernel.unit_of_work import UnitOfWork
from app.security.models import Terms

EDITION = "2026-1"
BODY_ZH = """广东终身教育学分银行（以下简称“学分银行”）面向全省社会成员，为其认可、积累和转换学习成果，促进各级各类教育之间的沟通与衔接。

一、账号。注册资料应当真实、准确、完整，并及时更新。一人一号，不得冒用他人身份注册或激活账号，不得出借账号。账号名称、头像和个人简介不得违反法律法规、损害国家和社会公共利益、侵犯他人合法权益或违背公序良俗。

二、学习成果与证明材料。您所提交的学习成果及证明材料应当真实，并能按要求出示原件。提供虚假材料的，学分银行可以撤销由此取得的认定、学分与转换结果。

三、个人信息。学分银行为认定、积累、转换和依法监督的目的处理您的个人信息，证件号码、联系方式等以加密方式保存，工作人员的查阅留有记录。您可以查阅、更正、导出自己的信息，也可以申请注销账号；注销后个人信息被清除，学分事实依法留存。

四、措施。资料不实或违反本条款的，学分银行可以视情况要求限期改正、暂停使用或注销登记，并说明理由；您可以提出异议。

五、变更。条款更新时以新的版次公布，需要重新同意的，将在您登录时提示。
"""
BODY_EN = """The Guangdong Credit Bank for Lifelong Learning serves everyone in the province: it recognises, accumulates and converts learning achievements, so that
all kinds of education connect.

1. Account. What you tell us at registration is true, accurate and complete, and you keep it so. One person, one account: you do not use another person's identity, and
you do not lend your account. User name, picture and introduction respect the law, the public interest and other people's rights.

2. Achievements and evidence. What you submit is genuine, and you can show the originals when asked. Recognition, credits and conversions obtained with false
evidence may be revoked.

3. Personal data. We process your data to recognise, accumulate and convert achievements and for supervision under the law. Identity numbers and contacts are kept encrypted, and
every look at them by staff is recorded. You may read, correct and export your data, and close your account; personal data is then erased while the facts about credits are kept
as the law requires.

4. Measures. Where data is untrue or these terms are broken, we may require correction, suspend or close the account, giving reasons; you may object.

5. Changes. New editions are published; where your consent is needed again, you will be asked when you log in.
"""


def install(uow: UnitOfWork) -> int:
    """Add the first edition where it is missing."""
    if uow.session.scalar(select(Terms.id).where(Terms.edition == EDITION)) is not None:
        return 0
    uow.session.add(Terms(edition=EDITION, body_zh=BODY_ZH, body_en=BODY_EN, published_at=now()))
    return 1
