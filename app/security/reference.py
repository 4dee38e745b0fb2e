"""The terms of service that learners agree to: a first edition in our own words."""

from __future__ import annotations

from sqlalchemy import select

from app.kernel.clock import now
from app.kernel.unit_of_work import UnitOfWork
from app.security.models import Terms

EDITION = "2026-1"
BODY_ZH = """广东终身教育学分银行（以下简称“学分银行”）为全省社会成员的终身学习服务：认可、积累和转换学习成果，让各级各类教育相互沟通、相互衔接，使每个人的学习都有路可走。

一、账号
一人一号。注册和激活账号所用的资料应当真实、准确、完整，变化时及时更新；不得使用他人身份，也不得把账号借给他人。使用账号应当守住七条底线：法律法规、社会主义制度、国家利益、公民合法权益、公共秩序、社会道德风尚、信息真实。

二、不得出现的内容
用户名、头像、个人简介和提交的材料中，不得有以下内容：
（1）违背宪法、法律、行政法规的；
（2）危害国家安全与统一、泄露国家秘密、颠覆国家政权的；
（3）损害国家荣誉、国家利益或者公共利益的；
（4）挑动民族仇恨与歧视、破坏民族团结的；
（5）违背国家宗教政策、传播邪教或者封建迷信的；
（6）编造、传播谣言，扰乱社会秩序的；
（7）淫秽、色情、赌博、暴力、恐怖或者教人犯罪的；
（8）侮辱、诽谤他人或者以其他方式侵害他人权益的；
（9）法律、行政法规禁止的其他内容。

三、学习成果与证明材料
所提交的学习成果与证明材料应当真实，并能按要求出示原件。材料虚假的，由此取得的认定、学分和转换结果可以撤销。

四、个人信息
学分银行仅为认定、积累、转换和依法监督而处理您的个人信息。证件号码、联系方式等加密保存，工作人员每次查阅都留有记录。您可以查阅、更正、导出自己的信息，也可以申请注销账号；注销后个人信息即被清除，学分事实依法留存。

五、措施与异议
资料不准确、不真实或者含有第二条所列内容的，学分银行可以不予注册。以虚假信息取得账号，或者账号资料违反本条款的，学分银行可以视情况要求限期改正、暂停使用或者注销登记。冒用他人信息激活账号的，注销该账号，并向主管部门报告。采取措施时说明理由，您可以提出异议。

六、变更
条款更新时以新的版次公布；需要重新同意的，在您登录时提示。
"""
BODY_EN = """The Guangdong Credit Bank for Lifelong Learning serves everyone in the province who goes on learning: it recognises, accumulates and converts learning achievements, so that all kinds of education connect and everybody finds a way on.

1. Account
One person, one account. What you tell us when you register or activate an account is true, accurate and complete, and you keep it so; you do not use another person's identity and you do not lend your account. Whoever uses an account keeps seven bottom lines: the law, the socialist system, the interests of the state, the lawful rights of citizens, public order, good morals, and truthful information.

2. What must not appear
User names, pictures, introductions and submitted material must not
(1) run against the constitution, laws or administrative regulations;
(2) endanger the security or unity of the state, betray its secrets or subvert its power;
(3) harm the honour or interests of the state, or the public interest;
(4) stir up hatred or discrimination between ethnic groups;
(5) run against the state's policy on religions, or spread cults or superstition;
(6) make up or spread rumours that disturb public order;
(7) be obscene, or promote gambling, violence, terror or crime;
(8) insult or slander others, or infringe their rights in other ways;
(9) contain anything else that laws or administrative regulations forbid.

3. Achievements and evidence
What you submit is genuine, and you can show the originals when asked. Recognition, credits and conversions that rest on false evidence may be revoked.

4. Personal data
We process your data only to recognise, accumulate and convert achievements and for supervision under the law. Identity numbers and contacts are kept encrypted, and every look at them by staff is recorded. You may read, correct and export your data, and close your account; personal data is then erased, while the facts about credits are kept as the law requires.

5. Measures and objections
Where data is inaccurate or untrue, or contains what section 2 forbids, we may refuse the registration. Where an account was obtained by false information, or breaks these terms, we may require correction by a day, suspend it, or close it. An account activated with another person's identity is closed and reported to the authority in charge. We give reasons for every measure, and you may object.

6. Changes
New editions are published; where your consent is needed again, you will be asked when you log in.
"""


def install(uow: UnitOfWork) -> int:
    """Add the first edition where it is missing."""
    if uow.session.scalar(select(Terms.id).where(Terms.edition == EDITION)) is not None:
        return 0
    uow.session.add(Terms(edition=EDITION, body_zh=BODY_ZH, body_en=BODY_EN, published_at=now()))
    return 1
