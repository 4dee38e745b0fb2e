"""What the queue shows, declared for Django: five tables and an admin with eight columns, related rows joined."""

from __future__ import annotations

from django.contrib import admin
from django.db import models


class Person(models.Model):
    name = models.CharField(max_length=100)

    class Meta:
        app_label, db_table, managed = "peer", "person", False

    def __str__(self) -> str:
        return self.name


class Learner(models.Model):
    person = models.ForeignKey(Person, models.DO_NOTHING)

    class Meta:
        app_label, db_table, managed = "peer", "learner", False


class Agreement(models.Model):
    name = models.CharField(max_length=200)

    class Meta:
        app_label, db_table, managed = "peer", "agreement", False

    def __str__(self) -> str:
        return self.name


class Rule(models.Model):
    agreement = models.ForeignKey(Agreement, models.DO_NOTHING)

    class Meta:
        app_label, db_table, managed = "peer", "rule", False


class RuleVersion(models.Model):
    name = models.CharField(max_length=200)
    rule = models.ForeignKey(Rule, models.DO_NOTHING)

    class Meta:
        app_label, db_table, managed = "peer", "rule_version", False

    def __str__(self) -> str:
        return self.name


class Organisation(models.Model):
    name = models.CharField(max_length=200)

    class Meta:
        app_label, db_table, managed = "peer", "organisation", False

    def __str__(self) -> str:
        return self.name


class Application(models.Model):
    number = models.CharField(max_length=32)
    state = models.CharField(
        max_length=32, choices=[("initial_review", "待初审"), ("final_review", "待终审")]
    )
    learner = models.ForeignKey(Learner, models.DO_NOTHING)
    rule_version = models.ForeignKey(RuleVersion, models.DO_NOTHING)
    home_point = models.ForeignKey(Organisation, models.DO_NOTHING)
    submitted_at = models.DateTimeField()
    due_at = models.DateTimeField()

    class Meta:
        app_label, db_table, managed = "peer", "conversion_application", False


@admin.register(Application)
class ApplicationAdmin(admin.ModelAdmin):
    list_display = (
        "number",
        "learner_name",
        "agreement",
        "rule_version",
        "home_point",
        "submitted_at",
        "due_at",
        "state",
    )
    list_filter = ("state",)
    list_per_page = 25
    list_select_related = ("learner__person", "rule_version__rule__agreement", "home_point")
    search_fields = ("learner__person__name",)
    ordering = ("submitted_at", "id")

    def learner_name(self, row: Application) -> str:
        return row.learner.person.name

    def agreement(self, row: Application) -> str:
        return row.rule_version.rule.agreement.name
