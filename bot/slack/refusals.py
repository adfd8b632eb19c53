"""What a refusal of Slack is about: the place, the message that was to be changed, or what an admin forbids there."""

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
        "user_disabled",
        "user_not_found",
        "user_not_in_channel",
        "user_not_visible",
        "users_not_found",
    }
)
"""About a place or a person: no later try helps as long as it is as it is."""
CLOSED = frozenset({"is_archived", "is_inactive"})
"""About a place: it is closed for everybody."""
BARRED = frozenset({"access_denied", "ekm_access_denied", "no_permission"})
"""About a place: an admin forbids it there and may allow it again, so what was to be said waits."""
CARD_GONE = frozenset({"cannot_reply_to_message", "message_not_found", "thread_not_found"})
"""About the first message of a thread."""
MESSAGE_GONE = frozenset({"message_not_found", "cant_update_message", "edit_window_closed"})
"""About a message of ours that cannot be changed any more: a new one can be posted."""
