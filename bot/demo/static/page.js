// The workspace's page: who one acts as, channels, messages, threads, modals, App Home.

import { BlockRenderer } from "/_page/static/blocks.js";
import { TextRenderer, el, emoji, withEmoji } from "/_page/static/mrkdwn.js";

const view = {
  user: new URLSearchParams(location.search).get("user") || localStorage.getItem("user") || "",
  channel: localStorage.getItem("channel") || "",
  home: false,
  thread: null, // { channel, ts }
  seen: {}, // "user channel" -> ts
};
let state = null;
const $ = (selector) => document.querySelector(selector);

// --- talking to the workspace ---------------------------------------------------------------------------------------

async function act(verb, body) {
  const answer = await fetch(`/_page/act/${verb}`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ user: view.user, ...body }),
  });
  const result = answer.ok ? await answer.json() : { ok: false, error: `the page got HTTP ${answer.status}` };
  if (!result.ok) toast(result.error);
  return result;
}

let loading = null;
let again = false;

async function load() {
  if (loading) { again = true; return loading; }
  loading = (async () => {
    do {
      again = false;
      const answer = await fetch(`/_page/state?user=${encodeURIComponent(view.user)}`);
      state = await answer.json();
      view.user = state.user;
      draw();
    } while (again);
  })();
  try { await loading; } finally { loading = null; }
}

