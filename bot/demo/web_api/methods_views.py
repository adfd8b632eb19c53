"""views.* and files.*External."""

from collections.abc import Mapping

from bot.demo.block_kit.blockkit import check_view
from bot.demo.web_api.call import ApiCall, Handler
from bot.demo.web_api.errors import ApiRefusal
from bot.demo.web_api.methods_chat import refused
from bot.demo.workspace.people import Json


def _view(call: ApiCall, *kinds: str) -> Json:
    """The view argument, checked. Raises invalid_arguments with Slack's explanation, or view_too_large."""
    view = call.decoded("view", "invalid_arguments")
    complaints = check_view(view)
    if complaints:
        raise refused("invalid_arguments", complaints)
    checked: Json = view
    if checked["type"] not in kinds:
        sentence = f"must be one of {', '.join(kinds)} [json-pointer:/view/type]"
        raise ApiRefusal.with_messages("invalid_arguments", [sentence])
    call.ws.views.check_size(checked)
    return checked


def _trigger(call: ApiCall) -> str:
    trigger = call.text("trigger_id")
    if not trigger:
        raise ApiRefusal.with_messages("invalid_arguments", ["missing required field: trigger_id"])
    return call.ws.views.exchange_trigger(trigger)


def views_open(call: ApiCall) -> Json:
    """Show a modal to the person whose trigger it is."""
    view = _view(call, "modal")
    return {"view": call.ws.views.open(_trigger(call), view).body}


def views_push(call: ApiCall) -> Json:
    """Put a modal upon the one that is open."""
    view = _view(call, "modal")
    return {"view": call.ws.views.push(_trigger(call), view).body}


def views_update(call: ApiCall) -> Json:
    """Rewrite a modal that is still open."""
    view = _view(call, "modal", "home")
    if not call.text("view_id") and not call.text("external_id"):
        raise ApiRefusal.with_messages("invalid_arguments", ["missing required field: view_id"])
    found = call.ws.views.find(view_id=call.text("view_id"), external_id=call.text("external_id"))
    if found.body["type"] != view["type"]:
        raise ApiRefusal.with_messages("invalid_arguments", ["view type can't be changed [json-pointer:/view/type]"])
    return {"view": call.ws.views.update(found, view, hash_=call.text("hash")).body}


def views_publish(call: ApiCall) -> Json:
    """Write somebody's App Home."""
    if not call.ws.app.home_tab:
        raise ApiRefusal("not_enabled")
    view = _view(call, "home")
    user = call.ws.users.get(call.text("user_id"))
    if user is None or user.deleted or user.is_bot:
        raise ApiRefusal.with_messages("invalid_arguments", ["invalid `user_id`"])
    return {"view": call.ws.views.publish(user.id, view, hash_=call.text("hash")).body}


def get_upload_url(call: ApiCall) -> Json:
    """Where to post the bytes of a file."""
    if call.number("length", 0) < 1:
        raise ApiRefusal("missing_argument")
    file = call.ws.new_file(call.text("filename"))
    return {"upload_url": f"{call.ws.page_address}/upload/v1/{file.id}", "file_id": file.id}


def complete_upload(call: ApiCall) -> Json:
    """Share the files whose bytes have arrived, as a message where a channel is named."""
    wanted = call.decoded("files", "invalid_arguments")
    if not isinstance(wanted, list) or not wanted:
        raise ApiRefusal.with_messages("invalid_arguments", ["no more than 0 items allowed [json-pointer:/files]"])
    files = []
    for entry in wanted:
        file = call.ws.files.get(str(entry.get("id")))
        if file is None or file.content is None:
            raise ApiRefusal("file_not_found")
        file.title = str(entry.get("title") or file.name)
        files.append(file)
    shown: list[Json] = [
        {"id": f.id, "name": f.name, "title": f.title, "size": len(f.content or b""), "mimetype": "text/plain"}
        | {"url_private": f"{call.ws.page_address}/files/{f.id}", "permalink": f"{call.ws.page_address}/files/{f.id}"}
        for f in files
    ]
    if call.text("channel_id"):
        channel = call.channel("channel_id")
        if call.ws.app.bot_user not in channel.members:
            raise ApiRefusal("not_in_channel")
        for f in files:
            f.channel = channel.id
        thread, comment = call.text("thread_ts") or None, call.text("initial_comment")

        def appear() -> None:
            extra = {"files": shown, "upload": True}
            author = call.ws.app.bot_user
            call.ws.add_message(channel.id, author=author, text=comment, thread_ts=thread, extra=extra)

        call.ws.after(call.ws.faults.upload_delay, appear)
    return {"files": shown}


METHODS: Mapping[str, Handler] = {
    "views.open": views_open,
    "views.push": views_push,
    "views.update": views_update,
    "views.publish": views_publish,
    "files.getUploadURLExternal": get_upload_url,
    "files.completeUploadExternal": complete_upload,
}
