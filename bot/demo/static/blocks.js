// Block Kit as DOM: every block, every element, and what a person does with them.

import { TextRenderer, el, picture, safeLink } from "/_page/static/mrkdwn.js";

const MENU_ICON = "⋯";

export class BlockRenderer {
  // `act(verb, body)` talks to the workspace; `place` says which message or view the blocks stand in.
  constructor({ state, act, place, values, errors, confirm }) {
    this.state = state;
    this.texts = new TextRenderer(state);
    this.act = act;
    this.place = place;
    this.values = values ?? {};
    this.errors = errors ?? {};
    this.confirm = confirm;
  }

  render(blocks) {
    return blocks.map((block) => this.block(block));
  }

  block(block) {
    const draw = this[`block_${block.type}`];
    const inner = draw ? draw.call(this, block) : [el("em", { class: "unknown" }, `(${block.type} is not shown here)`)];
    return el("div", { class: `block ${block.type}`, "data-block-id": block.block_id, "data-block": block.type }, ...inner);
  }

  block_section(block) {
    const body = el("div", { class: "section-body" });
    if (block.text) body.append(...folding(el("div", { class: "text" }, ...this.texts.text(block.text)), block.expand));
    if (block.fields) {
      body.append(el("div", { class: "fields" }, ...block.fields.map((field) => el("div", { class: "text" }, ...this.texts.text(field)))));
    }
    return block.accessory ? [body, el("div", { class: "accessory" }, this.element(block, block.accessory))] : [body];
  }

  block_header(block) {
    return this.texts.text(block.text);
  }

  block_divider() {
    return [el("hr")];
  }

  block_context(block) {
    return block.elements.map((part) =>
      part.type === "image"
        ? picture(part.image_url, part.alt_text, { class: "tiny" })
        : el("span", { class: "text" }, ...this.texts.text(part)),
    );
  }

  block_actions(block) {
    return block.elements.map((element) => this.element(block, element));
  }

  block_context_actions(block) {
    return block.elements.map((element) => this.element(block, element));
  }

  block_image(block) {
    const title = block.title ? [el("div", { class: "image-title" }, ...this.texts.text(block.title))] : [];
    return [...title, picture(block.image_url ?? block.slack_file?.url, block.alt_text)];
  }

  block_rich_text(block) {
    return this.texts.richText(block);
  }

  block_markdown(block) {
    return this.texts.markdown(block.text);
  }

  block_alert(block) {
    return [el("div", { class: `alert-box ${block.level ?? "default"}` }, ...this.texts.text(block.text))];
  }

  block_table(block) {
    const settings = block.column_settings ?? [];
    const rows = block.rows.map((row, at) =>
      el("tr", {}, ...row.map((cell, column) => {
        const inner = cell.type === "rich_text" ? this.texts.richText(cell) : [cell.text ?? String(cell.value ?? "")];
        const node = el(at === 0 ? "th" : "td", {}, ...inner);
        node.style.textAlign = settings[column]?.align ?? "left";
        // Short cells stay on one line: names with hyphens would break otherwise.
        node.className = settings[column]?.is_wrapped && node.textContent.length > 24 ? "wrapped" : "";
        return node;
      })),
    );
    return [el("div", { class: "table-frame" }, el("table", {}, ...rows))];
  }

  block_data_table(block) {
    return [el("div", { class: "caption" }, block.caption), ...this.block_table(block)];
  }

  block_plan(block) {
    return [el("div", { class: "plan-title" }, block.title), ...(block.tasks ?? []).map((task) => this.task(task))];
  }

  block_task_card(block) {
    return [this.task(block)];
  }

  task(task) {
    const icon = { pending: "○", in_progress: "◐", complete: "✓", error: "✕" }[task.status] ?? "○";
    const more = [task.details, task.output].filter(Boolean).flatMap((rich) => this.texts.richText(rich));
    return el("div", { class: `task ${task.status}` }, el("span", { class: "task-icon" }, icon), el("div", {}, task.title, ...more));
  }