function listen() {
  const socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/_page/live`);
  socket.onmessage = () => load();
  socket.onclose = () => setTimeout(listen, 1000);
}

function toast(text) {
  const box = $("#toast");
  box.textContent = text;
  box.hidden = false;
  clearTimeout(toast.timer);
  toast.timer = setTimeout(() => (box.hidden = true), 5000);
}

function confirmed(dialog, texts) {
  return new Promise((resolve) => {
    const box = $("#confirm");
    const done = (answer) => { box.hidden = true; box.replaceChildren(); resolve(answer); };
    const style = dialog.style === "danger" ? "danger" : "primary";
    box.replaceChildren(
      el("div", { class: "dialog", role: "alertdialog" },
        el("h3", {}, dialog.title?.text ?? "Are you sure?"),
        el("div", { class: "text" }, ...texts.text(dialog.text)),
        el("div", { class: "dialog-buttons" },
          el("button", { type: "button", class: "button", "data-role": "deny", onclick: () => done(false) }, dialog.deny?.text ?? "Cancel"),
          el("button", { type: "button", class: `button ${style}`, "data-role": "confirm", onclick: () => done(true) }, dialog.confirm?.text ?? "Yes")),
      ),
    );
    box.hidden = false;
    box.querySelector("[data-role=confirm]").focus();
  });
}

// --- pieces ---------------------------------------------------------------------------------------------------------

const COLOURS = ["#4a7fb5", "#8a5aa8", "#b5643c", "#3f8f6b", "#a8485f", "#6b7a2f", "#5b6cc4"];

function avatar(person, size = "") {
  const box = el("span", { class: `avatar ${size} ${person?.bot ? "bot" : ""}`, "aria-hidden": "true" });
  box.textContent = (person?.real_name ?? "?").split(" ").map((word) => word[0]).slice(0, 2).join("");
  const sum = [...(person?.id ?? "")].reduce((total, letter) => total + letter.charCodeAt(0), 0);
  if (!person?.bot) box.style.background = COLOURS[sum % COLOURS.length];
  return box;
}

const person = (id) => state.people.find((one) => one.id === id);
const channel = (id) => state.channels.find((one) => one.id === id);

function clock(ts) {
  return new Date(Number(ts) * 1000).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
}

function draw() {
  const current = channel(view.channel);
  if (!current || (!current.joined && current.private)) view.channel = (state.channels.find((one) => one.joined && !one.im) ?? state.channels[0]).id;
  localStorage.setItem("user", view.user);
  localStorage.setItem("channel", view.channel);
  document.body.dataset.user = view.user;
  document.body.dataset.revision = state.revision;
  if (!state.app.home) view.home = false;
  drawSidebar();
  drawMain();
  drawThread();
  drawModal();
  $("#outage").hidden = !state.outage;
}

function drawSidebar() {
  $("#team").replaceChildren(el("b", {}, state.team.name), el("small", {}, `${state.team.domain}.slack.com, emulated`));
  $("#people").replaceChildren(...state.people.filter((one) => one.can_act).map((one) =>
    el("li", { "data-user": one.id, class: one.id === view.user ? "chosen" : "", onclick: () => become(one.id) },
      avatar(one, "small"),
      el("span", { class: "who" }, el("b", {}, one.real_name), el("small", {}, one.title)))));
  $("#channels").replaceChildren(...state.channels.filter((one) => !one.im).map((one) =>
    el("li", { "data-channel": one.id, class: `${!view.home && one.id === view.channel ? "chosen" : ""} ${unread(one) ? "unread" : ""} ${one.joined ? "" : "outside"}`, onclick: () => visit(one.id) },
      el("span", { class: "sign" }, one.private ? "🔒" : "#"), one.name, unread(one) ? el("i", { class: "badge" }, String(unread(one))) : "")));
  const direct = state.channels.find((one) => one.im && one.members.includes(state.app.bot_user));
  $("#apps").previousElementSibling.hidden = !state.app.home && !direct && !Object.keys(state.app.shortcuts).length;
  $("#apps").replaceChildren(
    state.app.home ? el("li", { "data-app": "home", class: view.home ? "chosen" : "", onclick: openHome }, el("span", { class: "sign" }, "⌂"), `${state.app.name} Home`) : "",
    direct ? el("li", { "data-channel": direct.id, class: !view.home && direct.id === view.channel ? "chosen" : "", onclick: () => visit(direct.id) },
      el("span", { class: "sign" }, "✉"), `${state.app.name} messages`, unread(direct) ? el("i", { class: "badge" }, String(unread(direct))) : "") : "",
    ...Object.entries(state.app.shortcuts).map(([id, name]) =>
      el("li", { "data-shortcut": id, onclick: () => act("shortcut", { callback_id: id }) }, el("span", { class: "sign" }, "⚡"), name)));
  $("#phones").previousElementSibling.hidden = !state.phones.length;
  $("#phones").replaceChildren(...state.phones.map((push) =>
    el("li", { "data-phone": push.user, title: "What lights up on this phone", onclick: () => answerPush(push) },
      el("b", {}, `📱 ${person(push.user)?.real_name ?? push.user} `), el("small", {}, withEmoji(push.text)))));
  if ($("#scenarios").dataset.names !== JSON.stringify(state.scenarios)) {
    $("#scenarios").dataset.names = JSON.stringify(state.scenarios);
    $("#scenarios").replaceChildren(...(state.scenarios.length ? [el("h2", {}, "Make it happen")] : []),
      ...state.scenarios.map((one) => el("button", { type: "button", "data-scenario": one.name, title: one.description, onclick: () => runScenario(one) }, one.name)));
  }
}

async function runScenario(scenario) {
  const answer = await fetch("/_page/scenario", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ name: scenario.name }) });
  toast(answer.ok ? scenario.description || scenario.name : `“${scenario.name}” failed`);
}

function unread(one) {
  const key = `${view.user} ${one.id}`;
  const top = one.messages.filter((message) => !message.reply || message.broadcast);
  if (!one.joined) return 0;
  if (!view.home && one.id === view.channel) { view.seen[key] = top.at(-1)?.ts ?? "0"; return 0; }
  return top.filter((message) => message.ts > (view.seen[key] ?? "0") && message.author !== view.user).length;
}

async function become(user) {
  view.user = user;
  closeModal();
  await load();
  if (view.home) act("home", {});
}

async function answerPush(push) {
  await become(push.user);
  const where = `/archives/${push.channel}/p${push.ts.replace(".", "")}`;
  goTo(new URL(push.thread ? `${where}?thread_ts=${push.thread}` : where, location.href));
}

function visit(id) {
  view.channel = id;
  view.home = false;
  if (view.thread && view.thread.channel !== id) view.thread = null;
  draw();
  $("#messages").scrollTop = $("#messages").scrollHeight;
  $("[data-role=composer]").focus();
}

function openHome() {
  view.home = true;
  view.thread = null;
  draw();
  act("home", {});
}

// --- messages -------------------------------------------------------------------------------------------------------

function renderer(place, values, errors) {
  return new BlockRenderer({ state, act, place, values, errors, confirm: confirmed });
}

function drawMessage(message, inThread) {
  const author = person(message.author);
  const texts = new TextRenderer(state);
  const place = { channel: message.channel, ts: message.ts };
  const body = message.blocks.length
    ? renderer(place).render(message.blocks)
    : [el("div", { class: "text" }, ...texts.mrkdwn(message.text))];
  if (message.edited) body.push(el("span", { class: "edited" }, "(edited)"));
  const files = message.files.map((file) => el("a", { class: "file", href: `/files/${file.id}`, target: "_blank" }, `📄 ${file.title}`));
  const reactions = message.reactions.map((one) => el("span", { class: "reaction" }, `${emoji(one.name)} ${one.count}`));
  const parts = [
    message.ephemeral ? el("div", { class: "only-you" }, "👁 Only visible to you") : "",
    message.pinned ? el("div", { class: "only-you" }, "📌 Pinned") : "",
    message.reply && !inThread ? el("div", { class: "only-you" }, "↳ replied to a thread") : "",
    el("div", { class: "byline" }, el("b", {}, author?.real_name ?? message.author), author?.bot ? el("span", { class: "app-mark" }, "APP") : "", el("time", {}, clock(message.ts))),
    el("div", { class: "content" }, ...body),
    files.length ? el("div", { class: "files" }, ...files) : "",
    reactions.length ? el("div", { class: "reactions" }, ...reactions) : "",
    !inThread && message.reply_count ? el("button", { type: "button", class: "replies-link", "data-role": "open-thread", onclick: () => openThread(message) },
      ...message.reply_users.slice(0, 4).map((id) => avatar(person(id), "tiny")),
      el("b", {}, `${message.reply_count} ${message.reply_count === 1 ? "reply" : "replies"}`), el("span", {}, ` Last reply at ${clock(message.latest_reply)}`)) : "",
  ];
  const tools = inThread || message.ephemeral ? "" : el("button", { type: "button", class: "tools", title: "Reply in thread", "data-role": "reply", onclick: () => openThread(message) }, "💬");
  return el("article", { class: `message ${message.ephemeral ? "ephemeral" : ""}`, "data-ts": message.ts, "data-channel": message.channel, "data-author": message.author },
    avatar(author), el("div", { class: "message-body" }, ...parts), tools);
}

// Keeps the nodes of messages that have not changed, so that open menus and typed text stay as they are.
function drawList(box, messages, inThread) {
  const atEnd = box.scrollHeight - box.scrollTop - box.clientHeight < 80;
  const old = new Map([...box.children].map((node) => [node.dataset.key, node]));
  const nodes = messages.map((message) => {
    const key = JSON.stringify([view.user, inThread, message]);
    const kept = old.get(key);
    if (kept) return kept;
    const node = drawMessage(message, inThread);
    node.dataset.key = key;
    return node;
  });
  const same = nodes.length === box.children.length && nodes.every((node, at) => node === box.children[at]);
  if (!same) box.replaceChildren(...nodes);
  if (atEnd) box.scrollTop = box.scrollHeight;
}

function drawMain() {
  const composer = $("#composer");
  const list = $("#messages");
  list.classList.toggle("home", view.home);
  composer.hidden = view.home;
  if (view.home) { drawHome(); return; }
  list.dataset.home = "";
  const current = channel(view.channel);
  const name = current.im ? state.app.name : `${current.private ? "🔒 " : "# "}${current.name}`;
  $("#head").replaceChildren(el("b", {}, name), el("span", { class: "topic" }, current.topic), el("span", { class: "members" }, `👥 ${current.members.length}`));
  list.dataset.channel = current.id;
  drawList(list, current.messages.filter((message) => !message.reply || message.broadcast), false);
  if (!list.children.length) list.replaceChildren(el("div", { class: "empty" }, `This is the very beginning of ${name}. Try ${state.commands[0]?.name ?? "a message"}.`));
  const field = $("[data-role=composer]");
  field.disabled = !current.joined;
  if (current.read_only) field.disabled = true;
  if (current.read_only) field.placeholder = "Sending messages to this app has been turned off.";
  else field.placeholder = current.joined ? `Message ${current.im ? state.app.name : "#" + current.name}, or / for a command` : `${person(view.user).real_name} is not in this channel`;
}

function drawHome() {
  const list = $("#messages");
  $("#head").replaceChildren(el("b", {}, state.app.name), el("span", { class: "topic" }, "Home"));
  const key = state.home ? `${view.user} ${state.home.id} ${state.home.hash}` : `${view.user} none`;
  if (list.dataset.home === key) return;
  list.dataset.home = key;
  list.replaceChildren(state.home
    ? el("div", { class: "home-view", "data-view-id": state.home.id }, ...renderer({ view_id: state.home.id }, state.home.values).render(state.home.blocks))
    : el("div", { class: "empty" }, `${state.app.name} has not put anything here yet.`));
}

// --- thread ---------------------------------------------------------------------------------------------------------

function openThread(message) {
  view.thread = { channel: message.channel, ts: message.reply ? message.thread_ts : message.ts };
  draw();
  const replies = $("#thread .replies");
  replies.scrollTop = replies.scrollHeight;
}

function drawThread() {
  const pane = $("#thread");
  const there = view.thread && channel(view.thread.channel);
  pane.hidden = !there;
  document.body.classList.toggle("with-thread", Boolean(there));
  if (!there) return;
  pane.dataset.ts = view.thread.ts;
  pane.querySelector(".where").textContent = there.im ? state.app.name : `#${there.name}`;
  const shown = there.messages.filter((message) => message.ts === view.thread.ts || (message.thread_ts === view.thread.ts && message.ts !== view.thread.ts));
  drawList(pane.querySelector(".replies"), shown, true);
}

