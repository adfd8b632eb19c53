"""What a refusal of Slack is about: the place, the message that was to be changed, or what an admin forbids there."""

SHARED = "shared_with_another_organisation"
"""Our own word, not Slack's: Muster says nothing there unless a setting allows it."""
UNSEEN = "who_reads_there_is_not_known"
"""Our own word too: the app lacks the scope to ask whether it is shared."""
# https://docs.slack.dev/reference/methods/chat.postMessage, chat.postEphemeral, conversations.open: no later try helps.
NO_SUCH_PLACE = frozenset(
    {
        "cannot_dm_bot",
        "channel_not_found",
        "is_archived",
        "is_inactive",
        "messages_tab_disabled",
        "method_not_supported_for_channel_type",
        "not_in_channel",
        "restricted_action",
        "restricted_action_non_threadable_channel",
        "restricted_action_read_only_channel",
        "restricted_action_thread_locked",
        "restricted_action_thread_only_channel",
        SHARED,
        "user_disabled",
        "user_not_found",
        "user_not_in_channel",
        "user_not_visible",
        "users_not_found",
    }
)
"""About a place or a person: no later try helps as long as it is as it is."""
CLOSED = frozenset({"is_archived", "is_inactive", SHARED, UNSEEN})
"""About a place: it is closed for everybody, or to Muster by its own settings."""
BARRED = frozenset({"access_denied", "ekm_access_denied", "no_permission", UNSEEN})
"""About a place: an admin forbids it there and may allow it again, so what was to be said waits."""
CARD_GONE = frozenset({"cannot_reply_to_message", "message_not_found", "thread_not_found"})
"""About the first message of a thread."""
MESSAGE_GONE = frozenset({"message_not_found", "cant_update_message", "edit_window_closed"})
"""About a message of ours that cannot be changed any more: a new one can be posted."""


def because(code: str) -> str:
    """Why nothing can be said in a conversation, in words; Slack's own word where there are no better ones."""
    if code == SHARED:
        return "it is shared with another organisation, and `[slack] external_channels` does not allow that"
    if code == UNSEEN:
        return "whether others read there cannot be known without a scope that the app lacks; see `muster check`"
    return f"Slack: {code}" if code.replace("_", "").isalnum() else "Slack does not take it"
