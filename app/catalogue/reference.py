"""Shipped categories with their forms and evidence lists (spec 1.3; manual, tables 1 to 3), and the code lists they draw from."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from app.catalogue.models import Category, CategoryField, CodeList, CodeValue, EvidenceRequirement
from app.framework.models import FrameworkLevel
from app.kernel.unit_of_work import UnitOfWork

#: code, name zh, name en, values: (code, zh, en, qualification level or None)
CODE_LISTS: tuple[tuple[str, str, str, tuple[tuple[str, str, str, int | None], ...]], ...] = (
    ("grade", "层次", "Level of education", (
        ("primary", "小学", "Primary", 1), ("junior", "初中", "Junior secondary", 2), ("senior", "高中", "Senior secondary", 3),
        ("diploma", "专科", "Diploma", 4), ("bachelor", "本科", "Bachelor", 5), ("master", "硕士", "Master", 6), ("doctor", "博士", "Doctor", 7),
    )),
    ("certificate_grade", "证书等级", "Certificate grade", (
        ("1", "1级", "Grade 1", None), ("2", "2级", "Grade 2", None), ("3", "3级", "Grade 3", None), ("4", "4级", "Grade 4", None), ("5", "5级", "Grade 5", None),
    )),
    ("technician_grade", "技师教育等级", "Technician education grade", (
        ("middle", "中级技工", "Intermediate worker", 3), ("senior", "高级技工", "Senior worker", 4),
        ("preparatory", "预备技师", "Preparatory technician", 4), ("technician", "技师", "Technician", 5), ("senior_technician", "高级技师", "Senior technician", 6),
    )),
    ("class", "等级", "Class", (
        ("pass", "合格", "Pass", None), ("good", "良好", "Good", None), ("excellent", "优秀", "Excellent", None),
    )),
    ("rank", "级别", "Rank", (
        ("international", "国际级", "International", None), ("national", "国家级", "National", None), ("province", "省级", "Provincial", None),
        ("city", "市级", "Municipal", None), ("county", "县级", "County", None), ("unit", "单位级", "Within the organisation", None),
    )),
    ("schooling", "文化程度", "Schooling", (
        ("junior", "初中", "Junior secondary", 2), ("senior", "高中", "Senior secondary", 3), ("vocational", "中职", "Secondary vocational", 3),
        ("technical", "中技", "Secondary technical", 3), ("diploma", "专科", "Diploma", 4), ("bachelor", "本科", "Bachelor", 5), ("master", "研究生", "Postgraduate", 6),
    )),
    ("education_type", "教育类型", "Type of education", (
        ("regular", "普通教育", "Regular", None), ("adult", "成人教育", "Adult", None), ("open", "开放教育", "Open", None),
        ("self_study", "自学考试", "Self-study examination", None), ("online", "网络教育", "Online", None),
    )),
)  # fmt: skip


def _field(code: str, zh: str, en: str, kind: str = "text", **more: Any) -> dict[str, Any]:
    return {"code": code, "label_zh": zh, "label_en": en, "kind": kind, **more}


def _item(code: str, zh: str, en: str, kind: str = "text", **more: Any) -> dict[str, Any]:
    return _field(code, zh, en, kind, source="catalogue", **more)


def _chosen(code: str, zh: str, en: str, list_code: str, **more: Any) -> dict[str, Any]:
    return _field(code, zh, en, "choice", code_list=list_code, **more)


_NUMBER = _field("certificate_number", "证书编号", "Certificate number", required=True, meaning="certificate_number", maximum=60)
_DESCRIPTION = _field("description", "成果描述", "Description", "long_text", maximum=1000)
_COURSE = (
    _item("name", "成果名称", "Achievement", meaning="name"), _item("school", "学校名称", "School", meaning="issuer"),
    _item("course", "课程名称", "Course"), _item("course_code", "课程号", "Course code"), _item("major", "专业", "Major"),
    _chosen("grade", "层次", "Level of education", "grade", source="catalogue"), _item("credits", "课程学分", "Credits", "number", meaning="credits"),
    _field("obtained_on", "获取时间", "Date obtained", "date", required=True, meaning="obtained_on"),
    _field("score", "成绩", "Score", required=True, meaning="score", maximum=20), _DESCRIPTION,
)  # fmt: skip
_DIPLOMA = (
    _item("name", "成果名称", "Achievement", meaning="name"), _item("issuer", "颁发机构", "Issued by", meaning="issuer"), _item("major", "专业", "Major"),
    _chosen("grade", "层次", "Level of education", "grade", source="catalogue"), _chosen("type", "类型", "Type", "education_type", source="catalogue"),
    _chosen("class", "等级", "Class", "class", source="catalogue"),
    _field("certificate_number", "电子注册号/证书编号", "Registration or certificate number", required=True, meaning="certificate_number", maximum=60),
    _field("obtained_on", "获取时间", "Date obtained", "date", required=True, meaning="obtained_on"),
)  # fmt: skip
_VOCATIONAL = (
    _item("name", "证书名称", "Certificate", meaning="name"), _item("issuer", "职业技能鉴定机构名称", "Certifying body", meaning="issuer"),
    _chosen("certificate_grade", "证书等级", "Certificate grade", "certificate_grade", source="catalogue"), _item("occupation", "职业(工种)", "Occupation"),
    _chosen("schooling", "文化程度", "Schooling", "schooling", source="catalogue", multiple=True), _NUMBER,
    _field("obtained_on", "发证日期", "Date of issue", "date", required=True, meaning="obtained_on"),
)  # fmt: skip
#: 发证机构 stands beyond the manual's table: a typed-in certificate would have no 来源机构, and 回避 could not ask who issued it.
_TECHNICIAN = (
    _item("name", "证书名称", "Certificate", meaning="name"), _item("issuer", "发证机构", "Issued by", meaning="issuer"), _item("major", "专业名称", "Major"),
    _chosen("technician_grade", "技师教育等级", "Technician education grade", "technician_grade", source="catalogue"), _NUMBER,
    _field("obtained_on", "发证时间", "Date of issue", "date", required=True, meaning="obtained_on"),
    _field("studied", "学习时间", "Period of study", required=True, maximum=60),
)  # fmt: skip
_TRAINING = (
    _item("name", "培训名称", "Training", meaning="name"), _item("issuer", "培训机构", "Training organisation", meaning="issuer"),
    _item("issuer_code", "机构代码", "Organisation code"), _NUMBER,
    _field("obtained_on", "获取时间", "Date obtained", "date", required=True, meaning="obtained_on"),
)  # fmt: skip
_PERFORMANCE = (
    _field("name", "业绩名称", "Achievement", required=True, meaning="name", maximum=100),
    _field("issuer", "业绩完成单位", "Where it was achieved", required=True, meaning="issuer", maximum=100),
    _field("obtained_on", "业绩完成时间", "Date achieved", "date", required=True, meaning="obtained_on"),
    _chosen("rank", "级别", "Rank", "rank"), _DESCRIPTION,
)  # fmt: skip

_COURSE_EVIDENCE = (("certificate", "单科合格证书或成绩单", "Course certificate or transcript", True, ""), ("syllabus", "课程教材或教学大纲", "Textbook or syllabus", False, ""))
_PROOFS = (
    ("training", "培训证明", "Proof of training", True, "proof"), ("award", "获奖证书", "Award certificate", True, "proof"),
    ("work", "工作证明", "Proof of work", True, "proof"), ("other", "其他证明", "Other proof", True, "proof"),
)  # fmt: skip


def _scan(zh: str, en: str) -> tuple[tuple[str, str, str, bool, str], ...]:
    return (("scan", zh, en, True, ""),)


LARGE = (
    ("academic", "学历教育", "Academic education"), ("vocational_large", "职业资格证书", "Vocational qualifications"),
    ("technician_large", "技师教育", "Technician education"), ("other", "其他类_培训业绩等", "Other: training, performance"),
)  # fmt: skip
#: code, parent, zh, en, fields, evidence, attributes
SMALL: tuple[tuple[str, str, str, str, Any, Any, dict[str, Any]], ...] = (
    ("diploma", "academic", "毕业证书", "Graduation certificate", _DIPLOMA, _scan("毕业证书原件扫描件或照片", "Scan of the certificate"), {"recognition": "automatic"}),
    ("degree", "academic", "学位证书", "Degree certificate", _DIPLOMA, _scan("学位证书原件扫描件或照片", "Scan of the certificate"), {"recognition": "automatic"}),
    ("course", "academic", "课程", "Course", _COURSE, _COURSE_EVIDENCE, {"recognition": "automatic", "dated": True}),
    ("vocational", "vocational_large", "职业资格证书", "Vocational qualification", _VOCATIONAL, _scan("证书原件扫描件或照片", "Scan of the certificate"), {"recognition": "automatic"}),
    ("technician", "technician_large", "技师教育", "Technician education", _TECHNICIAN, _scan("技工教育相关证明材料", "Proof of technician education"), {"recognition": "automatic"}),
    ("training", "other", "培训类", "Training", _TRAINING, _PROOFS, {"recognition": "automatic"}),
    *(
        (f"performance_{code}", "other", f"业绩类-{zh}", f"Performance: {en}", _PERFORMANCE, _PROOFS, {"performance": True, "dated": True, "asks_level": True})
        for code, zh, en in (
            ("award", "竞赛奖励", "competitions and awards"), ("research", "科学研究", "research"), ("venture", "创新创业", "innovation and ventures"),
            ("service", "社会服务", "social service"), ("heritage", "文化传承", "cultural heritage"), ("work", "工作经历", "work experience"),
            ("title", "职称证书", "professional titles"),
        )
    ),
)  # fmt: skip


def install(uow: UnitOfWork) -> int:
    """Add what is missing; what staff have changed stays as it is. Returns the number of rows added."""
    levels = {row.number: row.id for row in uow.session.scalars(select(FrameworkLevel))}
    added = 0
    for code, zh, en, values in CODE_LISTS:
        if uow.session.scalar(select(CodeList.id).where(CodeList.code == code)) is None:
            rows = [
                CodeValue(code=value, label_zh=label, label_en=english, position=number, level_id=levels.get(level or 0))
                for number, (value, label, english, level) in enumerate(values)
            ]
            uow.session.add(CodeList(code=code, name_zh=zh, name_en=en, values=rows))
            added += 1
    for number, (code, zh, en) in enumerate(LARGE):
        if _category(uow, code) is None:
            uow.session.add(Category(code=code, name_zh=zh, name_en=en, position=number, recognition="automatic"))
            added += 1
    uow.flush()
    lists = {row.code: row.id for row in uow.session.scalars(select(CodeList))}
    for number, (code, parent, zh, en, fields, evidence, attributes) in enumerate(SMALL):
        if _category(uow, code) is None:
            uow.session.add(
                Category(
                    code=code,
                    name_zh=zh,
                    name_en=en,
                    position=number,
                    parent_id=_category(uow, parent),
                    fields=[_category_field(lists, place, spec) for place, spec in enumerate(fields)],
                    requirements=[_requirement(place, *row) for place, row in enumerate(evidence)],
                    **attributes,
                )
            )
            added += 1
    return added


def _category(uow: UnitOfWork, code: str) -> int | None:
    return uow.session.scalar(select(Category.id).where(Category.code == code))


def _category_field(lists: dict[str, int], position: int, spec: dict[str, Any]) -> CategoryField:
    rest = dict(spec)
    list_code = rest.pop("code_list", None)
    return CategoryField(position=position, code_list_id=lists[list_code] if list_code else None, **rest)


def _requirement(position: int, code: str, zh: str, en: str, required: bool, alternative: str) -> EvidenceRequirement:
    return EvidenceRequirement(
        code=code, label_zh=zh, label_en=en, required=required, alternative=alternative, position=position
    )
