// The keys that the list in base.html names.
const KEPT = "heartbeat.keys", WITHIN = 1500;
const list = document.getElementById("keys");
const box = list.querySelector("input");
let going = 0;

for (const place of document.querySelectorAll(".places [data-key]")) {
  const keys = document.createElement("dt"), name = document.createElement("dd");
  for (const letter of ["g", place.dataset.key]) keys.append(Object.assign(document.createElement("kbd"), { textContent: letter }), " ");
  name.append(place.firstChild.textContent);
  list.querySelector("dl").append(keys, name);
}

box.checked = localStorage.getItem(KEPT) !== "off";
box.addEventListener("change", () => localStorage.setItem(KEPT, box.checked ? "on" : "off"));

document.addEventListener("click", ({ target }) => {
  if (target.closest("[data-opens=keys]")) list.showModal();
});

document.addEventListener("keydown", (event) => {
  const { key, target } = event;
  if (!box.checked || list.open || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (target.closest("input, textarea, select, [contenteditable]")) return;
  const place = event.timeStamp - going < WITHIN && document.querySelector(`.places [data-key="${CSS.escape(key)}"]`);
  going = key === "g" && !place ? event.timeStamp : 0;
  if (place) location.assign(place.href);
  else if (key === "?") list.showModal();
  else if (key === "/") {
    const field = document.querySelector("main input[type=search]");
    if (!field) return;
    event.preventDefault();
    field.focus();
    field.select();
  }
});
