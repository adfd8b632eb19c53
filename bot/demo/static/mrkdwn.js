// Slack's texts as DOM nodes. Nothing here ever becomes HTML: every character ends in a text node.

const EMOJI = {
  mega: "📣", satellite_antenna: "📡", writing_hand: "✍️",
  white_check_mark: "✅", heavy_check_mark: "✔️", ballot_box_with_check: "☑️", x: "❌", heavy_multiplication_x: "✖️",
  warning: "⚠️", rotating_light: "🚨", octagonal_sign: "🛑", stop_sign: "🛑", no_entry: "⛔", no_entry_sign: "🚫",
  question: "❓", grey_question: "❔", exclamation: "❗", grey_exclamation: "❕", heavy_exclamation_mark: "❗",
  information_source: "ℹ️", bell: "🔔", no_bell: "🔕", lock: "🔒", unlock: "🔓", key: "🔑", wrench: "🔧",
  hammer_and_wrench: "🛠️", gear: "⚙️", construction: "🚧", mag: "🔍", eyes: "👀", eye: "👁️", tada: "🎉", fire: "🔥",
  zap: "⚡", skull: "💀", ghost: "👻", boom: "💥", hourglass: "⌛", hourglass_flowing_sand: "⏳", stopwatch: "⏱️",
  alarm_clock: "⏰", snail: "🐌", mute: "🔇", clock3: "🕒", pause_button: "⏸️", double_vertical_bar: "⏸️", arrow_forward: "▶️",
  black_square_for_stop: "⏹️", fast_forward: "⏩", leftwards_arrow_with_hook: "↩️", arrow_right: "➡️", arrow_left: "⬅️",
  arrow_up: "⬆️", arrow_down: "⬇️", arrows_counterclockwise: "🔄", repeat: "🔁", recycle: "♻️", link: "🔗", pushpin: "📌",
  memo: "📝", clipboard: "📋", page_facing_up: "📄", scroll: "📜", package: "📦", bar_chart: "📊",
  chart_with_upwards_trend: "📈", desktop_computer: "🖥️", computer: "💻", floppy_disk: "💾", electric_plug: "🔌",
  cloud: "☁️", satellite: "📡", rocket: "🚀", truck: "🚚", ambulance: "🚑", helmet_with_white_cross: "⛑️",
  busts_in_silhouette: "👥", bust_in_silhouette: "👤", wave: "👋", hand: "✋", raised_hand: "✋", thumbsup: "👍", "+1": "👍",
  thumbsdown: "👎", "-1": "👎", clap: "👏", ok_hand: "👌", point_right: "👉", bulb: "💡", checkered_flag: "🏁", robot_face: "🤖",
  calendar: "📆", date: "📅", snowflake: "❄️", sleeping: "😴", zzz: "💤", broken_heart: "💔", green_heart: "💚", sos: "🆘",
  red_circle: "🔴", large_red_circle: "🔴", large_green_circle: "🟢", large_yellow_circle: "🟡", large_orange_circle: "🟠",
  large_blue_circle: "🔵", white_circle: "⚪", black_circle: "⚫", large_green_square: "🟩", large_yellow_square: "🟨",
  large_red_square: "🟥", large_orange_square: "🟧", large_blue_square: "🟦", white_large_square: "⬜", black_large_square: "⬛",
  white_small_square: "▫️", small_blue_diamond: "🔹", small_orange_diamond: "🔸", smile: "😄", slightly_smiling_face: "🙂",
};

export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "class") node.className = value;
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== ""));
  return node;
}

export function emoji(name) {
  return EMOJI[name] ?? `:${name}:`;
}

function decoded(text) {
  return text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");
}

export function withEmoji(text) {
  return decoded(text).replace(/:([a-z0-9_+-]+):/g, (whole, name) => EMOJI[name] ?? whole);
}

export function safeLink(url, label, extra = {}) {
  const fine = /^(https?:|mailto:|tel:)/i.test(url);
  if (!fine) return document.createTextNode(label);
  return el("a", { href: url, target: "_blank", rel: "noreferrer noopener", ...extra }, label);
}

export function picture(url, alt, attributes = {}) {
  const source = /^(https?:|data:image\/)/i.test(url ?? "") ? url : undefined;
  return el("img", { src: source, alt, ...attributes });
}

const DATE_FORMATS = {
  date_num: { year: "numeric", month: "2-digit", day: "2-digit" },
  date_short: { month: "short", day: "numeric", year: "numeric" },
  date_long: { weekday: "long", month: "long", day: "numeric", year: "numeric" },
  date: { month: "long", day: "numeric", year: "numeric" },
  time: { hour: "2-digit", minute: "2-digit", hour12: false },
  time_secs: { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false },
};

