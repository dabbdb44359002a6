"""For each channel and each field of its config: what it is called on a form, and where a person finds its value."""

from dataclasses import dataclass

from api.dashboard.translations import marked


@dataclass(frozen=True)
class FieldHint:
    """A field's label, and where to find what goes into it."""

    label: str
    hint: str


@dataclass(frozen=True)
class ChannelHint:
    """What a channel is good for, in a line, and the hints of its config's fields."""

    summary: str
    fields: dict[str, FieldHint]


SECURITY = {
    "starttls": marked("STARTTLS (mostly port 587)"),
    "tls": marked("TLS from the start (mostly port 465)"),
    "none": marked("None: for a server in your own network, without a password"),
}
CHANNEL_HINTS = {
    "email": ChannelHint(
        marked("A mail to one address, by a mail server of yours."),
        {
            "host": FieldHint(
                marked("Mail server"),
                marked(
                    "Your mail provider's help calls it SMTP or outgoing server: smtp.gmail.com, smtp.office365.com, "
                    "smtp.mail.me.com, mail.gmx.net …"
                ),
            ),
            "port": FieldHint(marked("Port"), marked("587 with STARTTLS, 465 with TLS.")),
            "security": FieldHint(marked("Encryption"), ""),
            "username": FieldHint(
                marked("User name"), marked("Mostly your whole mail address. Empty if the server wants none.")
            ),
            "password": FieldHint(
                marked("Password"),
                marked(
                    "Gmail, iCloud, GMX and others want an app password: make one in the security settings of "
                    "your mail account."
                ),
            ),
            "sender": FieldHint(marked("From"), marked("An address that this server may send for: mostly your own.")),
            "to": FieldHint(marked("To"), marked("One address. For more people, add a target for each.")),
        },
    ),
    "telegram": ChannelHint(
        marked("A message from a bot of yours to you, or to a group."),
        {
            "token": FieldHint(
                marked("Bot token"),
                marked(
                    "In Telegram write /newbot to @BotFather and choose a name. Its answer has the token, such as "
                    "123456789:AAE…"
                ),
            ),
            "chat_id": FieldHint(
                marked("Chat id"),
                marked(
                    "Write something to your bot, or add it to the group and write there. Then open "
                    "https://api.telegram.org/botTOKEN/getUpdates with your token in it: the number behind "
                    "“chat”: {“id”: is it, for groups with its minus sign. For a public channel its @name will do."
                ),
            ),
            "message_thread_id": FieldHint(
                marked("Topic"),
                marked(
                    "Only for a group with topics: copy the link of a message in the topic; it is the number in "
                    "the middle, as 7 in t.me/c/1234567890/7/42."
                ),
            ),
            "api_url": FieldHint(
                marked("Server"), marked("Leave it as it is, unless you run a Bot API server of your own.")
            ),
        },
    ),
    "slack": ChannelHint(
        marked("A message in a Slack channel."),
        {
            "url": FieldHint(
                marked("Webhook URL"),
                marked(
                    "At api.slack.com/apps choose Create New App, From scratch; then Incoming Webhooks, switch them "
                    "on, Add New Webhook to Workspace, choose the channel, and copy the URL."
                ),
            )
        },
    ),
    "discord": ChannelHint(
        marked("A message in a Discord channel."),
        {
            "url": FieldHint(
                marked("Webhook URL"),
                marked(
                    "Open the channel's settings (the gear), then Integrations, Webhooks, New Webhook, "
                    "Copy Webhook URL."
                ),
            )
        },
    ),
    "teams": ChannelHint(
        marked("A card in a channel of Microsoft Teams."),
        {
            "url": FieldHint(
                marked("Workflow URL"),
                marked(
                    "At the channel choose … and Workflows, then the template “Send webhook alerts to a channel”; "
                    "at its end it shows the URL to copy."
                ),
            )
        },
    ),
    "ntfy": ChannelHint(
        marked("A push to your phone, without an account."),
        {
            "topic": FieldHint(
                marked("Topic"),
                marked(
                    "Make up a long name that nobody guesses, and subscribe to it in the app ntfy: whoever knows "
                    "it can read along."
                ),
            ),
            "token": FieldHint(
                marked("Access token"),
                marked("Only for a topic that is protected: in ntfy's web app under Account, Access tokens."),
            ),
            "server": FieldHint(
                marked("Server"), marked("Leave it as it is, unless you run an ntfy server of your own.")
            ),
        },
    ),
    "webhook": ChannelHint(
        marked("A signed request to a program of yours."),
        {
            "url": FieldHint(marked("Address"), marked("The https address at which your program takes requests.")),
            "secret": FieldHint(
                marked("Secret to sign with"),
                marked("Copy it to your program, which checks each request with it. It is not shown again."),
            ),
        },
    ),
    "apprise": ChannelHint(
        marked("One of the places that the operator of this server has set up."),
        {
            "name": FieldHint(
                marked("Place"),
                marked("The operator names them in HEARTBEAT_APPRISE_TARGETS; more than a hundred services will do."),
            )
        },
    ),
}
# What each kind of event is, for the list to choose from.
EVENT_HINTS = {
    "run.finding": marked("Findings: a run reports something new"),
    "run.failed": marked("Failures: the first failed run in a row"),
    "run.recovered": marked("Recoveries: the first run that succeeds again"),
    "run.quality_dropped": marked("Lower quality: the last runs were good less often than those before"),
    "run.costly": marked("Costly runs: one that cost more than three times as much as usual"),
    "heartbeat.paused": marked("Pauses: it failed too often, or its budget is used up"),
    "heartbeat.resumed": marked("Resumptions: a paused heartbeat runs again"),
    "heartbeat.missed": marked("Missed runs: something was down when it was due"),
    "approval.requested": marked("Approvals: a call waits for your yes, or a run for credits"),
    "budget.threshold": marked("Budgets: half used, 80 % used, used up"),
    "gate.failed": marked("Failing gates: what is looked at before a run cannot be read"),
    "gate.recovered": marked("Gates that work again: it can be read once more"),
    "tool.changed": marked("Changed tools: a tool is not used until you accept it"),
    "tool.needs_reconnect": marked("Sign-ins: a tool has to be signed in to again"),
    "model.fell_back": marked("Fallbacks: a model is down, and another one answers"),
    "model.recovered": marked("Models that are back: one that was down answers again"),
    "user.notified": marked("What agents say: they called notify_user"),
}
COOLDOWN_UNITS = {"1": marked("seconds"), "60": marked("minutes"), "3600": marked("hours"), "86400": marked("days")}
