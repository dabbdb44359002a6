"""Answers that are none: those that only announce, and those that only decline. Reports are neither."""

from heartbeat.agents.non_answers import only_announces, refuses

ANNOUNCED = [
    "I'll check the support queue now.",
    "Let me look at the tickets.",
    "Sure! Let me fetch the page for you.",
    "Okay, I'll go ahead and read the queue first.",
    "I’m going to search for open incidents.",
    "First, let me check the certificate:",
    "The disk of web-1 is fine. Now let me check the certificate:",
    "The package failed silently. I'll download it directly and install it…",
    "Certainly. I will start by listing the tickets. Then I'll review each one.",
    "Fetching the page now...",
    "Checking the queue now.",
    "Fetching now.",
    "Ich schaue in der Warteschlange nach.",
    "I need to call the desk tool to get the tickets.",
    "**Let me run the query.**",
    "Ich werde jetzt die Tickets prüfen.",
    "Alles klar! Ich schaue jetzt nach.",
    "Lass mich kurz in die Warteschlange sehen.",
    "Je vais vérifier les tickets.",
    "Voy a revisar la cola.",
    "我立即为您查询",
    "好的，让我检查一下队列。",
]
REPORTS = [
    "All quiet.",
    "Two tickets are open; none is urgent.",
    "I checked the queue: two tickets are open.",
    "All tickets are answered. I'll check again tomorrow.",
    "Nothing new. I will look at it again at the next run.",
    "I'll let you know if anything changes.",
    "I will notify you when the disk is full.",
    "Let me know if you need more.",
    "Let me summarize:\n- web-1 is fine\n- web-2 is full",
    "Shall I send it?",
    "Should I check the other servers, too?",
    "I will be kind to myself today.",
    "Today I will walk in the rain and smile.",
    "Let's go!",
    "Checking done: 3 open.",
    "Fetching failed with a 404.",
    "Fetching failed, see the error now.",
    "Looking good now.",
    "Reading level is now 4.2 m.",
    "Loading dock door now open",
    "Opening balance now 3,000 EUR.",
    "Running costs now at 5 EUR a day.",
    "Ich sehe nach der Prüfung keine Fehler.",
    "Ich sehe an der Tabelle, dass alles in Ordnung ist.",
    "Ich sehe jetzt keine offenen Tickets.",
    "I need to be honest: nothing was found.",
    "Ich habe die Tickets geprüft: zwei sind offen.",
    "Ich prüfe es morgen wieder.",
    "```\nLet me check the queue:\n```",
    "To reproduce it, run the test. I'll send the report every Monday.",
    "x" * 900 + " Let me check:",
]
REFUSED = [
    "I'm sorry, but I can't assist with that.",
    "I’m sorry, I cannot help with that request.",
    "Sorry, I can't comply with that.",
    "I cannot assist with that request",
    "I apologize, but I am unable to fulfill this request.",
    "Tut mir leid, dabei kann ich nicht helfen.",
    "很抱歉，我无法回答这个问题。",
    "你好，这个问题我暂时无法回答，让我们换个话题再聊聊吧。",
]
ANSWERED = [
    "I'm sorry, but I can't assist with ticket 7: the customer has no account. I closed it and wrote to Ann.",
    "I cannot reach the server; it answered with a 503.",
    "Sorry, the page was empty.",
    "The model said: I'm sorry, but I can't assist with that.",
    "I cannot find a ticket of that number.",
]


def test_what_only_announces_is_no_answer() -> None:
    assert [text for text in ANNOUNCED if not only_announces(text)] == []


def test_a_report_is_an_answer() -> None:
    assert [text for text in REPORTS if only_announces(text)] == []


def test_a_refusal_alone_is_one() -> None:
    assert [text for text in REFUSED if not refuses(text)] == []


def test_an_answer_is_no_refusal() -> None:
    assert [text for text in (*ANSWERED, *REPORTS, *ANNOUNCED) if refuses(text)] == []