  block_card(block) {
    const parts = [];
    for (const name of ["title", "subtitle", "body"]) {
      if (block[name]) parts.push(el("div", { class: `card-${name}` }, ...this.texts.text(block[name])));
    }
    if (block.actions) parts.push(el("div", { class: "actions" }, ...block.actions.map((one) => this.element(block, one))));
    return parts;
  }

  block_carousel(block) {
    return block.elements.map((card) => this.block(card));
  }

  block_container(block) {
    const title = block.title ? [el("div", { class: "container-title" }, ...this.texts.text(block.title))] : [];
    return [...title, ...(block.child_blocks ?? []).map((child) => this.block(child))];
  }

  block_video(block) {
    return [safeLink(block.video_url, block.title?.text ?? block.alt_text)];
  }

  block_input(block) {
    const error = this.errors[block.block_id];
    const label = el("label", { class: "input-label" }, ...this.texts.text(block.label));
    if (block.optional) label.append(el("span", { class: "optional" }, " (optional)"));
    const parts = [label, this.element(block, block.element)];
    if (error) parts.push(el("div", { class: "input-error", role: "alert" }, error));
    if (block.hint) parts.push(el("div", { class: "hint" }, ...this.texts.text(block.hint)));
    return parts;
  }

  // --- elements ---------------------------------------------------------------------------------------------------

  element(block, element) {
    if (element.type === "image") return picture(element.image_url, element.alt_text, { class: "accessory-image" });
    const draw = this[`element_${element.type}`];
    const node = draw ? draw.call(this, block, element) : el("em", { class: "unknown" }, `(${element.type})`);
    node.dataset.actionId = element.action_id ?? "";
    node.dataset.element = element.type;
    return node;
  }

  entry(block, element) {
    return this.values[block.block_id]?.[element.action_id] ?? {};
  }

  send(verb, block, element, more = {}) {
    return this.act(verb, { ...this.place, block_id: block.block_id, action_id: element.action_id, ...more });
  }

  async ask(element) {
    return element.confirm ? this.confirm(element.confirm, this.texts) : true;
  }

  element_button(block, element) {
    return el("button", {
      type: "button",
      class: `button ${element.style ?? ""}`,
      "aria-label": element.accessibility_label,
      "data-value": element.value,
      onclick: async (event) => {
        const button = event.currentTarget;
        if (!(await this.ask(element))) return;
        if (element.url && /^https?:/i.test(element.url)) window.open(element.url, "_blank", "noopener");
        button.classList.add("waiting");
        await this.send("click", block, element);
        button.classList.remove("waiting");
      },
    }, ...this.texts.text(element.text));
  }

  element_workflow_button(block, element) {
    return this.element_button(block, element);
  }

  element_icon_button(block, element) {
    return this.element_button(block, { ...element, text: { type: "plain_text", text: element.text?.text ?? element.icon } });
  }

  element_overflow(block, element) {
    const menu = el("ul", { class: "menu", hidden: true });
    for (const option of element.options) {
      menu.append(el("li", {
        "data-option": option.value,
        onclick: async () => {
          menu.hidden = true;
          if (option.url && /^https?:/i.test(option.url)) window.open(option.url, "_blank", "noopener");
          if (await this.ask(element)) await this.send("click", block, element, { value: option.value });
        },
      }, ...this.texts.text(option.text)));
    }
    const button = el("button", { type: "button", class: "button", "aria-label": "More", onclick: () => (menu.hidden = !menu.hidden) }, MENU_ICON);
    return el("span", { class: "overflow" }, button, menu);
  }

  field(block, element, attributes, tag = "input") {
    const value = this.entry(block, element).value ?? "";
    const field = el(tag, { placeholder: element.placeholder?.text, ...attributes });
    field.value = value;
    field.dataset.sent = value;
    field.commit = async () => {
      if (field.value === field.dataset.sent) return;
      field.dataset.sent = field.value;
      await this.send("choose", block, element, { given: field.value });
    };
    field.addEventListener("change", field.commit);
    return field;
  }

