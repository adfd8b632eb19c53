// A small app on Slack's official Node client, with which node_pass.py tries the emulated workspace.

import bolt from "@slack/bolt";

const app = new bolt.App({
  token: process.env.SLACK_BOT_TOKEN,
  appToken: process.env.SLACK_APP_TOKEN,
  socketMode: true,
  logLevel: bolt.LogLevel.ERROR,
  clientOptions: { slackApiUrl: process.env.SLACK_API_URL },
});
const plain = (text) => ({ type: "plain_text", text });

app.command("/evacuate", async ({ ack, client, command }) => {
  await ack("Surveying");
  const channel = command.channel_id;
  const blocks = [{ type: "actions", elements: [{ type: "button", action_id: "go", text: plain("Go") }] }];
  const metadata = { event_type: "card", event_payload: { operation: "1" } };
  const card = await client.chat.postMessage({ channel, text: "card", blocks, metadata });
  await client.chat.postMessage({ channel, text: "reply", thread_ts: card.ts });
  await client.conversations.info({ channel });
  await client.conversations.members({ channel, limit: 2 });
  await client.users.info({ user: command.user_id, include_locale: true });
  await client.usergroups.list({ include_users: true });
  await client.usergroups.users.list({ usergroup: "S0SRE" });
  await client.reactions.add({ channel, timestamp: card.ts, name: "eyes" });
  await client.chat.getPermalink({ channel, message_ts: card.ts });
  await client.filesUploadV2({ channel_id: channel, content: "hello", filename: "report.txt", thread_ts: card.ts });
  await client.chat.postMessage({ channel, text: "all done" });
});
app.action("go", async ({ ack, respond }) => {
  await ack();
  await respond({ text: "replaced", replace_original: true });
});
app.command("/maintenance", async ({ ack, client, body }) => {
  await ack();
  const element = { type: "external_select", action_id: "host", min_query_length: 0 };
  const blocks = [{ type: "input", block_id: "where", label: plain("Host"), element }];
  const view = { type: "modal", callback_id: "ask", title: plain("Enter"), submit: plain("Go"), notify_on_close: true, blocks };
  await client.views.open({ trigger_id: body.trigger_id, view });
});
app.options("host", async ({ ack, options }) => ack({ options: [{ text: plain(`node-${options.value}`), value: options.value }] }));
app.view("ask", async ({ ack, view }) => {
  await ack({ response_action: "errors", errors: { where: `not ${view.state.values.where.host.selected_option.value}` } });
});
app.view({ callback_id: "ask", type: "view_closed" }, async ({ ack, client }) => {
  await ack();
  await client.chat.postMessage({ channel: "C0INCIDENT", text: "closed" });
});
app.event("app_mention", async ({ event, say }) => say({ text: `heard ${event.text}`, thread_ts: event.ts }));
app.event("app_home_opened", async ({ event, client }) => {
  const view = { type: "home", blocks: [{ type: "section", text: plain("home") }] };
  await client.views.publish({ user_id: event.user, view });
});
await app.start();
