"""Tasks, contacts and mail through the independent client."""

from decimal import Decimal

import pytest
from exchangelib import Contact, EWSDate, HTMLBody, Mailbox, Message, Task
from exchangelib.errors import ErrorCannotCreateTaskInNonTaskFolder, ErrorInvalidRecipients, ErrorItemNotFound
from exchangelib.fields import MONDAY
from exchangelib.indexed_properties import EmailAddress, PhoneNumber, PhysicalAddress
from exchangelib.recurrence import DailyRegeneration, NoEndPattern, TaskRecurrence, WeeklyPattern


def test_a_task_is_written_read_changed_and_deleted(account):
    task = Task(
        account=account,
        folder=account.tasks,
        subject="Write & check",
        body="by hand",
        start_date=EWSDate(2026, 3, 2),
        due_date=EWSDate(2026, 3, 9),
        status="InProgress",
        percent_complete=Decimal(30),
        categories=["Red"],
        importance="High",
        sensitivity="Private",
        reminder_is_set=False,
    ).save()
    got = account.tasks.get(id=task.id)
    assert (got.subject, got.status, got.percent_complete) == ("Write & check", "InProgress", 30)
    assert (got.start_date, got.due_date) == (EWSDate(2026, 3, 2), EWSDate(2026, 3, 9))
    assert (got.categories, got.importance, got.sensitivity, got.is_complete) == (["Red"], "High", "Private", False)
    got.due_date = None
    got.subject = "Checked"
    got.save(update_fields=["due_date", "subject"])
    got = account.tasks.get(id=task.id)
    assert (got.due_date, got.subject, got.start_date) == (None, "Checked", EWSDate(2026, 3, 2))
    got.delete()
    (answer,) = account.fetch([(task.id, None)])
    assert isinstance(answer, ErrorItemNotFound)


def test_a_task_that_is_done_says_when(account):
    task = Task(account=account, folder=account.tasks, subject="Do").save()
    assert account.tasks.get(id=task.id).status == "NotStarted"
    task.complete()
    got = account.tasks.get(id=task.id)
    assert (got.status, got.percent_complete, got.is_complete) == ("Completed", 100, True)
    assert got.complete_date
    got.status, got.percent_complete = "WaitingOnOthers", Decimal(50)
    got.save(update_fields=["status", "percent_complete"])
    got = account.tasks.get(id=task.id)
    assert (got.status, got.is_complete, got.complete_date) == ("WaitingOnOthers", False, None)


@pytest.mark.parametrize(
    "pattern",
    [WeeklyPattern(interval=2, weekdays=[MONDAY], first_day_of_week=MONDAY), DailyRegeneration(interval=3)],
    ids=lambda p: type(p).__name__,
)
def test_a_task_repeats(account, pattern):
    recurrence = TaskRecurrence(pattern=pattern, boundary=NoEndPattern(start=EWSDate(2026, 3, 2)))
    task = Task(
        account=account,
        folder=account.tasks,
        subject="Again",
        start_date=EWSDate(2026, 3, 2),
        due_date=EWSDate(2026, 3, 2),
        recurrence=recurrence,
    )
    task.save()
    got = account.tasks.get(id=task.id)
    assert got.is_recurring
    assert got.recurrence.pattern == pattern
    assert got.recurrence.boundary.start == EWSDate(2026, 3, 2)


def test_tasks_are_found_by_pages(account):
    tasks = [Task(account=account, folder=account.tasks, subject=f"No {n}") for n in range(7)]
    account.bulk_create(folder=account.tasks, items=tasks)
    query = account.tasks.all().only("subject", "status")
    query.page_size = 3
    assert sorted(one.subject for one in query) == [f"No {n}" for n in range(7)]
    assert [one.subject for one in account.tasks.filter(subject="No 4")] == ["No 4"]
    assert account.tasks.total_count in (0, 7)


def test_a_task_does_not_go_into_the_calendar(account):
    with pytest.raises(ErrorCannotCreateTaskInNonTaskFolder):
        Task(account=account, folder=account.calendar, subject="Wrong place").save()