  element_plain_text_input(block, element) {
    const limits = { maxlength: element.max_length, minlength: element.min_length };
    return element.multiline
      ? this.field(block, element, { rows: 3, ...limits }, "textarea")
      : this.field(block, element, { type: "text", ...limits });
  }

  element_number_input(block, element) {
    const step = element.is_decimal_allowed ? "any" : "1";
    return this.field(block, element, { type: "number", step, min: element.min_value, max: element.max_value });
  }

  element_email_text_input(block, element) {
    return this.field(block, element, { type: "email" });
  }

  element_url_text_input(block, element) {
    return this.field(block, element, { type: "url" });
  }

  picked(block, element, type, value, read) {
    const field = el("input", { type });
    field.value = value ?? "";
    field.addEventListener("change", async () => {
      if (await this.ask(element)) await this.send("choose", block, element, { given: field.value === "" ? null : read(field.value) });
    });
    return field;
  }

  element_datepicker(block, element) {
    return this.picked(block, element, "date", this.entry(block, element).selected_date ?? element.initial_date, String);
  }

  element_timepicker(block, element) {
    return this.picked(block, element, "time", this.entry(block, element).selected_time ?? element.initial_time, String);
  }

  element_datetimepicker(block, element) {
    const seconds = this.entry(block, element).selected_date_time ?? element.initial_date_time;
    const local = seconds ? new Date((seconds - new Date(seconds * 1000).getTimezoneOffset() * 60) * 1000).toISOString().slice(0, 16) : "";
    return this.picked(block, element, "datetime-local", local, (value) => Math.floor(new Date(value).getTime() / 1000));
  }

  options(block, element, type) {
    const entry = this.entry(block, element);
    const chosen = entry.selected_options ?? element.initial_options ?? [];
    const one = entry.selected_option ?? element.initial_option;
    const selected = new Set((type === "radio" ? [one] : chosen).filter(Boolean).map((option) => option.value));
    const group = `${block.block_id}-${element.action_id}`;
    const boxes = element.options.map((option) => {
      const box = el("input", { type, name: group, value: option.value });
      box.checked = selected.has(option.value);
      box.addEventListener("change", async () => {
        if (!(await this.ask(element))) { box.checked = !box.checked; return; }
        const all = [...frame.querySelectorAll("input:checked")].map((input) => input.value);
        await this.send("choose", block, element, { given: type === "radio" ? all[0] : all });
      });
      const about = option.description ? [el("div", { class: "hint" }, ...this.texts.text(option.description))] : [];
      return el("label", { class: "option", "data-option": option.value }, box, el("span", {}, ...this.texts.text(option.text), ...about));
    });
    const frame = el("div", { class: "options" }, ...boxes);
    return frame;
  }

  element_checkboxes(block, element) {
    return this.options(block, element, "checkbox");
  }

  element_radio_buttons(block, element) {
    return this.options(block, element, "radio");
  }

  // --- menus ------------------------------------------------------------------------------------------------------

  element_static_select(block, element) {
    return this.menu(block, element, { load: async () => grouped(element) });
  }

  element_multi_static_select(block, element) {
    return this.menu(block, element, { multi: true, load: async () => grouped(element) });
  }

  element_external_select(block, element) {
    return this.menu(block, element, { remote: true, load: (typed) => this.offered(block, element, typed) });
  }

  element_multi_external_select(block, element) {
    return this.menu(block, element, { multi: true, remote: true, load: (typed) => this.offered(block, element, typed) });
  }

  element_users_select(block, element, multi = false) {
    const people = this.state.people.filter((one) => !one.bot).map((one) => plain(one.id, one.real_name));
    return this.menu(block, element, { multi, ids: "user", load: async () => people });
  }

  element_multi_users_select(block, element) {
    return this.element_users_select(block, element, true);
  }