// --- modal ----------------------------------------------------------------------------------------------------------

function closeModal() {
  $("#overlay").hidden = true;
  $("#overlay").replaceChildren();
  $("#overlay").dataset.key = "";
}

function drawModal() {
  const overlay = $("#overlay");
  const modal = state.modal;
  if (!modal) { closeModal(); return; }
  const key = JSON.stringify([modal.id, modal.hash, modal.errors, modal.notice]);
  if (overlay.dataset.key === key) return;
  const kept = overlay.querySelector(".modal")?.dataset.viewId === modal.id ? typedSoFar(overlay) : new Map();
  overlay.dataset.key = key;
  const form = el("form", { class: "modal", role: "dialog", "aria-label": modal.title.text, "data-view-id": modal.id, autocomplete: "off", novalidate: true },
    el("header", {}, el("b", {}, modal.title.text), el("button", { type: "button", class: "plain", "aria-label": "Close", onclick: () => act("close", {}) }, "✕")),
    el("div", { class: "modal-blocks" },
      modal.notice ? el("div", { class: "alert-box error", role: "alert" }, modal.notice) : "",
      ...renderer({ view_id: modal.id }, modal.values, modal.errors).render(modal.blocks)),
    el("footer", {},
      el("button", { type: "button", class: "button", "data-role": "close", onclick: () => act("close", {}) }, modal.close?.text ?? "Close"),
      modal.submit ? el("button", { type: "submit", class: "button primary", "data-role": "submit" }, modal.submit.text) : ""));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = form.querySelector("[data-role=submit]");
    if (!button || button.disabled) return;
    button.disabled = true;
    for (const field of form.querySelectorAll("input, textarea")) await field.commit?.();
    await act("submit", {});
    button.disabled = false;
  });
  overlay.replaceChildren(form);
  overlay.hidden = false;
  restore(overlay, kept);
}

