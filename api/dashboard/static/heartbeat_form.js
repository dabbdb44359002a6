// The form of a heartbeat while somebody types: what will happen beside it, what is wrong at its field, and a draft.

const PAUSE = 350;
const form = document.getElementById("heartbeat-form");
const key = `heartbeat.draft ${form.getAttribute("action")}`;
const touched = new Set();
let timer, asking;

form.classList.add("live");

// --- What will happen

async function lookAhead() {
  asking?.abort();
  asking = new AbortController();
  const lost = document.getElementById("outlook-lost");
  try {
    const answer = await fetch(form.dataset.outlook, { method: "POST", body: sent(), signal: asking.signal });
    if (answer.status === 401) throw new Error(form.dataset.signedOut);
    if (!answer.ok) throw new Error(form.dataset.lost);
    show(new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("outlook"));
    lost.hidden = true;
  } catch (problem) {
    if (problem.name === "AbortError") return;
    lost.textContent = problem instanceof TypeError ? form.dataset.lost : problem.message;
    lost.hidden = false;
  }
}

function show(outlook) {
  const before = document.getElementById("outlook");
  if (before.querySelector(".when")?.textContent !== outlook.querySelector(".when")?.textContent)
    document.getElementById("outlook-said").textContent = outlook.querySelector(".when")?.textContent ?? "";
  before.replaceWith(outlook);
  fill(JSON.parse(outlook.dataset.when));
  const wrong = new Map([...outlook.querySelectorAll("#problems li")].map((item) => [item.dataset.field, item.textContent]));
  for (const name of touched) mark(name, wrong.get(name));
}

// The pattern follows the frequency, and the frequency follows the pattern where it can say the same.
function fill(when) {
  const isPattern = form.elements.frequency.value === "cron";
  for (const [name, values] of Object.entries(when)) {
    if (!isPattern && name !== "cron_pattern") continue;
    for (const control of form.querySelectorAll(`[name="${name}"]`)) {
      if (control === document.activeElement) continue;
      if (control.type === "checkbox") control.checked = values.includes(control.value);
      else if (values.length) control.value = values[0];
    }
  }
}

// What is wrong with a field that somebody has been at; its hint comes back when it is right.
function mark(name, message) {
  const control = form.querySelector(`[name="${name}"]`), field = control?.closest(".field");
  if (!field) return;
  let said = document.getElementById(`${name}-said`);
  if (!said) {
    if (!message) return;
    said = Object.assign(document.createElement("p"), { id: `${name}-said` });
    field.append(said);
    control.setAttribute("aria-describedby", said.id);
  }
  said.dataset.hint ??= said.className === "hint" ? said.textContent : "";
  said.className = message ? "problem" : "hint";
  said.textContent = message ?? said.dataset.hint;
  if (message) control.setAttribute("aria-invalid", "true");
  else control.removeAttribute("aria-invalid");
}

function sent() {
  const fields = new URLSearchParams(new FormData(form));
  fields.delete("do");
  return fields;
}

// --- The draft: nothing that was typed is lost

function store(name, value) {
  try {
    sessionStorage.setItem(name, value);
  } catch {
    // A tab without storage has no draft; the form itself works.
  }
}

function bringBack() {
  const draft = sessionStorage.getItem(key);
  // A page that answers a form that was sent has everything that was typed.
  if (draft === null || draft === sent().toString() || "sent" in form.dataset) return;
  const fields = new URLSearchParams(draft);
  for (const control of form.elements) {
    if (!control.name || control.type === "submit") continue;
    if (control.type === "checkbox" || control.type === "radio") control.checked = fields.getAll(control.name).includes(control.value);
    else if (fields.has(control.name)) control.value = fields.get(control.name);
  }
  document.getElementById("draft").hidden = false;
  lookAhead();
}

document.getElementById("discard").addEventListener("click", () => {
  sessionStorage.removeItem(key);
  location.reload();
});

form.addEventListener("input", ({ target }) => {
  if (target.name) touched.add(target.name);
  if (target.name === "cron_pattern") form.elements.frequency.value = "cron";
  store(key, sent().toString());
  asking?.abort();
  clearTimeout(timer);
  timer = setTimeout(lookAhead, PAUSE);
});

// A report is required of a bot with tools, unless somebody has said otherwise.
form.querySelector("select[name=bot_id]")?.addEventListener("change", ({ target }) => {
  const report = form.elements.expect_report;
  if (!touched.has(report.name)) report.checked = report.dataset.withTools.split(" ").includes(target.value);
});

// The page that follows a save forgets the draft (dashboard.js).
form.addEventListener("submit", () => {
  store(key, sent().toString());
  store("heartbeat.sent", key);
});

bringBack();