export function formatDate(seconds, format) {
  const moment = new Date(seconds * 1000);
  return format.replace(/\{(\w+)\}/g, (whole, token) => {
    if (token === "ago") return ago(seconds);
    const pretty = token.endsWith("_pretty");
    const plain = token.replace("_pretty", "").replace("day_divider", "date_long");
    if (pretty) {
      const days = Math.round((startOfDay(moment) - startOfDay(new Date())) / 86400000);
      if (days === 0) return "today";
      if (days === -1) return "yesterday";
      if (days === 1) return "tomorrow";
    }
    if (plain === "date_num") return moment.toISOString().slice(0, 10);
    return DATE_FORMATS[plain] ? moment.toLocaleString("en-US", DATE_FORMATS[plain]) : whole;
  });
}

function startOfDay(moment) {
  return new Date(moment.getFullYear(), moment.getMonth(), moment.getDate()).getTime();
}

function ago(seconds) {
  const minutes = Math.round((Date.now() / 1000 - seconds) / 60);
  if (Math.abs(minutes) < 1) return "just now";
  const words = Math.abs(minutes) < 60 ? `${Math.abs(minutes)} min` : `${Math.round(Math.abs(minutes) / 60)} h`;
  return minutes > 0 ? `${words} ago` : `in ${words}`;
}

export class TextRenderer {
  constructor(state) {
    this.state = state;
  }

  user(id) {
    const person = this.state.people.find((one) => one.id === id);
    const mine = id === this.state.user;
    return el("span", { class: mine ? "mention me" : "mention", "data-mention": id }, `@${person ? person.real_name : id}`);
  }

  group(id, label) {
    const group = this.state.groups.find((one) => one.id === id);
    const mine = group?.users.includes(this.state.user);
    return el("span", { class: mine ? "mention me" : "mention", "data-mention": id }, group ? `@${group.handle}` : label || id);
  }

  channel(id, label) {
    const channel = this.state.channels.find((one) => one.id === id);
    const name = channel ? channel.name : label;
    return el("a", { class: "mention", href: `/archives/${id}`, "data-mention": id }, name ? `#${name}` : "private channel");
  }

  special(inner) {
    const bar = inner.indexOf("|");
    const target = bar < 0 ? inner : inner.slice(0, bar);
    const label = bar < 0 ? "" : decoded(inner.slice(bar + 1));
    if (target.startsWith("@")) return this.user(target.slice(1));
    if (target.startsWith("#")) return this.channel(target.slice(1), label);
    if (target.startsWith("!subteam^")) return this.group(target.slice(9), label);
    if (target.startsWith("!date^")) {
      const [, seconds, format, link] = target.split("^");
      const shown = Number.isFinite(Number(seconds)) ? formatDate(Number(seconds), decoded(format ?? "")) : label;
      return link ? safeLink(decoded(link), shown) : el("time", { title: label }, shown);
    }
    if (target.startsWith("!")) return el("span", { class: "mention me" }, `@${target.slice(1)}`);
    const url = decoded(target);
    return safeLink(url, label || url.replace(/^mailto:/, ""));
  }