function typedSoFar(overlay) {
  const fields = [...overlay.querySelectorAll("input, textarea")].filter((field) => field.commit && field.value !== field.dataset.sent);
  const active = document.activeElement?.dataset?.actionId;
  const typed = new Map(fields.map((field) => [field.dataset.actionId, field.value]));
  if (active) typed.set("focus", active);
  return typed;
}

function restore(overlay, kept) {
  const fields = [...overlay.querySelectorAll("input, textarea")].filter((field) => field.commit);
  for (const field of fields) if (kept.has(field.dataset.actionId)) field.value = kept.get(field.dataset.actionId);
  const focused = fields.find((field) => field.dataset.actionId === kept.get("focus")) ?? fields[0];
  focused?.focus();
}

// --- composers ------------------------------------------------------------------------------------------------------

function composer(form, where) {
  const field = form.querySelector("textarea");
  const hints = form.querySelector(".hints");
  const showHints = () => {
    if (!hints) return;
    const fitting = field.value.startsWith("/") && !field.value.includes(" ") ? state.commands.filter((one) => one.name.startsWith(field.value)) : [];
    hints.hidden = fitting.length === 0;
    hints.replaceChildren(...fitting.map((one) =>
      el("li", { "data-command": one.name, onclick: () => { field.value = `${one.name} `; showHints(); field.focus(); } }, el("b", {}, one.name), ` ${one.hint}`, el("small", {}, one.about))));
  };
  const grow = () => { field.style.height = "auto"; field.style.height = `${Math.min(field.scrollHeight, 160)}px`; };
  const send = async () => {
    const text = field.value.trim();
    if (!text || field.disabled) return;
    field.value = "";
    showHints();
    grow();
    const target = where();
    if (text.startsWith("/")) await act("command", { ...target, line: text });
    else await act("say", { ...target, text });
  };
  field.addEventListener("input", () => { showHints(); grow(); });
  field.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey) { event.preventDefault(); send(); }
    if (event.key === "Tab" && hints && !hints.hidden) { event.preventDefault(); hints.firstElementChild.click(); }
  });
  form.addEventListener("submit", (event) => { event.preventDefault(); send(); });
}

