// Fetches the page again every few seconds and puts what has changed in place of what is shown.
"use strict";

const EVERY = 5000;
const address = document.body.dataset.refresh;
const lost = document.getElementById("lost");

let latest = 0;

async function refresh() {
  if (document.hidden || !getSelection().isCollapsed) return;
  const mine = ++latest;
  try {
    const answer = await fetch(address, { cache: "no-store", headers: { "X-Heartbeat-Refresh": "1" } });
    if (answer.redirected || answer.status === 404) return location.reload();
    if (!answer.ok) throw new Error(answer.statusText);
    const text = await answer.text();
    // A later look may have come first.
    if (mine === latest) show(new DOMParser().parseFromString(text, "text/html"));
    lost.hidden = true;
  } catch {
    lost.hidden = false;
  }
}

function show(page) {
  document.title = page.title;
  for (const sheet of page.querySelectorAll("link[rel=stylesheet]")) {
    if (!document.querySelector(`link[href="${sheet.getAttribute("href")}"]`)) document.head.append(sheet);
  }
  const places = document.querySelector(".places"), now = page.querySelector(".places");
  if (places && now && !places.isEqualNode(now)) places.replaceWith(now);
  const main = document.querySelector("main"), fresh = page.querySelector("main");
  const focused = main.contains(document.activeElement) ? where(document.activeElement) : null;
  // Whoever pressed a button has time to read what came of it, however soon there is news.
  const notice = main.querySelector(".done");
  if (notice && performance.now() < EVERY && !fresh.querySelector(".done")) carry(notice, main, fresh);
  // What somebody has unfolded stays so.
  for (const fold of main.querySelectorAll("details[open][id]")) fresh.querySelector(`#${CSS.escape(fold.id)}`)?.setAttribute("open", "");
  // By what a second click is known stays, or each refresh would replace the buttons.
  const pressed = fresh.querySelectorAll("[data-press]");
  main.querySelectorAll("[data-press]").forEach(({ value }, index) => pressed[index]?.setAttribute("value", value));
  // Modules make of the new page what they made of the old one, so that only what differs is replaced.
  document.dispatchEvent(new CustomEvent("fresh", { detail: fresh }));
  const before = [...main.children], after = [...fresh.children];
  if (before.length !== after.length) inUse(main) || main.replaceWith(fresh);
  else before.forEach((part, index) => part.isEqualNode(after[index]) || inUse(part) || part.replaceWith(after[index]));
  if (focused) document.querySelector(`main ${focused}`)?.focus({ preventScroll: true });
}

// Puts a part of what is shown in the same place of what comes.
function carry(part, main, fresh) {
  const parent = part.parentElement;
  const target = parent === main ? fresh : fresh.children[[...main.children].indexOf(parent)];
  target?.insertBefore(part.cloneNode(true), target.children[[...parent.children].indexOf(part)] ?? null);
}

// What somebody has typed or ticked, and a strip that they go along, stays as it is.
function inUse(part) {
  return part.querySelector(".strip:focus-within") || [...part.querySelectorAll("input, select, textarea")].some(isChanged);
}

function isChanged({ type, checked, defaultChecked, value, defaultValue, options }) {
  if (type === "checkbox" || type === "radio") return checked !== defaultChecked;
  if (!options) return value !== defaultValue;
  const chosen = [...options].filter((option) => option.defaultSelected).map((option) => option.value);
  return chosen.length > 0 && !chosen.includes(value);
}

// What somebody stands on with the keyboard, so that they stand there afterwards too.
function where(element) {
  const name = element.id ? "id" : element.hasAttribute("href") ? "href" : null;
  return name && `[${name}="${CSS.escape(element.getAttribute(name))}"]`;
}

async function keep() {
  await refresh();
  setTimeout(keep, EVERY);
}

// What was saved is no draft any more.
if (/[?&]done=(created|saved|enable)\b/.test(location.search)) {
  sessionStorage.removeItem(sessionStorage.getItem("heartbeat.sent"));
  sessionStorage.removeItem("heartbeat.sent");
}

if (address) {
  history.replaceState(null, "", address);
  document.addEventListener("visibilitychange", refresh);
  // Modules that hear of news say so.
  document.addEventListener("refresh", refresh);
  setTimeout(keep, EVERY);
}

// Times are shown in the zone of whoever reads them, unless they chose another one in the settings.
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
if (!document.cookie.includes("heartbeat_zone_chosen=") && !document.cookie.includes(`heartbeat_zone=${zone}`)) {
  document.cookie = `heartbeat_zone=${zone}; path=/; max-age=31536000; samesite=lax`;
  if (address) refresh();
}

// Who sent a form that was refused is led to what is wrong first.
document.querySelector("main :is(input, select, textarea)[aria-invalid]")?.focus();

// A second click must not start a second run. Not at once: what a disabled button says is not sent.
document.addEventListener("submit", ({ submitter }) => { setTimeout(() => { submitter.disabled = true; }); });
// Who goes back may find a page as it was left.
addEventListener("pageshow", ({ persisted }) => {
  for (const button of document.querySelectorAll("button:disabled")) button.disabled = false;
  if (persisted) for (const press of document.querySelectorAll("[data-press]")) press.value += `.${Date.now()}`;
});