  inline(text) {
    const nodes = [];
    const rule =
      /<([^<>\n]+)>|`([^`\n]+)`|(?<![\w*])\*(?=\S)([^*\n]*?\S)\*(?![\w*])|(?<![\w_])_(?=\S)([^_\n]*?\S|\S)_(?![\w_])|(?<![\w~])~(?=\S)([^~\n]*?\S)~(?![\w~])/g;
    let from = 0;
    for (const found of text.matchAll(rule)) {
      nodes.push(withEmoji(text.slice(from, found.index)));
      const [whole, special, code, bold, italic, struck] = found;
      if (special !== undefined) nodes.push(this.special(special));
      else if (code !== undefined) nodes.push(el("code", {}, decoded(code)));
      else if (bold !== undefined) nodes.push(el("strong", {}, ...this.inline(bold)));
      else if (italic !== undefined) nodes.push(el("em", {}, ...this.inline(italic)));
      else nodes.push(el("s", {}, ...this.inline(struck)));
      from = found.index + whole.length;
    }
    nodes.push(withEmoji(text.slice(from)));
    return nodes.filter((node) => node !== "");
  }

  mrkdwn(text) {
    const nodes = [];
    text.split(/```/).forEach((part, index, all) => {
      if (index % 2 === 1 && index < all.length - 1) {
        nodes.push(el("pre", {}, decoded(part.replace(/^\n|\n$/g, ""))));
        return;
      }
      let piece = index % 2 === 1 ? "```" + part : part;
      if (index > 0) piece = piece.replace(/^\n/, "");
      nodes.push(...this.lines(piece));
    });
    return nodes;
  }

  lines(text) {
    const nodes = [];
    let quote = null;
    text.split("\n").forEach((line, index) => {
      const quoted = line.match(/^(?:&gt;|>) ?(.*)$/);
      if (quoted) {
        if (quote) quote.append(el("br"), ...this.inline(quoted[1]));
        else nodes.push((quote = el("blockquote", {}, ...this.inline(quoted[1]))));
        return;
      }
      if (index > 0 && !quote) nodes.push(el("br"));
      quote = null;
      nodes.push(...this.inline(line));
    });
    return nodes;
  }

  // A text object of Block Kit.
  text(object) {
    if (!object) return [];
    if (object.type === "mrkdwn") return this.mrkdwn(object.text);
    return object.text.split("\n").flatMap((line, index) => {
      const shown = object.emoji === false ? line : line.replace(/:([a-z0-9_+-]+):/g, (whole, name) => EMOJI[name] ?? whole);
      return index ? [el("br"), shown] : [shown];
    });
  }

  // The markdown block: the part of Markdown that bots use.
  markdown(text) {
    const nodes = [];
    let list = null;
    let code = null;
    for (const line of text.split("\n")) {
      if (line.startsWith("```")) {
        if (code) (nodes.push(el("pre", {}, code.join("\n"))), (code = null));
        else code = [];
        continue;
      }
      if (code) { code.push(line); continue; }
      const item = line.match(/^\s*(?:[-*]|(\d+)\.) +(.*)$/);
      const heading = line.match(/^(#{1,6}) +(.*)$/);
      if (item) {
        const kind = item[1] ? "OL" : "UL";
        if (list?.tagName !== kind) list = nodes[nodes.push(el(kind)) - 1];
        list.append(el("li", {}, ...this.markdownInline(item[2])));
        continue;
      }
      list = null;
      if (heading) nodes.push(el("h4", {}, ...this.markdownInline(heading[2])));
      else if (/^(-{3,}|\*{3,})$/.test(line)) nodes.push(el("hr"));
      else if (line.startsWith("> ")) nodes.push(el("blockquote", {}, ...this.markdownInline(line.slice(2))));
      else if (line.trim()) nodes.push(el("p", {}, ...this.markdownInline(line)));
    }
    if (code) nodes.push(el("pre", {}, code.join("\n")));
    return nodes;
  }

  markdownInline(text) {
    const nodes = [];
    const rule = /<([@#!][^<>\n]+)>|`([^`]+)`|\*\*([^*]+)\*\*|(?<!\w)[*_]([^*_]+)[*_](?!\w)|~~([^~]+)~~|\[([^\]]+)\]\(([^)\s]+)\)/g;
    let from = 0;
    for (const found of text.matchAll(rule)) {
      nodes.push(withEmoji(text.slice(from, found.index)));
      const [whole, special, code, bold, italic, struck, label, url] = found;
      if (special !== undefined) nodes.push(this.special(special));
      else if (code !== undefined) nodes.push(el("code", {}, code));
      else if (bold !== undefined) nodes.push(el("strong", {}, ...this.markdownInline(bold)));
      else if (italic !== undefined) nodes.push(el("em", {}, ...this.markdownInline(italic)));
      else if (struck !== undefined) nodes.push(el("s", {}, ...this.markdownInline(struck)));
      else nodes.push(safeLink(url, label));
      from = found.index + whole.length;
    }
    nodes.push(withEmoji(text.slice(from)));
    return nodes.filter((node) => node !== "");
  }

  richText(block) {
    return block.elements.map((part) => {
      if (part.type === "rich_text_list") {
        const list = el(part.style === "ordered" ? "ol" : "ul", part.offset ? { start: part.offset + 1 } : {});
        list.style.marginLeft = `${(part.indent ?? 0) * 24}px`;
        list.append(...part.elements.map((item) => el("li", {}, ...this.richInline(item.elements))));
        return list;
      }
      if (part.type === "rich_text_preformatted") return el("pre", {}, ...this.richInline(part.elements));
      if (part.type === "rich_text_quote") return el("blockquote", {}, ...this.richInline(part.elements));
      return el("div", {}, ...this.richInline(part.elements));
    });
  }

  richInline(elements) {
    return elements.flatMap((part) => this.styled(this.richPart(part), part.style ?? {}));
  }

  richPart(part) {
    if (part.type === "text") {
      // What a person typed arrives as text with mentions still in angle brackets.
      return part.text.split("\n").flatMap((line, index) => {
        const shown = line.split(/(<[@#!][^<>\n]+>)/).map((bit) => (/^<[@#!]/.test(bit) ? this.special(bit.slice(1, -1)) : bit));
        return index ? [el("br"), ...shown] : shown;
      });
    }
    if (part.type === "link") return [safeLink(part.url, part.text || part.url)];
    if (part.type === "user") return [this.user(part.user_id)];
    if (part.type === "usergroup") return [this.group(part.usergroup_id)];
    if (part.type === "channel") return [this.channel(part.channel_id)];
    if (part.type === "emoji") return [emoji(part.name)];
    if (part.type === "broadcast") return [el("span", { class: "mention me" }, `@${part.range}`)];
    if (part.type === "date") return [el("time", { title: part.fallback }, formatDate(part.timestamp, part.format))];
    return [part.value ?? ""];
  }

  styled(nodes, style) {
    const tags = { bold: "strong", italic: "em", strike: "s", underline: "u", code: "code" };
    return Object.entries(tags).reduce((inner, [name, tag]) => (style[name] ? [el(tag, {}, ...inner)] : inner), nodes);
  }
}
