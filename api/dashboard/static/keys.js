// Keys: "/" searches, "?" lists the keys, "g" and a letter lead to a page. The list has a box that switches them off.
const KEPT = "heartbeat.keys", WITHIN = 1500;
const list = document.getElementById("keys");
const box = list.querySelector("input");
let going = 0;

box.checked = localStorage.getItem(KEPT) !== "off";
box.addEventListener("change", () => localStorage.setItem(KEPT, box.checked ? "on" : "off"));

// The menu is put anew when its numbers change.
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
    // Otherwise the key would be typed into it.
    event.preventDefault();
    field.focus();
    field.select();
  }
});