  element_conversations_select(block, element, multi = false) {
    const rooms = this.state.channels.filter((one) => !one.im).map((one) => plain(one.id, `#${one.name}`));
    const ids = element.type.includes("channels") ? "channel" : "conversation";
    return this.menu(block, element, { multi, ids, load: async () => rooms });
  }

  element_multi_conversations_select(block, element) {
    return this.element_conversations_select(block, element, true);
  }

  element_channels_select(block, element) {
    return this.element_conversations_select(block, element);
  }

  element_multi_channels_select(block, element) {
    return this.element_conversations_select(block, element, true);
  }

  async offered(block, element, typed) {
    const answer = await this.send("suggest", block, element, { typed });
    return answer.options ?? [];
  }

  menu(block, element, { multi = false, remote = false, ids = null, load }) {
    const entry = this.entry(block, element);
    let chosen = [];
    if (ids) {
      const found = multi ? entry[`selected_${ids}s`] ?? [] : [entry[`selected_${ids}`]].filter(Boolean);
      load("").then((all) => { chosen = all.filter((option) => found.includes(option.value)); show(); });
    } else {
      chosen = multi ? entry.selected_options ?? [] : [entry.selected_option ?? element.initial_option].filter(Boolean);
    }
    const typed = el("input", { type: "text", class: "menu-search", placeholder: remote ? "Type to search" : "Find an option", "aria-label": "Find an option" });
    const list = el("ul", { class: "menu-list", role: "listbox" });
    const popup = el("div", { class: "menu select-menu", hidden: true }, typed, list);
    const face = el("button", { type: "button", class: "select", "aria-haspopup": "listbox" });
    const frame = el("span", { class: "select-frame" }, face, popup);
    const show = () => {
      const words = chosen.map((option) => option.text.text).join(", ");
      face.replaceChildren(el("span", { class: words ? "" : "placeholder" }, words || element.placeholder?.text || "Select an option"), el("span", { class: "caret" }, "▾"));
    };
    const pick = async (option) => {
      const there = chosen.some((one) => one.value === option.value);
      const next = multi ? (there ? chosen.filter((one) => one.value !== option.value) : [...chosen, option]) : [option];
      if (!multi) popup.hidden = true;
      if (!(await this.ask(element))) return;
      chosen = next;
      show();
      const given = ids ? next.map((one) => one.value) : next;
      await this.send("choose", block, element, { given: multi ? given : given[0] });
      if (multi) fill();
    };
    const fill = async () => {
      const asked = typed.value;
      const all = await load(asked);
      if (asked !== typed.value) return;
      const matching = remote ? all : all.filter((option) => option.text.text.toLowerCase().includes(asked.toLowerCase()));
      const items = matching.map((option) => {
        const marked = chosen.some((one) => one.value === option.value);
        const about = option.description ? [el("div", { class: "hint" }, ...this.texts.text(option.description))] : [];
        return el("li", { role: "option", class: marked ? "chosen" : "", "data-option": option.value, onclick: () => pick(option) }, ...this.texts.text(option.text), ...about);
      });
      list.replaceChildren(...(items.length ? items : [el("li", { class: "nothing" }, "No options")]));
    };
    face.addEventListener("click", () => {
      popup.hidden = !popup.hidden;
      if (!popup.hidden) { typed.value = ""; fill(); typed.focus(); }
    });
    typed.addEventListener("input", fill);
    show();
    return frame;
  }
}

// A section without `expand` that is higher than a few lines stands folded, behind a "See more".
function folding(text, expand) {
  if (expand) return [text];
  text.classList.add("folding");
  const more = el("button", { type: "button", class: "see-more", hidden: true, onclick: () => { text.classList.remove("folding"); more.hidden = true; } }, "See more");
  new ResizeObserver(() => { more.hidden = text.scrollHeight <= text.clientHeight; }).observe(text);
  return [text, more];
}

function plain(value, text) {
  return { value, text: { type: "plain_text", text } };
}

function grouped(element) {
  return element.options ?? (element.option_groups ?? []).flatMap((group) => group.options);
}