// --- links to messages ----------------------------------------------------------------------------------------------

function goTo(url) {
  const found = url.pathname.match(/^\/archives\/([A-Z0-9]+)(?:\/p(\d+))?$/);
  if (!found || !state) return false;
  view.channel = found[1];
  view.home = false;
  const ts = found[2] && `${found[2].slice(0, -6)}.${found[2].slice(-6)}`;
  const thread = url.searchParams.get("thread_ts");
  if (thread) view.thread = { channel: found[1], ts: thread };
  draw();
  const target = ts && document.querySelector(`${thread ? "#thread" : "#messages"} [data-ts="${ts}"]`);
  target?.scrollIntoView({ block: "center" });
  target?.classList.add("found");
  return true;
}

document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll(".menu:not([hidden])")) {
    if (!menu.parentElement.contains(event.target)) menu.hidden = true;
  }
  const link = event.target.closest?.("a[href]");
  if (!link) return;
  const url = new URL(link.href);
  if (url.origin === location.origin && goTo(url)) event.preventDefault();
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  const open = document.querySelector(".menu:not([hidden])");
  if (open) open.hidden = true;
  else if (!$("#confirm").hidden) $("#confirm [data-role=deny]").click();
  else if (!$("#overlay").hidden) act("close", {});
});
$("#menu").addEventListener("click", () => document.body.classList.toggle("with-menu"));
$("#sidebar").addEventListener("click", (event) => { if (event.target.closest("li, button")) document.body.classList.remove("with-menu"); });
$("[data-role=close-thread]").addEventListener("click", () => { view.thread = null; draw(); });

composer($("#composer"), () => ({ channel: view.channel }));
composer($("#thread form"), () => ({ channel: view.thread.channel, thread_ts: view.thread.ts }));
await load();
await act("reload", {}); // Slack shows nobody again what only they saw
goTo(new URL(location.href));
listen();