def test_a_contact_is_written_read_changed_and_deleted(account):
    contact = Contact(
        account=account,
        folder=account.contacts,
        subject="Ada Lovelace",
        given_name="Ada",
        surname="Lovelace",
        display_name="Ada Lovelace",
        company_name="Engines & Co",
        job_title="Analyst",
        department="Numbers",
        email_addresses=[EmailAddress(label="EmailAddress1", email="ada@example.test")],
        phone_numbers=[
            PhoneNumber(label="BusinessPhone", phone_number="+49 30 1234"),
            PhoneNumber(label="MobilePhone", phone_number="+49 170 1234"),
        ],
        physical_addresses=[PhysicalAddress(label="Business", street="Street 1", city="Berlin", country="Germany", zipcode="10115")],
    ).save()
    got = account.contacts.get(id=contact.id)
    assert (got.given_name, got.surname, got.display_name) == ("Ada", "Lovelace", "Ada Lovelace")
    assert (got.company_name, got.job_title, got.department) == ("Engines & Co", "Analyst", "Numbers")
    assert [(one.label, one.email) for one in got.email_addresses] == [("EmailAddress1", "ada@example.test")]
    assert {one.label: one.phone_number for one in got.phone_numbers} == {"BusinessPhone": "+49 30 1234", "MobilePhone": "+49 170 1234"}
    assert [(one.street, one.city) for one in got.physical_addresses] == [("Street 1", "Berlin")]
    got.phone_numbers = [PhoneNumber(label="BusinessPhone", phone_number="+49 30 9999")]
    got.job_title = None
    got.save(update_fields=["phone_numbers", "job_title"])
    got = account.contacts.get(id=contact.id)
    assert {one.label: one.phone_number for one in got.phone_numbers} == {"BusinessPhone": "+49 30 9999"}
    assert (got.job_title, got.company_name) == (None, "Engines & Co")
    assert [one.display_name for one in account.contacts.all().only("display_name")] == ["Ada Lovelace"]
    got.delete()
    assert account.contacts.all().count() == 0


def last_mail(simulator):
    return simulator.admin("GET", "mails")["value"][-1]


@pytest.mark.mails
def test_a_mail_is_sent_and_counted_apart(account, simulator, user):
    before = simulator.admin("GET", "stats")
    Message(
        account=account,
        subject="Warning & news",
        body=HTMLBody("<p>Look</p>"),
        to_recipients=[Mailbox(email_address="one@example.test")],
        cc_recipients=[Mailbox(email_address="two@example.test")],
    ).send(save_copy=False)
    after = simulator.admin("GET", "stats")
    assert after["mails_sent"] - before["mails_sent"] == 2
    assert after["attendee_mails"] == before["attendee_mails"]
    mail = last_mail(simulator)
    assert (mail["sender"], mail["subject"], mail["content"], mail["content_type"]) == (user, "Warning & news", "<p>Look</p>", "html")
    assert mail["recipients"] == ["one@example.test", "two@example.test"] and not mail["kept"]
    assert account.sent.all().count() == 0


@pytest.mark.mails
def test_a_copy_of_a_mail_is_kept(account, simulator):
    Message(account=account, folder=account.sent, subject="Kept", body="text", to_recipients=["one@example.test"]).send_and_save()
    assert last_mail(simulator)["kept"]
    assert [one.subject for one in account.sent.all().only("subject")] == ["Kept"]


@pytest.mark.mails
def test_a_draft_is_saved_changed_and_sent(account, simulator):
    before = simulator.admin("GET", "stats")["mails_sent"]
    draft = Message(account=account, folder=account.drafts, subject="Draft", body="text", to_recipients=["one@example.test"]).save()
    assert simulator.admin("GET", "stats")["mails_sent"] == before
    draft.subject = "Final"
    draft.save(update_fields=["subject"])
    got = account.drafts.get(id=draft.id)
    assert got.subject == "Final" and got.is_draft
    assert [one.email_address for one in got.to_recipients] == ["one@example.test"]
    draft.send()
    assert simulator.admin("GET", "stats")["mails_sent"] == before + 1
    assert last_mail(simulator)["subject"] == "Final"
    assert account.drafts.all().count() == 0
    assert [one.subject for one in account.sent.all().only("subject")] == ["Final"]


def test_a_mail_to_nobody_is_refused(account):
    with pytest.raises(ErrorInvalidRecipients):
        Message(account=account, subject="To nobody", body="text").send(save_copy=False)
